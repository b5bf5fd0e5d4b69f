"""Versions that were fetched from a bucket, on this machine: the folder of this user's caches, XDG_CACHE_HOME on Linux.

A version's name is the hash of its files, so whatever bucket it came from it is the same, and it never becomes stale.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import MANIFEST, load_whole

KEPT = 8
"""Versions, of some 50 MB; the ones that were asked for longest ago go. A program that serves has them in memory."""
ABANDONED_SECONDS = 86400.0
"""After these a download that did not end is deleted."""


def place(version: str) -> Path:
    """Where a version is, or will be."""
    return user_cache_path("squeezesam") / "versions" / version


def fetch(version: str, download: Callable[[Path], None]) -> Path:
    """The folder of a version, all of whose files have the right hash.

    download: fills the folder that it is given with a checked version; called if there is none yet, or a damaged one.
    Two processes may download at once; the slower one's copy goes. Raises ModelFileError if the disk refuses.
    """
    target = place(version)
    try:
        if not _whole(target):
            shutil.rmtree(target, ignore_errors=True)
            _fill(target, download)
        os.utime(target)
    except OSError as error:
        cause = f"{target.parent} cannot hold {version} ({error.strerror or error})."
        raise ModelFileError(cause, "Free space there, or set XDG_CACHE_HOME to another folder.") from error
    _tidy(target.parent)
    return target


def _fill(target: Path, download: Callable[[Path], None]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unfinished-") as folder:
        work = Path(folder, "version")
        work.mkdir()
        download(work)
        try:
            work.rename(target)
        except OSError:
            if not _whole(target):  # nobody else has put it there meanwhile
                raise


def _whole(folder: Path) -> bool:
    try:
        load_whole(folder)
    except (ModelFileError, OSError):
        return False
    return True


def _tidy(folder: Path) -> None:
    """Delete what is too much or was left behind; what another process deletes meanwhile is no matter."""
    with suppress(OSError):
        by_age = sorted(folder.glob(f"*/{MANIFEST}"), key=lambda path: path.parent.stat().st_mtime, reverse=True)
        for manifest in by_age[KEPT:]:
            shutil.rmtree(manifest.parent, ignore_errors=True)
        for unfinished in folder.glob(".unfinished-*"):
            if time.time() - unfinished.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(unfinished, ignore_errors=True)
