"""Versions to publish, and a store of either kind to publish them in."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from squeezesam_core import registry
from squeezesam_core.registry import File, Manifest, load_manifest
from tests.squeezesam_core.conftest import write_version

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """The segmenter that ships: a small one, with a small detector beside it."""
    weights = tmp_path / "shipped"
    write_version(weights / "saliency", 3, True)
    manifest = write_version(weights / "squeezesam", 7, True)
    monkeypatch.setattr(registry, "default_weights", lambda: weights)
    return manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest) -> str:
    """The address of an empty store."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def killed() -> Callable[..., None]:
    """Runs a program of Python with arguments, which must end by killing itself."""

    def run(program: str, *arguments: object) -> None:
        argv = [sys.executable, "-c", program, *map(str, arguments)]
        assert subprocess.run(argv, cwd=REPOSITORY, check=False).returncode == -signal.SIGKILL

    return run


@pytest.fixture
def exported(version: Callable[..., Manifest], tmp_path: Path) -> Callable[[str], Path]:
    """A letter -> the folder of a version that has it in one of its files."""
    original = version().directory

    def make(letter: str) -> Path:
        folder = tmp_path / f"exported-{letter}"
        if not folder.exists():
            folder.mkdir()
            for path in original.iterdir():
                (folder / path.name).write_bytes(path.read_bytes())
            (folder / "extra.pt").write_text(letter)
            manifest = load_manifest(folder)
            files = {**manifest.files, "checkpoint": File.of(folder / "extra.pt")}
            Manifest(folder, manifest.name, manifest.preset, manifest.spec, files, manifest.facts).write()
        return folder

    return make
