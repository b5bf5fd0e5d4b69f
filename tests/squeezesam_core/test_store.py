"""The store: what is published serves whole, whatever is killed and whoever else publishes."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from squeezesam_core import registry, store
from squeezesam_core.cli import app
from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import File, Manifest, load_manifest
from squeezesam_core.store import history, locate, publish, rollback, versions

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "store"


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


def test_published_versions_serve_and_roll_back(shelf: Path, exported: Callable[[str], Path]) -> None:
    first, second = publish(exported("a"), shelf), publish(exported("b"), shelf)
    assert first.version != second.version
    assert locate(shelf, "squeezesam") == second.directory == shelf / "versions" / second.version
    assert rollback(shelf, "squeezesam").version == first.version
    assert locate(shelf, "squeezesam") == first.directory
    assert {manifest.version for manifest in versions(shelf)} == {first.version, second.version}
    with pytest.raises(ModelFileError, match="no version"):
        rollback(shelf, "squeezesam")


def test_publishing_again_is_no_second_version(shelf: Path, exported: Callable[[str], Path]) -> None:
    first = publish(exported("a"), shelf)
    assert publish(exported("a"), shelf) == first
    assert history(shelf, "squeezesam") == [first.version]
    publish(exported("b"), shelf)
    publish(exported("a"), shelf)
    assert len(history(shelf, "squeezesam")) == 3


def test_what_a_store_lacks_ships(shelf: Path, exported: Callable[[str], Path], monkeypatch) -> None:
    monkeypatch.setattr(registry, "default_weights", lambda: Path("/shipped"))
    publish(exported("a"), shelf)
    assert locate(shelf, "squeezesam").parent == shelf / "versions"
    assert locate(shelf, "saliency") == Path("/shipped/saliency")


def test_the_layout_that_ships_is_located_unchanged(version: Callable[..., Manifest]) -> None:
    weights = version().directory.parent
    assert locate(weights, "squeezesam") == weights / "squeezesam"
    assert locate(registry.default_weights(), "saliency") == registry.default_weights() / "saliency"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no folder"):
        locate(tmp_path / "nowhere", "squeezesam")


@pytest.mark.parametrize(
    "damage", [lambda path: path.write_text("!"), lambda path: path.unlink()], ids=["file", "gone"]
)
def test_a_damaged_version_changes_nothing(
    shelf: Path, exported: Callable[[str], Path], damage: Callable[[Path], object]
) -> None:
    first = publish(exported("a"), shelf)
    damage(exported("b") / "extra.pt")
    with pytest.raises(ModelFileError):
        publish(exported("b"), shelf)
    assert locate(shelf, "squeezesam") == first.directory
    assert sorted(path.name for path in shelf.iterdir()) == [".lock", "squeezesam.current", "versions"]


KILL_ME = """
import os, signal, sys
from pathlib import Path
from squeezesam_core import store
step, count, original = sys.argv[3], int(sys.argv[4]), getattr(store, sys.argv[3])
def dies(*arguments):
    global count
    count -= 1
    if count < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
setattr(store, step, dies)
store.publish(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.parametrize(
    ("step", "count"), [("_flush", 0), ("_flush", 3), ("_checked", 0), ("_checked", 1), ("_point", 0), ("_flush", 7)]
)
def test_a_killed_publisher_leaves_the_old_version_serving(
    shelf: Path, exported: Callable[[str], Path], step: str, count: int
) -> None:
    first = publish(exported("a"), shelf)
    argv = [sys.executable, "-c", KILL_ME, exported("b"), shelf, step, str(count)]
    killed = subprocess.run([str(part) for part in argv], cwd=REPOSITORY, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert locate(shelf, "squeezesam") == first.directory
    assert load_manifest(first.directory).path("int8").is_file()
    second = publish(exported("b"), shelf)
    assert locate(shelf, "squeezesam") == second.directory
    assert [path.name for path in shelf.glob(".unfinished-*")] == []


def _publish_often(folders: list[Path], shelf: Path) -> None:
    for folder in folders * 5:
        store.publish(folder, shelf)


def test_two_publishers_and_a_reader(shelf: Path, exported: Callable[[str], Path]) -> None:
    folders = [exported("a"), exported("b")]
    publish(folders[0], shelf)
    context = multiprocessing.get_context("spawn")
    publishers = [context.Process(target=_publish_often, args=(order, shelf)) for order in (folders, folders[::-1])]
    for publisher in publishers:
        publisher.start()
    reads = 0
    while any(publisher.is_alive() for publisher in publishers):
        manifest = load_manifest(locate(shelf, "squeezesam"))
        assert all(manifest.path(kind).is_file() for kind in manifest.files)
        reads += 1
        time.sleep(0.005)
    assert [publisher.exitcode for publisher in publishers] == [0, 0]
    assert reads > 0
    lines = history(shelf, "squeezesam")
    assert set(lines) == {load_manifest(folder).version for folder in folders}
    assert all(a != b for a, b in pairwise(lines)), "a repeated line would make a rollback do nothing"


def test_the_command_publishes_lists_and_rolls_back(shelf: Path, exported: Callable[[str], Path]) -> None:
    def answer(*arguments: object) -> dict:
        argv = ["models", *map(str, arguments), "--store", str(shelf), "--json"]
        result = CliRunner().invoke(app, argv, env={"COLUMNS": "200"}, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    first, second = answer("publish", exported("a")), answer("publish", exported("b"))
    serving = [row["version"] for row in answer("list")["models"] if row["serves"]]
    assert second["version"] in serving and first["version"] not in serving
    assert answer("show", first["version"])["facts"] == {"note": "test"}
    assert answer("rollback") == first
    assert os.path.samefile(locate(shelf, "squeezesam"), first["directory"])
