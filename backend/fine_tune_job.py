"""The job that learns from a project's labels; RQ calls `run` by its dotted name, in a process of its own.

ROUNDS/project-3/pulled/       labels and photos, which the next round renews
ROUNDS/project-3/current/      the round at hand; a killed job's successor goes on with it
ROUNDS/project-3/TIME/         ended rounds: verdict.json and the candidate
"""

import json
import logging
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backend import round as rounds
from backend.app import access, image_source
from backend.jobs import redis_jobs
from backend.label_studio import LabelStudioError, require
from backend.outbox import FINE_TUNING
from backend.pull import pull
from backend.round import Labels
from backend.settings import Settings, SettingsError, load_settings
from squeezesam_core.errors import InvalidDatasetError, ParityError
from squeezesam_core.store import is_folder

LEAST_PROGRESS = 0.01
"""The record is written no more often than this."""
NOT_KEPT = ("data", "run", "start.pt")
"""What of an ended round is deleted: the copies of the labels and of the version before, and training's checkpoints."""
KEPT_CANDIDATES = 5
"""Of the latest rounds, some 50 MB each; one that serves is in the store as well. Verdicts stay."""
MOST_LEFT_OUT = 0.2
"""The share of labelled tasks whose photos or labels cannot be had; above, the round waits for better times."""

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
        current, note = folder / "current", folder / "current" / "asked.json"
        asked = _read(note)
        if asked and asked["request"] <= job.done:  # it was cancelled, or another machine has answered it
            _put_away(folder)
            asked = {}
        _tidy(folder)

        job.answered = asked.get("request", job.wanted)

        def gather() -> Path:
            asked.update(request=job.wanted, **_pull(settings, project, folder / "pulled"))
            note.write_text(json.dumps(asked), encoding="utf-8")
            job.answered = job.wanted
            return folder / "pulled"

        def tell(progress: float, message: str) -> bool:
            if progress - job.record.progress >= LEAST_PROGRESS or message != job.record.message:
                job.note(progress=progress, message=message)
            return not job.stopped

        labels = Labels(f"project {project} of {settings.label_studio_url}", gather)
        try:
            result = rounds.run(current, settings.weights, labels, detector=settings.detector, tell=tell)
        except (InvalidDatasetError, ParityError):  # the next request begins anew, with the labels of then
            _put_away(folder)
            raise
        job.unfinished = result is None
        if result is not None:
            _put_away(folder)
            job.note(message=" ".join(filter(None, [describe(result), asked.get("left_out")])))


def _rounds(store: str, rounds: Path | None) -> Path:
    """The folder of all rounds. Raises SettingsError if the store is a bucket and none is set."""
    if rounds is None and not is_folder(store):
        raise SettingsError(
            f"SQUEEZESAM_ROUNDS is not set, and {store} is no folder, so a round has nowhere to work.",
            "Set it to a folder that outlives this worker; several workers share it, or each works alone.",
        )
    return rounds or Path(store) / "rounds"


def _pull(settings: Settings, project: int, out: Path) -> dict[str, str]:
    """Renew the labels in `out`; what to tell of those that were left out.

    Raises LabelStudioError if they are more than MOST_LEFT_OUT: a round must not learn from what happens to be there.
    """
    label_studio, client = access(settings)
    images = image_source(settings, label_studio, client)
    pulled = pull(project, out, require(label_studio), images, workers=settings.concurrency)
    for failure in pulled.failures:
        log.warning("Task %d is left out: %s %s", failure.task, failure.cause, failure.remedy)
    if not pulled.failures:
        return {}
    first = pulled.failures[0]
    told = f"{len(pulled.failures)} tasks were left out, the first, {first.task}: {first.cause}"
    if len(pulled.failures) > MOST_LEFT_OUT * (pulled.labelled + len(pulled.failures)):
        raise LabelStudioError(f"Of {pulled.labelled + len(pulled.failures)} labelled tasks {told}", first.remedy)
    return {"left_out": told}


def _read(note: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


def _put_away(folder: Path) -> None:
    """End the round at hand, in one step; what is not kept of it goes then, or before the next round."""
    (folder / "current").rename(folder / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ"))
    _tidy(folder)


def _tidy(folder: Path) -> None:
    ended = sorted(path for path in folder.glob("*T*Z") if path.is_dir())
    for number, round_ in enumerate(reversed(ended)):
        for name in (*NOT_KEPT, *(("candidate",) if number >= KEPT_CANDIDATES else ())):
            path = round_ / name
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def describe(result: dict[str, Any]) -> str:
    """What came of a round, for people."""
    figures = ", ".join(
        f"{figure} {100 * before:.1f} → {100 * result['candidate'][figure]:.1f}"
        for figure, before in result["serving"].items()
    )
    consequence = "It serves." if result["serves"] else f"{result['from']} goes on."
    return f"{result['version']}: {result['why']} {consequence} IoU in % on {result['objects']} objects: {figures}."
