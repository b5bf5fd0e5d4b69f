"""Label Studio's results <-> prompts and masks."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.bodies import RLEText
from backend.dialogues import Asked, Mark, Region
from backend.labeling_config import BACKGROUND_LABEL, ConfigurationError, LabelingConfig
from backend.stages import stage
from squeezesam_core import polygons, rle
from squeezesam_core.errors import InvalidImageError, InvalidPromptError, SqueezeSAMError
from squeezesam_core.geometry import Size, image_to_percent, percent_to_image
from squeezesam_core.prompts import Box, Point, Prompt
from squeezesam_core.shapes import Shape

Result = Mapping[str, Any]
"""One entry of Label Studio's "result" lists."""


def read_request(task: Mapping[str, Any], context: Sequence[Result], config: LabelingConfig, image: Size) -> Asked:
    """The clicks and boxes of a smart request and what its task tells of the annotator's draft.

    image: (width, height) of the upright image. A click removes if it was made with Alt (is_positive false) or has the
    label "Background". A rotated rectangle becomes the box around it.
    Raises InvalidPromptError, InvalidImageError if the page shows another size, ConfigurationError on a label that no
    output has.
    """
    marks = []
    for result in context:
        try:
            mark = _mark(result, config, image)
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            cause = f"The smart request holds a region that cannot be read ({error!r})."
            raise InvalidPromptError(cause, "Delete the prompt in the page and draw it again.") from error
        if mark is not None:
            marks.append(mark)
    if context and not marks:
        raise InvalidPromptError(
            "The smart request holds neither a click nor a rectangle.",
            "Prompt with the smart keypoint or the smart rectangle.",
        )
    drafts = _dicts(task.get("drafts"))
    saved = {mark.id: mark for draft in drafts for mark in _saved(draft, config, image)}
    stamp = tuple(
        (kind, str(item.get("id")), str(item.get("updated_at")))
        for kind in ("drafts", "annotations")
        for item in _dicts(task.get(kind))
    )
    user = next((str(draft["user"]) for draft in drafts if draft.get("user")), None)
    return Asked(tuple(_signed(mark, saved) for mark in marks), user, tuple(saved.values()), stamp)


def on_screen(task: Mapping[str, Any], config: LabelingConfig, image: Size) -> list[Result]:
    """The brush and polygon regions of this image in the page, as Label Studio has them.

    On screen is the newest draft or annotation, or the newest prediction if there is neither.
    """
    saved = [*_dicts(task.get("drafts")), *_dicts(task.get("annotations"))]
    saved = [item for item in saved if not item.get("was_cancelled")]
    items = saved or _dicts(task.get("predictions"))
    newest: Mapping[str, Any] = max(items, key=lambda item: str(item.get("updated_at") or ""), default={})
    return [result for result in _dicts(newest.get("result")) if _is_output(result, config, image)]


def fingerprint(result: Result) -> str:
    """The same for regions that show the same: what a decoded region may be kept under."""
    value = result["value"]
    drawn = value.get("rle") or value.get("points")
    described = (result["id"], result["from_name"], result["original_width"], result["original_height"])
    digest = hashlib.sha256(repr((described, value.get(result["type"]))).encode())
    digest.update(drawn.compact() if isinstance(drawn, RLEText) else repr(drawn).replace(" ", "").encode())
    return digest.hexdigest()


def read_region(result: Result, config: LabelingConfig) -> Region:
    """Decode one of on_screen's. Raises InvalidRLEError, InvalidPromptError for a polygon that is no list of points."""
    value, size = result["value"], (result["original_width"], result["original_height"])
    output = next(output for output in config.outputs if output.name == result["from_name"])
    labels = value.get(output.type) or [output.labels[0] if output.labels else ""]
    if output.type == "polygonlabels":
        try:
            points = np.array(value["points"], np.float32).reshape(-1, 2)
        except (TypeError, ValueError) as error:
            cause = f"The polygon {result['id']} cannot be read ({error})."
            raise InvalidPromptError(cause, "Draw the region again, or take it out.") from error
        shape = Shape(polygons.to_runs(percent_to_image(np.nan_to_num(points), size), size))
    else:
        shape = Shape(rle.read(value["rle"], size))
    return Region(str(result["id"]), str(labels[0]), output.name, shape)


