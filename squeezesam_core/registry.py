"""Model versions: a folder with the files of one version and the manifest that names and hashes them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from squeezesam_core.errors import ModelFileError
from squeezesam_core.geometry import NetworkInput

MANIFEST = "manifest.json"
PHONE_KINDS = ("ort", "executorch")
"""Files for phones: int8, made of a version's other files, and not the same bytes each time."""


@dataclass(frozen=True)
class File:
    """One file of a version: its name in the version's folder, SHA-256 in hex, and size."""

    name: str
    sha256: str
    bytes: int

    @classmethod
    def of(cls, path: Path) -> "File":
        data = path.read_bytes()
        return cls(path.name, hashlib.sha256(data).hexdigest(), len(data))


@dataclass(frozen=True)
class Manifest:
    """What a version is made of.

    name: "squeezesam" or "saliency"; preset: of model/presets.py; spec: the input it is made for; files: by kind
    (int8, fp32, checkpoint, golden, and PHONE_KINDS); facts: how it was trained and what was measured, as its makers
    wrote it. The version is the hash of the files but for those for phones, so that equal files are one version and a
    changed file is another.
    """

    directory: Path
    name: str
    preset: str
    spec: NetworkInput
    files: Mapping[str, File]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """name-xxxxxxxxxxxx, by the content of the files."""
        counted = sorted(kind for kind in self.files if kind not in PHONE_KINDS)
        joined = "\n".join(f"{kind} {self.files[kind].sha256}" for kind in counted)
        return f"{self.name}-{hashlib.sha256(joined.encode()).hexdigest()[:12]}"

    def path(self, kind: str) -> Path:
        """The file of a kind, after its hash was checked. Raises ModelFileError."""
        if kind not in self.files:
            raise ModelFileError(f"{self.directory} has no {kind} file.", "Export the version again.")
        file = self.files[kind]
        path = self.directory / file.name
        if not path.is_file():
            raise ModelFileError(f"{path} is missing.", "Restore the file or export the version again.")
        if File.of(path) != file:
            raise ModelFileError(
                f"{path} is not the file that its manifest describes (SHA-256 differs).",
                "It is damaged or was replaced: restore it or export the version again.",
            )
        return path

    def write(self) -> None:
        """Write the manifest into its directory."""
        document = {
            "name": self.name,
            "version": self.version,
            "preset": self.preset,
            "spec": asdict(self.spec),
            "files": {kind: asdict(file) for kind, file in self.files.items()},
            "facts": dict(self.facts),
        }
        (self.directory / MANIFEST).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def load_manifest(directory: Path) -> Manifest:
    """Read a version's manifest. Raises ModelFileError: missing, not ours, or naming a file outside its folder."""
    try:
        text = (directory / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ModelFileError(f"{directory} holds no model version (no {MANIFEST}).", "Check the path.") from error
    except ValueError as error:
        raise ModelFileError(f"{directory / MANIFEST} is not text.", "Export the version again.") from error
    return read_manifest(text, directory)


def load_whole(directory: Path) -> Manifest:
    """Read a version's manifest, and check every file that it names against its hash. Raises ModelFileError."""
    manifest = load_manifest(directory)
    for kind in manifest.files:
        manifest.path(kind)
    return manifest


def read_manifest(text: str, directory: Path) -> Manifest:
    """The manifest in `text`, of files in `directory`. Raises ModelFileError: not ours, or naming a file elsewhere."""
    path = directory / MANIFEST
    try:
        document = json.loads(text)
        manifest = Manifest(
            directory=directory,
            name=str(document["name"]),
            preset=str(document["preset"]),
            spec=NetworkInput(**document["spec"]),
            files={kind: File(**file) for kind, file in document["files"].items()},
            facts=document.get("facts", {}),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"{path} is not a manifest ({error!r}).", "Export the version again.") from error
    for file in manifest.files.values():
        if Path(file.name).name != file.name:
            raise ModelFileError(f"{path} names a file outside its folder: {file.name}.", "Export the version again.")
    return manifest


def default_weights() -> Path:
    """The folder of the versions that ship: inside the installed package, or at the top of a clone."""
    package = Path(__file__).resolve().parent
    installed = package / "weights"
    return installed if installed.is_dir() else package.parent / "weights"


def shipped() -> list[Manifest]:
    """The versions that ship with this installation."""
    return [load_manifest(path.parent) for path in sorted(default_weights().glob(f"*/{MANIFEST}"))]


def find(model: str) -> Manifest:
    """A version by its folder, or by its version or name among those that ship. Raises ModelFileError."""
    if Path(model).is_dir():
        return load_manifest(Path(model))
    for manifest in shipped():
        if model in (manifest.version, manifest.name):
            return manifest
    raise ModelFileError(f"There is no model {model!r}.", "See `squeezesam models list`, or give a version's folder.")
