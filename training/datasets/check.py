"""What is wrong with a data set, found before training: every photo is read, every mask decoded and held against it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from squeezesam_core.errors import InvalidImageError
from squeezesam_core.geometry import Size
from squeezesam_core.records import InvalidRecordError, MaskReference, Problem, Sample


def check(samples: Iterable[Sample]) -> Iterator[InvalidRecordError | None]:
    """Each problem that is found, and None after each sample: so that progress can be shown."""
    for sample in samples:
        yield from check_sample(sample)
        yield None


def check_sample(sample: Sample) -> Iterator[InvalidRecordError]:
    """What is wrong with a photo and its masks."""
    try:
        height, width = sample.image().shape[:2]
    except InvalidImageError as error:
        yield InvalidRecordError(Problem.UNREADABLE_PHOTO, sample.path, "", error.cause.rstrip("."))
        return
    for reference in sample.masks:
        try:
            check_fits(reference, sample.path, (width, height))
            if not reference.decode().object.any():
                yield InvalidRecordError(Problem.EMPTY_MASK, *reference.where, f"no pixel of {sample.path} is set")
        except InvalidRecordError as error:
            yield error


def check_fits(reference: MaskReference, photo: Path, size: Size) -> None:
    """Raises InvalidRecordError if the mask's record says another (width, height) than its upright photo's."""
    width, height = reference.size
    if (width, height) != size:
        detail = f"the mask is {width}x{height}, its photo {photo} {size[0]}x{size[1]}"
        raise InvalidRecordError(Problem.WRONG_SIZE, *reference.where, detail)
