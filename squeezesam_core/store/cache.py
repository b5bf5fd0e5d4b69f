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
from squeezesam_core.registry import MANIFEST, load_manifest

KEPT = 8
"""Versions, of some 40 MB; the ones that were asked for longest ago go. A program that serves has them in memory."""

ABANDONED_SECONDS = 86400.0
"""After these a download that did not end is deleted."""


def place(version: str) -> Path:
    """Where a version is, or will be."""
    return user_cache_path("squeezesam") / "versions" / version


def fetch(version: str, download: Callable[[Path], None]) -> Path:
    """The folder of a version. download: fills the folder that it is given with a checked version; called if there is
    none yet, or one that lacks something. Two processes may download at once; the slower one's copy goes."""
    target = place(version)
    if not _complete(target):
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unfinished-") as folder:
            work = Path(folder, "version")
            work.mkdir()
            download(work)
            with suppress(OSError):  # it is there by now
                work.rename(target)
    os.utime(target)
    _tidy(target.parent)
    return target


def _complete(folder: Path) -> bool:
    try:
        files = load_manifest(folder).files.values()
        return all((folder / file.name).stat().st_size == file.bytes for file in files)
    except (ModelFileError, OSError):
        return False


def _tidy(folder: Path) -> None:
    for unfinished in folder.glob(".unfinished-*"):  # of a killed process, or one at work
        with suppress(OSError):
            if time.time() - unfinished.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(unfinished)
    by_age = sorted(folder.glob(f"*/{MANIFEST}"), key=lambda path: path.parent.stat().st_mtime, reverse=True)
    for manifest in by_age[KEPT:]:
        shutil.rmtree(manifest.parent, ignore_errors=True)
