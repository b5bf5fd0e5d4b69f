"""A store in a folder: publishers that are killed, and what else only a folder has."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from squeezesam_core import registry
from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import Manifest, load_whole
from squeezesam_core.store import locate, publish

REPOSITORY = Path(__file__).parents[3]


def test_the_layout_that_ships_is_located_unchanged(version: Callable[..., Manifest]) -> None:
    weights = version().directory.parent
    assert locate(weights, "squeezesam") == weights / "squeezesam"
    assert locate(registry.default_weights(), "saliency") == registry.default_weights() / "saliency"


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
folder.FolderStore(Path(sys.argv[2])).publish(Path(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("step", "count"),
    [("_flush", 0), ("_flush", 3), ("load_whole", 0), ("load_whole", 1), ("_point", 0), ("_flush", 7)],
)
def test_a_killed_publisher_leaves_the_old_version_serving(
    folder: Path, exported: Callable[[str], Path], step: str, count: int
) -> None:
    first = publish(exported("a"), folder)
    argv = [sys.executable, "-c", KILL_ME, exported("b"), folder, step, str(count)]
    killed = subprocess.run([str(part) for part in argv], cwd=REPOSITORY, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert locate(folder, "squeezesam") == first.directory
    load_whole(first.directory)
    second = publish(exported("b"), folder)
    assert locate(folder, "squeezesam") == second.directory
    assert [path.name for path in folder.glob(".unfinished-*")] == []
