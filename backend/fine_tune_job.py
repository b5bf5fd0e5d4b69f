"""The job that learns from a project's labels; RQ calls `run` by its dotted name, in a process of its own.

ROUNDS/project-3/pulled/       labels and photos, which the next round renews
ROUNDS/project-3/current/      the round at hand; a killed job's successor goes on with it
ROUNDS/project-3/TIME/         ended rounds: verdict.json and the candidate
"""

import logging
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backend import round as rounds
from backend.app import access, image_source
from backend.jobs import redis_jobs
from backend.label_studio import require
from backend.outbox import FINE_TUNING
from backend.pull import pull
from backend.settings import Settings, SettingsError, load_settings
from squeezesam_core.store import is_folder

LEAST_PROGRESS = 0.01
"""The record is written no more often than this."""
NOT_KEPT = ("data", "run")
"""What of an ended round is deleted: the copy of the labels, and the training's checkpoints."""

log = logging.getLogger(__name__)


def run(project: int) -> None:
    """Run a round, or what is left of one. Raises SqueezeSAMError; RQ then tries again."""
    settings = load_settings()
    with redis_jobs(settings).running(FINE_TUNING, project) as job:
        if settings.weights is None:
            raise SettingsError(
                "SQUEEZESAM_WEIGHTS is not set, so a new version would be nowhere.",
                "Set it to one store for this worker and the backend.",
            )
        folder = _rounds(settings.weights, settings.rounds) / f"project-{project}"

        def tell(progress: float, message: str) -> bool:
            if progress - job.record.progress >= LEAST_PROGRESS or message != job.record.message:
                job.note(progress=progress, message=message)
            return not job.stopped

        result = rounds.run(
            folder / "current", settings.weights, lambda: _labels(settings, project, folder / "pulled"), tell=tell
        )
        if result is not None:
            _put_away(folder)
            job.note(message=describe(result))


def _rounds(store: str, rounds: Path | None) -> Path:
    """The folder of all rounds. Raises SettingsError if the store is a bucket and none is set."""
    if rounds is None and not is_folder(store):
        raise SettingsError(
            f"SQUEEZESAM_ROUNDS is not set, and {store} is no folder, so a round has nowhere to work.",
            "Set it to a folder that outlives this worker; several workers share it, or each works alone.",
        )
    return rounds or Path(store) / "rounds"


def _labels(settings: Settings, project: int, out: Path) -> Path:
    label_studio, client = access(settings)
    images = image_source(settings, label_studio, client)
    pulled = pull(project, out, require(label_studio), images, workers=settings.concurrency)
    for failure in pulled.failures:
        log.warning("Task %d is left out: %s %s", failure.task, failure.cause, failure.remedy)
    return out


def _put_away(folder: Path) -> None:
    for name in NOT_KEPT:
        shutil.rmtree(folder / "current" / name, ignore_errors=True)
    (folder / "current").rename(folder / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"))


def describe(result: dict[str, Any]) -> str:
    """What came of a round, for people."""
    figures = ", ".join(
        f"{figure} {100 * before:.1f} → {100 * result['candidate'][figure]:.1f}"
        for figure, before in result["serving"].items()
    )
    consequence = "It serves." if result["serves"] else f"{result['from']} goes on."
    return f"{result['version']}: {result['why']} {consequence} IoU in % on {result['objects']} objects: {figures}."
