"""Several teachers' maps: their mean, in the photo's own frame."""

import numpy as np
import pytest

from squeezesam_core.geometry import NetworkInput
from training.datasets.map_teacher import mean_map

PHOTO = np.zeros((100, 200, 3), np.uint8)


class Lights:
    """The left half of every photo, in a map of `shape`."""

    def __init__(self, spec: NetworkInput, shape: tuple[int, int], value: float) -> None:
        self.spec, self.shape, self.value = spec, shape, value
        self.asked = 0

    def run(self, image: np.ndarray) -> np.ndarray:
        self.asked += 1
        found = np.zeros(self.shape, np.float32)
        found[:, : self.shape[1] // 2] = self.value
        return found


def test_the_mean_is_as_fine_as_the_finest() -> None:
    square = Lights(NetworkInput(side=320, channels=3, square=True), (80, 80), 1.0)
    wide = Lights(NetworkInput(side=256, channels=3, square=True), (32, 64), 0.5)
    found = mean_map([square, wide], PHOTO)
    assert found.shape == (80, 80)
    assert found.dtype == np.float32
    assert found[:, :38] == pytest.approx(0.75)
    assert found[:, 42:].max() == 0


@pytest.mark.parametrize(("square", "asked"), [(True, 1), (False, 3)], ids=["a foreign one once", "ours as it serves"])
def test_how_often_a_teacher_looks(square: bool, asked: int) -> None:
    both_halves = Lights(NetworkInput(side=256, channels=3, square=square), (64, 64), 0.0)
    mean_map([both_halves], PHOTO)
    assert both_halves.asked == asked
