"""Labels pulled from the real Label Studio are what training reads."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from squeezesam_core import rle
from squeezesam_core.records import PhotoFolder
from tests.e2e.running_demo import SQUEEZESAM, RunningDemo
from training.datasets import label_studio as reader

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def demo(again: Callable[..., RunningDemo]) -> RunningDemo:
    return again()


def call(demo: RunningDemo, method: str, path: str, **options: Any) -> Any:
    headers = {"Authorization": f"Token {demo.login['token']}"}
    reply = httpx.request(method, f"{demo.address}{path}", headers=headers, timeout=60, **options)
    return reply.raise_for_status().json()


def squeezesam(demo: RunningDemo, *argv: str) -> tuple[int, dict[str, Any]]:
    env = {**os.environ, "LABEL_STUDIO_URL": demo.address, "LABEL_STUDIO_API_KEY": demo.login["token"]}
    done = subprocess.run(
        [str(SQUEEZESAM), *argv, "--json"], env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_submitted_masks_are_pulled_with_their_photos(demo: RunningDemo, tmp_path: Path) -> None:
    """Of four tasks one is submitted, one is skipped, one is an update of a first try, and one is not labelled."""
    submitted, skipped, updated = (task["id"] for task in demo.tasks()[:3])
    masks: dict[int, list[dict[str, Any]]] = {}
    for task in (submitted, skipped, updated):
        (prediction,) = call(demo, "GET", f"/api/predictions/?task={task}")
        masks[task] = [region for region in prediction["result"] if region["type"] == "brushlabels"]
        assert masks[task], "the demo's photos all show an object"
        first = [] if task == updated else masks[task]
        body = {"result": first, "was_cancelled": task == skipped, "parent_prediction": prediction["id"]}
        made = call(demo, "POST", f"/api/tasks/{task}/annotations/", json=body)
        if task == updated:
            call(demo, "PATCH", f"/api/annotations/{made['id']}/", json={"result": masks[task]})

    out = tmp_path / "set"
    status, pulled = squeezesam(demo, "dataset", "pull", "--project", str(demo.project), "--out", str(out))
    assert (status, pulled["failures"]) == (0, [])
    assert (pulled["tasks"], pulled["labelled"], pulled["fetched"]) == (len(demo.tasks()), 2, 2)
    status, found = squeezesam(demo, "dataset", "check", str(out))
    assert (status, found["photos"], found["masks"]) == (0, 2, len(masks[submitted]) + len(masks[updated]))

    photos = PhotoFolder(out / "images", pytest.fail)
    for sample, task in zip(reader.read(out / "labels.json", photos, pytest.fail), (submitted, updated), strict=True):
        region = masks[task][0]
        size = (region["original_width"], region["original_height"])
        assert (sample.masks[0].decode().object == rle.decode(bytes(region["value"]["rle"]), size)).all()
        assert sample.image().shape[:2] == size[::-1]
    assert squeezesam(demo, "dataset", "pull", "--project", str(demo.project), "--out", str(out))[1]["fetched"] == 0
