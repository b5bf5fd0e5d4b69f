"""segment, saliency and models as a person or a script runs them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from squeezesam_core import registry
from squeezesam_core.cli import app
from squeezesam_core.errors import SqueezeSAMError

OBJECT = np.zeros((96, 128), bool)
OBJECT[24:72, 32:96] = True


@pytest.fixture
def installed(version, monkeypatch: pytest.MonkeyPatch) -> Path:
    """weights/ with both networks, which ship with this installation."""
    version(7)
    weights = version(3).directory.parent
    monkeypatch.setattr(registry, "default_weights", lambda: weights)
    return weights


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return write_photo(tmp_path / "data" / "images" / "cat.png", OBJECT)


def write_photo(path: Path, bright: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.repeat(bright[..., None] * np.uint8(255), 3, axis=2)).save(path)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=True)


def answer(*arguments: object) -> dict:
    """The one JSON object on standard output."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def iou(path: Path, truth: np.ndarray) -> float:
    mask = np.asarray(Image.open(path)) > 127
    return float((mask & truth).sum() / (mask | truth).sum())


@pytest.mark.usefixtures("installed")
def test_segment_without_a_prompt_takes_the_salient_object(photo: Path, tmp_path: Path) -> None:
    found = answer("segment", photo, "-o", tmp_path / "mask.png")
    assert iou(tmp_path / "mask.png", OBJECT) > 0.85
    assert found["salient_object"] is True
    assert len(found["clicks"]) == 5
    assert found["iou"] == 0.75
    assert found["model"].startswith("squeezesam-")


@pytest.mark.usefixtures("installed")
def test_segment_of_nothing_salient_is_an_empty_mask_that_says_so(tmp_path: Path) -> None:
    dark = write_photo(tmp_path / "dark.png", OBJECT & False)
    found = answer("segment", dark, "-o", tmp_path / "mask.png")
    assert (found["salient_object"], found["area"], found["iou"]) == (False, 0, None)
    assert not np.asarray(Image.open(tmp_path / "mask.png")).any()
    assert "no salient object" in run("segment", dark, "-o", tmp_path / "mask.png").stdout


@pytest.mark.usefixtures("installed")
def test_segment_box_and_clicks(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "mask.png"
    corner = np.zeros_like(OBJECT)
    corner[:24, :32] = True
    whole = answer("segment", photo, "-o", out, "--box", "0,0,32,24")
    assert iou(out, corner) > 0.85
    assert whole["area"] == (np.asarray(Image.open(out)) > 0).sum()
    found = answer("segment", photo, "-o", out, "--box", "0,0,32,24", "--background", "16,12")
    assert found["clicks"] == [[16, 12, 0]]
    assert found["area"] < whole["area"]


@pytest.mark.usefixtures("installed")
def test_segment_starts_from_a_mask(photo: Path, tmp_path: Path) -> None:
    start = np.zeros_like(OBJECT)
    start[:48, :64] = True
    Image.fromarray(start.astype(np.uint8)).save(tmp_path / "start.png")
    answer("segment", photo, "-o", tmp_path / "mask.png", "--mask", tmp_path / "start.png")
    assert iou(tmp_path / "mask.png", start) > 0.9
    found = answer("segment", photo, "-o", tmp_path / "mask.png", "--mask", tmp_path / "start.png", "--click", "1,1")
    assert len(found["clicks"]) == 6, "five clicks stand for the mask"
    assert found["clicks"][-1] == [1, 1, 1]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--click", "12"], "--click 12"),
        (["--click", "a,b"], "--click a,b"),
        (["--box", "1,2,3"], "--box 1,2,3"),
        (["--click", "500,5"], "500"),
        (["--mask", "{folder}/small.png"], "8x8"),
        (["--model", "other"], "other"),
        (["--precision", "int4"], "int4"),
    ],
    ids=["one number", "no numbers", "three numbers", "outside", "mask of another size", "no such model", "precision"],
)
def test_segment_names_what_is_wrong(photo: Path, tmp_path: Path, options: list[str], named: str) -> None:
    write_photo(photo.parent / "small.png", np.ones((8, 8), bool))
    given = [option.format(folder=photo.parent) for option in options]
    result = run("segment", photo, "-o", tmp_path / "mask.png", *given)
    assert isinstance(result.exception, SqueezeSAMError)
    assert named in result.exception.cause
    assert result.exception.remedy
    assert not (tmp_path / "mask.png").exists()


@pytest.mark.usefixtures("installed")
def test_saliency_writes_the_map_at_the_photos_size(photo: Path, tmp_path: Path) -> None:
    found = answer("saliency", photo, "-o", tmp_path / "map.png")
    assert iou(tmp_path / "map.png", OBJECT) > 0.85
    assert found["salient_object"] is True
    assert all(OBJECT[int(y), int(x)] for x, y in found["clicks"])


def test_models_are_listed_and_shown(installed: Path) -> None:
    versions = [row["version"] for row in answer("models", "list")["models"]]
    assert [name.split("-")[0] for name in versions] == ["saliency", "squeezesam"]
    for name in (versions[1], "squeezesam", installed / "squeezesam"):
        shown = answer("models", "show", name)
        assert (shown["version"], shown["facts"]) == (versions[1], {"note": "test"})


def test_show_checks_the_files(installed: Path) -> None:
    (installed / "squeezesam" / "squeezesam.fp32.onnx").write_bytes(b"")
    result = run("models", "show", "squeezesam")
    assert isinstance(result.exception, SqueezeSAMError)
    assert "SHA-256" in result.exception.cause
