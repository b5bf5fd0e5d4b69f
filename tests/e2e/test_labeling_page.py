"""An annotator's way through the real page: predicted mask, clicks, box, accept, submit (issue 4, item 9)."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("photo", ["flower.jpg", "navy-officer.jpg"], ids=["upright", "exif-rotated"])
def test_clicks_and_box_refine_the_predicted_mask_in_place(
    demo: RunningDemo, labeling: LabelingPage, photo: str
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    task = next(task["id"] for task in demo.tasks() if task["data"]["image"].endswith(photo))

    labeling.open_task(demo.project, task)
    (predicted,) = labeling.regions()
    assert (predicted["type"], predicted["origin"]) == ("brushregion", "prediction")
    labeling.screenshot(SCREENSHOTS / f"{photo}-1-predicted.png")

    labeling.choose("click")
    labeling.click(0.5, 0.6, "Control")
    labeling.click(0.05, 0.05, "Alt")
    labeling.screenshot(SCREENSHOTS / f"{photo}-2-clicked.png")
    labeling.accept()
    assert [region["id"] for region in labeling.regions()] == [predicted["id"]]

    labeling.choose("box")
    labeling.drag(0.2, 0.08, 0.85, 0.95)
    labeling.screenshot(SCREENSHOTS / f"{photo}-3-boxed.png")
    labeling.accept()
    assert [region["id"] for region in labeling.regions()] == [predicted["id"]]

    saved = labeling.submit()
    labeling.screenshot(SCREENSHOTS / f"{photo}-4-submitted.png")
    assert [(region["id"], region["type"]) for region in saved] == [(predicted["id"], "brushlabels")]
