"""A store in a folder: publishers that are killed, and what else only a folder has."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from squeezesam_core import registry
from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import MANIFEST, File, Manifest, load_whole
from squeezesam_core.store import find, locate, publish, rollback, versions
from tests.squeezesam_core.conftest import write_version

REPOSITORY = Path(__file__).parents[3]


def test_the_layout_that_ships_is_located_unchanged(version: Callable[..., Manifest]) -> None:
    weights = version().directory.parent
    assert locate(weights, "squeezesam") == weights / "squeezesam"
    assert locate(registry.default_weights(), "saliency") == registry.default_weights() / "saliency"


def test_a_version_in_the_layout_that_ships_is_found_and_gone_back_to(
    tmp_path: Path, exported: Callable[[str], Path]
) -> None:
    plain = write_version(tmp_path / "own" / "squeezesam", 7, True)
    weights = plain.directory.parent
    (plain.directory / "own.pt").write_text("own")
    own = replace(plain, files={**plain.files, "checkpoint": File.of(plain.directory / "own.pt")})
    own.write()
    assert own.version in {manifest.version for manifest in versions(weights)}
    assert find(own.version, weights).directory == plain.directory
    publish(exported("a"), weights)
    assert rollback(weights, "squeezesam").version == own.version


def test_a_version_that_cannot_be_read_hides_no_other(folder: Path, exported: Callable[[str], Path]) -> None:
    first, second = publish(exported("a"), folder), publish(exported("b"), folder)
    (second.directory / MANIFEST).write_text("!")
    assert first.version in {manifest.version for manifest in versions(folder)}
    assert find(first.version, folder).directory == first.directory


def test_a_version_damaged_in_the_store_is_not_published_again_in_silence(
    folder: Path, exported: Callable[[str], Path]
) -> None:
    first = publish(exported("a"), folder)
    (first.directory / "extra.pt").write_text("!")
    with pytest.raises(ModelFileError) as caught:
        publish(exported("a"), folder)
    assert caught.value.remedy == f"Delete {first.directory}, and publish the version again."
    shutil.rmtree(first.directory)
    load_whole(publish(exported("a"), folder).directory)


@pytest.mark.parametrize(
    "use",
    [lambda folder, exported: publish(exported("a"), folder), lambda folder, _: rollback(folder, "squeezesam")],
    ids=["publish", "rollback"],
)
def test_a_folder_that_cannot_be_is_an_error_and_is_not_made(tmp_path: Path, exported, use) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFileError):
        use(tmp_path / "file" / "store", exported)
    with pytest.raises(ModelFileError, match="no folder"):
        rollback(tmp_path / "misspelt", "squeezesam")
    assert not (tmp_path / "misspelt").exists()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no folder"):
        locate(tmp_path / "nowhere", "squeezesam")


def test_a_version_that_is_refused_leaves_nothing(folder: Path, exported: Callable[[str], Path]) -> None:
    publish(exported("a"), folder)
    (exported("b") / "extra.pt").unlink()
    with pytest.raises(ModelFileError):
        publish(exported("b"), folder)
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "squeezesam.current", "versions"]


KILL_ME = """
import os, signal, sys
from pathlib import Path
from squeezesam_core.store import folder
step, count = sys.argv[3], int(sys.argv[4])
place = folder.FolderStore if hasattr(folder.FolderStore, step) else folder
original = getattr(place, step)
def dies(*arguments):
    global count
    count -= 1
    if count < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
setattr(place, step, dies)
folder.FolderStore(Path(sys.argv[2])).publish(Path(sys.argv[1]), None, None)
"""


@pytest.mark.parametrize(
    ("step", "count"),
    [("_flush", 0), ("_flush", 3), ("load_whole", 0), ("load_whole", 1), ("_point", 0), ("_flush", 7)],
)
def test_a_killed_publisher_leaves_the_old_version_serving(
    folder: Path, exported: Callable[[str], Path], killed: Callable[..., None], step: str, count: int
) -> None:
    first = publish(exported("a"), folder)
    killed(KILL_ME, exported("b"), folder, step, count)
    assert locate(folder, "squeezesam") == first.directory
    load_whole(first.directory)
    second = publish(exported("b"), folder)
    assert locate(folder, "squeezesam") == second.directory
    assert [path.name for path in folder.glob(".unfinished-*")] == []
