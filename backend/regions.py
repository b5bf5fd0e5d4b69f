"""Label Studio's results <-> prompts and masks, and which region a prompt edits."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.labeling_config import BACKGROUND_LABEL, ConfigurationError, LabelingConfig
from squeezesam_core import rle
from squeezesam_core.errors import InvalidImageError, InvalidPromptError
from squeezesam_core.geometry import Size, percent_to_image
from squeezesam_core.prompts import Box, Point, Prompt

Result = Mapping[str, Any]
"""One entry of Label Studio's "result" lists."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class LabelledPrompt:
    """What the annotator drew, and the label of the object meant; None if only background was marked."""

    prompt: Prompt
    label: str | None


@dataclass(frozen=True)
class Region:
    """A brush region on screen. mask: (H, W) bool."""

    id: str
    label: str
    mask: Mask


def read_prompt(
    task: Mapping[str, Any], context: Sequence[Result], config: LabelingConfig, image: Size
) -> LabelledPrompt:
    """The clicks and the box of a smart request; image: (width, height) of the upright image.

    A click removes if it was made with Alt (is_positive false) or has the label "Background". A rotated rectangle
    becomes the box around it. Of several rectangles the last counts.
    Raises InvalidPromptError, InvalidImageError if the page shows another size, ConfigurationError on a label that the
    brush does not have.
    """
    signs = _signs(task)
    points: list[Point] = []
    box, label = None, None
    for result in context:
        try:
            _check_frame(result, image)
            name, value = _label(result, config), result["value"]
            positive = bool(result.get("is_positive", signs.get(result.get("id"), True))) and name is not None
            if result["type"] == "keypointlabels":
                x, y = _clipped(_corner(value, image), image)[0]
                points.append(Point(float(x), float(y), positive))
            elif result["type"] == "rectanglelabels":
                box = _hull(value, image)
        except (KeyError, TypeError, ValueError) as error:
            cause = f"The smart request holds a region that cannot be read ({error!r})."
            raise InvalidPromptError(cause, "Delete the prompt in the page and draw it again.") from error
        label = name or label
    if not points and box is None:
        raise InvalidPromptError(
            "The smart request holds neither a click nor a rectangle.",
            "Prompt with the smart keypoint or the smart rectangle.",
        )
    prompt = Prompt(tuple(points), box)
    prompt.check(image)
    return LabelledPrompt(prompt, label)


def region_on_screen(
    task: Mapping[str, Any], asked: LabelledPrompt, config: LabelingConfig, image: Size
) -> Region | None:
    """The brush region that a prompt edits, None if it asks for a new one.

    On screen is the newest draft or annotation, or the newest prediction if there is neither. Of its regions with the
    prompt's label, the one under the prompt, else the nearest.
    """
    regions = []
    for result in _newest(task).get("result") or []:
        region = _decode(result, config, image)
        if region is not None and asked.label in (None, region.label):
            regions.append(region)
    if len(regions) < 2:
        return regions[0] if regions else None
    return min(regions, key=lambda region: _distance(region.mask, asked.prompt))


def region_id(task: int, config: LabelingConfig, label: str, index: int = 0) -> str:
    """The same id for the same object every time: a reply with the id of a region on screen replaces it there.

    index: the object's number among the task's objects of that label.
    """
    return hashlib.sha256(f"{task}:{config.brush.name}:{label}:{index}".encode()).hexdigest()[:20]


def write_region(region: Region, score: float, config: LabelingConfig) -> dict[str, Any]:
    """A brush region as Label Studio takes it; score: 0..1. The size is the mask's, that of the upright image."""
    height, width = region.mask.shape
    return {
        "id": region.id,
        "from_name": config.brush.name,
        "to_name": config.image,
        "type": "brushlabels",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "score": score,
        "value": {"format": "rle", "rle": rle.encode(region.mask), "brushlabels": [region.label]},
    }


def _signs(task: Mapping[str, Any]) -> dict[Any, bool]:
    """Signs by region id: the page forgets is_positive of points restored from a draft, the draft itself does not."""
    results = (result for draft in task.get("drafts") or [] for result in draft.get("result") or [])
    return {result["id"]: result["is_positive"] for result in results if "id" in result and "is_positive" in result}


def _check_frame(result: Result, image: Size) -> None:
    if result.get("image_rotation"):
        raise InvalidPromptError(
            f"The photo is turned by {result['image_rotation']} degrees in the page.", "Turn it back, then prompt."
        )
    shown = (result["original_width"], result["original_height"])
    if shown != image:
        cause = f"The page shows {shown[0]}x{shown[1]} pixels, the backend read {image[0]}x{image[1]}."
        raise InvalidImageError(cause, "Make the backend read the same file: check SQUEEZESAM_LOCAL_FILES_ROOT.")


def _label(result: Result, config: LabelingConfig) -> str | None:
    """The object's label; None for the background."""
    label = str(result["value"][result["type"]][0])
    if label in config.brush.labels:
        return label
    if label.casefold() == BACKGROUND_LABEL:
        return None
    raise ConfigurationError(
        f"The smart control {result.get('from_name')!r} has the label {label!r}, "
        f"the brush {config.brush.name!r} has {', '.join(config.brush.labels)}.",
        f'Add <Label value="{label}"/> to the brush in the labeling configuration.',
    )


def _corner(value: Mapping[str, Any], image: Size) -> NDArray[np.float32]:
    return percent_to_image(np.array([[value["x"], value["y"]]], np.float32), image)


def _clipped(points: NDArray[np.float32], image: Size) -> NDArray[np.float32]:
    """Points on the image's edge may come out of percent a hair outside."""
    return np.clip(points, 0, np.asarray(image, np.float32))


def _hull(value: Mapping[str, Any], image: Size) -> Box:
    """The axis-aligned box around a rectangle that is turned clockwise about its top left corner by `rotation`."""
    extent = np.array([[value["width"], value["height"]]], np.float32)
    width, height = percent_to_image(extent, image)[0]
    angle = math.radians(value.get("rotation") or 0)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    sides = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    corners = _clipped((_corner(value, image) + sides @ turn).astype(np.float32), image)
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return Box(float(x0), float(y0), float(x1), float(y1))


def _newest(task: Mapping[str, Any]) -> Mapping[str, Any]:
    saved = [*(task.get("drafts") or []), *(task.get("annotations") or [])]
    saved = [item for item in saved if not item.get("was_cancelled")]
    items = saved or task.get("predictions") or []
    return max(items, key=lambda item: item.get("updated_at") or "", default={})


def _decode(result: Result, config: LabelingConfig, image: Size) -> Region | None:
    """A brush region of this image; None for anything else."""
    value = result.get("value") or {}
    if result.get("type") != "brushlabels" or result.get("from_name") != config.brush.name or not value.get("rle"):
        return None
    if (result.get("original_width"), result.get("original_height")) != image:
        return None
    labels = value.get("brushlabels") or [config.brush.labels[0]]
    return Region(str(result["id"]), str(labels[0]), rle.decode(value["rle"], image))


def _distance(mask: Mask, prompt: Prompt) -> float:
    """Pixels from the prompt to the mask: its nearest positive click, else its box's centre, else any click."""
    if not mask.any():
        return math.inf
    points = [(point.x, point.y) for point in prompt.positive or prompt.points]
    if prompt.box is not None:
        points = [((prompt.box.x0 + prompt.box.x1) / 2, (prompt.box.y0 + prompt.box.y1) / 2)]
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    height, width = mask.shape
    return min(float(away[min(int(y), height - 1), min(int(x), width - 1)]) for x, y in points)
