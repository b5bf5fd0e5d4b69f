"""An annotator's way through the real page: predicted mask, clicks, boxes, undo, accept, submit (issues 4 and 6)."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from backend import configurations
from backend.labeling_config import parse
from backend.regions import read_region
from squeezesam_core import rle
from squeezesam_core.geometry import Size
from tests.e2e import projects
from tests.e2e.labeling_page import LabelingPage, browsing
from tests.e2e.running_demo import RunningDemo

pytestmark = pytest.mark.browser

REPOSITORY = Path(__file__).parents[2]
SCREENSHOTS = Path(os.environ.get("SQUEEZESAM_SCREENSHOTS", REPOSITORY / "out" / "screenshots"))


@pytest.fixture(scope="module")
def demo(again: Callable[..., RunningDemo]) -> RunningDemo:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return again()


@pytest.fixture(scope="module")
def labeling(demo: RunningDemo) -> Iterator[LabelingPage]:
    with browsing(demo.address, demo.login["email"], demo.login["password"]) as page:
        yield page


@dataclass(frozen=True)
class Subject:
    """A sample photo and where its object is, in shares of its upright width and height."""

    photo: str
    size: Size
    inside: tuple[float, float]
    outside: tuple[float, float]
    box: tuple[float, float, float, float]


FLOWER = Subject("flower.jpg", (640, 427), (0.49, 0.45), (0.05, 0.05), (0.24, 0.15, 0.73, 0.89))
OFFICER = Subject("navy-officer.jpg", (512, 600), (0.55, 0.7), (0.93, 0.1), (0.02, 0.03, 0.99, 0.99))


@pytest.mark.parametrize("subject", [FLOWER, OFFICER], ids=["upright", "exif-rotated"])
def test_clicks_and_box_refine_the_predicted_mask_in_place(
    demo: RunningDemo, labeling: LabelingPage, subject: Subject
) -> None:
    name = subject.photo.removesuffix(".jpg")
    task = next(task["id"] for task in demo.tasks() if task["data"]["image"].endswith(subject.photo))

    labeling.open_task(demo.project, task)
    (predicted,) = labeling.regions()
    assert (predicted["type"], predicted["origin"]) == ("brushregion", "prediction")
    labeling.screenshot(SCREENSHOTS / f"{name}-1-predicted.png")

    labeling.click(*subject.inside, "Control")
    labeling.click(*subject.outside, "Alt")
    labeling.screenshot(SCREENSHOTS / f"{name}-2-clicked.png")
    labeling.accept()
    assert [region["id"] for region in labeling.regions()] == [predicted["id"]]

    labeling.drag(*subject.box)
    labeling.screenshot(SCREENSHOTS / f"{name}-3-boxed.png")
    labeling.accept()
    assert [region["id"] for region in labeling.regions()] == [predicted["id"]]

    (saved,) = labeling.submit()
    labeling.screenshot(SCREENSHOTS / f"{name}-4-submitted.png")
    assert (saved["id"], saved["type"]) == (predicted["id"], "brushlabels")
    assert (saved["original_width"], saved["original_height"]) == subject.size
    check_mask(rle.decode(saved["value"]["rle"], subject.size), subject)


def test_several_classes_and_a_background_label(demo: RunningDemo, labeling: LabelingPage) -> None:
    project = projects.create(demo, "classes", "coffee.jpg")
    (predicted,) = project.prediction
    labeling.open_task(project.number, project.task)

    boxed = labeling.drag(0.1, 0.05, 0.95, 0.95, label="Thing")
    (thing,) = boxed
    assert thing["value"]["brushlabels"] == ["Thing"]
    assert thing["id"] != predicted["id"], "the predicted mask is a person's: another class is another object"
    cut = labeling.click(0.5, 0.35, "Control", label="Background")
    assert [region["id"] for region in cut] == [thing["id"]]
    assert mask("classes", boxed)[at(0.5, 0.35, thing)]
    assert not mask("classes", cut)[at(0.5, 0.35, thing)], "the box still counts, and the click with it"
    again = labeling.click(0.2, 0.6, "Control", label="Thing")
    assert not mask("classes", again)[at(0.5, 0.35, thing)]
    labeling.screenshot(SCREENSHOTS / "classes-suggested.png")
    labeling.accept()
    saved = labeling.submit()
    labeling.screenshot(SCREENSHOTS / "classes-submitted.png")
    assert {region["id"]: region["value"]["brushlabels"] for region in saved} == {
        predicted["id"]: ["Person"],
        thing["id"]: ["Thing"],
    }


def test_polygons_are_refined_in_place(demo: RunningDemo, labeling: LabelingPage) -> None:
    project = projects.create(demo, "polygons", "flower.jpg")
    (predicted,) = project.prediction
    labeling.open_task(project.number, project.task)
    assert [region["type"] for region in labeling.regions()] == ["polygonregion"]
    labeling.screenshot(SCREENSHOTS / "polygons-1-predicted.png")

    clicked = labeling.click(0.85, 0.95)
    boxed = labeling.drag(*FLOWER.box)
    cut = labeling.click(0.48, 0.68, "Control", label="Background")
    labeling.screenshot(SCREENSHOTS / "polygons-2-suggested.png")
    assert {region["type"] for region in (*clicked, *boxed, *cut)} == {"polygonlabels"}
    assert predicted["id"] in [region["id"] for region in cut]
    labeling.accept()
    saved = {region["id"]: region for region in labeling.submit()}
    labeling.screenshot(SCREENSHOTS / "polygons-3-submitted.png")
    assert set(saved) == {region["id"] for region in cut}
    drawn = mask("polygons", [saved[predicted["id"]]])
    assert drawn[at(*FLOWER.inside, predicted)]
    assert not drawn[at(0.48, 0.68, predicted)]


def test_undo_takes_a_click_back(demo: RunningDemo, labeling: LabelingPage) -> None:
    project = projects.create(demo, "object", "cat.jpg")
    (predicted,) = project.prediction
    labeling.open_task(project.number, project.task)
    labeling.click(0.5, 0.5, "Control")
    removed = labeling.click(0.3, 0.75, "Control", "Alt")
    assert mask("object", removed)[at(0.5, 0.5, predicted)]
    assert not mask("object", removed)[at(0.3, 0.75, predicted)]
    labeling.undo()
    other = labeling.click(0.5, 0.55, "Control")
    assert mask("object", other)[at(0.3, 0.75, predicted)], "as if it had never been clicked"
    labeling.undo()
    assert labeling.click(0.3, 0.75, "Control", "Alt") == removed
    labeling.accept()

    late = labeling.click(0.7, 0.75, "Control", "Alt")  # before the page has saved what was accepted
    assert not mask("object", late)[at(0.7, 0.75, predicted)]
    labeling.screenshot(SCREENSHOTS / "undo.png")
    labeling.accept()
    assert [region["id"] for region in labeling.submit()] == [predicted["id"]]


@pytest.mark.parametrize("name", configurations.ABOUT)
def test_label_studio_takes_every_ready_made_configuration(demo: RunningDemo, name: str) -> None:
    reply = httpx.post(
        f"{demo.address}/api/projects",
        headers={"Authorization": f"Token {demo.login['token']}"},
        json={"title": name, "label_config": configurations.read(name)},
        timeout=30.0,
    )
    assert reply.status_code == 201, reply.text
    assert reply.json()["parsed_label_config"]


def mask(configuration: str, regions: list[dict[str, Any]]) -> NDArray[np.bool_]:
    """What the regions show together: (H, W) bool."""
    config = parse(configurations.read(configuration))
    return np.any([read_region(region, config).shape.mask() for region in regions], axis=0)


def at(x: float, y: float, region: dict[str, Any]) -> tuple[int, int]:
    """Row and column of a share of the image's width and height."""
    return int(y * region["original_height"]), int(x * region["original_width"])


def check_mask(mask: NDArray[np.bool_], subject: Subject) -> None:
    """The mask holds the click and nearly keeps to the box; mask: (H, W) bool."""
    width, height = subject.size
    assert mask[int(subject.inside[1] * height), int(subject.inside[0] * width)]
    assert not mask[int(subject.outside[1] * height), int(subject.outside[0] * width)]
    x0, y0, x1, y1 = (round(share * side) for share, side in zip(subject.box, (width, height) * 2, strict=True))
    assert mask[y0:y1, x0:x1].sum() > 0.9 * mask.sum()
