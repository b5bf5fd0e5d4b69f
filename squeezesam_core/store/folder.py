"""A store in a folder: folders named by their content, and for each network one small pointer to what serves.

    STORE/versions/squeezesam-0123456789ab/   a version, as export writes it; never changed once it is there
    STORE/squeezesam.current                  a version in each line: the first serves, those below it served before

A version is copied under a temporary name, and served only when the pointer is replaced by one rename. Publishers wait
for one another.
"""

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import MANIFEST, Manifest, load_manifest, load_whole
from squeezesam_core.store.protocol import DETECTOR, SEGMENTER, before_last, published_over

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FolderStore:
    """A store in `root`, which is made when something is published. Implements protocol.Store."""

    root: Path

    def history(self, name: str) -> list[str]:
        pointer = self.root / f"{name}.current"
        return pointer.read_text(encoding="utf-8").split() if pointer.is_file() else []

    def versions(self) -> list[Manifest]:
        """Those that were published; in a folder as the ones that ship, those that lie in it."""
        found = []
        published = sorted(self.root.glob(f"versions/*/{MANIFEST}"))
        plain = [path for name in (SEGMENTER, DETECTOR) if (path := self.root / name / MANIFEST).is_file()]
        for path in (*published, *plain):
            try:
                found.append(load_manifest(path.parent))
            except ModelFileError as error:
                log.warning("%s is passed over: %s", path.parent, error.cause)
        return found

    def fetch(self, version: str) -> Path:
        published = self.root / "versions" / version
        if published.is_dir():
            return published
        plain = [manifest.directory for manifest in self.versions() if manifest.version == version]
        if not plain:
            raise ModelFileError(f"{self.root} has no {version}.", "See `squeezesam models list`.")
        return plain[0]

    def publish(self, folder: Path, before: Path | None, over: str | None) -> Manifest:
        manifest = load_manifest(folder)
        with self._only_publisher():
            lines = self.history(manifest.name)
            if not lines and before is not None:
                lines = [self._copied(load_manifest(before)).version]
            lines = published_over(lines, manifest.version, over)
            published = self._copied(manifest)
            self._point(manifest.name, lines)
        return published

    def rollback(self, name: str) -> Manifest:
        if not self.root.is_dir():
            raise ModelFileError(f"There is no folder {self.root}.", "Name the store that was published in.")
        with self._only_publisher():
            lines = before_last(self.history(name), str(self.root), name)
            previous = _undamaged(self.fetch(lines[0]))
            self._point(name, lines)
        return previous

    def _copied(self, manifest: Manifest) -> Manifest:
        """The version in the store, copied if it is not there yet."""
        target = self.root / "versions" / manifest.version
        if not target.exists():
            _copy(manifest, target)
        return _undamaged(target)

    @contextmanager
    def _only_publisher(self) -> Iterator[None]:
        """Hold the store's lock, which the kernel lets go of however the process ends; clear what a killed one left.

        Raises ModelFileError for whatever the disk says meanwhile.
        """
        try:
            (self.root / "versions").mkdir(parents=True, exist_ok=True)
            with (self.root / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                for unfinished in self.root.glob(".unfinished-*"):
                    shutil.rmtree(unfinished)
                yield
        except OSError as error:
            cause = f"{self.root} cannot be written ({error.strerror or error})."
            raise ModelFileError(cause, "Free space there, or let this user write there.") from error

    def _point(self, name: str, lines: list[str]) -> None:
        """Replace the pointer by one rename."""
        with tempfile.TemporaryDirectory(dir=self.root, prefix=".unfinished-") as folder:
            pointer = Path(folder, "current")
            pointer.write_text("\n".join(lines) + "\n", encoding="utf-8")
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


def _undamaged(folder: Path) -> Manifest:
    """The version in a folder of the store, after all of it was checked."""
    try:
        return load_whole(folder)
    except ModelFileError as error:
        raise ModelFileError(error.cause, f"Delete {folder}, and publish the version again.") from error


def _flush(path: Path) -> None:
    """Wait until a file or folder is on the disk: a rename must not outlive a power cut that its content did not."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
