"""A store of model versions: folders named by their content, and for each network one small pointer to what serves.

    STORE/versions/squeezesam-0123456789ab/   a version, as export writes it; never changed once it is there
    STORE/squeezesam.current                  a version in each line: the first serves, those below it served before

A version is copied under a temporary name, and served only when the pointer is replaced by one rename: whoever reads
meanwhile, and whatever is killed meanwhile, the old version serves or the new one, whole.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from squeezesam_core import registry
from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import MANIFEST, Manifest, load_manifest

SEGMENTER, DETECTOR = "squeezesam", "saliency"
"""The names of the two networks, and of their folders in default_weights()."""
KEPT_LINES = 100
"""Lines of a pointer: how far a rollback can go."""


def locate(weights: Path, name: str) -> Path:
    """The folder of the version of `name` (SEGMENTER or DETECTOR) that serves.

    weights: a store, or a folder with squeezesam/ and saliency/ as the ones that ship. What it lacks, ships: a store
    that holds a segmenter alone serves it with the shipped detector. Raises ModelFileError if `weights` is no folder.
    """
    if not weights.is_dir():
        raise ModelFileError(f"There is no folder {weights}.", "Set SQUEEZESAM_WEIGHTS to the folder of the versions.")
    lines = history(weights, name)
    if lines:
        return weights / "versions" / lines[0]
    plain = weights / name
    return plain if plain.is_dir() else registry.default_weights() / name


def history(store: Path, name: str) -> list[str]:
    """Versions of `name` that were published, the one in service first; empty if none was."""
    pointer = store / f"{name}.current"
    return pointer.read_text(encoding="utf-8").split() if pointer.is_file() else []


def versions(store: Path) -> list[Manifest]:
    """Every version in a store, in service or not, by name."""
    return [load_manifest(path.parent) for path in sorted(store.glob(f"versions/*/{MANIFEST}"))]


def publish(folder: Path, store: Path) -> Manifest:
    """Copy the version in `folder` into the store and make it serve; one that is there already is not copied again.

    Publishers wait for one another. Raises ModelFileError, and changes nothing, if a file is missing or damaged.
    """
    manifest = load_manifest(folder)
    with _only_publisher(store):
        target = store / "versions" / manifest.version
        if not target.exists():
            _copy(manifest, target)
        published = _checked(target)
        _point(store, manifest.name, [manifest.version, *history(store, manifest.name)])
    return published


def rollback(store: Path, name: str) -> Manifest:
    """Make the version serve that served before. Raises ModelFileError if there is none, or it is damaged."""
    with _only_publisher(store):
        lines = history(store, name)
        if len(lines) < 2:
            raise ModelFileError(
                f"{store} has no version of {name!r} before the one in service.", "See `squeezesam models list`."
            )
        previous = _checked(store / "versions" / lines[1])
        _point(store, name, lines[1:])
    return previous


@contextmanager
def _only_publisher(store: Path) -> Iterator[None]:
    """Hold the store's lock, which the kernel lets go of however the process ends; clear what a killed one left."""
    (store / "versions").mkdir(parents=True, exist_ok=True)
    with (store / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for unfinished in store.glob(".unfinished-*"):
            shutil.rmtree(unfinished)
        yield


def _copy(manifest: Manifest, target: Path) -> None:
    store = target.parents[1]
    with tempfile.TemporaryDirectory(dir=store, prefix=".unfinished-") as folder:
        work = Path(folder, "version")
        work.mkdir()
        for name in (*(file.name for file in manifest.files.values()), MANIFEST):
            if not (manifest.directory / name).is_file():
                raise ModelFileError(f"{manifest.directory / name} is missing.", "Export the version again.")
            shutil.copyfile(manifest.directory / name, work / name)
            _flush(work / name)
        _checked(work)
        _flush(work)
        work.rename(target)
        _flush(target.parent)


def _checked(folder: Path) -> Manifest:
    manifest = load_manifest(folder)
    for kind in manifest.files:
        manifest.path(kind)
    return manifest


def _point(store: Path, name: str, lines: list[str]) -> None:
    """Replace the pointer by one rename; a line that repeats the one above it is left out."""
    kept = [line for line, above in zip(lines, [None, *lines], strict=False) if line != above]
    with tempfile.TemporaryDirectory(dir=store, prefix=".unfinished-") as folder:
        pointer = Path(folder, "current")
        pointer.write_text("\n".join(kept[:KEPT_LINES]) + "\n", encoding="utf-8")
        _flush(pointer)
        pointer.replace(store / f"{name}.current")
    _flush(store)


def _flush(path: Path) -> None:
    """Wait until a file or folder is on the disk: a rename must not outlive a power cut that its content did not."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
