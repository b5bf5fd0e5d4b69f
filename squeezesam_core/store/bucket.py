"""A store in a bucket (S3, or what else fsspec reaches), for machines that share no folder.

    ADDRESS/files/9f86d081884c7d65…                    a file of a version, under its SHA-256
    ADDRESS/versions/squeezesam-0123456789ab.json      a version's manifest; comes after its files
    ADDRESS/squeezesam.history/00000012                the history after the twelfth change: the first line serves

An object store cannot rename or lock. It can refuse to create what is there (S3: If-None-Match), so every change of
what serves is a record of its own under the next number, and of two publishers who want one number one looks again.
Versions are read from a cache on this machine (cache.py).
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec

from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import MANIFEST, File, Manifest, load_manifest, load_whole, read_manifest
from squeezesam_core.store import cache
from squeezesam_core.store.protocol import VERSION, before_last, published_over

ATTEMPTS = 20
"""Of writing the next record; each that fails means that somebody else published in that moment."""

log = logging.getLogger(__name__)


class BucketStore:
    """A store at `address`, a URL that fsspec knows. Implements protocol.Store; keeps nothing between calls.

    The bucket must create on condition: AWS S3 and Google's do, MinIO and R2 in versions since 2024.
    """

    def __init__(self, address: str) -> None:
        """Raises ModelFileError if the address is wrong or its package is missing."""
        self._address = address.rstrip("/")
        with self._reached():
            self._files, root = fsspec.url_to_fs(self._address, use_listings_cache=False)
        self._root = str(root).rstrip("/")

    def history(self, name: str) -> list[str]:
        with self._reached():
            return self._history(name)[1]

    def versions(self) -> list[Manifest]:
        found = []
        with self._reached():
            for path in self._names("versions"):
                version = path.removesuffix(".json")
                text = self._text(f"versions/{path}") if VERSION.fullmatch(version) else None
                try:
                    found += [] if text is None else [read_manifest(text, cache.place(version))]
                except ModelFileError as error:
                    log.warning("%s/versions/%s is passed over: %s", self._address, path, error.cause)
        return found

    def fetch(self, version: str) -> Path:
        """From the cache; if it is not there, downloaded, and checked against its hashes and its name."""
        if not VERSION.fullmatch(version):
            raise ModelFileError(f"{self._address} names {version!r}, which is no version.", "Publish one again.")
        return cache.fetch(version, lambda folder: self._download(version, folder))

    def publish(self, folder: Path, before: Path | None, over: str | None) -> Manifest:
        manifest = load_whole(folder)
        older = [] if before is None else [self._upload(load_whole(before)).version]
        self._upload(manifest)
        self._change(manifest.name, lambda lines: published_over(lines or older, manifest.version, over))
        return manifest

    def rollback(self, name: str) -> Manifest:
        def without_first(lines: list[str]) -> list[str]:
            left = before_last(lines, self._address, name)
            self.fetch(left[0])
            return left

        return load_manifest(self.fetch(self._change(name, without_first)))

    def _upload(self, manifest: Manifest) -> Manifest:
        with self._reached():
            for file in manifest.files.values():
                if self._size(file) != file.bytes:
                    self._files.put_file(str(manifest.directory / file.name), self._place(file))
            text = (manifest.directory / MANIFEST).read_text(encoding="utf-8")
            self._create(f"versions/{manifest.version}.json", text)  # the one there may have other files for phones
        return manifest

    def _change(self, name: str, changed: Callable[[list[str]], list[str]]) -> str:
        """Write the next record of `name`, again if somebody else was faster; the version that it has serve."""
        for _ in range(ATTEMPTS):
            with self._reached():
                number, before = self._history(name)
            lines = changed(before)
            with self._reached():
                record = f"{name}.history/{number + 1:08}"
                if lines == before or self._create(record, "\n".join(lines) + "\n"):
                    return lines[0]
        raise ModelFileError(f"Others publish in {self._address} without end.", "Try again when they are done.")

    def _create(self, path: str, text: str) -> bool:
        """Write what is not there yet. Whether it is there now with this text: after a request that failed, or that was
        sent again because its answer was lost, what is there tells."""
        try:
            self._files.pipe_file(f"{self._root}/{path}", text.encode(), mode="create")
        except Exception:
            found = self._text(path)
            if found is None:
                raise
            return found == text
        return True

    def _history(self, name: str) -> tuple[int, list[str]]:
        """The number of the last record and its lines; 0 and none if there is none."""
        numbers = [int(number) for number in self._names(f"{name}.history") if number.isdecimal()]
        if not numbers:
            return 0, []
        return max(numbers), (self._text(f"{name}.history/{max(numbers):08}") or "").split()

    def _names(self, folder: str) -> list[str]:
        """What is in a folder; nothing if there is no folder, but a bucket that is not there is an error."""
        try:
            paths = self._files.ls(f"{self._root}/{folder}", detail=False)
        except FileNotFoundError as error:
            if error.__cause__ is not None:  # the server's own word; that nothing has such a name, s3fs itself says
                raise
            return []
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in paths)

    def _text(self, path: str) -> str | None:
        try:
            return str(self._files.cat_file(f"{self._root}/{path}").decode("utf-8", errors="replace"))
        except FileNotFoundError:
            return None

    def _place(self, file: File) -> str:
        return f"{self._root}/files/{file.sha256}"

    def _size(self, file: File) -> int | None:
        try:
            return int(self._files.size(self._place(file)))
        except FileNotFoundError:
            return None

    def _download(self, version: str, folder: Path) -> None:
        with self._reached():
            text = self._text(f"versions/{version}.json")
            if text is None:
                raise ModelFileError(f"{self._address} has no {version}.", "See `squeezesam models list`.")
            there = f"{self._address}/versions/{version}.json"
            manifest = read_manifest(text, folder)
            if manifest.version != version:
                raise ModelFileError(f"{there} is the manifest of {manifest.version}.", f"Delete {there}.")
            for file in manifest.files.values():
                if not re.fullmatch("[0-9a-f]{64}", file.sha256):
                    raise ModelFileError(f"{there} has a hash that is none.", f"Delete {there}, and publish again.")
                self._files.get_file(self._place(file), str(folder / file.name))
                if File.of(folder / file.name) != file:
                    damaged = f"{self._address}/files/{file.sha256}"
                    raise ModelFileError(f"{damaged} is damaged.", "Delete it, and publish the version again.")
        (folder / MANIFEST).write_text(text, encoding="utf-8")

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Errors of the kind of store at hand as ours; each kind has exceptions of its own."""
        try:
            yield
        except ModelFileError:
            raise
        except ImportError as error:
            remedy = "pip install 'squeezesam-label-studio[s3]', or the package for fsspec that serves such addresses."
            raise ModelFileError(f"{self._address} cannot be reached: {error}.", remedy) from error
        except Exception as error:
            cause = f"{self._address} cannot be used ({type(error).__name__}: {error})."
            raise ModelFileError(cause, "Check the address, the network and the credentials.") from error
