"""What the backend says of itself: the model in service, the last failures with cause and remedy, the last jobs."""

import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from backend.annotator import Service
from backend.history import History
from backend.logs import request_id
from squeezesam_core.errors import SqueezeSAMError

KEPT_PROBLEMS = 20
QUEUE_ON, QUEUE_OFF = "on", "off"
UNTOUCHED_IOU = 0.99
"""From here on, a submitted mask counts as the predicted one: Label Studio's page alters single pixels by itself."""

SELF_CHECKS = {"int8": "passed", "fp32": "failed"}

INTERNAL_REMEDY = "Look for the request id in the backend's log, and report the error shown there."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Problem:
    """A failure: when (UTC, ISO 8601), in which request, doing what, why, and what to do."""

    at: str
    request: str
    doing: str
    cause: str
    remedy: str


class Problems:
    """The last failures; threads may share it, appending to a deque is atomic."""

    def __init__(self) -> None:
        self._kept: deque[Problem] = deque(maxlen=KEPT_PROBLEMS)

    def record(self, doing: str, error: Exception) -> Problem:
        """Log a failure and keep it; one that is not a SqueezeSAMError is a bug and is logged with its traceback."""
        cause, remedy = explained(error)
        if isinstance(error, SqueezeSAMError):
            log.warning("%s failed: %s %s", doing, cause, remedy)
        else:
            log.error("%s failed", doing, exc_info=error)
        problem = Problem(datetime.now(UTC).isoformat(timespec="seconds"), request_id.get(), doing, cause, remedy)
        self._kept.append(problem)
        return problem

    def latest_first(self) -> list[Problem]:
        """The kept failures."""
        return list(reversed(self._kept))


@dataclass(frozen=True)
class Refusal:
    """Why the version that is to serve does not, and the one before it goes on.

    at: UTC, ISO 8601; version: its model_version, "" if the store does not tell.
    """

    at: str
    version: str
    cause: str
    remedy: str


@dataclass(frozen=True)
class JobRecord:
    """A job as people see it.

    kind: such as "preannotate"; state: queued, running, finished, failed or cancelled; queued, started, ended: UTC, ISO
    8601; progress: 0..1; message: how it went, with cause and remedy of a failure.
    """

    id: str
    kind: str
    project: int
    state: str
    queued: str
    started: str | None = None
    ended: str | None = None
    progress: float = 0.0
    message: str = ""


@dataclass(frozen=True)
class JobsOverview:
    """The queue as people see it. queue: QUEUE_ON, or why there is none, beginning with QUEUE_OFF where none is
    configured; jobs: the last one of each project, the latest first."""

    queue: str = QUEUE_OFF
    jobs: Sequence[JobRecord] = ()


def waiting(overview: JobsOverview) -> int | None:
    """How many jobs wait; None where the queue does not answer."""
    return sum(job.state == "queued" for job in overview.jobs) if overview.queue == QUEUE_ON else None


@dataclass(frozen=True)
class Status:
    """Everything that /status shows.

    started: time.monotonic() at the start. label_studio: its address, None if not set. refusal: of a version that was
    published and does not serve.
    """

    service: Service
    started: float
    history: History
    problems: Sequence[Problem]
    overview: JobsOverview
    label_studio: str | None
    refusal: Refusal | None = None

    @property
    def uptime(self) -> float:
        """Seconds."""
        return time.monotonic() - self.started

    def as_json(self) -> dict[str, Any]:
        """For GET /status.json."""
        ious, clicks = list(self.history.ious), list(self.history.clicks_per_mask)
        return {
            "model_version": self.service.model_version,
            "not_served": None if self.refusal is None else asdict(self.refusal),
            "segmenter": network(self.service.segmenter_precision),
            "detector": network(self.service.detector_precision),
            "uptime_s": round(self.uptime),
            "problems": [asdict(problem) for problem in self.problems],
            "queue": self.overview.queue,
            "jobs": [asdict(job) for job in self.overview.jobs],
            "clicks_last_hour": [asdict(latency) for latency in self.history.click_latencies()],
            "photos_last_hour": [asdict(latency) for latency in self.history.photo_latencies()],
            "masks_compared": len(ious),
            "mean_iou": mean(ious),
            "corrected_share": corrected_share(ious),
            "clicks_per_mask": mean(clicks),
        }


def explained(error: Exception) -> tuple[str, str]:
    """Cause and remedy; of a bug only its kind, as people see them."""
    if isinstance(error, SqueezeSAMError):
        return error.cause, error.remedy
    return f"Internal error ({type(error).__name__}).", INTERNAL_REMEDY


def network(precision: str) -> dict[str, str]:
    """int8 serves only after its self-check, fp32 where that failed; squeezesam_core.ort_session logs the details."""
    return {"precision": precision, "self_check": SELF_CHECKS.get(precision, "none")}


def mean(values: Sequence[float]) -> float | None:
    """None of nothing."""
    return sum(values) / len(values) if values else None


def corrected_share(ious: Sequence[float]) -> float | None:
    """Share, 0..1, of predicted masks that annotators changed or dropped; None of nothing."""
    return mean([float(iou < UNTOUCHED_IOU) for iou in ious])
