"""Protocols and their report, on a network that draws what it is told (tests/conftest.py)."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from squeezesam_core.errors import InvalidDatasetError, SqueezeSAMError
from squeezesam_core.evaluation.contact_sheet import CAPTION, COLUMNS, TILE, ContactSheet
from squeezesam_core.evaluation.protocols import Case, Models, Plan, evaluate
from squeezesam_core.evaluation.report import Report
from squeezesam_core.fusion import PREVIOUS
from squeezesam_core.samples import Mask, Sample

SIDE = 128


class Truth:
    """A mask that needs no file."""

    def __init__(self, mask: np.ndarray) -> None:
        self.mask = mask

    def decode(self) -> Mask:
        return Mask(self.mask, np.zeros_like(self.mask))


def square(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[rows, columns] = True
    return mask


CENTRE = square(slice(32, 96), slice(32, 96))
"""What the detector of tests/conftest.py finds."""
CORNER = square(slice(0, 20), slice(0, 20))


@pytest.fixture(autouse=True)
def _one_look_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protocols are about what is asked; the second look through a window (test_zoom.py) would double every call."""
    monkeypatch.setattr("squeezesam_core.zoom.window_around", lambda *_: None)


@pytest.fixture
def sample(tmp_path: Path) -> Callable[..., Sample]:
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "photo.png")
    return lambda *truths: Sample("photo", tmp_path / "photo.png", tuple(Truth(truth) for truth in truths))


@pytest.fixture
def ask(service, sample) -> Callable[..., list[Case]]:
    def run(protocol: str, *truths: np.ndarray, plan: Plan | None = None, detector: bool = True) -> list[Case]:
        models = Models(service.segmenter, service.detector if detector else None)
        return list(evaluate(models, [sample(*truths)], protocol, plan or Plan()))

    return run


@pytest.mark.parametrize("protocol", ["saliency", "detector"])
def test_map_protocols_find_what_stands_out_and_no_more(ask, protocol: str) -> None:
    found, missed = ask(protocol, CENTRE, CORNER)
    assert found.ious[0] > 0.9
    assert missed.ious == {0: 0.0}


@pytest.mark.parametrize("protocol", ["saliency", "detector"])
def test_no_salient_object_is_an_empty_mask(ask, service, protocol: str) -> None:
    service.detector.salient = False
    (case,) = ask(protocol, CENTRE)
    assert case.ious == {0: 0.0}
    assert not service.segmenter.calls


def test_box_is_the_true_one(ask, service) -> None:
    (case,) = ask("box", CORNER)
    assert case.ious[0] > 0.99
    assert service.segmenter.calls[0][2].tolist() == [2, 3]
    assert np.allclose(service.segmenter.calls[0][1], [[0, 0], [20 / SIDE, 20 / SIDE]])


def test_random_clicks_come_at_once_on_a_new_mask(ask, service) -> None:
    ask("random-clicks", CORNER, plan=Plan((1, 3, 5)))
    assert [len(labels) for _, _, labels in service.segmenter.calls] == [1, 3, 5]
    assert all(fused[PREVIOUS].max() == 0 for fused, *_ in service.segmenter.calls)


def test_an_objects_random_clicks_do_not_depend_on_the_others(ask, service) -> None:
    ask("random-clicks", CORNER)
    ask("random-clicks", CORNER, CENTRE)
    ask("random-clicks", CORNER, plan=Plan(seed=1))
    clicks = [points for _, points, _ in service.segmenter.calls]
    assert all(np.array_equal(first, again) for first, again in zip(clicks[:3], clicks[3:6], strict=True))
    assert not np.array_equal(clicks[0], clicks[9])


def test_error_clicks_start_from_the_centre_and_from_the_mask_before(ask, service) -> None:
    (case,) = ask("error-clicks", CORNER, plan=Plan((1, 3)))
    (first, points, _), (second, more, labels), *_ = service.segmenter.calls
    assert np.allclose(points[0] * SIDE, 9.5, atol=1)
    assert first[PREVIOUS].max() == 0
    assert second[PREVIOUS].max() > 0.9
    assert np.array_equal(more[0], points[0])
    assert labels.tolist() == [1, 1]
    assert sorted(case.ious) == [1, 2, 3]
    assert case.ious[1] < case.ious[2] < case.ious[3]


@pytest.mark.parametrize(("detector", "starts"), [(True, True), (False, False)], ids=["map", "no map"])
def test_first_click_on_the_salient_area_starts_from_the_map(ask, service, detector: bool, starts: bool) -> None:
    ask("error-clicks", CENTRE, plan=Plan((1,)), detector=detector)
    assert (service.segmenter.calls[0][0][PREVIOUS].sum() > 1000) == starts


