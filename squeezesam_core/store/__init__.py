"""A store of model versions: each under a name that its content gives, and for each network which one serves.

A store is a folder (folder.py), or a prefix of a bucket that fsspec reaches, as s3://BUCKET/PREFIX (bucket.py). Whoever
reads while somebody publishes, and whatever is killed meanwhile, the old version serves or the new one, whole.
"""

from pathlib import Path

from squeezesam_core import registry
from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import Manifest
from squeezesam_core.store.folder import FolderStore
from squeezesam_core.store.protocol import Store

__all__ = [
    "DETECTOR",
    "SEGMENTER",
    "Address",
    "find",
    "history",
    "is_folder",
    "locate",
    "publish",
    "rollback",
    "versions",
]

SEGMENTER, DETECTOR = "squeezesam", "saliency"
"""The names of the two networks, and of their folders in default_weights()."""
Address = str | Path
"""A folder's path, or a URL that fsspec knows."""


def locate(weights: Address, name: str) -> Path:
    """The folder on this machine of the version of `name` (SEGMENTER or DETECTOR) that serves.

    weights: a store, or a folder with squeezesam/ and saliency/ as the ones that ship. What it lacks, ships: a store
    that holds a segmenter alone serves it with the shipped detector. Raises ModelFileError if `weights` is no folder,
    or a bucket that cannot be read.
    """
    if is_folder(weights) and not Path(weights).is_dir():
        raise ModelFileError(f"There is no folder {weights}.", "Set SQUEEZESAM_WEIGHTS to the folder of the versions.")
    store = _open(weights)
    lines = store.history(name)
    if lines:
        return store.fetch(lines[0])
    plain = Path(weights) / name if is_folder(weights) else None
    return plain if plain is not None and plain.is_dir() else registry.default_weights() / name


def history(store: Address, name: str) -> list[str]:
    """Versions of `name` that were published, the one in service first; empty if none was. Raises ModelFileError."""
    return _open(store).history(name)


def versions(store: Address) -> list[Manifest]:
    """Every version in a store, in service or not, by name. Files of a bucket's may not be on this machine yet: `find`.

    Raises ModelFileError.
    """
    return _open(store).versions()


def find(model: str, store: Address | None) -> Manifest:
    """A version by its folder, or by its version or name among those that ship and the store's; its files are here.

    Raises ModelFileError.
    """
    known = versions(store) if store else []
    manifest = registry.find(model, known)
    return registry.load_manifest(_open(store).fetch(manifest.version)) if store and manifest in known else manifest


def publish(folder: Path, store: Address) -> Manifest:
    """Copy the version in `folder` into the store and make it serve; one that is there already is not copied again.

    Raises ModelFileError, and changes nothing, if a file is missing or damaged.
    """
    return _open(store).publish(folder)


def rollback(store: Address, name: str) -> Manifest:
    """Make the version serve that served before. Raises ModelFileError if there is none, or it is damaged."""
    return _open(store).rollback(name)


def is_folder(store: Address) -> bool:
    """Whether an address is a path, and not a URL."""
    return "://" not in str(store)


def _open(store: Address) -> Store:
    if is_folder(store):
        return FolderStore(Path(store))
    from squeezesam_core.store.bucket import BucketStore  # fsspec takes a tenth of a second

    return BucketStore(str(store))
