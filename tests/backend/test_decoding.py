"""Files of photos: upright, RGB, within the limits."""

import contextlib
import io
import resource
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from backend.images import FORMATS, ImageLimits, decode
from squeezesam_core.errors import InvalidImageError
from squeezesam_core.fusion import DETAIL_SIDE
from tests.backend.pages import LIMITS, photo


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_the_one_the_page_shows(orientation):
    height, width = decode(photo(40, 30, "JPEG", orientation), "a", LIMITS).pixels.shape[:2]
    assert (width, height) == ((30, 40) if orientation > 4 else (40, 30))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_large_jpeg_is_decoded_smaller_and_keeps_its_size(orientation):
    image = decode(photo(4001, 3001, "JPEG", orientation), "a", ImageLimits(10**7, 10**8))
    assert image.size == ((3001, 4001) if orientation > 4 else (4001, 3001))
    assert DETAIL_SIDE <= max(image.pixels.shape) < 4001
    assert (image.pixels.shape[0] > image.pixels.shape[1]) == (orientation > 4)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16"])
def test_every_mode_becomes_rgb(mode):
    image = decode(photo(mode=mode), "a", LIMITS).pixels
    assert image.shape == (30, 40, 3)
    assert image.dtype == np.uint8


def test_sixteen_bits_are_scaled_not_clipped():
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4), 0x8000, np.uint16)).save(buffer, "PNG")
    assert (decode(buffer.getvalue(), "a", LIMITS).pixels == 0x80).all()


def header_of(width, height):
    """A PNG of a few bytes that says it is so large."""
    data = bytearray(photo())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def animation():
    frames = [Image.new("RGB", (40, 30), (level, 0, 0)) for level in range(0, 200, 2)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


@pytest.mark.parametrize("size", [(50_000, 50_000), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1)], ids=str)
def test_a_bomb_is_refused_by_its_header(size):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidImageError):
        decode(header_of(*size), "a", LIMITS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


def test_of_an_animation_the_first_frame_is_decoded():
    assert (decode(animation(), "a", LIMITS).pixels[..., 0] == 0).all()


@pytest.mark.parametrize(
    "data",
    [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"P6\n9 9\n255\n" + bytes(243)],
    ids=["postscript", "ppm"],
)
def test_only_formats_of_photos_are_read(data):
    with pytest.raises(InvalidImageError) as raised:
        decode(data, "a", LIMITS)
    assert "JPEG" in raised.value.remedy


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=150)
@given(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]), st.data())
def test_a_damaged_file_is_no_image_or_one_within_the_limits(format, data):
    file = bytearray(photo(format=format))
    for position, value in data.draw(st.lists(st.tuples(st.integers(0, len(file) - 1), st.integers(0, 255)))):
        file[position] = value
    with contextlib.suppress(InvalidImageError):
        height, width, _ = decode(bytes(file), "a", LIMITS).pixels.shape
        assert height * width <= LIMITS.pixels


def test_every_format_named_in_the_remedy_is_read():
    for format in FORMATS:
        assert decode(photo(format=format), "a", LIMITS).pixels.shape == (30, 40, 3), format
