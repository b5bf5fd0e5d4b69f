"""Request bodies as Label Studio 1.23.2 sends them (tests/contract/recorded), on photos of the benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import cv2
import numpy as np

from squeezesam_core import rle
from squeezesam_core.geometry import Size, Window
from squeezesam_core.runs import Runs

CONFIG = """<View>
  <Image name="image" value="$image" zoom="true" zoomControl="true" rotateControl="false"/>
  <BrushLabels name="brush" toName="image" smart="false"><Label value="Object" background="#FF0000"/></BrushLabels>
  <KeyPointLabels name="kp" toName="image" smart="true"><Label value="Object"/></KeyPointLabels>
  <RectangleLabels name="box" toName="image" smart="true"><Label value="Object"/></RectangleLabels>
</View>"""

CLICKS = ((50.0, 50.0, True), (44.0, 56.0, True), (50.0, 90.0, False))
"""A dialogue on the benchmark's photos: two clicks on the object and one on the background; x and y in percent."""


@dataclass(frozen=True)
class Photo:
    """A photo of the benchmark: its name in the served folder, its (width, height)."""

    name: str
    size: Size


def task(number: int, photo: Photo, regions: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """A task as it comes with a request; regions: those of its prediction, which is on screen."""
    moment = "2026-11-22T10:07:31.221092Z"
    prediction = {
        "id": number,
        "result": list(regions),
        "model_version": "bench",
        "score": 0.9,
        "created_at": moment,
        "updated_at": moment,
        "task": number,
        "project": 1,
    }
    return {
        "id": number,
        "annotations": [],
        "drafts": [],
        "predictions": [prediction] if regions else [],
        "data": {"image": f"/data/local-files/?d={photo.name}"},
        "meta": {},
        "created_at": moment,
        "updated_at": moment,
        "inner_id": number,
        "total_annotations": 0,
        "total_predictions": int(bool(regions)),
        "project": 1,
    }


def request(about: dict[str, Any], context: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A body of POST /predict. context: the prompts in the page; None before any click."""
    return {
        "tasks": [about],
        "project": "1.1795342002",
        "label_config": CONFIG,
        "params": {
            "login": None,
            "password": None,
            "context": None if context is None else {"result": list(context)},
        },
    }


def clicks(number: int, photo: Photo, count: int) -> list[dict[str, Any]]:
    """The first clicks of a dialogue, all of them as the page sends them with each new one. number: the task's."""
    return [
        {
            "original_width": photo.size[0],
            "original_height": photo.size[1],
            "image_rotation": 0,
            "value": {"x": x, "y": y, "width": 0.23, "labels": ["Object"], "keypointlabels": ["Object"]},
            "is_positive": positive,
            "id": f"click-{number}-{index}",
            "from_name": "kp",
            "to_name": "image",
            "type": "keypointlabels",
            "origin": "manual",
        }
        for index, (x, y, positive) in enumerate(CLICKS[:count])
    ]


def regions(photo: Photo, count: int) -> list[dict[str, Any]]:
    """Brush regions side by side, ellipses that fill most of the photo together; one of them is under the clicks."""
    width, height = photo.size
    cells = ceil(sqrt(count))
    across, down = width // cells, height // cells
    ellipse = np.zeros((down, across), np.uint8)
    cv2.ellipse(ellipse, (across // 2, down // 2), (across * 2 // 5, down * 2 // 5), 0, 0, 360, 1, cv2.FILLED)
    found = []
    for index in range(count):
        left, top = index % cells * across, index // cells * down
        runs = Runs.within(ellipse > 0, Window(left, top, left + across, top + down), photo.size)
        found.append(
            {
                "id": f"region{index}",
                "from_name": "brush",
                "to_name": "image",
                "type": "brushlabels",
                "original_width": width,
                "original_height": height,
                "image_rotation": 0,
                "score": 0.9,
                "readonly": False,
                "value": {
                    "format": "rle",
                    "rle": rle.write(runs),
                    "brushlabels": ["Object"],
                },
            }
        )
    return found
