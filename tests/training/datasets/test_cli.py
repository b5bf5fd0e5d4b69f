"""dataset shares and dataset teach from the command line."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from squeezesam_core.evaluation.peers import mobilesam
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
    assert found["kinds"] == pytest.approx({"people": 0.25, "map": 0.75})
    assert [(row["source"], row["photos"]) for row in found["sources"]] == [("shapes", 6), ("nothing", 6)]
    table = CliRunner().invoke(cli.app, arguments, catch_exceptions=False).stdout
    assert "people 25.0%, map 75.0%" in table


def test_teach_maps_by_real_detectors(corpus_root: Path, tmp_path: Path) -> None:
    detector = default_weights() / "saliency"
    arguments = ["teach", "maps", str(corpus_root / "shapes" / "images"), "-o", str(tmp_path / "maps")]
    arguments += ["--network", str(detector), "--network", str(detector), "--limit", "2", "--json"]
    found = json.loads(CliRunner().invoke(cli.app, arguments, catch_exceptions=False).stdout)
    assert found["photos"] == 2
    assert found["accepted"] + found["refused"].get("unsure", 0) == 2
    saliency = cv2.imread(str(tmp_path / "maps" / "0.webp"), cv2.IMREAD_GRAYSCALE)
    assert saliency.shape == (205, 256)
    assert set(np.unique(saliency) % 17) == {0}


class FillsBoxes:
    """In MobileSAM's place: every box is its own mask."""

    version = "fills-boxes"

    def embed(self, image: np.ndarray) -> tuple[int, int]:
        return image.shape[:2]

    def predict(self, embedding, points, labels, box=None, previous_logits=None):
        mask = np.zeros(embedding, bool)
        x0, y0, x1, y1 = np.round(box).astype(int)
        mask[y0:y1, x0:x1] = True
        return mask[None], np.array([0.9]), None


def test_teach_boxes(corpus_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mobilesam.MobileSam, "load", lambda checkpoint: FillsBoxes())
    images = [{"id": number, "file_name": f"{number}.png", "width": 100, "height": 80} for number in (0, 1, 99)]
    boxes = [{"id": image["id"], "image_id": image["id"], "bbox": [10, 10, 40, 40]} for image in images]
    (tmp_path / "boxes.json").write_text(json.dumps({"images": images, "annotations": boxes}))
    arguments = ["teach", "boxes", str(corpus_root / "shapes"), "--annotations", str(tmp_path / "boxes.json")]
    arguments += ["-o", str(tmp_path / "masks.json")]
    found = json.loads(CliRunner().invoke(cli.app, [*arguments, "--json"], catch_exceptions=False).stdout)
    assert (found["photos"], found["accepted"], found["problems"]) == (2, 2, {"missing photo": 1})
    told = CliRunner().invoke(cli.app, arguments, catch_exceptions=False).stdout
    assert "2 photos, 2 accepted, refused: none." in told.replace("\n", "")
    checked = ["check", str(corpus_root / "shapes"), "--annotations", str(tmp_path / "masks.json"), "--json"]
    found = json.loads(CliRunner().invoke(cli.app, checked, catch_exceptions=False).stdout)
    assert (found["kind"], found["masks"], found["problems"]) == ("coco", 2, [])
