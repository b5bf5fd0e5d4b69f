"""What a protocol is: how a model is asked about a photo, and which figures come of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from squeezesam_core.evaluation.case import Case, Outcome, Plan, Reply, compare
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.samples import Mask

Run = Callable[[Scene, Iterable[Mask], Plan], Iterator[Case]]
"""A photo and the true masks of its objects, in their order, decoded one by one -> the cases it gives."""
Figures = Callable[[Sequence[Outcome], Plan], Mapping[str, Any]]
Ask = Callable[[Scene, Mask, Plan, np.random.Generator], Iterable[Reply]]


@dataclass(frozen=True)
class Protocol:
    """about: one line for people, with the source; figures: the JSON's keys of this protocol.

    needs_detector: it cannot do without; judges_detector: no segmenter takes part; counts_clicks: it goes click by
    click, so NoC can be asked for.
    """

    name: str
    about: str
    run: Run
    figures: Figures
    needs_detector: bool = False
    judges_detector: bool = False
    counts_clicks: bool = False


def each_object(ask: Ask) -> Run:
    """A protocol that asks for every object of a photo, one independently of the other."""

    def run(scene: Scene, truths: Iterable[Mask], plan: Plan) -> Iterator[Case]:
        for number, truth in enumerate(truths):
            replies = list(ask(scene, truth, plan, scene.rng(plan.seed, number)))
            yield compare(scene.name, number, scene.image, truth, replies, plan, scene.opening)

    return run
