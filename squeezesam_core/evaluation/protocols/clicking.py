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
from squeezesam_core.interaction import correction
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
        answer, seconds = scene.ask(prompt, scene.start(prompt) if previous is None else previous)
        mask, previous = read(answer, scene), answer.previous
        yield Reply(len(clicks), mask, seconds, prompt)
        if _enough(len(clicks), mask, truth, plan):
            return


def mend(scene: Scene, truth: Mask, plan: Plan, mask: NDArray[np.bool_]) -> Iterator[Reply]:
    """From a mask on screen: only the newest click goes with it, since Label Studio deletes the points of a suggestion
    that was accepted; the clicks that stand for the mask are added as the service adds them (interaction.correction).

    mask: (H, W) bool. An empty one is like none. Ends as `refine` does.
    """
    clicked = np.zeros_like(truth.object)
    clicks: tuple[Point, ...] = ()
    while (click := centre_of_error(mask, truth, clicked)) is not None:
        clicked[int(click.y), int(click.x)] = True
        clicks = (*clicks, click)
        newest = Prompt((click,))
        if mask.any():
            answer, seconds = scene.ask(correction(newest, mask), mask.astype(np.float32))
        else:
            answer, seconds = scene.ask(newest, scene.start(newest))
        mask = answer.mask
        yield Reply(len(clicks), mask, seconds, Prompt(clicks))
        if _enough(len(clicks), mask, truth, plan):
            return


def _enough(count: int, mask: NDArray[np.bool_], truth: Mask, plan: Plan) -> bool:
    if count < plan.clicks[-1]:
        return False
    reached = not plan.noc or masks.iou(mask, truth.object, truth.ignore) >= metrics.TARGETS[-1]
    return reached or count == metrics.CLICK_LIMIT
