"""An annotator's way through the real page: predicted mask, clicks, box, accept, submit (issue 4, item 9)."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from squeezesam_core import rle
from squeezesam_core.geometry import Size
from tests.e2e.labeling_page import LabelingPage
from tests.e2e.running_demo import RunningDemo

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
REPOSITORY = Path(__file__).parents[2]
SCREENSHOTS = Path(os.environ.get("SQUEEZESAM_SCREENSHOTS", REPOSITORY / "out" / "screenshots"))


@pytest.fixture(scope="module")
def demo(again: Callable[..., RunningDemo]) -> RunningDemo:
    return again()


@pytest.fixture
def labeling(demo: RunningDemo) -> Iterator[LabelingPage]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        page = browser.new_context(viewport={"width": 1400, "height": 960}).new_page()
        page.set_default_timeout(60_000)
        labeling = LabelingPage(page, demo.address)
        labeling.log_in(demo.login["email"], demo.login["password"])
        yield labeling
        browser.close()


@dataclass(frozen=True)
class Subject:
    """A sample photo and where its object is, in shares of its upright width and height."""

    photo: str
    size: Size
    inside: tuple[float, float]
    outside: tuple[float, float]
    box: tuple[float, float, float, float]


SUBJECTS = [
    Subject("flower.jpg", (640, 427), (0.49, 0.45), (0.05, 0.05), (0.24, 0.15, 0.73, 0.89)),
    Subject("navy-officer.jpg", (512, 600), (0.55, 0.7), (0.93, 0.1), (0.02, 0.03, 0.99, 0.99)),
]


@pytest.mark.parametrize("subject", SUBJECTS, ids=["upright", "exif-rotated"])
def test_clicks_and_box_refine_the_predicted_mask_in_place(
    demo: RunningDemo, labeling: LabelingPage, subject: Subject
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = subject.photo.removesuffix(".jpg")
    task = next(task["id"] for task in demo.tasks() if task["data"]["image"].endswith(subject.photo))

    labeling.open_task(demo.project, task)
    (predicted,) = labeling.regions()
    assert (predicted["type"], predicted["origin"]) == ("brushregion", "prediction")
    labeling.screenshot(SCREENSHOTS / f"{name}-1-predicted.png")

    labeling.choose("click")
    labeling.click(*subject.inside, "Control")
    labeling.click(*subject.outside, "Alt")
    labeling.screenshot(SCREENSHOTS / f"{name}-2-clicked.png")
    labeling.accept()
    assert [region["id"] for region in labeling.regions()] == [predicted["id"]]

    labeling.choose("box")
    labeling.drag(*subject.box)
    labeling.screenshot(SCREENSHOTS / f"{name}-3-boxed.png")
    labeling.accept()
    assert [region["id"] for region in labeling.regions()] == [predicted["id"]]

    (saved,) = labeling.submit()
    labeling.screenshot(SCREENSHOTS / f"{name}-4-submitted.png")
    assert (saved["id"], saved["type"]) == (predicted["id"], "brushlabels")
    assert (saved["original_width"], saved["original_height"]) == subject.size
    check_mask(rle.decode(saved["value"]["rle"], subject.size), subject)


def check_mask(mask: NDArray[np.bool_], subject: Subject) -> None:
    """The mask holds the click and nearly keeps to the box; mask: (H, W) bool."""
    width, height = subject.size
    assert mask[int(subject.inside[1] * height), int(subject.inside[0] * width)]
    assert not mask[int(subject.outside[1] * height), int(subject.outside[0] * width)]
    x0, y0, x1, y1 = (round(share * side) for share, side in zip(subject.box, (width, height) * 2, strict=True))
    assert mask[y0:y1, x0:x1].sum() > 0.9 * mask.sum()
