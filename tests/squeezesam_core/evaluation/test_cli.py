"""squeezesam evaluate as a person or a script runs it."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from squeezesam_core import registry
from squeezesam_core.cli import app
from squeezesam_core.errors import ModelFileError, SqueezeSAMError
from squeezesam_core.evaluation import cli
from squeezesam_core.evaluation.model import Answer
from squeezesam_core.evaluation.protocols import PROTOCOLS

OBJECT = np.zeros((96, 128), bool)
OBJECT[24:72, 32:96] = True
SHARED = {"protocol", "n", "ms_p50", "ms_p95", "ms_open", "model"}


@pytest.fixture
def data(version, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with one photo whose bright square is the object; weights/ with both networks."""
    version(7)
    weights = version(3).directory.parent
    monkeypatch.setattr(registry, "default_weights", lambda: weights)
    folder = tmp_path / "cats"
    for kind, pixels in (("images", np.repeat(OBJECT[..., None], 3, axis=2)), ("masks", OBJECT)):
        (folder / kind).mkdir(parents=True)
        Image.fromarray(pixels * np.uint8(255)).save(folder / kind / "cat.png")
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=True)


def answer(*arguments: object) -> dict:
    """The one JSON object on standard output."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def clicks(*counts: int) -> set[str]:
    return {f"{kind}iou@{count}" for kind in ("", "b") for count in counts}


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (["--protocol", "box"], {"miou", "biou", "n_small", "n_medium", "n_large", "miou_medium"}),
        (["--protocol", "saliency"], {"miou", "biou", "n_one_piece", "miou_one_piece"}),
        (["--protocol", "detector"], {"miou", "biou", "n_one_piece", "miou_one_piece"}),
        (["--protocol", "person"], {"miou", "biou"} | clicks(1)),
        (
            ["--protocol", "random-clicks", "--clicks", "3,1"],
            clicks(1, 3) | {"n_small", "n_medium", "n_large", "iou@1_medium", "iou@3_medium"},
        ),
        (["--protocol", "error-clicks", "--clicks", "2"], clicks(2)),
        (["--protocol", "jittered-clicks", "--clicks", "2"], clicks(2)),
        (["--clicks", "1", "--noc"], clicks(1) | {"noc85", "noc90", "noc_failures"}),
        (["--protocol", "noc", "--clicks", "1"], clicks(1) | {"noc85", "noc90", "noc_failures"}),
        (["--protocol", "from-mask", "--clicks", "1"], clicks(1) | {"miou", "biou", "ready85", "ready90"}),
        (["--protocol", "flawed-mask", "--clicks", "1"], clicks(1) | {"miou", "biou", "ready85", "ready90"}),
    ],
    ids=lambda value: " ".join(value[:4]) if isinstance(value, list) else "",
)
def test_the_agreed_keys(data: Path, options: list[str], keys: set[str]) -> None:
    found = answer("--data", data, *options)
    assert set(found) == keys | SHARED
    assert found["n"] == 1
    assert all(0 <= found[key] <= 1 for key in keys if "iou" in key)


def test_page_and_contact_sheet_are_written(data: Path) -> None:
    result = run("--data", data, "--report", data / "report", "--contact-sheet", data / "sheet.png")
    assert result.exit_code == 0, result.output
    assert "iou@3" in result.stdout
    assert "cats: error-clicks" in (data / "report" / "index.html").read_text(encoding="utf-8")
    assert (data / "sheet.png").stat().st_size > 0


def test_protocols_are_listed(data: Path) -> None:
    result = run("--data", data, "--protocol", "list")
    assert [line.split()[0] for line in result.stdout.splitlines()] == list(PROTOCOLS)


class Nothing:
    """A peer that finds nothing."""

    name, takes_map = "nothing 1.0", False

    def open(self, image: np.ndarray) -> "Nothing":
        self.size = image.shape[:2]
        return self

    def answer(self, _prompt: object, _previous: object, _saliency: object) -> Answer:
        return Answer(np.zeros(self.size, bool), np.zeros((8, 8), np.float32), 0.0)

    def whole_object(self, _blob: object, _saliency: object) -> Answer:
        return Answer(np.zeros(self.size, bool), np.zeros((8, 8), np.float32), 0.0)


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("nothing_at_all")
    module.load = Nothing
    monkeypatch.setitem(sys.modules, "nothing_at_all", module)
    monkeypatch.setitem(cli.PEERS, "nothing", "nothing_at_all")


@pytest.mark.usefixtures("peer")
@pytest.mark.parametrize("protocol", ["error-clicks", "box", "saliency", "from-mask"])
def test_a_peer_stands_beside_under_the_same_keys(data: Path, protocol: str) -> None:
    found = answer("--data", data, "--protocol", protocol, "--peer", "nothing", "--report", data / "report")
    beside = found.pop("peer")
    assert set(beside) == set(found)
    assert beside["model"] == "nothing 1.0"
    key = "iou@3" if protocol == "error-clicks" else "miou"
    assert beside[key] == 0 < found[key]
    assert "nothing 1.0" in (data / "report" / "index.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("peer")
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--protocol", "guess"], "guess"),
        (["--clicks", "1,x"], "1,x"),
        (["--clicks", "21"], "21"),
        (["--clicks", "0"], "0"),
        (["--protocol", "box", "--noc"], "box"),
        (["--model", "other"], "other"),
        (["--peer", "other"], "other"),
        (["--peer", "nothing", "--protocol", "detector"], "detector"),
        (["--protocol", "detections"], "boxes"),
        (["--protocol", "detections", "--detections", "none.json"], "annotations.json"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_named(data: Path, options: list[str], named: str) -> None:
    result = run("--data", data, *options)
    assert isinstance(result.exception, SqueezeSAMError)
    assert named in result.exception.cause
    assert result.exception.remedy


def test_a_folder_without_photos_is_named(tmp_path: Path) -> None:
    result = run("--data", tmp_path)
    assert isinstance(result.exception, SqueezeSAMError)
    assert "images" in result.exception.cause


def test_a_peer_whose_packages_are_missing_says_so(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cli.PEERS, "absent", "no_such_package.absent")
    result = run("--data", data, "--peer", "absent")
    assert isinstance(result.exception, ModelFileError)
    assert "absent" in result.exception.cause
