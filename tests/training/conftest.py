"""A corpus of drawn photos: bright discs and rectangles on dark noise, with masks and maps."""

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def corpus_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    for folder in ("shapes/images", "shapes/masks", "maps"):
        (root / folder).mkdir(parents=True)
    for index in range(6):
        mask = np.zeros((80, 100), np.uint8)
        cv2.circle(mask, (int(rng.integers(30, 70)), int(rng.integers(30, 50))), 20, 255, cv2.FILLED)
        image = rng.integers(0, 60, (80, 100, 3), np.uint8)
        image[mask > 0] += 150
        cv2.imwrite(str(root / f"shapes/images/{index}.png"), image)
        cv2.imwrite(str(root / f"shapes/masks/{index}.png"), mask)
        cv2.imwrite(str(root / f"maps/{index}.png"), cv2.GaussianBlur(mask, (0, 0), 1.5)[::2, ::2])
    return root


@pytest.fixture(scope="session")
def aspects_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos in aspects/, and their maps: five of 100 x 80 pixels and one of 80 x 100."""
    root = tmp_path_factory.mktemp("aspects")
    for folder in ("aspects", "maps"):
        (root / folder).mkdir()
    for index in range(6):
        shape = (80, 100) if index else (100, 80)
        cv2.imwrite(str(root / f"aspects/{index}.png"), np.full((*shape, 3), 40 * index, np.uint8))
        cv2.imwrite(str(root / f"maps/{index}.png"), np.full(shape, 255, np.uint8))
    return root
