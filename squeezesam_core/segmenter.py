"""Inference: a photo and a prompt give a mask. Pure functions, no state."""

from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core import masks, zoom
from squeezesam_core.fusion import PreparedImage, fuse
from squeezesam_core.geometry import Size, Window
from squeezesam_core.interaction import first_previous
from squeezesam_core.mirror import mean_answer
from squeezesam_core.prompts import Prompt
from squeezesam_core.runs import Runs
from squeezesam_core.session import Session

SINGLE = 0
"""The mask that answers every prompt but one ambiguous click."""
ANEW_LEAD, ANEW_LEAD_FOR_ALL = 0.06, 0.2
"""How much surer (predicted IoU) a look anew must be than the mask that goes on from the one before; and how much surer
still if it left nothing of that mask, the less the more it leaves."""
AGREEMENT = 0.2
"""How much the mean IoU of a look's mask with those of the others adds to how sure it is, where looks through several
windows compete."""
MOST_SIDE = 1024
"""The longer side, at most, of a mask that is handed on as the next call's `previous`."""


@dataclass(frozen=True)
class Segmentation:
    """A mask as the network drew it.

    logits: (h, w) float32 at the network's resolution, cleaned of specks and pinholes, of what `window` shows of the
    photo; there is no object outside of it. image: (width, height) of the photo. iou: the network's own estimate of the
    mask's IoU, 0..1.
    """

    logits: NDArray[np.float32]
    window: Window
    image: Size
    iou: float

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool at the photo's size; computed anew at each call."""
        return self.runs().mask()

    def runs(self) -> Runs:
        """The mask at the photo's size, without an array of that size."""
        return Runs.of_logits(self.logits, self.window, self.image)

    def probabilities(self) -> NDArray[np.float32]:
        """(h, w) float32 in 0..1 of the whole photo, as fine as the logits: what the next call takes as `previous`."""
        part = sigmoid(self.logits)
        if self.window.size == self.image:
            return part
        finest = max(part.shape[1] / self.window.size[0], part.shape[0] / self.window.size[1])
        scale = min(finest, MOST_SIDE / max(self.image))
        size = (max(1, round(self.image[0] * scale)), max(1, round(self.image[1] * scale)))
        window = self.window.scaled(self.image, size)
        whole = np.zeros((size[1], size[0]), np.float32)
        whole[window.slices()] = cv2.resize(part, window.size, interpolation=cv2.INTER_LINEAR)
        return whole


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits as probabilities, of the same shape, float32 in 0..1."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))), np.float32)


def segment(
    session: Session,
    prepared: PreparedImage,
    prompt: Prompt,
    previous: NDArray[np.float32] | None = None,
    saliency: NDArray[np.float32] | None = None,
) -> Segmentation:
    """The mask that a prompt asks for: a look at the whole photo, and at several clicks that go on from no mask through
    windows near them (zoom.py); each goes on with a look from near at its answer, and the mask that is trusted most
    counts. A prompt that ends with its one background click also gets a look that knows nothing of the mask before.

    prepared: fusion.prepare's, made for this session's spec. previous: the mask to go on from. saliency: the photo's
    map, for a prompt that goes on from none: a first look starts from it where the prompt falls on it
    (interaction.first_previous). Both (h, w) float32 in 0..1 at any resolution, showing the whole photo.
    Raises InvalidPromptError (prompts.Prompt.check).
    """
    image = prepared.frame.image
    prompt.check(image)
    near = zoom.windows_near(prompt, image) if previous is None else []
    start = first_previous(saliency, prompt, image) if previous is None else previous
    looks = [_look_through(session, prepared, prompt, window, None) for window in near]
    if start is not None or not near:
        looks.insert(0, _look_through(session, prepared, prompt, Window(0, 0, *image), start))
    uncut = [look for look in looks if not zoom.cut_off(look.logits > 0, look.window, image)]
    found = [_look_from_near(session, prepared, prompt, look) for look in uncut or looks[:1]]
    best = found[int(np.argmax(_trust(found)))]
    anew = None if previous is None else _look_anew(session, prepared, prompt)
    return anew if anew is not None and _clearly_surer(anew, best) else best


def _trust(found: list[Segmentation]) -> NDArray[np.float64]:
    """How much each answer is to be trusted, (N,).

    Predicted IoUs are often equal within a hundredth where masks are not alike: what the others see too counts as well.
    """
    sure = np.array([answer.iou for answer in found])
    if len(found) == 1:
        return sure
    agreement = np.zeros(len(found))
    for (i, one), (j, other) in combinations(enumerate([answer.runs() for answer in found]), 2):
        agreement[[i, j]] += one.iou(other)
    return np.asarray(sure + AGREEMENT * agreement / (len(found) - 1))


def _look_anew(session: Session, prepared: PreparedImage, prompt: Prompt) -> Segmentation | None:
    """Forget the mask that took too much, and look near the clicks on the object."""
    window = zoom.window_clear(prompt, prepared.frame.image)
    if window is None:
        return None
    look = _look_through(session, prepared, prompt, window, None)
    is_cut_off = zoom.cut_off(look.logits > 0, look.window, look.image)
    return None if is_cut_off else _look_from_near(session, prepared, prompt, look)


def _clearly_surer(anew: Segmentation, best: Segmentation) -> bool:
    lost = 1 - anew.runs().area / max(best.runs().area, 1)
    return anew.iou > best.iou + ANEW_LEAD + ANEW_LEAD_FOR_ALL * max(lost, 0)


def _look_from_near(session: Session, prepared: PreparedImage, prompt: Prompt, before: Segmentation) -> Segmentation:
    """Look again at what was found, where there is anything to gain."""
    probabilities = before.probabilities()
    window = zoom.window_around(probabilities > 0.5, prompt, prepared.frame.image)
    return before if window is None else _look_through(session, prepared, prompt, window, probabilities)


def _look_through(
    session: Session, prepared: PreparedImage, prompt: Prompt, window: Window, previous: NDArray[np.float32] | None
) -> Segmentation:
    """Look at what a window shows. previous: of the whole photo, as in segment."""
    image = prepared.frame.image
    near = zoom.zoom_in(prepared, window, session.spec)
    part = previous
    if previous is not None and window.size != image:
        part = zoom.part_of(previous, window, image, near.frame.network)
    logits, iou = _look(session, near, zoom.prompt_in(prompt, window), part)
    return Segmentation(logits, window, image, iou)


def _look(
    session: Session, prepared: PreparedImage, prompt: Prompt, previous: NDArray[np.float32] | None
) -> tuple[NDArray[np.float32], float]:
    """Ask the network: the cleaned logits (h, w) of the chosen mask and its predicted IoU."""
    points = prepared.frame.to_unit(prompt.coordinates())
    labels = prompt.labels()
    if len(labels) == 0:  # the network takes at least one token; -1 is SAM's padding
        points, labels = np.zeros((1, 2), np.float32), np.array([-1], np.int64)
    fused = fuse(prepared, prompt, session.spec, previous)
    logits, iou = mean_answer(session, fused, points, labels)
    chosen = choose(iou, prompt, previous is not None)
    return masks.clean(logits[chosen], points, labels), float(np.clip(iou[chosen], 0, 1))


def choose(iou: NDArray[np.float32], prompt: Prompt, has_previous: bool) -> int:
    """SAM's rule: one click alone may mean several things, so the best of the other three masks answers it."""
    ambiguous = len(prompt.points) == 1 and prompt.box is None and not has_previous
    return 1 + int(np.argmax(iou[1:])) if ambiguous else SINGLE
