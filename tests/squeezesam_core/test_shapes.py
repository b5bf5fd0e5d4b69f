import numpy as np
import pytest

from squeezesam_core.shapes import THUMBNAIL_SIDE, Shape


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
    assert max(shape.thumbnail.shape) == THUMBNAIL_SIDE


@pytest.mark.parametrize(
    ("size", "scale"), [((200, 100), 1), ((4000, 2000), 20)], ids=["as it is", "through the thumbnail"]
)
@pytest.mark.parametrize(
    ("x", "y", "within", "distance"),
    [(50, 30, 1, 0), (40, 20, 1, 0), (30, 30, 20, 10), (63, 44, 20, 5), (30, 30, 5, np.inf), (199, 99, 300, 151)],
    ids=["inside", "corner", "left", "diagonal", "beyond", "far"],
)
def test_distances(size, scale, x, y, within, distance):
    shape = Shape.of(square(size, 40 * scale, 20 * scale, 20 * scale))
    assert shape.distance(x * scale, y * scale, within * scale) == pytest.approx(distance * scale, abs=1.5 * scale)


def test_an_empty_mask_is_nowhere():
    assert Shape.of(square(side=0)).distance(0, 0, np.inf) == np.inf
