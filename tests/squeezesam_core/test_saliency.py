"""From a map to a blob to five clicks (paper, Application)."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from squeezesam_core.prompts import Point
from squeezesam_core.saliency import FAINTEST, most_salient_blob, otsu


def canvas(*drawn: tuple[slice, slice, float]) -> np.ndarray:
    saliency = np.zeros((100, 100), np.float32)
    for rows, columns, value in drawn:
        saliency[rows, columns] = value
    return saliency


def ring(gap: bool) -> np.ndarray:
    saliency = np.zeros((100, 100), np.float32)
    cv2.circle(saliency, (50, 50), 30, 1.0, 8)
    if gap:
        saliency[40:60, 60:] = 0
    return saliency


SQUARE = canvas((slice(20, 61), slice(30, 71), 1.0))
THIN = canvas((slice(50, 51), slice(10, 90), 1.0))


def test_centre_comes_first_then_the_four_sections() -> None:
    blob = most_salient_blob(SQUARE)
    assert blob is not None
    assert blob.clicks == ((50, 40), (40, 30), (60, 30), (40, 50), (60, 50))
    assert blob.peak == 1


@pytest.mark.parametrize("saliency", [ring(False), ring(True), THIN, THIN.T], ids=["ring", "C", "thin", "upright"])
def test_clicks_of_hollow_and_thin_blobs_lie_in_them(saliency: np.ndarray) -> None:
    blob = most_salient_blob(saliency)
    assert blob is not None
    assert len(set(blob.clicks)) == 5
    assert all(blob.mask[y, x] for x, y in blob.clicks)


@pytest.mark.parametrize(
    ("saliency", "inside"),
    [
        (canvas((slice(5, 15), slice(5, 15), 1.0), (slice(50, 90), slice(50, 90), 0.9)), (10, 10)),
        (canvas((slice(5, 15), slice(5, 15), 1.0), (slice(50, 90), slice(50, 90), 1.0)), (60, 60)),
        (canvas((slice(5, 15), slice(5, 15), 1.0), (slice(5, 15), slice(50, 60), 1.0)), (10, 10)),
        (canvas((slice(5, 7), slice(5, 7), 1.0), (slice(50, 90), slice(50, 90), 0.97)), (60, 60)),
    ],
    ids=["highest", "tie: more often", "full tie: first", "a speck is noise"],
)
def test_which_blob_wins(saliency: np.ndarray, inside: tuple[int, int]) -> None:
    blob = most_salient_blob(saliency)
    assert blob is not None
    assert blob.mask[inside[1], inside[0]]
    assert len(np.unique(cv2.connectedComponents(blob.mask.astype(np.uint8))[1])) == 2


@pytest.mark.parametrize(
    "saliency",
    [
        np.zeros((50, 50), np.float32),
        np.ones((50, 50), np.float32),
        SQUARE * np.float32(FAINTEST - 0.02),
        canvas((slice(5, 6), slice(5, 7), 1.0)),
    ],
    ids=["dark", "flat", "faint", "two pixels"],
)
def test_no_salient_object(saliency: np.ndarray) -> None:
    assert most_salient_blob(saliency) is None


def test_otsu_parts_the_map() -> None:
    assert np.array_equal(otsu(SQUARE * np.float32(0.8)), SQUARE > 0)
    assert otsu(np.zeros((9, 9), np.float32)) is None


def test_prompt_scales_pixel_centres_to_the_photo() -> None:
    blob = most_salient_blob(SQUARE)
    assert blob is not None
    assert blob.prompt((400, 200)).points[0] == Point(50.5 * 4, 40.5 * 2)


@given(arrays(np.float32, st.tuples(st.integers(2, 24), st.integers(2, 24)), elements=st.floats(0, 1, width=32)))
def test_clicks_always_lie_in_the_blob(saliency: np.ndarray) -> None:
    blob = most_salient_blob(saliency)
    if blob is not None:
        assert 1 <= len(blob.clicks) == len(set(blob.clicks)) <= 5
        assert all(blob.mask[y, x] for x, y in blob.clicks)


@pytest.mark.parametrize(("peak", "found"), [(0.9, True), (0.85, False)], ids=["lit", "half-lit texture"])
def test_the_gate_asks_for_a_place_that_is_lit(peak: float, found: bool) -> None:
    saliency = np.zeros((40, 60), np.float32)
    saliency[10:30, 20:40] = 0.6
    saliency[18:22, 28:32] = peak
    assert (most_salient_blob(saliency) is not None) == found
