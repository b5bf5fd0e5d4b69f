"""COCO's segmentations: against pycocotools where it can be trusted, and refused where it cannot."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as pycoco

from squeezesam_core.coco_masks import decode, encode, to_rle, unpack
from squeezesam_core.records import BadMaskError, Problem

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40))


@given(masks)
def test_packed_runs_are_read_as_they_are_written(mask: np.ndarray) -> None:
    rle = encode(mask)
    height, width = mask.shape
    assert np.array_equal(decode(rle, (width, height)), mask)
    assert np.array_equal(decode(rle | {"counts": rle["counts"].decode()}, (width, height)), mask)
    assert np.array_equal(decode({"size": [height, width], "counts": unpack(rle["counts"])}, (width, height)), mask)


@given(st.lists(st.integers(0, 2**24), min_size=1, max_size=30))
def test_long_runs_unpack_as_in_pycocotools(runs: list[int]) -> None:
    packed = pycoco.frPyObjects({"counts": runs, "size": [2**14, 2**14]}, 2**14, 2**14)["counts"]
    assert unpack(packed).tolist() == runs


@given(st.binary(max_size=40))
def test_any_bytes_give_a_mask_or_a_clear_refusal(counts: bytes) -> None:
    try:
        mask = decode({"size": [5, 4], "counts": counts}, (4, 5))
    except BadMaskError:
        return
    assert mask.shape == (5, 4)


@pytest.mark.parametrize(
    ("segmentation", "size", "problem"),
    [
        ({"size": [5, 4], "counts": [20]}, (10**6, 10**6), Problem.MALFORMED),
        ({"size": [5, 4], "counts": [20]}, (5, 4), Problem.WRONG_SIZE),
        ({"size": [5, 4], "counts": [2**63, 2**63]}, (4, 5), Problem.BAD_RLE),
        ({"size": [5, 4], "counts": [30, -10]}, (4, 5), Problem.BAD_RLE),
        ({"size": [5, 4], "counts": [[20]]}, (4, 5), Problem.BAD_RLE),
        ({"size": 5, "counts": [20]}, (4, 5), Problem.BAD_RLE),
        ({"size": [5, 4], "counts": ""}, (4, 5), Problem.BAD_RLE),
        ([[0, 0, 1e9, 0, 1e9, 1e9]], (4, 5), Problem.OFF_PHOTO),
        ([[0, 0, float("nan"), 0, 3, 3]], (4, 5), Problem.OFF_PHOTO),
        ([[0, 0, 3, 3]], (4, 5), Problem.SHORT_POLYGON),
        ([[None] * 6], (4, 5), Problem.OFF_PHOTO),
        ([["a"] * 6], (4, 5), Problem.MALFORMED),
    ],
    ids=[
        "photo of a terapixel", "another size", "overflow", "negative", "nested", "size is no pair", "no counts",
        "kilometres away", "not a number", "line", "nothing", "words",
    ],
)  # fmt: skip
def test_refused(segmentation: object, size: tuple[int, int], problem: Problem) -> None:
    with pytest.raises(BadMaskError) as caught:
        decode(segmentation, size)
    assert caught.value.problem is problem


def test_forms_of_one_mask_compare_equal() -> None:
    polygon = [[1, 1, 4, 1, 4, 3, 1, 3]]
    mask = decode(polygon, (6, 5))
    assert mask.sum() == 6
    assert pycoco.iou([to_rle(polygon, (6, 5))], [to_rle(encode(mask), (6, 5))], [0]).item() == 1
