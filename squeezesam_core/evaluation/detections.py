"""Given detections of a COCO set: the boxes that prompt, and the average precision of the masks that come of them."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.evaluation.extra import needs_extra
from squeezesam_core.prompts import Box

FORMAT = "It needs a list of {image_id, category_id, bbox: [x, y, width, height], score}, as COCO's results have it."
PERSON = 1
"""COCO's category."""


@dataclass(frozen=True)
class Detection:
    """A detector's box in pixels of the photo, with COCO's ids and the detector's score."""

    image: int
    category: int
    box: Box
    score: float


@dataclass(frozen=True)
class Detections:
    """annotations: a COCO instances document of the photos that are looked at, the truth; by_photo: their boxes by the
    photo's name."""

    annotations: Mapping[str, Any]
    by_photo: Mapping[str, tuple[Detection, ...]]


def read_detections(results: Path, annotations: Path, photos: Collection[str]) -> Detections:
    """results: a COCO results file with boxes; annotations: the COCO instances file that its ids refer to; photos: the
    names of those that will be looked at: objects of others are not missed. Raises InvalidDatasetError.
    """
    truth = _read(annotations, "Detections need a data folder with a COCO annotations.json.")
    listed = _read(results, FORMAT)
    try:
        names = {image["id"]: Path(image["file_name"]).stem for image in truth["images"]}
        images = [image for image in truth["images"] if names[image["id"]] in photos]
        objects = [record for record in truth["annotations"] if names[record["image_id"]] in photos]
    except (KeyError, TypeError) as error:
        raise InvalidDatasetError(
            f"{annotations} is no COCO instances file ({error!r}).", "Give its images."
        ) from error
    by_photo: dict[str, list[Detection]] = defaultdict(list)
    for number, record in enumerate(listed if isinstance(listed, list) else [listed]):
        try:
            x, y, width, height = map(float, record["bbox"])
            box = Box(x, y, x + width, y + height)
            detection = Detection(record["image_id"], int(record["category_id"]), box, float(record["score"]))
            if names[detection.image] in photos:
                by_photo[names[detection.image]].append(detection)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidDatasetError(f"{results}, record {number} cannot be used ({error!r}).", FORMAT) from error
    kept = {**truth, "images": images, "annotations": objects}
    return Detections(kept, {name: tuple(boxes) for name, boxes in by_photo.items()})


def average_precision(given: Detections, found: Sequence[tuple[Detection, Any]]) -> dict[str, float]:
    """ap, ap_small, ap_medium, ap_large (COCO's, over IoU 0.50 to 0.95) and ap_person where persons are annotated.

    found: each detection with the RLE of its mask. -1: nothing of the kind is annotated.
    """
    with needs_extra("faster-coco-eval"):
        from faster_coco_eval import COCO, COCOeval_faster

    truth = COCO(dict(given.annotations))
    results = [
        {
            "image_id": detection.image,
            "category_id": detection.category,
            "segmentation": segmentation,
            "score": detection.score,
        }
        for detection, segmentation in found
    ]

    loaded = truth.loadRes(results)

    def evaluate(categories: Sequence[int] | None) -> Sequence[float]:
        evaluation = COCOeval_faster(truth, loaded, "segm", print_function=lambda *_: None)
        if categories is not None:
            evaluation.params.catIds = list(categories)
        evaluation.run()
        stats: Sequence[float] = evaluation.stats
        return stats

    stats = evaluate(None)
    figures = {"ap": stats[0], "ap_small": stats[3], "ap_medium": stats[4], "ap_large": stats[5]}
    if any(record["category_id"] == PERSON for record in given.annotations["annotations"]):
        figures["ap_person"] = evaluate([PERSON])[0]
    return {name: float(value) for name, value in figures.items()}


def _read(path: Path, remedy: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidDatasetError(f"{path} cannot be read ({error}).", remedy) from error
