"""A store in a bucket (S3, or what else fsspec reaches), for machines that share no folder.

    ADDRESS/versions/squeezesam-0123456789ab/…     a version; it is there once its manifest is, which comes last
    ADDRESS/squeezesam.history/00000012            the history after the twelfth change: the first line serves

An object store cannot rename or lock. It can refuse to create what is there (S3: If-None-Match), so every change of
what serves is a record of its own under the next number, and of two publishers who want one number one looks again.
Versions are read from a cache on this machine (cache.py).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec

from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import MANIFEST, Manifest, load_manifest, load_whole, read_manifest
from squeezesam_core.store import cache
from squeezesam_core.store.protocol import kept, nothing_before

ATTEMPTS = 20
"""Of writing the next record; each that fails means that somebody else published in that moment."""
VERSION = re.compile(r"[a-z]+-[0-9a-f]{12}")
"""What a bucket may name: the names become folders on this machine."""


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
        with self._reached():
            names = [name for name in self._names("versions") if VERSION.fullmatch(name)]
            texts = {name: self._text(f"versions/{name}/{MANIFEST}") for name in names}
        return [read_manifest(text, cache.place(name)) for name, text in texts.items() if text is not None]

    def fetch(self, version: str) -> Path:
        """From the cache; if it is not there, downloaded, and checked against its hashes and its name."""
        if not VERSION.fullmatch(version):
            raise ModelFileError(f"{self._address} names {version!r}, which is no version.", "Publish one again.")
        return cache.fetch(version, lambda folder: self._download(version, folder))

    def publish(self, folder: Path) -> Manifest:
        manifest = load_whole(folder)
        there = f"{self._root}/versions/{manifest.version}"
        with self._reached():
            if not self._files.exists(f"{there}/{MANIFEST}"):
                for name in (*(file.name for file in manifest.files.values()), MANIFEST):
                    self._files.put_file(str(folder / name), f"{there}/{name}")
            for file in manifest.files.values():
                if self._files.size(f"{there}/{file.name}") != file.bytes:
                    raise ModelFileError(f"{there}/{file.name} is damaged.", "Delete the folder, and publish again.")
        self._change(manifest.name, lambda lines: [manifest.version, *lines])
        return manifest

    def rollback(self, name: str) -> Manifest:
        def without_first(lines: list[str]) -> list[str]:
            if len(lines) < 2:
                raise nothing_before(self._address, name)
            self.fetch(lines[1])
            return lines[1:]

        return load_manifest(self.fetch(self._change(name, without_first)))

    def _change(self, name: str, changed: Callable[[list[str]], list[str]]) -> str:
        """Write the next record of `name`, again if somebody else was faster; the version that it has serve."""
        for _ in range(ATTEMPTS):
            with self._reached():
                number, before = self._history(name)
            lines = kept(changed(before))
            if lines == before or self._record(name, number + 1, lines):
                return lines[0]
        raise ModelFileError(f"Others publish in {self._address} without end.", "Try again when they are done.")

    def _record(self, name: str, number: int, lines: list[str]) -> bool:
        """Whether the record could be created; False if the number is taken."""
        content = "\n".join(lines) + "\n"
        with self._reached():
            try:
                self._files.pipe_file(f"{self._root}/{name}.history/{number:08}", content.encode(), mode="create")
            except FileExistsError:
                return False
        return True

    def _history(self, name: str) -> tuple[int, list[str]]:
        """The number of the last record and its lines; 0 and none if there is none.

        Raises ModelFileError if there is no such bucket: what an empty store lacks ships, but a misspelt one is none.
        """
        numbers = [int(number) for number in self._names(f"{name}.history") if number.isdecimal()]
        if not numbers:
            if not self._files.exists(self._root.split("/")[0]):
                raise ModelFileError(f"{self._address} names a bucket that is not there.", "Check SQUEEZESAM_WEIGHTS.")
            return 0, []
        return max(numbers), (self._text(f"{name}.history/{max(numbers):08}") or "").split()

    def _names(self, folder: str) -> list[str]:
        try:
            paths = self._files.ls(f"{self._root}/{folder}", detail=False)
        except FileNotFoundError:
            return []
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in paths)

    def _text(self, path: str) -> str | None:
        try:
            return str(self._files.cat_file(f"{self._root}/{path}").decode("utf-8"))
        except FileNotFoundError:
            return None

    def _download(self, version: str, folder: Path) -> None:
        there = f"{self._root}/versions/{version}"
        with self._reached():
            text = self._text(f"versions/{version}/{MANIFEST}")
            if text is None:
                raise ModelFileError(f"{self._address} has no {version}.", "See `squeezesam models list`.")
            manifest = read_manifest(text, folder)
            for file in manifest.files.values():
                self._files.get_file(f"{there}/{file.name}", str(folder / file.name))
        (folder / MANIFEST).write_text(text, encoding="utf-8")
        if load_whole(folder).version != version:
            raise ModelFileError(f"{there} holds {manifest.version}.", "Delete it there, and publish it again.")

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
