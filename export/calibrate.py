"""Network inputs as people give them: real photos with clicks, boxes, background clicks and previous masks."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core import masks
from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.evaluation.clickers import error_centre, random_clicks
from squeezesam_core.fusion import fuse, prepare
from squeezesam_core.geometry import NetworkInput
from squeezesam_core.prompts import Box, Point, Prompt
from squeezesam_core.samples import Mask, Sample, read_folder

Feeds = dict[str, NDArray[np.generic]]
"""A graph's inputs by name."""

LARGE_OBJECT = 0.01
"""Share of the photo; smaller objects make poorer calibration, and are taken where there are too few others."""


def realistic_feeds(folders: Sequence[Path], spec: NetworkInput, count: int, seed: int = 0) -> list[Feeds]:
    """`count` inputs drawn evenly from folders that samples.read_folder reads; the same seed gives the same ones.

    Objects smaller than LARGE_OBJECT are drawn only where as many tries as ten for each input found too few others.
    Raises InvalidDatasetError if the folders hold no object.
    """
    rng = np.random.default_rng(seed)
    pools = [list(read_folder(folder)) for folder in folders]
    feeds: list[Feeds] = []
    for attempt in range(20 * count):
        if len(feeds) == count:
            return feeds
        pool = pools[attempt % len(pools)]
        sample = pool[int(rng.integers(len(pool)))]
        mask = sample.masks[int(rng.integers(len(sample.masks)))].decode()
        smallest = LARGE_OBJECT if attempt < 10 * count else 0.0
        if mask.object.mean() >= smallest and mask.object.any():
            feeds.append(_feed(sample, mask, spec, rng))
    raise InvalidDatasetError(
        f"{', '.join(map(str, folders))}: too few photos with an object.",
        "Name folders of photos with masks of whole objects.",
    )


def _feed(sample: Sample, mask: Mask, spec: NetworkInput, rng: np.random.Generator) -> Feeds:
    prepared = prepare(sample.image(), spec)
    if spec.channels == 3:
        return {"image": prepared.pixels[None]}
    prompt, previous = _prompt(mask.object, rng)
    fused = fuse(prepared, prompt, spec, previous)
    points = prepared.frame.to_unit(prompt.coordinates())
    return {"image": fused[None], "points": points[None], "labels": prompt.labels()[None]}


def _prompt(truth: NDArray[np.bool_], rng: np.random.Generator) -> tuple[Prompt, NDArray[np.float32] | None]:
    kind = rng.integers(4)
    if kind == 0:
        x, y, width, height = masks.bounding_box(truth)
        return Prompt(box=Box(x, y, x + width, y + height)), None
    if kind == 1:
        return Prompt(random_clicks(rng, truth, int(rng.integers(1, 6)))), None
    # a previous mask with an error and a click on it, as when a mask is refined
    size = max(3, round(0.05 * min(truth.shape)))
    change = cv2.erode if kind == 2 else cv2.dilate
    flawed = change(truth.astype(np.uint8), np.ones((size, size), np.uint8)) > 0
    click = error_centre(flawed, truth) or Point(*np.argwhere(truth)[0][::-1] + 0.5)
    return Prompt((click,)), flawed.astype(np.float32)
