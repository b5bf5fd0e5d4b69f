import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squeezesam_core import masks
from squeezesam_core.polygons import KEPT_IOU, MOST_VERTICES, from_mask, to_mask


def canvas(width=300, height=200):
    return np.zeros((height, width), np.uint8)


def disc(radius=60):
    return cv2.circle(canvas(), (150, 100), radius, 1, cv2.FILLED) > 0


def ring():
    return disc(80) & ~disc(40)


def parts():
    drawn = cv2.circle(canvas(), (60, 60), 40, 1, cv2.FILLED)
    cv2.rectangle(drawn, (180, 90), (280, 180), 1, cv2.FILLED)
    return cv2.circle(drawn, (230, 130), 20, 0, cv2.FILLED) > 0


def square(x0=40, y0=30, x1=240, y1=170):
    return cv2.rectangle(canvas(), (x0, y0), (x1, y1), 1, cv2.FILLED) > 0


def star():
    angles = np.arange(24) * np.pi / 12
    radii = np.where(np.arange(24) % 2, 40, 95)
    corners = np.stack([150 + radii * np.cos(angles), 100 + radii * np.sin(angles)], axis=1)
    return cv2.fillPoly(canvas(), [corners.astype(np.int32)], 1) > 0


def large():
    return cv2.resize(ring().astype(np.uint8), (4000, 2600), interpolation=cv2.INTER_LINEAR) > 0


def noise():
    return cv2.GaussianBlur(np.random.default_rng(0).random((200, 300)), (9, 9), 0) > 0.5


@pytest.mark.parametrize(
    ("mask", "vertices"),
    [(square(), 4), (disc(), 16), (ring(), 38), (parts(), 28), (star(), 48), (large(), 34)],
    ids=["square", "disc", "ring", "two parts, one with a hole", "star", "10 Mpx"],
)
def test_few_vertices_keep_the_mask(mask, vertices):
    polygon = from_mask(mask)
    height, width = mask.shape
    assert len(polygon) <= vertices
    assert masks.iou(to_mask(polygon, (width, height)), mask) >= KEPT_IOU


@pytest.mark.parametrize(("kept", "fewer"), [(0.9, 0.98), (0.98, 0.995)])
def test_a_stricter_threshold_costs_vertices(kept, fewer):
    assert len(from_mask(disc(), kept)) < len(from_mask(disc(), fewer))


@pytest.mark.parametrize(
    ("mask", "pixels"),
    [(canvas() > 0, 0), (square(10, 10, 10, 10), 1), (square(10, 10, 40, 10), 31), (~(canvas() > 0), 300 * 200)],
    ids=["empty", "one pixel", "a line", "all"],
)
def test_small_and_whole_masks(mask, pixels):
    assert to_mask(from_mask(mask), (300, 200)).sum() == pixels


def drawing(*rows):
    return np.array([list(row) for row in rows]) == "#"


@pytest.mark.parametrize(
    "mask",
    [
        drawing("..##..", ".####.", "######", ".####."),
        drawing("##.##", "##.##"),
        drawing("###", "#.#", "###"),
        drawing("##..", "##..", "..##", "..##"),
        drawing("##......", "##......", "......##", "......##"),
    ],
    ids=["round", "a gap of one pixel", "a hole of one pixel", "parts that touch by a corner", "parts far apart"],
)
def test_a_tiny_mask_keeps_every_pixel(mask):
    height, width = mask.shape
    assert np.array_equal(to_mask(from_mask(mask, kept_iou=1.0), (width, height)), mask)


def test_the_budget_of_vertices_holds_for_a_mask_that_no_polygon_fits():
    assert 3 <= len(from_mask(noise())) <= MOST_VERTICES


def test_other_fills_give_nearly_the_same_mask():
    """Label Studio's canvas and its exports fill by other rules and draw the outline too."""
    for mask in (ring(), parts(), star()):
        polygon = from_mask(mask)
        filled = cv2.fillPoly(canvas(), [np.round(polygon - 0.5).astype(np.int32)], 1) > 0
        assert masks.iou(filled, mask) > 0.93


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 59), st.integers(0, 39), st.integers(1, 25), st.booleans()), min_size=1, max_size=6
    )
)
def test_any_mask_of_discs_and_holes_survives(discs):
    drawn = np.zeros((40, 60), np.uint8)
    for x, y, radius, adds in discs:
        cv2.circle(drawn, (x, y), radius, int(adds), cv2.FILLED)
    mask = drawn > 0
    assert masks.iou(to_mask(from_mask(mask, kept_iou=1.0), (60, 40)), mask) >= KEPT_IOU
