"""The score: each view falls with what it looks at, and the score with each of them."""

import numpy as np
import pytest

from squeezesam_core.confidence import confidence
from squeezesam_core.geometry import Window
from squeezesam_core.segmenter import Segmentation

SQUARE = np.zeros((32, 32), bool)
SQUARE[8:24, 8:24] = True
WHOLE = Window(0, 0, 32, 32)


def mask(sure: float = 8.0, iou: float = 1.0) -> Segmentation:
    """A square whose logits are `sure` inside and -`sure` outside."""
    return Segmentation(np.where(SQUARE, sure, -sure).astype(np.float32), WHOLE, (32, 32), iou)


def test_a_sharp_mask_of_all_that_stands_out_is_sure() -> None:
    views = confidence(mask(), SQUARE.astype(np.float32))
    assert (views.iou, views.stability, views.agreement) == (1, 1, 1)
    assert views.margin > 0.99
    assert views.score > 0.99


def rival() -> np.ndarray:
    saliency = SQUARE.astype(np.float32)
    saliency[0:6, 0:30] = 1
    return saliency


@pytest.mark.parametrize(
    ("segmentation", "saliency", "view"),
    [
        (mask(iou=0.4), SQUARE, "iou"),
        (mask(sure=0.9), SQUARE, "stability"),
        (mask(sure=1.5), SQUARE, "margin"),
        (mask(), rival(), "agreement"),
        (mask(), np.zeros((32, 32)), "agreement"),
    ],
    ids=["network-doubts", "moves-with-threshold", "soft-outline", "rival", "nothing-stands-out"],
)
def test_each_doubt_lowers_its_view_and_the_score(segmentation: Segmentation, saliency: np.ndarray, view: str) -> None:
    sure, doubtful = (
        confidence(mask(), SQUARE.astype(np.float32)),
        confidence(segmentation, saliency.astype(np.float32)),
    )
    assert getattr(doubtful, view) < getattr(sure, view) - 0.2
    assert doubtful.score < sure.score


def test_what_a_person_asked_for_is_not_held_against_the_map() -> None:
    views = confidence(mask(iou=0.7))
    assert views.agreement is None
    assert views.score == pytest.approx((0.7 + views.stability + views.margin) / 3)


@pytest.mark.parametrize("sure", [8.0, -8.0], ids=["everything", "nothing"])
def test_a_mask_without_an_outline_has_no_margin(sure: float) -> None:
    logits = np.full((32, 32), sure, np.float32)
    assert confidence(Segmentation(logits, WHOLE, (32, 32), 1.0), np.ones((32, 32), np.float32)).margin == 0


def test_a_mask_in_a_window_is_held_against_the_map_of_that_place() -> None:
    part = np.where(SQUARE[8:24, 8:24], 8.0, -8.0).astype(np.float32)
    near = Segmentation(part, Window(8, 8, 24, 24), (32, 32), 1.0)
    assert confidence(near, SQUARE.astype(np.float32)).agreement == 1
    assert confidence(near, np.roll(SQUARE, 16, axis=1).astype(np.float32)).agreement < 0.2
