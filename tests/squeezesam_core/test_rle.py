"""Brush RLE against Label Studio's own converter."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from label_studio_sdk.converter.brush import decode_rle, encode_rle, mask2rle

from squeezesam_core.rle import InvalidRLEError, decode, encode


def blob(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 2, height // 3), (width // 4, height // 4), 20, 0, 360, 1, cv2.FILLED)
    return mask > 0


MASKS = [
    np.zeros((1, 1), bool),
    np.ones((1, 1), bool),
    np.zeros((300, 400), bool),
    np.ones((300, 400), bool),
    blob(301, 403),
    np.indices((40, 40)).sum(axis=0) % 2 > 0,
    np.arange(128 * 256).reshape(128, 256) < 2**14,
    np.arange(128 * 256).reshape(128, 256) < 2**14 + 2,
]
IDS = ["one-empty", "one-set", "empty", "full", "blob", "checkers", "run of 2^16", "run of 2^16 + 8"]


@pytest.mark.parametrize("mask", MASKS, ids=IDS)
def test_encode_is_byte_identical_to_the_sdk(mask: np.ndarray) -> None:
    assert encode(mask) == mask2rle(mask.astype(np.uint8) * 255)


@pytest.mark.parametrize("mask", MASKS, ids=IDS)
def test_sdk_decodes_what_we_encode(mask: np.ndarray) -> None:
    height, width = mask.shape
    assert np.array_equal(decode_rle(encode(mask)).reshape(height, width, 4)[:, :, 3] > 0, mask)


@settings(max_examples=60)
@given(arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_round_trip(mask: np.ndarray) -> None:
    assert np.array_equal(decode(encode(mask), (mask.shape[1], mask.shape[0])), mask)


@settings(max_examples=60)
@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(4)), elements=st.sampled_from([0, 7])))
def test_decodes_what_the_sdk_writes_for_any_pixels(pixels: np.ndarray) -> None:
    height, width, _ = pixels.shape
    assert np.array_equal(decode(encode_rle(pixels.ravel()), (width, height)), pixels[:, :, 3] > 0)


def test_alpha_alone_decides_and_single_values_are_read() -> None:
    pixels = np.array([[1, 2, 3, 0], [0, 0, 0, 7], [9, 9, 9, 9]], np.uint8)
    assert decode(encode_rle(pixels.ravel()), (3, 1)).tolist() == [[False, True, True]]


@pytest.mark.parametrize(
    ("rle", "size", "named"),
    [
        (encode(blob(20, 30)), (31, 20), "31x20"),
        (encode(blob(20, 30))[:12], (30, 20), "early"),
        (encode(blob(20, 30))[:3], (30, 20), "early"),
        ([0, 0, 0, 4, 120, 0, 0, 0], (1, 1), "bits"),
        ([0, 0, 0, 4, *encode(np.ones((9, 9), bool))[4:]], (1, 1), "past"),
        (["a"], (1, 1), "bytes"),
        ([300], (1, 1), "bytes"),
        ([255, 255, 255, 255, *encode(blob(20, 30))[4:]], (30, 20), "4294967295"),
    ],
    ids=["other size", "cut", "cut header", "word size", "run too long", "no numbers", "no byte", "bomb"],
)
def test_damaged_rle_says_why(rle: list[int], size: tuple[int, int], named: str) -> None:
    with pytest.raises(InvalidRLEError, match=named):
        decode(rle, size)