def region_id(task: object, control: str, label: str, founder: str = "") -> str:
    """The same id for the same object every time: a reply with the id of a region on screen replaces it there.

    founder: id of the prompt that began the object, random in the page, so that a new object's id never is another's;
    "" for the predicted one.
    """
    return hashlib.sha256(f"{task}:{control}:{label}:{founder}".encode()).hexdigest()[:20]


@stage("encode")
def write_region(region: Region, score: float, config: LabelingConfig) -> dict[str, Any]:
    """A region as Label Studio takes it; score: 0..1. The size is the mask's, that of the upright image.

    A polygon of a mask too small for three vertices is drawn around its pixels all the same.
    """
    size = region.shape.size
    output = next(output for output in config.outputs if output.name == region.control)
    value: dict[str, Any]
    if output.type == "polygonlabels":
        points = image_to_percent(polygons.from_mask(region.shape.mask()), size)
        value = {"points": [[round(float(x), 4), round(float(y), 4)] for x, y in points], "closed": True}
    else:
        value = {"format": "rle", "rle": rle.write(region.shape.runs)}
    return {
        "id": region.id,
        "from_name": output.name,
        "to_name": config.image,
        "type": output.type,
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        "score": score,
        "value": {**value, output.type: [region.label]},
    }


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _mark(result: Result, config: LabelingConfig, image: Size) -> Mark | None:
    """A click or a box; None for a region of another kind."""
    kind = result["type"]
    if kind not in ("keypointlabels", "rectanglelabels"):
        return None
    _check_frame(result, image)
    label, value = _label(result, config), result["value"]
    drawn: Point | Box
    if kind == "keypointlabels":
        x, y = _clipped(_corner(value, image), image)[0]
        drawn = Point(float(x), float(y), bool(result.get("is_positive", True)) and label is not None)
        Prompt((drawn,)).check(image)
    elif label is None:
        raise InvalidPromptError("A box marks the background.", "Mark the background by clicks, and objects by boxes.")
    else:
        drawn = _hull(value, image)
        Prompt(box=drawn).check(image)
    signed = "is_positive" in result or label is None
    window = round(float(value.get("width") or 0), 6) if kind == "keypointlabels" else None
    return Mark(str(result["id"]), kind, str(result.get("from_name")), label, drawn, signed, window or None)


def _saved(draft: Mapping[str, Any], config: LabelingConfig, image: Size) -> Iterator[Mark]:
    """The smart prompts in a draft; what cannot be read is no reason to fail."""
    smart = {control.name for control in (config.keypoint, config.rectangle) if control is not None}
    for result in _dicts(draft.get("result")):
        if result.get("from_name") in smart:
            with suppress(LookupError, TypeError, ValueError, OverflowError, SqueezeSAMError):
                mark = _mark(result, config, image)
                if mark is not None:
                    yield mark


def _signed(mark: Mark, saved: Mapping[str, Mark]) -> Mark:
    """The page forgets is_positive of points restored from a draft, the draft itself may not."""
    known = saved.get(mark.id)
    if mark.signed or known is None or not isinstance(mark.drawn, Point) or not isinstance(known.drawn, Point):
        return mark
    return replace(mark, drawn=replace(mark.drawn, positive=known.drawn.positive), signed=known.signed)


def _is_output(result: Result, config: LabelingConfig, image: Size) -> bool:
    """Whether a result is a mask of this image in one of the outputs."""
    value = result.get("value")
    return (
        isinstance(value, dict)
        and any(
            (output.name, output.type) == (result.get("from_name"), result.get("type")) for output in config.outputs
        )
        and result.get("to_name") in (config.image, None)
        and (result.get("original_width"), result.get("original_height")) == image
        and "id" in result
        and bool(value.get("rle") or value.get("points"))
    )


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
    if config.output(label) is not None:
        return label
    if label.casefold() == BACKGROUND_LABEL:
        return None
    has = "; ".join(f"{output.name!r} has {', '.join(output.labels)}" for output in config.outputs)
    raise ConfigurationError(
        f"The smart control {result.get('from_name')!r} has the label {label!r}, but {has}.",
        f'Add <Label value="{label}"/> to {config.outputs[0].name!r} in the labeling configuration.',
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
