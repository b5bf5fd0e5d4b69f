"""Photos ahead on the real Label Studio: whoever labels in the order of the tasks finds the next photo prepared."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from backend.ahead import AHEAD
from tests.e2e.labeling_page import LabelingPage, browsing
from tests.e2e.running_demo import RunningDemo

pytestmark = pytest.mark.browser

SECONDS = 120.0
"""Given to a photo on a machine where everything else runs as well."""
PREPARING = ("fetch", "decode", "detect")
"""Stages that a click has on a photo that is not prepared."""


@dataclass(frozen=True)
class Figures:
    """Of the backend since its start. begun: photos whose preparation has begun, by whoever; under_way: those that are
    not ready yet; waited: stages of requests that prepared one."""

    begun: int
    under_way: int
    waited: int


@dataclass(frozen=True)
class Backend:
    """The demo's backend at `url`, and its log."""

    url: str
    log: Path

    def figures(self) -> Figures:
        text = httpx.get(f"{self.url}/metrics", timeout=30.0, trust_env=False).raise_for_status().text
        waited = sum(_value(f'squeezesam_stage_seconds_count{{stage="{stage}"}}', text) for stage in PREPARING)
        begun = _value('squeezesam_cache_lookups_total{cache="photos",outcome="miss"}', text)
        return Figures(begun, _value('squeezesam_cache_under_way{cache="photos"}', text), waited)

    def prepares(self, more: int, than: Figures) -> Figures:
        """Wait until so many photos are prepared."""
        deadline = time.monotonic() + SECONDS
        while (now := self.figures()).begun < than.begun + more or now.under_way:
            assert time.monotonic() < deadline, now
            time.sleep(0.2)
        return now

    def last_click(self) -> str:
        """The log's line about the last prediction."""
        return re.findall(r"POST /predict -> .*", self.log.read_text(encoding="utf-8"))[-1]


def _value(name: str, text: str) -> int:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return 0 if found is None else int(float(found[1]))


@pytest.fixture(scope="module")
def demo(again: Callable[..., RunningDemo]) -> RunningDemo:
    return again()


@pytest.fixture(scope="module")
def backend(demo: RunningDemo) -> Backend:
    return Backend(demo.get(f"/api/ml?project={demo.project}")[0]["url"], demo.data / "logs" / "backend.log")


@pytest.fixture(scope="module")
def labeling(demo: RunningDemo) -> Iterator[LabelingPage]:
    with browsing(demo.address, demo.login["email"], demo.login["password"]) as page:
        yield page


def test_a_click_has_the_next_photos_prepared(demo: RunningDemo, backend: Backend, labeling: LabelingPage) -> None:
    tasks = sorted(task["id"] for task in demo.tasks())
    fresh = backend.figures()
    labeling.open_task(demo.project, tasks[0])
    assert labeling.click(0.5, 0.5, "Control")
    ready = backend.prepares(1 + AHEAD, fresh)
    assert ready.waited - fresh.waited >= len(PREPARING), "the first photo was prepared while its annotator waited"

    labeling.open_task(demo.project, tasks[1])
    assert labeling.click(0.5, 0.5, "Control")
    assert backend.figures().waited == ready.waited, "nobody waited for the second"
    assert "segment" in backend.last_click() and "decode" not in backend.last_click()


def test_a_submission_without_a_click_has_too(demo: RunningDemo, backend: Backend, labeling: LabelingPage) -> None:
    tasks = sorted(task["id"] for task in demo.tasks())
    labeling.open_stream(demo.project)
    fresh = backend.figures()
    while labeling.task() < tasks[2]:  # the clicks above had those up to AHEAD after the second prepared
        labeling.next_in_stream()
    labeling.next_in_stream()
    backend.prepares(1, fresh)
    while labeling.task() < tasks[2 + AHEAD]:
        labeling.next_in_stream()
    assert labeling.click(0.5, 0.5, "Control")
    assert backend.figures().waited == fresh.waited
