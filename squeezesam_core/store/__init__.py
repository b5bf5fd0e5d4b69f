"""A store of model versions: each under a name that its content gives, and for each network which one serves.

A store is a folder (folder.py), or a prefix of a bucket that fsspec reaches, as s3://BUCKET/PREFIX (bucket.py). Whoever
reads while somebody publishes, and whatever is killed meanwhile, the old version serves or the new one, whole.
"""

from pathlib import Path

from squeezesam_core import registry
from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import Manifest, load_manifest, load_whole
from squeezesam_core.store.folder import FolderStore
from squeezesam_core.store.protocol import DETECTOR, SEGMENTER, VERSION, OvertakenError, Store

__all__ = [
    "DETECTOR",
    "SEGMENTER",
    "Address",
    "OvertakenError",
    "find",
    "history",
    "in_service",
    "is_folder",
    "locate",
    "publish",
    "rollback",
    "versions",
]

Address = str | Path
"""A folder's path, or a URL that fsspec knows."""


def locate(weights: Address, name: str) -> Path:
    """The folder on this machine of the version of `name` (SEGMENTER or DETECTOR) that serves.

    weights: a store, or a folder with squeezesam/ and saliency/ as the ones that ship. What it lacks, ships: a store
    that holds a segmenter alone serves it with the shipped detector. Raises ModelFileError if `weights` is no folder,
    or a bucket that cannot be read.
    """
    lines = history(weights, name)
    return _open(weights).fetch(lines[0]) if lines else _unpublished(weights, name)


def in_service(weights: Address, name: str) -> str:
    """The version of `name` that serves; nothing of it is fetched. Raises ModelFileError as locate."""
    lines = history(weights, name)
    return lines[0] if lines else load_manifest(_unpublished(weights, name)).version


def history(store: Address, name: str) -> list[str]:
    """Versions of `name` that were published, the one in service first; empty if none was.

    Raises ModelFileError as locate.
    """
    if is_folder(store) and not Path(store).is_dir():
        raise ModelFileError(f"There is no folder {store}.", "Set SQUEEZESAM_WEIGHTS to the folder of the versions.")
    return _open(store).history(name)


def versions(store: Address) -> list[Manifest]:
    """Every version in a store that can be read, in service or not, by name. Files of a bucket's may not be on this
    machine yet: `find`. Raises ModelFileError if the store cannot be read."""
    return _open(store).versions()


def find(model: str, store: Address | None) -> Manifest:
    """A version by its folder, or by its version or name among those that ship, or by its version in the store; its
    files are on this machine. Raises ModelFileError."""
    try:
        return registry.find(model)
    except ModelFileError:
        if store is None or not VERSION.fullmatch(model):
            raise
    return load_manifest(_open(store).fetch(model))


def publish(folder: Path, store: Address, over: str | None = None) -> Manifest:
    """Copy the version in `folder` into the store and make it serve; one that is there already is not copied again.

    The first one goes on top of what served so far, which is copied as well, so that a rollback finds it.
    over: the version that it is to take the place of. Raises OvertakenError if another one serves, ModelFileError if a
    file is missing or damaged; then nothing has changed.
    """
    name = load_manifest(folder).name
    opened = _open(store)
    before = None if opened.history(name) else _unpublished(store, name)
    try:
        before = None if before is None else load_whole(before).directory
    except ModelFileError:  # nothing to go back to
        before = None
    return opened.publish(folder, before, over)


def rollback(store: Address, name: str) -> Manifest:
    """Make the version serve that served before. Raises ModelFileError if there is none, or it is damaged."""
    return _open(store).rollback(name)


def is_folder(store: Address) -> bool:
    """Whether an address is a path, and not a URL."""
    return "://" not in str(store)


def _unpublished(weights: Address, name: str) -> Path:
    """What serves where nothing was published: in a folder as the ones that ship, its own; else what ships."""
    plain = Path(weights) / name if is_folder(weights) else None
    return plain if plain is not None and plain.is_dir() else registry.default_weights() / name


def _open(store: Address) -> Store:
    if is_folder(store):
        return FolderStore(Path(store))
    from squeezesam_core.store.bucket import BucketStore  # fsspec takes a tenth of a second

    return BucketStore(str(store))
