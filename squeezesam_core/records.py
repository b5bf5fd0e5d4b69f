"""A photo, its objects' masks, and what can be wrong with either: the values that every reader of data sets gives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from squeezesam_core.errors import InvalidDatasetError, InvalidImageError
from squeezesam_core.geometry import Size

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
TURNED = (5, 6, 7, 8)
"""Orientations, in EXIF or XMP, that swap width and height."""
ORIENTATION = 0x0112
HEADER_TELLS = ("JPEG", "MPO", "PNG", "WEBP")
"""Formats whose header says how the photo is turned; a TIFF's says it of a size that is turned already."""
TELLING_CHUNKS = (b"eXIf", b"iTXtXML:com.adobe.xmp", b"zTXtRaw profile type exif", b"tEXtRaw profile type exif")
"""How the chunks of a PNG that may hold an orientation begin."""


class Problem(StrEnum):
    """What can be wrong with a record of a data set."""

    MISSING_PHOTO = "missing photo"
    UNREADABLE_PHOTO = "unreadable photo"
    UNREADABLE_MASK = "unreadable mask"
    MISSING_MASK = "mask without a photo"
    WRONG_SIZE = "mask of another size"
    EMPTY_MASK = "empty mask"
    SHORT_POLYGON = "polygon of fewer than three points"
    OFF_PHOTO = "polygon off the photo"
    BAD_RLE = "RLE that does not fit"
    DUPLICATE = "duplicate name"
    MALFORMED = "malformed record"
    UNSUPPORTED = "unsupported region"


REMEDIES = {
    Problem.MISSING_PHOTO: "Add the photo, or take the record out.",
    Problem.UNREADABLE_PHOTO: "Replace it by a JPEG, PNG or WebP file of at most 178 megapixels.",
    Problem.UNREADABLE_MASK: "Replace it by an 8-bit PNG.",
    Problem.MISSING_MASK: "Name the mask as its photo, or take it out.",
    Problem.WRONG_SIZE: "Store masks at the size of their upright photo.",
    Problem.EMPTY_MASK: "Draw the object, or take the mask out.",
    Problem.SHORT_POLYGON: "Draw the outline again, or take it out.",
    Problem.OFF_PHOTO: "Store polygons in pixels of the photo.",
    Problem.BAD_RLE: "Write or draw the mask again, or take it out.",
    Problem.DUPLICATE: "Give each its own name.",
    Problem.MALFORMED: "Correct the record or take it out.",
    Problem.UNSUPPORTED: "Draw the object with a brush or polygon, or take the region out.",
}


class InvalidRecordError(InvalidDatasetError):
    """One record that cannot be used: `problem` of `record` in `file`. The rest of the data set can."""

    def __init__(self, problem: Problem, file: Path, record: str, detail: str) -> None:
        where = f"{file}, {record}" if record else str(file)
        super().__init__(f"{where}: {detail}.", REMEDIES[problem])
        self.problem = problem
        self.file = file
        self.record = record


class BadMaskError(ValueError):
    """What is wrong with a mask, where it is not known yet whose it is."""

    def __init__(self, problem: Problem, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem

    def of(self, file: Path, record: str) -> InvalidRecordError:
        """The same with the file and the record that hold it."""
        return InvalidRecordError(self.problem, file, record, f"the mask cannot be read ({self})")


def unreadable_photo(path: Path, error: InvalidImageError) -> InvalidRecordError:
    """What read_image or image_size raised, as the problem of a record."""
    return InvalidRecordError(Problem.UNREADABLE_PHOTO, path, "", f"it is not a readable image ({error.__cause__})")


Report = Callable[[InvalidRecordError], None]
"""What a reader calls for each record that it leaves out."""


@dataclass(frozen=True)
class Mask:
    """One object's outline: both (H, W) bool of the upright image; `ignore` pixels count neither way."""

    object: NDArray[np.bool_]
    ignore: NDArray[np.bool_]

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> "Mask":
        """An outline of which every pixel counts."""
        return cls(mask, np.zeros_like(mask))


class MaskReference(Protocol):
    """Where a mask is; decoded on demand."""

    @property
    def where(self) -> tuple[Path, str]:
        """The file and the record in it ("": the file is one mask)."""
        ...

    @property
    def size(self) -> Size:
        """(width, height) that the record says, without decoding it. Raises InvalidRecordError."""
        ...

    def decode(self) -> Mask:
        """Raises InvalidRecordError, naming the file and record, if it cannot be read."""
        ...


@dataclass(frozen=True)
class Sample:
    """A photo and its objects."""

    name: str
    path: Path
    masks: tuple[MaskReference, ...]

    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, upright."""
        return read_image(self.path)


def read_image(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, turned upright by its orientation in EXIF, else in XMP. Raises InvalidImageError."""
    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except FileNotFoundError as error:
        raise InvalidImageError(f"There is no file {path}.", "Check the path.") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidImageError(
            f"{path} is not a readable image ({error}).", "Use a JPEG, PNG or WebP file of at most 178 megapixels."
        ) from error


def image_size(path: Path, *, upright: bool = True) -> Size:
    """(width, height) of the photo as read_image gives it; the pixels are decoded only where the header does not tell.

    upright: False for masks, which are never turned: the header alone. Raises InvalidImageError.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            if not upright:
                return width, height
            if image.format not in HEADER_TELLS or (image.format == "PNG" and _tells_late(path)):
                return ImageOps.exif_transpose(image).size
            # as Image's, since that of a PNG without EXIF in its header decodes it to look for EXIF behind the pixels
            turned = Image.Image.getexif(image).get(ORIENTATION) in TURNED
            return (height, width) if turned else (width, height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidImageError(f"{path} is not a readable image ({error}).", "Replace it or take it out.") from error


def _tells_late(path: Path) -> bool:
    """Whether a PNG has a chunk behind its pixels that may say how it is turned."""
    place, behind = 8, False  # after the signature
    with path.open("rb", buffering=0) as file:
        while file.seek(place) and len(head := file.read(40)) > 8:
            length, chunk = int.from_bytes(head[:4]), head[4:]
            if behind and chunk.startswith(TELLING_CHUNKS):
                return True
            behind = behind or chunk.startswith(b"IDAT")
            place += length + 12  # with the length, the kind and the checksum
    return False


class PhotoFolder:
    """The photos of a folder, found by the names that records give them.

    Of two photos that differ in their suffix alone the first is kept, the other reported. Raises InvalidDatasetError if
    `directory` is no folder.
    """

    def __init__(self, directory: Path, report: Report) -> None:
        if not directory.is_dir():
            raise InvalidDatasetError(f"{directory} is not a folder.", "Put the photos there, or name their folder.")
        self.directory = directory
        self._by_stem: dict[str, Path] = {}
        for path in sorted(directory.iterdir()):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                kept = self._by_stem.setdefault(path.stem, path)
                if kept is not path:
                    detail = f"it has the name of {kept.name}, so their masks cannot be told apart"
                    report(InvalidRecordError(Problem.DUPLICATE, path, "", detail))

    def __iter__(self) -> Iterator[Path]:
        return iter(self._by_stem.values())

    def __contains__(self, stem: object) -> bool:
        return stem in self._by_stem

    def find(self, name: str) -> Path | None:
        """The photo of a record's file name: that path in the folder, else the photo of that name whatever its folder
        and suffix (photos are often stored again, in another format). Never a file outside the folder.
        """
        relative = PurePosixPath(name.replace("\\", "/"))
        if len(relative.parts) > 1 and not relative.is_absolute() and ".." not in relative.parts:
            path = self.directory / relative
            if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
                return path
        return self._by_stem.get(relative.stem)
