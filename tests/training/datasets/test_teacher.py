"""When a teacher's map is taken for a mask."""

import numpy as np
import pytest

from tests.training.drawings import disc
from training.datasets.teacher import is_sure


@pytest.mark.parametrize(
    ("saliency", "expected"),
    [
        (disc().astype(np.float32), True),
        (np.zeros((64, 64), np.float32), False),
        (np.full((64, 64), 0.5, np.float32), False),
        (np.ones((64, 64), np.float32), False),
        (np.where(disc(), 1, 0.3).astype(np.float32), False),
        ((disc(64, 64, 8) | np.roll(disc(64, 64, 8), 24, 1)).astype(np.float32), False),
    ],
    ids=["one clear object", "empty", "all unsure", "everything", "unsure around", "two objects"],
)
def test_teacher_is_sure(saliency: np.ndarray, expected: bool) -> None:
    assert is_sure(saliency) is expected
