"""Prompts that a training item is asked with, in the network frame, and the flawed masks it starts from."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.evaluation.clickers import error_centre
from squeezesam_core.interaction import correction
from squeezesam_core.prompts import Prompt
from training.whole_object import inject_outlier

BOX_SHARE, BOX_AND_CLICK_SHARE = 0.22, 0.05
"""Shares of the prompts that are a box, and a box with a click in it."""
SEVERAL_SHARE = 0.35
"""Share of the prompts that are a collection of clicks (paper 1.3)."""
SEVERAL_SHARE_SMALL = 0.6
"""The same for small objects that no map shows: there people click until the mask takes hold."""


@dataclass
class TrainingPrompt:
    """Clicks as (x, y, label) and an optional box as (x0, y0, x1, y1), network frame; grows by error-centre clicks."""

    clicks: list[tuple[float, float, int]] = field(default_factory=list)
    box: tuple[float, float, float, float] | None = None

    def arrays(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(N, 2) float32 points and (N,) int64 labels, as Prompt.coordinates and Prompt.labels."""
        points = [click[:2] for click in self.clicks]
        labels = [click[2] for click in self.clicks]
        if self.box is not None:
            points += [self.box[:2], self.box[2:]]
            labels += [2, 3]
        return np.array(points, np.float32).reshape(-1, 2), np.array(labels, np.int64)

    def add_error_click(self, mask: NDArray[np.bool_], truth: NDArray[np.bool_], ignore: NDArray[np.bool_]) -> None:
        """Click the centre of the largest error, if there is one."""
        click = error_centre(mask, truth, ignore)
        if click is not None:
            self.clicks.append((click.x, click.y, int(click.positive)))

    def start_again(
        self, mask: NDArray[np.bool_], truth: NDArray[np.bool_], ignore: NDArray[np.bool_], *, stand_ins: bool
    ) -> None:
        """Click the centre of the largest error of the mask on screen and forget what led to that mask.

        stand_ins: the mask speaks by clicks as well, just as the service lets it (interaction.correction); else the
        new click stands alone with the previous mask. A mask without an error changes nothing.
        """
        click = error_centre(mask, truth, ignore)
        if click is not None:
            prompt = correction(Prompt((click,)), mask) if stand_ins else Prompt((click,))
            self.clicks = [(point.x, point.y, int(point.positive)) for point in prompt.points]
            self.box = None


def random_prompt(
    rng: np.random.Generator,
    truth: NDArray[np.bool_],
    ignore: NDArray[np.bool_],
    *,
    several: float = SEVERAL_SHARE,
    outliers: bool = True,
) -> TrainingPrompt:
    """One click, several clicks (paper 1.3: a collection of points in one step), a box, or a box and a click.

    truth, ignore: (H, W) bool, network frame, truth not empty. several: share of the prompts of several clicks;
    outliers: whether one of those may miss the object (whole_object.inject_outlier).
    """
    prompt = TrainingPrompt()
    kind = rng.random()
    if kind < BOX_SHARE + BOX_AND_CLICK_SHARE:
        prompt.box = _jittered_box(rng, truth)
        if kind > BOX_SHARE:
            prompt.clicks.append((*_inside(rng, truth), 1))
        return prompt
    if kind < 1 - several:
        if rng.random() < 0.5:
            prompt.add_error_click(np.zeros_like(truth), truth, ignore)
        else:
            prompt.clicks.append((*_inside(rng, truth), 1))
        return prompt
    for _ in range(rng.integers(2, 6)):
        prompt.clicks.append((*_inside(rng, truth), 1))
    outside = ~truth & ~ignore
    if outside.any():
        if outliers:
            prompt.clicks = inject_outlier(rng, prompt.clicks, outside)
        for _ in range(int(rng.choice([0, 0, 1, 2]))):
            near = outside & (cv2.dilate(truth.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0)
            prompt.clicks.append((*_inside(rng, near if near.any() and rng.random() < 0.7 else outside), 0))
    return prompt


def flawed_mask(rng: np.random.Generator, truth: NDArray[np.bool_]) -> NDArray[np.float32]:
    """A mask with the mistakes people start from: eroded, dilated, shifted, a part missing or too much. (H, W) 0..1."""
    height, width = truth.shape
    mask = truth.astype(np.uint8)
    size = int(rng.integers(1, max(2, round(0.06 * min(height, width))))) * 2 + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    kind = rng.integers(4)
    if kind == 0:
        mask = cv2.erode(mask, kernel)
    elif kind == 1:
        mask = cv2.dilate(mask, kernel)
    else:
        x, y = _inside(rng, truth) if kind == 2 else (rng.uniform(0, width), rng.uniform(0, height))
        radius = np.sqrt(truth.sum()) * rng.uniform(0.2, 0.6)
        axes = (int(radius * rng.uniform(0.6, 1.4)) + 1, int(radius * rng.uniform(0.6, 1.4)) + 1)
        cv2.ellipse(mask, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, 0 if kind == 2 else 1, cv2.FILLED)
    if rng.random() < 0.3:
        shift = rng.uniform(-0.04, 0.04, 2) * (width, height)
        mask = cv2.warpAffine(mask, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), (width, height))
    return mask.astype(np.float32)


def _inside(rng: np.random.Generator, area: NDArray[np.bool_]) -> tuple[float, float]:
    flat = np.flatnonzero(area)
    y, x = divmod(int(rng.choice(flat)), area.shape[1])
    return x + 0.5, y + 0.5


def _jittered_box(rng: np.random.Generator, truth: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    x, y, width, height = cv2.boundingRect(truth.astype(np.uint8))
    jitter = rng.normal(0, 0.04, 4) * (width, height, width, height)
    x0, y0, x1, y1 = np.array([x, y, x + width, y + height]) + np.clip(jitter, -20, 20)
    limit_x, limit_y = truth.shape[1], truth.shape[0]
    x0, x1 = np.clip([x0, max(x1, x0 + 2)], 0, limit_x)
    y0, y1 = np.clip([y0, max(y1, y0 + 2)], 0, limit_y)
    return float(x0), float(y0), float(x1), float(y1)
