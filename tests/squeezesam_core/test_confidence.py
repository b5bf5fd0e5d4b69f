"""The score: each view falls with what it looks at, and the score with each of them."""

import numpy as np
import pytest

from squeezesam_core.confidence import confidence
from squeezesam_core.geometry import Window
from squeezesam_core.segmenter import Segmentation


def mask(inside: float = 8.0, rim: float = 8.0, iou: float = 1.0) -> Segmentation:
    """A square whose logits are `inside`, those of its rim `rim`, and -8 outside."""
    logits = np.full((32, 32), -8, np.float32)
    logits[8:24, 8:24] = rim
    logits[10:22, 10:22] = inside
    return Segmentation(logits, Window(0, 0, 32, 32), (32, 32), iou)


def test_a_sharp_mask_is_sure() -> None:
    assert (confidence(mask()).iou, confidence(mask()).stability, confidence(mask()).score) == (1, 1, 1)


@pytest.mark.parametrize(
    ("segmentation", "view", "value"),
    [
        (mask(iou=0.4), "iou", 0.4),
        (mask(rim=0.9), "stability", 12**2 / 16**2),
        (mask(rim=-0.9), "stability", 12**2 / 16**2),
        (mask(inside=0.9, rim=0.9), "stability", 0),
    ],
    ids=["the network doubts", "a rim hardly belongs", "a rim hardly does not", "nothing belongs clearly"],
)
def test_each_doubt_lowers_its_view_and_the_score(segmentation: Segmentation, view: str, value: float) -> None:
    doubtful = confidence(segmentation)
    assert getattr(doubtful, view) == pytest.approx(value)
    assert doubtful.score == pytest.approx((1 + value) / 2)
