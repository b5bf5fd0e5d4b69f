import numpy as np
import pytest

from squeezesam_core.shapes import Shape


def square(size=(200, 100), x=40, y=20, side=20):
    mask = np.zeros(size[::-1], bool)
    mask[y : y + side, x : x + side] = True
    return mask


@pytest.mark.parametrize(
    "mask",
    [square(), square(side=0), np.ones((3, 5), bool), np.random.default_rng(0).random((37, 53)) > 0.5],
    ids=["square", "empty", "full", "noise"],
)
def test_packing_keeps_the_mask(mask):
    shape = Shape.of(mask)
    np.testing.assert_array_equal(shape.mask(), mask)
    assert shape.area == mask.sum()
    assert shape.digest == Shape.of(mask.copy()).digest


def test_a_large_mask_packs_small():
    shape = Shape.of(square((4000, 3000), 1000, 800, 1500))
    assert shape.nbytes < 4000 * 3000 / 100


@pytest.mark.parametrize(("size", "scale"), [((200, 100), 1), ((4000, 2000), 20)], ids=["small", "large"])
@pytest.mark.parametrize(
    ("x", "y", "within", "distance"),
    [(50, 30, 1, 0), (40, 20, 1, 0), (30, 30, 20, 10), (63, 44, 20, 5), (30, 30, 5, np.inf), (199, 99, 300, 151)],
    ids=["inside", "corner", "left", "diagonal", "beyond", "far"],
)
def test_distances(size, scale, x, y, within, distance):
    shape = Shape.of(square(size, 40 * scale, 20 * scale, 20 * scale))
    assert shape.distance(x * scale, y * scale, within * scale) == pytest.approx(distance * scale, rel=1e-3)


def test_the_distance_is_that_to_the_nearest_pixel():
    rng = np.random.default_rng(1)
    mask = rng.random((40, 60)) > 0.97
    shape, (ys, xs) = Shape.of(mask), np.nonzero(mask)
    for x, y in rng.uniform(0, (60, 40), (50, 2)):
        across, down = np.maximum(np.maximum(xs - x, x - xs - 1), 0), np.maximum(np.maximum(ys - y, y - ys - 1), 0)
        assert shape.distance(x, y, np.inf) == pytest.approx(np.hypot(across, down).min())


def test_an_empty_mask_is_nowhere():
    assert Shape.of(square(side=0)).distance(0, 0, np.inf) == np.inf
