"""What an evaluation is asked for, and what came of one object."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from squeezesam_core import masks
from squeezesam_core.evaluation.boundary import boundary_iou
from squeezesam_core.prompts import Prompt
from squeezesam_core.samples import Mask

if TYPE_CHECKING:
    from squeezesam_core.evaluation.detections import Detections


@dataclass(frozen=True)
class Plan:
    """clicks: the counts that are reported, ascending; seed: of everything random, with the photo's name and the
    object's number, so that an object's clicks are the same whatever else is evaluated; noc: go on to 20 clicks, or to
    90 % IoU; detections: the given boxes of the protocol of that name."""

    clicks: tuple[int, ...] = (1, 3, 5)
    seed: int = 0
    noc: bool = False
    detections: "Detections | None" = None


@dataclass(frozen=True)
class Reply:
    """One mask that a model gave for an object.

    clicks: how many it took, 0 for a mask that took none; mask: (H, W) bool; seconds: how long it took, the photo being
    taken in, None for a mask that no model made; shown: the clicks and the box that a person would have made for it.
    """

    clicks: int
    mask: NDArray[np.bool_]
    seconds: float | None
    shown: Prompt = field(default_factory=Prompt)


@dataclass(frozen=True)
class Outcome:
    """The figures of one object, without its pixels.

    ious, boundary: IoU and boundary IoU by click count (0: without a click), ending where nothing was left to click;
    boundary only at the counts that are reported and the last; area: of the true mask in pixels; pieces:
    masks.pieces of it; seconds: of each answer; opening: seconds that taking in the photo took; notes: what the
    protocol adds.
    """

    photo: str
    number: int
    ious: Mapping[int, float]
    boundary: Mapping[int, float]
    area: int
    pieces: int
    seconds: tuple[float, ...]
    opening: float
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def last(self) -> float:
        """The last mask's IoU."""
        return self.ious[max(self.ious)]

    def after(self, clicks: int) -> float:
        """The IoU after so many clicks; the last mask's where nothing was left to click."""
        return _after(self.ious, clicks)

    def boundary_after(self, clicks: int) -> float:
        """As `after`, of the boundary IoU."""
        return _after(self.boundary, clicks)


@dataclass(frozen=True)
class Case:
    """An object with its figures and its last mask, to be looked at.

    image (H, W, 3) uint8 RGB; mask (H, W) bool; shown: what was clicked and boxed for that mask.
    """

    outcome: Outcome
    image: NDArray[np.uint8]
    truth: Mask
    mask: NDArray[np.bool_]
    shown: Prompt


def compare(
    photo: str,
    number: int,
    image: NDArray[np.uint8],
    truth: Mask,
    replies: Iterable[Reply],
    plan: Plan,
    opening: float = 0.0,
    notes: Mapping[str, Any] | None = None,
) -> Case:
    """Hold replies against the true mask. There must be at least one."""
    ious: dict[int, float] = {}
    boundary: dict[int, float] = {}
    seconds: list[float] = []
    reply = None
    for reply in replies:
        ious[reply.clicks] = masks.iou(reply.mask, truth.object, truth.ignore)
        if reply.seconds is not None:
            seconds.append(reply.seconds)
        if reply.clicks in (0, *plan.clicks):
            boundary[reply.clicks] = boundary_iou(reply.mask, truth.object, truth.ignore)
    if reply is None:
        raise ValueError("an object without a reply")
    if reply.clicks not in boundary:
        boundary[reply.clicks] = boundary_iou(reply.mask, truth.object, truth.ignore)
    area = int(np.count_nonzero(truth.object))
    pieces = masks.pieces(truth.object)
    outcome = Outcome(photo, number, ious, boundary, area, pieces, tuple(seconds), opening, notes or {})
    return Case(outcome, image, truth, reply.mask, reply.shown)


def _after(values: Mapping[int, float], clicks: int) -> float:
    return values[max((count for count in values if count <= clicks), default=min(values))]
