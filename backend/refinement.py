"""Objects under correction: what a series of clicks and boxes makes of the masks on screen.

A fold over the prompts in the order they were drawn. Each goes to one object, by the rule in
squeezesam_core.interaction.edited, and gives it a new mask that starts from the mask it had. So the same prompts on the
same screen give the same masks, whoever asks and whenever; and without its last prompt, the series gives the mask that
was there before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from backend.dialogues import Mark, Region
from backend.labeling_config import LabelingConfig
from backend.regions import region_id
from backend.stages import stage
from squeezesam_core.confidence import confidence
from squeezesam_core.fusion import PreparedImage
from squeezesam_core.geometry import Window
from squeezesam_core.interaction import correction, edited, inside_box, obeying, obeying_runs
from squeezesam_core.prompts import Box, Point, Prompt
from squeezesam_core.runs import Runs
from squeezesam_core.segmenter import segment
from squeezesam_core.session import Session
from squeezesam_core.shapes import Shape


@dataclass(frozen=True)
class Correction:
    """One object. region: as it is now; base: its mask on screen before the first of these marks, None if it is new.

    previous: (h, w) float32 in 0..1, the network's own answer to the last mark; score: 0..1.
    """

    region: Region
    base: Shape | None
    marks: tuple[Mark, ...]
    previous: NDArray[np.float32]
    score: float


@dataclass(frozen=True)
class Corrections:
    """The objects under correction, in the order of their first mark. loose: background clicks that hit nothing yet;
    they count for the next new object."""

    objects: tuple[Correction, ...] = ()
    loose: tuple[Mark, ...] = ()

    @property
    def nbytes(self) -> int:
        return sum(one.previous.nbytes + one.region.shape.nbytes for one in self.objects)


@dataclass(frozen=True)
class Look:
    """What a mask is made from. saliency: (h, w) float32 0..1, showing the whole photo."""

    session: Session
    prepared: PreparedImage
    saliency: NDArray[np.float32]


def advance(
    before: Corrections, screen: Sequence[Region], mark: Mark, look: Look, task: object, config: LabelingConfig
) -> Corrections:
    """The corrections after one more mark. screen: the regions on screen, without these corrections."""
    found = _edited(before, screen, mark)
    if found is None and _removes(mark):
        return replace(before, loose=(*before.loose, mark))
    loose = before.loose
    current = None
    if found is None:
        marks, loose = (*loose, mark), ()
        label = mark.label or ""
        output = config.output(mark.label) or config.outputs[0]
        empty = Shape.empty(look.prepared.frame.image)
        found = Region(region_id(task, output.name, label, mark.id), label, output.name, empty)
    else:
        current = next((one for one in before.objects if one.region.id == found.id), None)
        marks = (*(current.marks if current else ()), mark)
    base = current.base if current else found.shape if found.shape.area else None
    corrected = _segment(look, found, base, marks, current.previous if current else None)
    if current is None:
        return Corrections((*before.objects, corrected), loose)
    return Corrections(tuple(corrected if one is current else one for one in before.objects), loose)


def _edited(before: Corrections, screen: Sequence[Region], mark: Mark) -> Region | None:
    """Only a mask of the mark's class can be edited by it; a background mark has no class."""
    under_way = {one.region.id for one in before.objects}
    corrected = [one.region for one in before.objects if mark.label in (None, one.region.label)]
    others = [region for region in screen if region.id not in under_way and mark.label in (None, region.label)]
    regions = corrected + others
    bases = {one.region.id: one.base for one in before.objects}
    # what was clicked away to nothing is still meant where it was
    shapes = [region.shape if region.shape.area else bases.get(region.id) or region.shape for region in regions]
    index = edited(mark.drawn, shapes, len(corrected))
    return None if index is None else regions[index]


@stage("segment")
def _segment(
    look: Look,
    region: Region,
    base: Shape | None,
    marks: tuple[Mark, ...],
    previous: NDArray[np.float32] | None,
) -> Correction:
    image = look.prepared.frame.image
    boxes = [mark.drawn for mark in marks if isinstance(mark.drawn, Box)]
    points = tuple(mark.drawn for mark in marks if isinstance(mark.drawn, Point))
    prompt = Prompt(points, boxes[-1] if boxes else None)
    prompt.check(image)
    start: NDArray[np.float32] | None = None
    if base is not None:
        start = _seen(base.runs if prompt.box is None else base.runs.inside(_pixels_of(prompt.box)), look)
        prompt = correction(prompt, start > 0.5, image)
    if previous is not None:
        start = inside_box(previous, _scaled(marks[-1].drawn, previous, image))
    segmentation = segment(look.session, look.prepared, prompt, start, look.saliency)
    drawn = replace(region, shape=Shape(obeying_runs(segmentation.runs(), points)))
    previous = obeying(segmentation.probabilities(), points, image)
    return Correction(drawn, base, marks, previous, confidence(segmentation).score)


def _seen(runs: Runs, look: Look) -> NDArray[np.float32]:
    """A mask as the network sees it: (h, w) float32 in 0..1, at its resolution and no finer than the photo."""
    frame = look.prepared.frame
    return runs.coverage((min(frame.network[0], frame.image[0]), min(frame.network[1], frame.image[1])))


def _pixels_of(box: Box) -> Window:
    """All pixels that a box touches."""
    return Window(int(box.x0), int(box.y0), ceil(box.x1), ceil(box.y1))


def _removes(mark: Mark) -> bool:
    return isinstance(mark.drawn, Point) and not mark.drawn.positive


def _scaled(drawn: Point | Box, previous: NDArray[np.float32], image: tuple[int, int]) -> Box | None:
    """A new box at the resolution of a previous mask; None if no box was drawn."""
    if not isinstance(drawn, Box):
        return None
    height, width = previous.shape
    x, y = width / image[0], height / image[1]
    return Box(drawn.x0 * x, drawn.y0 * y, drawn.x1 * x, drawn.y1 * y)
