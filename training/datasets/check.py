"""What is wrong with a data set, found before training: every photo is read, every mask decoded and held against it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from squeezesam_core.errors import InvalidDatasetError, InvalidImageError
from squeezesam_core.geometry import Size
from squeezesam_core.records import InvalidRecordError, Mask, MaskReference, Problem, Sample, unreadable_photo
from training.datasets.sources import Source, detect, read_source

UNREADABLE = "unreadable data set"
"""The cause of what is not wrong with one record, but with the whole."""


@dataclass
class Findings:
    """What a check saw: photos and masks that could be found, and what is wrong."""

    directory: Path
    kind: str | None
    photos: int = 0
    masks: int = 0
    errors: list[InvalidDatasetError] = field(default_factory=list)

    def counts(self) -> Counter[str]:
        """How often each cause was found."""
        return Counter(_problem(error) for error in self.errors)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        problems = [
            {
                "problem": _problem(error),
                "file": str(error.file if isinstance(error, InvalidRecordError) else self.directory),
                "record": error.record if isinstance(error, InvalidRecordError) else "",
                "cause": error.cause,
                "remedy": error.remedy,
            }
            for error in self.errors
        ]
        seen = {"directory": str(self.directory), "kind": self.kind, "photos": self.photos, "masks": self.masks}
        return seen | {"counts": dict(self.counts()), "problems": problems}


def check_source(source: Source, watch: Callable[[list[Sample]], Iterable[Sample]]) -> Findings:
    """Read and decode everything. watch: gives the samples on, and may show how far it is."""
    findings = Findings(source.directory, source.kind)
    try:
        findings.kind = detect(source)
        samples = list(read_source(source, findings.errors.append))
        if not samples and not findings.errors:
            raise InvalidDatasetError(f"{source.directory} holds no masks.", "See docs/data.md for the layouts.")
    except InvalidDatasetError as error:
        findings.errors.append(error)
        return findings
    for sample in watch(samples):
        findings.photos += 1
        findings.masks += len(sample.masks)
        findings.errors.extend(check_sample(sample))
    return findings


def check_sample(sample: Sample) -> Iterator[InvalidRecordError]:
    """What is wrong with a photo and its masks."""
    try:
        height, width = sample.image().shape[:2]
    except InvalidImageError as error:
        yield unreadable_photo(sample.path, error)
        return
    for reference in sample.masks:
        try:
            check_fits(reference, sample.path, (width, height))
            if not reference.decode().object.any():
                yield InvalidRecordError(Problem.EMPTY_MASK, *reference.where, f"no pixel of {sample.path} is set")
        except InvalidRecordError as error:
            yield error


def check_fits(reference: MaskReference, photo: Path, size: Size, mask: Mask | None = None) -> None:
    """Raises InvalidRecordError if the mask has another (width, height) than its upright photo.

    mask: decoded; without it what its record says counts.
    """
    width, height = reference.size if mask is None else mask.object.shape[::-1]
    if (width, height) != size:
        detail = f"the mask is {width}x{height}, its photo {photo} {size[0]}x{size[1]}"
        raise InvalidRecordError(Problem.WRONG_SIZE, *reference.where, detail)


def _problem(error: InvalidDatasetError) -> str:
    return str(error.problem) if isinstance(error, InvalidRecordError) else UNREADABLE
