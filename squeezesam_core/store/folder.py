"""A store in a folder: folders named by their content, and for each network one small pointer to what serves.

    STORE/versions/squeezesam-0123456789ab/   a version, as export writes it; never changed once it is there
    STORE/squeezesam.current                  a version in each line: the first serves, those below it served before

A version is copied under a temporary name, and served only when the pointer is replaced by one rename. Publishers wait
for one another.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import MANIFEST, Manifest, load_manifest, load_whole
from squeezesam_core.store.protocol import kept, nothing_before


@dataclass(frozen=True)
class FolderStore:
    """A store in `root`, which is made when something is published. Implements protocol.Store."""

    root: Path

    def history(self, name: str) -> list[str]:
        pointer = self.root / f"{name}.current"
        return pointer.read_text(encoding="utf-8").split() if pointer.is_file() else []

    def versions(self) -> list[Manifest]:
        return [load_manifest(path.parent) for path in sorted(self.root.glob(f"versions/*/{MANIFEST}"))]

    def fetch(self, version: str) -> Path:
        return self.root / "versions" / version

    def publish(self, folder: Path) -> Manifest:
        manifest = load_manifest(folder)
        with self._only_publisher():
            target = self.fetch(manifest.version)
            if not target.exists():
                _copy(manifest, target)
            published = load_whole(target)
            self._point(manifest.name, [manifest.version, *self.history(manifest.name)])
        return published

    def rollback(self, name: str) -> Manifest:
        with self._only_publisher():
            lines = self.history(name)
            if len(lines) < 2:
                raise nothing_before(str(self.root), name)
            previous = load_whole(self.fetch(lines[1]))
            self._point(name, lines[1:])
        return previous

    @contextmanager
    def _only_publisher(self) -> Iterator[None]:
        """Hold the store's lock, which the kernel lets go of however the process ends; clear what a killed one left."""
        (self.root / "versions").mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for unfinished in self.root.glob(".unfinished-*"):
                shutil.rmtree(unfinished)
            yield

    def _point(self, name: str, lines: list[str]) -> None:
        """Replace the pointer by one rename."""
        with tempfile.TemporaryDirectory(dir=self.root, prefix=".unfinished-") as folder:
            pointer = Path(folder, "current")
            pointer.write_text("\n".join(kept(lines)) + "\n", encoding="utf-8")
            _flush(pointer)
            pointer.replace(self.root / f"{name}.current")
        _flush(self.root)


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
        load_whole(work)
        _flush(work)
        work.rename(target)
        _flush(target.parent)


def _flush(path: Path) -> None:
    """Wait until a file or folder is on the disk: a rename must not outlive a power cut that its content did not."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
