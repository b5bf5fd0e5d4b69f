"""Label Studio in a virtual environment of its own: its pins and this project's cannot live in one (redis, rq)."""

import sys
from collections.abc import Iterator
from pathlib import Path

from backend.demo.processes import follow

LABEL_STUDIO = "label-studio==1.23.2"
_WIDTH = 60  # characters of a line of pip that are shown


def executable(venv: Path) -> Path:
    """The label-studio command of a virtual environment."""
    return venv / "bin" / "label-studio"


def is_installed(venv: Path) -> bool:
    """True when the installation in `venv` was finished, and is of the version this project knows."""
    marker = _marker(venv)
    return executable(venv).exists() and marker.exists() and marker.read_text() == LABEL_STUDIO


def install(venv: Path, log: Path) -> Iterator[str]:
    """Install Label Studio into `venv`, yielding what is being done, a few times a second.

    What an interrupted installation left there is cleared first; the packages it had fetched come from pip's cache.
    Raises ProcessError, with the end of the log, when a step fails.
    """
    for _ in follow("Python's venv", [sys.executable, "-m", "venv", "--clear", str(venv)], {}, log):
        yield "creating a virtual environment"
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--progress-bar", "off", "--disable-pip-version-check"]
    for line in follow("pip", [*pip, LABEL_STUDIO], {}, log):
        yield line[:_WIDTH]
    _marker(venv).write_text(LABEL_STUDIO)


def _marker(venv: Path) -> Path:
    return venv / "installation-finished"
