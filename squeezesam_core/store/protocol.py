"""What a store of model versions can do, whatever it is kept in."""

import re
from pathlib import Path
from typing import Protocol

from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import Manifest

SEGMENTER, DETECTOR = "squeezesam", "saliency"
"""The names of the two networks, and of their folders in default_weights()."""
KEPT_LINES = 100
"""Lines of a history: how far a rollback can go."""
VERSION = re.compile(r"[a-z]+-[0-9a-f]{12}")
"""What a version is called: names become folders."""


class OvertakenError(ModelFileError):
    """Another version serves than the one whose place was to be taken."""


class Store(Protocol):
    """The functions of squeezesam_core.store, for one store. All raise ModelFileError."""

    def history(self, name: str) -> list[str]: ...

    def versions(self) -> list[Manifest]: ...

    def fetch(self, version: str) -> Path:
        """The folder of a version on this machine."""
        ...

    def publish(self, folder: Path, before: Path | None, over: str | None) -> Manifest:
        """before: the folder of what served so far, to be copied too, if nothing was published yet."""
        ...

    def rollback(self, name: str) -> Manifest: ...


def published_over(lines: list[str], version: str, over: str | None) -> list[str]:
    """The history `lines` after `version` was published. Raises OvertakenError if another one serves than `over`."""
    if over is not None and lines[:1] not in ([over], [version]):
        raise OvertakenError(
            f"{lines[0] if lines else 'Nothing'} serves by now, and {version} was to take the place of {over}.",
            "Compare it with the one that serves.",
        )
    return kept([version, *lines])


def before_last(lines: list[str], store: str, name: str) -> list[str]:
    """The history `lines` after a rollback. Raises ModelFileError if there is nothing to go back to."""
    if len(lines) < 2:
        cause = f"{store} has no version of {name!r} before the one in service."
        raise ModelFileError(cause, "See `squeezesam models list`.")
    return lines[1:]


def kept(lines: list[str]) -> list[str]:
    """A history as it is written: its newest lines, without one that repeats the line above it, which would make a
    rollback do nothing."""
    return [line for line, above in zip(lines, [None, *lines], strict=False) if line != above][:KEPT_LINES]
