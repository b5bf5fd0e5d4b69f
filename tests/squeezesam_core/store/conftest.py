"""Versions to publish, and a store of either kind to publish them in."""

from collections.abc import Callable
from pathlib import Path

import pytest

from squeezesam_core.registry import File, Manifest, load_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest) -> str:
    """The address of an empty store."""
    return str(request.getfixturevalue(request.param))


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
