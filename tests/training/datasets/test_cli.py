"""dataset shares and dataset teach from the command line."""

import json
from pathlib import Path

import cv2
import numpy as np
from typer.testing import CliRunner

from squeezesam_core.registry import default_weights
from training.datasets import cli

RECIPE = """
preset = "serving"
side = 64
[[stage]]
size = 64
batch = 2
steps = 1
[[source]]
directory = "shapes"
maps = "maps"
weight = 1
[[source]]
directory = "nothing"
images = "shapes/images"
maps = "maps"
teacher = true
weight = 3
"""


def test_shares(corpus_root: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    arguments = ["shares", str(recipe), "--root", str(corpus_root)]
    found = json.loads(CliRunner().invoke(cli.app, [*arguments, "--json"], catch_exceptions=False).stdout)
    assert found["kinds"] == {"people": 0.25, "map": 0.75}
    assert [(row["source"], row["photos"]) for row in found["sources"]] == [("shapes", 6), ("nothing", 6)]
    table = CliRunner().invoke(cli.app, arguments, catch_exceptions=False).stdout
    assert "people 25.0%, map 75.0%" in table


def test_teach_maps_by_a_real_detector(corpus_root: Path, tmp_path: Path) -> None:
    detector = default_weights() / "saliency"
    arguments = ["teach", "maps", str(corpus_root / "shapes" / "images"), "-o", str(tmp_path / "maps")]
    arguments += ["--network", str(detector), "--limit", "2", "--json"]
    found = json.loads(CliRunner().invoke(cli.app, arguments, catch_exceptions=False).stdout)
    assert found["photos"] == 2
    assert found["accepted"] + found["refused"].get("unsure", 0) == 2
    saliency = cv2.imread(str(tmp_path / "maps" / "0.webp"), cv2.IMREAD_GRAYSCALE)
    assert saliency.shape == (128, 160)
    assert set(np.unique(saliency) % 17) == {0}
