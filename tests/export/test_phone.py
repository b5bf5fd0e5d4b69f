"""Files for phones: what they draw, what is said of them, and that nothing worse takes an old one's place."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from export import parity as parities
from export.cli import app
from export.phone import REPORT, export_phone, inputs_of
from squeezesam_core.errors import ModelFileError
from squeezesam_core.geometry import NetworkInput
from squeezesam_core.registry import File, find

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ["executorch==1.5.1", "torchao==0.18.0"]
VENV = Path(os.environ.get("SQUEEZESAM_EXECUTORCH", REPOSITORY / ".demo" / "executorch-venv"))


@pytest.fixture(scope="module")
def python() -> Path:
    """Python of a virtual environment that has ExecuTorch and sees this one's packages, made once."""
    marker, wanted = VENV / "installation-finished", " ".join(PACKAGES)
    python = VENV / "bin" / "python"
    if not marker.exists() or marker.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        (site,) = VENV.glob("lib/python*/site-packages")
        (here,) = Path(sys.prefix).glob("lib/python*/site-packages")
        (site / "beside.pth").write_text(f"{here}\n")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, *PACKAGES], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{wanted} cannot be installed: {done.stderr.strip()[-300:]}")
        marker.write_text(wanted)
    return python


def test_an_ort_file_is_the_versions_own_int8_graph(photos: Path, tmp_path: Path) -> None:
    model = find("squeezesam")
    report = export_phone(model, "ort", [photos], tmp_path / "phone", items=1, held_out=4)
    assert report == json.loads((tmp_path / "phone" / REPORT).read_text())
    assert {path.name for path in (tmp_path / "phone").iterdir()} == {"squeezesam.int8.ort", REPORT}
    assert File.of(tmp_path / "phone" / "squeezesam.int8.ort") == File(**report["file"])
    assert (report["version"], report["format"], report["parity"]["n"]) == (model.version, "ort", 4)
    assert report["parity"]["same_side"] > 0.99
    content = (tmp_path / "phone" / "squeezesam.int8.ort").read_bytes()
    assert b"QLinearConv" in content, "a mobile build fuses nothing: it would compute in fp32, at twice the time"


@pytest.mark.slow
def test_a_program_draws_the_versions_masks(python: Path, photos: Path, tmp_path: Path) -> None:
    export = [str(python), "-m", "backend.cli", "export", "--model", "squeezesam", "--format", "executorch"]
    options = ["--calibration", str(photos), "--out", str(tmp_path / "phone"), "--items", "12", "--held-out", "6"]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*export, *options], capture_output=True, text=True, check=False, env=env, timeout=1200)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "phone" / REPORT).read_text())
    model = find("squeezesam")
    assert (report["version"], report["made_with"]) == (model.version, "executorch 1.5.1")
    assert report["file"]["name"] == "squeezesam.int8.pte"
    assert report["file"]["bytes"] < 13e6  # issue 5: int8 of at most 13 MB
    assert report["inputs"]["image"] == [1, 7, model.spec.side, model.spec.side]
    assert report["parity"]["n"] == 6
    assert report["parity"]["iou"] > 0.95


def test_a_file_that_draws_other_masks_does_not_replace_one(photos: Path, tmp_path: Path, monkeypatch) -> None:
    out = tmp_path / "phone"
    export_phone(find("squeezesam"), "ort", [photos], out, items=1, held_out=2)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(parities, "LEAST_IOU", 1.1)
    with pytest.raises(ModelFileError, match=r"squeezesam\.int8\.ort differs from fp32"):
        export_phone(find("squeezesam"), "ort", [photos], out, items=1, held_out=2)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize(
    ("spec", "image"),
    [
        (NetworkInput(256, square=True), [1, 7, 256, 256]),
        (NetworkInput(256), [1, 7, "multiple of 32", "multiple of 32"]),
        (NetworkInput(256, channels=3), [1, 3, "multiple of 32", "multiple of 32"]),
    ],
    ids=["executorch", "ort", "detector"],
)
def test_the_report_says_what_the_file_takes(spec: NetworkInput, image: list[int | str]) -> None:
    shapes = inputs_of(spec)
    assert shapes["image"] == image
    assert ("points" in shapes) == (spec.channels > 3)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "--checkpoint or --model"),
        (["--checkpoint", "a.pt", "--model", "b"], "--checkpoint or --model"),
        (["--checkpoint", "a.pt", "--format", "ort"], "a version as it is"),
        (["--model", "squeezesam", "--side", "320", "--format", "ort"], "a version as it is"),
    ],
    ids=["no source", "two sources", "a checkpoint for phones", "another side for phones"],
)
def test_options_that_do_not_go_together_are_refused(options: list[str], says: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--calibration", str(tmp_path), "--out", str(tmp_path / "out"), *options])
    assert result.exit_code == 2
    assert says in result.output.replace("│", " ").replace("\n", " ")
    assert not (tmp_path / "out").exists()
