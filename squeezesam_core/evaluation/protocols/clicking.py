"""Going click by click: what the protocols that correct a mask have in common."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from squeezesam_core import masks
from squeezesam_core.evaluation import metrics
from squeezesam_core.evaluation.case import Plan, Reply
from squeezesam_core.evaluation.clickers import error_centre
from squeezesam_core.evaluation.model import Answer
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.interaction import correction, obeying
from squeezesam_core.prompts import Point, Prompt
from squeezesam_core.samples import Mask

Clicker = Callable[[NDArray[np.bool_], Mask, NDArray[np.bool_]], Point | None]
"""The mask (H, W), the true one and the pixels that were clicked before -> the next click; None: nothing is left."""
Reading = Callable[[Answer, Scene], NDArray[np.bool_]]
"""How a mask (H, W) is read off an answer."""


def centre_of_error(mask: NDArray[np.bool_], truth: Mask, clicked: NDArray[np.bool_]) -> Point | None:
    """RITM's clicker (clickers.error_centre)."""
    return error_centre(mask, truth.object, truth.ignore, clicked)


def as_served(answer: Answer, _: Scene) -> NDArray[np.bool_]:
    """The mask that the service would send."""
    return answer.mask


def refine(
    scene: Scene, truth: Mask, plan: Plan, clicker: Clicker = centre_of_error, read: Reading = as_served
) -> Iterator[Reply]:
    """From no mask: each prompt holds all clicks so far and starts from the model's own last answer.

    The first starts from the saliency map where it falls on it. Ends where nothing is left to click, at the last count
    that is reported, or, if NoC is asked for, at 20 clicks or the highest target, whichever comes first.
    """
    mask, clicked = np.zeros_like(truth.object), np.zeros_like(truth.object)
    previous: NDArray[np.float32] | None = None
    clicks: tuple[Point, ...] = ()
    while (click := clicker(mask, truth, clicked)) is not None:
        clicked[int(click.y), int(click.x)] = True
        clicks = (*clicks, click)
        prompt = Prompt(clicks)
        answer, seconds = scene.first(prompt) if previous is None else scene.ask(prompt, previous)
        mask, previous = read(answer, scene), answer.previous
        yield Reply(len(clicks), mask, seconds, prompt)
        if _enough(len(clicks), mask, truth, plan):
            return


def mend(scene: Scene, truth: Mask, plan: Plan, mask: NDArray[np.bool_]) -> Iterator[Reply]:
    """From a mask on screen, as the service corrects it until the annotator accepts: clicks add up, the first starts
    from that mask and the others from the model's own last answer; clicks that stand for the mask go along
    (interaction.correction), and every click has effect (interaction.obeying).

    mask: (H, W) bool. An empty one is like none. Ends as `refine` does.
    """
    shown = mask
    clicked = np.zeros_like(truth.object)
    previous: NDArray[np.float32] | None = mask.astype(np.float32) if mask.any() else None
    clicks: tuple[Point, ...] = ()
    while (click := centre_of_error(mask, truth, clicked)) is not None:
        clicked[int(click.y), int(click.x)] = True
        clicks = (*clicks, click)
        prompt = Prompt(clicks)
        answer, seconds = scene.first(prompt) if previous is None else scene.ask(correction(prompt, shown), previous)
        mask = obeying(answer.mask, clicks, scene.size)
        previous = obeying(answer.previous, clicks, scene.size)
        yield Reply(len(clicks), mask, seconds, prompt)
        if _enough(len(clicks), mask, truth, plan):
            return


def _enough(count: int, mask: NDArray[np.bool_], truth: Mask, plan: Plan) -> bool:
    if count < plan.clicks[-1]:
        return False
    reached = not plan.noc or masks.iou(mask, truth.object, truth.ignore) >= metrics.TARGETS[-1]
    return reached or count == metrics.CLICK_LIMIT
