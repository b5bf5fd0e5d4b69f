"""How good a teacher's masks are where people drew some: those that pass the checks, and those that do not."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from squeezesam_core import masks
from squeezesam_core.errors import InvalidImageError
from squeezesam_core.records import InvalidRecordError, Report, Sample, unreadable_photo
from training.datasets.box_teacher import AREAS, BoxTeacher, draw
from training.datasets.boxes import extent

ACCEPTED = "accepted"


@dataclass(frozen=True)
class Measured:
    """One mask: IoU of the teacher's and people's; verdict: ACCEPTED, or why the checks refuse it."""

    iou: float
    verdict: str


@dataclass(frozen=True)
class Quality:
    """count masks of one verdict, and their mean IoU with people's."""

    count: int
    iou: float


def measure(
    teacher: BoxTeacher, samples: Sequence[Sample], count: int, seed: int, report: Report
) -> Iterator[Measured]:
    """Show the teacher the extent of one of people's masks on each of `count` photos drawn at random.

    Masks too small or too large to be learnt from are not asked about. Bad records are reported and left out.
    """
    rng = np.random.default_rng(seed)
    measured = 0
    for index in rng.permutation(len(samples)).tolist():
        if measured == count:
            return
        sample = samples[index]
        try:
            truth = sample.masks[int(rng.integers(len(sample.masks)))].decode()
            if not AREAS[0] < truth.object.mean() < AREAS[1]:
                continue
            image = sample.image()
        except InvalidRecordError as error:
            report(error)
            continue
        except InvalidImageError as error:
            report(unreadable_photo(sample.path, error))
            continue
        size = (image.shape[1], image.shape[0])
        drawing = draw(teacher, teacher.embed(image), extent(truth.object), size, None, seed)
        measured += 1
        yield Measured(masks.iou(drawing.mask, truth.object, truth.ignore), drawing.refused or ACCEPTED)


def by_verdict(found: Sequence[Measured]) -> dict[str, Quality]:
    """The mean IoU of each verdict, the accepted first."""
    ious: dict[str, list[float]] = defaultdict(list)
    for one in sorted(found, key=lambda one: one.verdict != ACCEPTED):
        ious[one.verdict].append(one.iou)
    return {verdict: Quality(len(values), float(np.mean(values))) for verdict, values in ious.items()}
