"""Calibration inputs are what people give, and the same for the same seed."""

import shutil

import numpy as np
import pytest
from PIL import Image

from export.calibrate import realistic_feeds
from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.fusion import BOX, CLICKS, PREVIOUS
from squeezesam_core.geometry import NetworkInput

SPEC = NetworkInput(64, multiple=16)


def test_the_seed_decides(photos):
    first, again, other = (realistic_feeds([photos], SPEC, 6, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a[name], b[name]) for a, b in zip(first, again, strict=True) for name in a)
    assert not all(np.array_equal(a["image"], b["image"]) for a, b in zip(first, other, strict=True))


def test_every_kind_of_prompt_is_there(photos):
    feeds = realistic_feeds([photos], SPEC, 24)
    for channel in (CLICKS, BOX, PREVIOUS):
        drawn = [feed["image"][0, channel].any() for feed in feeds]
        assert any(drawn)
        assert not all(drawn)
    assert all(feed["points"].shape == (1, feed["labels"].shape[1], 2) for feed in feeds)
    assert all(((feed["points"] >= 0) & (feed["points"] <= 1)).all() for feed in feeds)


def test_detectors_get_photos_alone(photos):
    spec = NetworkInput(64, multiple=16, channels=3)
    assert all(set(feed) == {"image"} and feed["image"].shape[1] == 3 for feed in realistic_feeds([photos], spec, 2))


def test_small_objects_are_taken_where_there_are_no_others(photos, monkeypatch):
    monkeypatch.setattr("export.calibrate.LARGE_OBJECT", 0.9)
    assert len(realistic_feeds([photos], SPEC, 2)) == 2


def test_photos_without_an_object_are_no_calibration(photos, tmp_path):
    shutil.copytree(photos, tmp_path / "empty")
    for path in (tmp_path / "empty" / "masks").iterdir():
        Image.fromarray(np.zeros((80, 100), np.uint8)).save(path)
    with pytest.raises(InvalidDatasetError, match="too few photos with an object"):
        realistic_feeds([tmp_path / "empty"], SPEC, 2)
