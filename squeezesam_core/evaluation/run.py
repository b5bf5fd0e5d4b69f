"""Run a protocol over photos: one Case at a time, never a whole folder in memory."""

from collections.abc import Iterable, Iterator

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.evaluation.case import Case, Plan
from squeezesam_core.evaluation.protocols.protocol import Protocol
from squeezesam_core.evaluation.scene import Models, Scene
from squeezesam_core.geometry import Size
from squeezesam_core.samples import Mask, Sample


def evaluate(models: Models, samples: Iterable[Sample], protocol: Protocol, plan: Plan) -> Iterator[Case]:
    """The cases of every sample, in order.

    Raises InvalidDatasetError if a mask is empty or not of its photo's size, SqueezeSAMError if the models lack what
    the protocol needs.
    """
    for sample in samples:
        scene = Scene(models, sample.name, sample.image())
        yield from protocol.run(scene, _truths(sample, scene.size), plan)


def _truths(sample: Sample, size: Size) -> Iterator[Mask]:
    for number, reference in enumerate(sample.masks):
        truth = reference.decode()
        height, width = truth.object.shape
        if (width, height) != size:
            raise InvalidDatasetError(
                f"{sample.path} is {size[0]}x{size[1]}, its mask {number} {width}x{height}.",
                "Store masks at the size of their upright photo.",
            )
        if not truth.object.any():
            raise InvalidDatasetError(f"Mask {number} of {sample.path} is empty.", "Take it out.")
        yield truth