def test_from_mask_mends_the_saliency_mask(ask, service) -> None:
    truth = CENTRE | square(slice(32, 64), slice(96, 120))
    (case,) = ask("from-mask", truth, plan=Plan((1, 2)))
    assert sorted(case.ious) == [0, 1, 2]
    fused, points, labels = service.segmenter.calls[1]
    x, y = points[-1] * SIDE
    assert 96 < x < 120
    assert 32 < y < 64
    assert labels.tolist() == [1] * 6, "five clicks stand for the mask"
    assert set(np.unique(fused[PREVIOUS])) == {0, 1}, "people see a mask, not probabilities"


def test_clicking_ends_where_nothing_is_left(ask, service) -> None:
    ask("error-clicks", CORNER, plan=Plan((1,)), detector=False)
    fused = service.segmenter.calls[0][0]
    disc = cv2.resize(fused[3, ::4, ::4] * 10 - 5, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) > 0
    (case,) = ask("error-clicks", disc, plan=Plan(noc=True), detector=False)
    assert case.ious == {1: 1.0}
    assert case.after(20) == 1


@pytest.mark.parametrize(
    ("mask", "named"),
    [(np.zeros((SIDE, SIDE), bool), "empty"), (np.ones((5, 9), bool), "9x5")],
    ids=["empty", "other size"],
)
def test_bad_masks_are_named(ask, mask: np.ndarray, named: str) -> None:
    with pytest.raises(InvalidDatasetError, match=f"photo.png.*{named}|{named}"):
        ask("box", mask)


@pytest.mark.parametrize("protocol", ["saliency", "from-mask", "detector"])
def test_protocols_that_need_a_detector_say_so(ask, protocol: str) -> None:
    with pytest.raises(SqueezeSAMError, match="--detector"):
        ask(protocol, CENTRE, detector=False)


def case(ious: dict[int, float], name: str = "photo", seconds: tuple[float, ...] = (0.01,)) -> Case:
    photo = np.full((60, 90, 3), 200, np.uint8)
    mask = np.zeros((60, 90), bool)
    mask[20:40, 30:60] = True
    return Case(Sample(name, Path(name), ()), 0, ious, seconds, photo, Mask(mask, ~mask), mask)


PERFECT = dict.fromkeys(range(1, 21), 0.95)
SLOW = {clicks: 0.87 if clicks < 4 else 0.91 for clicks in range(1, 21)}
NEVER = dict.fromkeys(range(1, 21), 0.5)
STUCK = dict.fromkeys(range(1, 21), 0.87)


@pytest.mark.parametrize(
    ("protocol", "plan", "cases", "expected"),
    [
        ("box", Plan(), [{0: 0.5}, {0: 1.0}], {"miou": 0.75}),
        ("random-clicks", Plan((1, 3)), [{1: 0.2, 3: 0.4}, {1: 0.4, 3: 0.8}], {"iou@1": 0.3, "iou@3": 0.6}),
        ("error-clicks", Plan((1, 3)), [{1: 0.2, 2: 1.0}], {"iou@1": 0.2, "iou@3": 1.0}),
        (
            "error-clicks",
            Plan((1,), noc=True),
            [PERFECT, SLOW, NEVER, STUCK],
            {"iou@1": (0.95 + 0.87 + 0.5 + 0.87) / 4, "noc85": 23 / 4, "noc90": 45 / 4, "noc_failures": 2},
        ),
        ("from-mask", Plan((1,)), [{0: 0.5, 1: 0.9}, {0: 1.0}], {"miou": 0.75, "iou@1": 0.95}),
    ],
    ids=["box", "random", "ended early", "noc", "from a mask, one already right"],
)
def test_report(protocol: str, plan: Plan, cases: list[dict[int, float]], expected: dict[str, float]) -> None:
    report = Report(protocol, plan, "model-1")
    for ious in cases:
        report.add(case(ious))
    summary = report.summary()
    rest = {"protocol": protocol, "n": len(cases), "ms_p50": 10, "ms_p95": 10, "model": "model-1"}
    assert summary == pytest.approx(rest | expected)


def test_report_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidDatasetError, match="No object"):
        Report("box", Plan(), "model-1").summary()


def test_contact_sheet_shows_the_worst_first(tmp_path: Path) -> None:
    sheet = ContactSheet(count=2)
    for iou in (0.9, 0.3, 0.1, 0.5):
        sheet.add(case({0: iou}))
    assert [kept[0] for kept in sheet._worst] == [0.1, 0.3]
    sheet.write(tmp_path / "sheet.png")
    pixels = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert pixels.shape == (TILE[1] + CAPTION, COLUMNS * TILE[0], 3)
    assert pixels[:, : 2 * TILE[0]].any()
    assert not pixels[:, 2 * TILE[0] :].any()


def test_contact_sheet_that_cannot_be_written(tmp_path: Path) -> None:
    sheet = ContactSheet()
    sheet.add(case({0: 0.5}))
    with pytest.raises(SqueezeSAMError, match=r"none/sheet\.png"):
        sheet.write(tmp_path / "none" / "sheet.png")
