"""Label Studio's brush RLE: a mask as the run-length-encoded RGBA bytes of an image (the format is thi.ng's rle-pack).

Bits: 32 number of values; 5 word size - 1; four times 4 run-length size - 1; then runs: 1 bit (1: one value repeated,
0: values one by one), 2 bits (which size), the length - 1 in that many bits, the value or values. Written as
label_studio_sdk.converter.brush writes it, byte for byte, without that package: serving does not need the rest of it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from squeezesam_core.errors import SqueezeSAMError
from squeezesam_core.geometry import Size
from squeezesam_core.runs import Runs

CHANNELS = 4
WORD = 8
LENGTH_SIZES = (3, 4, 8, 16)
LONGEST = 2 ** LENGTH_SIZES[-1]
HEADER = 32 + 5 + 4 * len(LENGTH_SIZES)


class InvalidRLEError(SqueezeSAMError):
    """A brush region whose RLE cannot be decoded at its declared size."""


def encode(mask: NDArray[np.bool_]) -> list[int]:
    """(H, W) bool -> bytes as integers, all channels 255 where the mask is set. Drop specks first: each costs bytes."""
    return write(Runs.of(mask))


def write(runs: Runs) -> list[int]:
    """As `encode`, of a mask that is there as runs: no array of the photo's size is made."""
    pixels = runs.size[0] * runs.size[1]
    edges = np.concatenate([[0], np.column_stack(runs.stretches()).ravel(), [pixels]])
    lengths = np.diff(edges) * CHANNELS
    values = np.arange(len(lengths)) % 2 > 0
    lengths, values = lengths[lengths > 0], values[lengths > 0]
    # a run longer than 16 bits is written as full ones and a remainder, all in 16 bits
    full = (lengths - 1) // LONGEST
    pieces = np.full(int((full + 1).sum()), LONGEST, np.int64)
    last = np.cumsum(full + 1) - 1
    pieces[last] = lengths - full * LONGEST
    split = np.repeat(full > 0, full + 1)
    values = np.repeat(values, full + 1)

    kind = np.searchsorted([8, 16, 256], pieces, side="left")
    kind[split] = 3
    size = np.asarray(LENGTH_SIZES)[kind]
    width = 3 + size + WORD
    words = ((4 + kind) << (size + WORD)) | ((pieces - 1) << WORD) | np.where(values, 255, 0)
    aligned = (words << (32 - width)).astype(">u4")
    bits = np.unpackbits(aligned.view(np.uint8)).reshape(-1, 32)
    words_as_bits = bits[np.arange(32) < width[:, None]]

    header = pixels * CHANNELS
    for field, length in ((WORD - 1, 5), *((size - 1, 4) for size in LENGTH_SIZES)):
        header = header << length | field
    head = np.array([header >> shift & 1 for shift in range(HEADER - 1, -1, -1)], np.uint8)
    padding = 8 - (HEADER + words_as_bits.size) % 8  # a whole zero byte when nothing is missing, as the original has it
    packed = np.packbits(np.concatenate([head, words_as_bits, np.zeros(padding, np.uint8)]))
    encoded: list[int] = packed.tolist()
    return encoded


def decode(rle: Sequence[int], size: Size) -> NDArray[np.bool_]:
    """Bytes as integers -> (H, W) bool, set where alpha is not 0; size is the region's original (width, height).

    Raises InvalidRLEError if the bytes are damaged or describe an image of another size: nothing larger than the
    declared size is ever allocated.
    """
    return read(rle, size).mask()


def read(rle: Sequence[int], size: Size) -> Runs:
    """As `decode`, into runs: what it costs grows with the length of `rle`, not with the size of the photo."""
    width, height = size
    try:
        data = bytes(list(rle))  # of a number, bytes() would make that many zeros
    except (TypeError, ValueError) as error:
        raise _invalid("it is no list of bytes") from error
    if len(data) * 8 < HEADER:
        raise _invalid("it ends too early")
    head = int.from_bytes(data[: HEADER // 8 + 1], "big") >> (8 - HEADER % 8)
    sizes = [(head >> shift & 15) + 1 for shift in (12, 8, 4, 0)]
    word, count = (head >> 16 & 31) + 1, head >> 21
    if word != WORD:
        raise _invalid(f"its values have {word} bits instead of {WORD}")
    if count != width * height * CHANNELS:
        raise _invalid(f"it holds {count} values, and a {width}x{height} image has {width * height * CHANNELS}")
    starts, ends = _stretches(data, sizes, count)
    return Runs.of_stretches(size, np.array(starts, np.int64), np.array(ends, np.int64))


def _stretches(data: bytes, sizes: Sequence[int], count: int) -> tuple[list[int], list[int]]:
    """First pixels, and those after the last, of the stretches whose alpha is not 0; none touches another."""
    padded = np.frombuffer(data + bytes(5), np.uint8).astype(np.int64)
    of_bytes = np.stack([padded[shift : len(data) + shift] << (8 * (4 - shift)) for shift in range(5)])
    windows: list[int] = of_bytes.sum(axis=0).tolist()  # the 40 bits from each byte on
    bits = len(data) * 8
    starts: list[int] = []
    ends: list[int] = []
    at, bit = (
        0,
        HEADER,
    )  # alpha of pixel i is value 4 i + 3: values `at` to `end` hold the alphas of at // 4 to end // 4
    while at < count:
        if bit + 3 > bits:
            raise _invalid("it ends too early")
        ahead = windows[bit >> 3] << (bit & 7) & 0xFF_FFFF_FFFF
        length = sizes[ahead >> 37 & 3]
        end = at + 1 + (ahead >> (37 - length) & ((1 << length) - 1))
        repeated = ahead >> 39
        value = ahead >> (29 - length) & 0xFF  # read from 33 bits at hand
        bit += 3 + length + (WORD if repeated else WORD * (end - at))
        if bit > bits:
            raise _invalid("it ends too early")
        if end > count:
            raise _invalid("a run reaches past the image")
        # alpha of pixel i is value 4 i + 3: the values from `at` to `end` hold the alphas of at // 4 to end // 4
        same = [(at // CHANNELS, end // CHANNELS)] if value else []
        for first, last in same if repeated else _set_pixels(data, bit, at, end):
            if ends and first == ends[-1]:
                ends[-1] = last
            elif last > first:
                starts.append(first)
                ends.append(last)
        at = end
    return starts, ends


def _set_pixels(data: bytes, bit: int, at: int, end: int) -> list[tuple[int, int]]:
    """Pixels whose alpha is not 0 among the values at..end, written one by one in the bits up to `bit`."""
    first = bit - WORD * (end - at)
    used = np.frombuffer(data[first >> 3 : (bit + 7) >> 3], np.uint8)
    values = np.packbits(np.unpackbits(used)[first & 7 :][: bit - first])
    alphas = np.flatnonzero(values[3 - at % CHANNELS :: CHANNELS])
    return [(at // CHANNELS + pixel, at // CHANNELS + pixel + 1) for pixel in alphas.tolist()]


def _invalid(why: str) -> InvalidRLEError:
    return InvalidRLEError(f"A brush region's RLE cannot be read: {why}.", "Draw the region again, or take it out.")
