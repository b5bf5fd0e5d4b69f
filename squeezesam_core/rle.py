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

CHANNELS = 4
WORD = 8
LENGTH_SIZES = (3, 4, 8, 16)
LONGEST = 2 ** LENGTH_SIZES[-1]
HEADER = 32 + 5 + 4 * len(LENGTH_SIZES)


class InvalidRLEError(SqueezeSAMError):
    """A brush region whose RLE cannot be decoded at its declared size."""


def encode(mask: NDArray[np.bool_]) -> list[int]:
    """(H, W) bool -> bytes as integers, all channels 255 where the mask is set. Drop specks first: each costs bytes."""
    flat = mask.ravel()
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    lengths = np.diff(np.append(starts, flat.size)) * CHANNELS
    values = flat[starts]
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
    runs = bits[np.arange(32) < width[:, None]]

    header = flat.size * CHANNELS
    for field, length in ((WORD - 1, 5), *((size - 1, 4) for size in LENGTH_SIZES)):
        header = header << length | field
    head = np.array([header >> shift & 1 for shift in range(HEADER - 1, -1, -1)], np.uint8)
    padding = 8 - (HEADER + runs.size) % 8  # a whole zero byte when nothing is missing, as the original has it
    packed = np.packbits(np.concatenate([head, runs, np.zeros(padding, np.uint8)]))
    return [int(byte) for byte in packed]


def decode(rle: Sequence[int], size: Size) -> NDArray[np.bool_]:
    """Bytes as integers -> (H, W) bool, set where alpha is not 0; size is the region's original (width, height).

    Raises InvalidRLEError if the bytes are damaged or describe an image of another size: nothing larger than the
    declared size is ever allocated.
    """
    width, height = size
    try:
        data = bytes(list(rle))  # of a number, bytes() would make that many zeros
    except (TypeError, ValueError) as error:
        raise _invalid("it is no list of bytes") from error
    bits = _Bits(data)
    count, word = bits.read(32), bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in LENGTH_SIZES]
    if word != WORD:
        raise _invalid(f"its values have {word} bits instead of {WORD}")
    if count != width * height * CHANNELS:
        raise _invalid(f"it holds {count} values, and a {width}x{height} image has {width * height * CHANNELS}")
    mask = np.zeros(width * height, bool)
    at = 0  # alpha of pixel i is value 4 i + 3, so the run from `at` to `end` holds the alphas of at // 4 to end // 4
    while at < count:
        repeated = bits.read(1)
        end = at + 1 + bits.read(sizes[bits.read(2)])
        if end > count:
            raise _invalid("a run reaches past the image")
        if repeated:
            if bits.read(WORD):
                mask[at // CHANNELS : end // CHANNELS] = True
        else:
            values = [bits.read(WORD) for _ in range(end - at)]
            mask[at // CHANNELS : end // CHANNELS] = np.array(values[3 - at % CHANNELS :: CHANNELS]) != 0
        at = end
    return mask.reshape(height, width)


class _Bits:
    """Reads big-endian bit fields of up to 32 bits."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, length: int) -> int:
        first, end = self._at >> 3, self._at + length
        if end > len(self._data) * 8:
            raise _invalid("it ends too early")
        self._at = end
        last = (end + 7) >> 3
        window = int.from_bytes(self._data[first:last], "big")
        return window >> (last * 8 - end) & ((1 << length) - 1)


def _invalid(why: str) -> InvalidRLEError:
    return InvalidRLEError(f"A brush region's RLE cannot be read: {why}.", "Draw the region again, or take it out.")
