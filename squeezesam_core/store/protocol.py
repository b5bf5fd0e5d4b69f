"""What a store of model versions can do, whatever it is kept in."""

from pathlib import Path
from typing import Protocol

from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import Manifest

KEPT_LINES = 100
"""Lines of a history: how far a rollback can go."""


class Store(Protocol):
    """The functions of squeezesam_core.store, for one store. All raise ModelFileError."""

    def history(self, name: str) -> list[str]: ...

    def versions(self) -> list[Manifest]: ...

    def fetch(self, version: str) -> Path:
        """The folder of a version on this machine."""
        ...

    def publish(self, folder: Path) -> Manifest: ...

    def rollback(self, name: str) -> Manifest: ...


def kept(lines: list[str]) -> list[str]:
    """A history as it is written: its newest lines, without one that repeats the line above it, which would make a
    rollback do nothing."""
    return [line for line, above in zip(lines, [None, *lines], strict=False) if line != above][:KEPT_LINES]


def nothing_before(store: str, name: str) -> ModelFileError:
    """The error of a rollback that finds nothing to go back to."""
    cause = f"{store} has no version of {name!r} before the one in service."
    return ModelFileError(cause, "See `squeezesam models list`.")
