"""Tiny photos of 8 x 6 pixels with an object of 3 x 3, and what readers report."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from squeezesam_core.records import InvalidRecordError, PhotoFolder

OBJECT = np.zeros((6, 8), bool)
OBJECT[1:4, 2:5] = True
POLYGON = [[2, 1, 5, 1, 5, 4, 2, 4]]
"""OBJECT as COCO draws it."""


@pytest.fixture
def reported() -> list[InvalidRecordError]:
    return []


@pytest.fixture
def photos(tmp_path: Path, reported: list[InvalidRecordError]) -> Callable[..., PhotoFolder]:
    """Write photos of these names into images/."""

    def write(*names: str, size: tuple[int, int] = (8, 6)) -> PhotoFolder:
        folder = tmp_path / "images"
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size).save(path)
        return PhotoFolder(folder, reported.append)

    return write
