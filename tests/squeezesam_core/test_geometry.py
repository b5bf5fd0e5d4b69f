"""Frames: the network's size for a photo, and conversions that come back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezesam_core.geometry import Frame, NetworkInput, image_to_percent, percent_to_image

SIZES = st.tuples(st.integers(1, 9000), st.integers(1, 9000))


@pytest.mark.parametrize(
    ("image", "spec", "network"),
    [
        ((640, 640), NetworkInput(320), (320, 320)),
        ((4000, 3000), NetworkInput(320), (384, 288)),
        ((3000, 4000), NetworkInput(320), (288, 384)),
        ((100, 100), NetworkInput(320), (320, 320)),
        ((10000, 10), NetworkInput(320), (960, 32)),
        ((4000, 3000), NetworkInput(1024, square=True), (1024, 1024)),
    ],
    ids=["square", "landscape", "portrait", "small", "panorama", "the paper's"],
)
def test_fit(image: tuple[int, int], spec: NetworkInput, network: tuple[int, int]) -> None:
    assert Frame.fit(image, spec) == Frame(image, network)


@given(SIZES, st.sampled_from([128, 256, 320, 512]))
def test_fit_gives_multiples_within_bounds(image: tuple[int, int], side: int) -> None:
    network = Frame.fit(image, NetworkInput(side, multiple=32)).network
    assert all(length % 32 == 0 and 32 <= length <= 3 * side for length in network)


def test_conversions_by_hand() -> None:
    frame = Frame((200, 100), (64, 32))
    corner = np.array([[200, 50]], np.float32)
    assert frame.to_network(corner).tolist() == [[64, 16]]
    assert frame.to_unit(corner).tolist() == [[1, 0.5]]
    assert image_to_percent(corner, (200, 100)).tolist() == [[100, 50]]


@given(SIZES, st.floats(0, 1), st.floats(0, 1))
def test_conversions_come_back(image: tuple[int, int], x: float, y: float) -> None:
    frame = Frame.fit(image, NetworkInput(320))
    points = np.array([[x * image[0], y * image[1]]], np.float32)
    tolerance = 1e-6 * max(image)
    assert np.allclose(frame.to_image(frame.to_network(points)), points, atol=tolerance)
    assert np.allclose(percent_to_image(image_to_percent(points, image), image), points, atol=tolerance)
