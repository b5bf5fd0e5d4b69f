"""What the backend says of itself: the model in service, the last failures with cause and remedy, the last jobs."""

import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from backend.annotator import Service
from backend.history import History
from backend.logs import request_id
from squeezesam_core.errors import SqueezeSAMError

KEPT_PROBLEMS = 20
QUEUE_ON = "on"
JOB_FIELDS = ("kind", "project", "state", "queued", "started", "ended", "progress", "message")
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
        if isinstance(error, SqueezeSAMError):
            cause, remedy = error.cause, error.remedy
            log.warning("%s failed: %s %s", doing, cause, remedy)
        else:
            cause, remedy = f"Internal error ({type(error).__name__}).", INTERNAL_REMEDY
            log.error("%s failed", doing, exc_info=error)
        problem = Problem(datetime.now(UTC).isoformat(timespec="seconds"), request_id.get(), doing, cause, remedy)
        self._kept.append(problem)
        return problem

    def latest_first(self) -> list[Problem]:
        """The kept failures."""
        return list(reversed(self._kept))


class Job(Protocol):
    """A job of the queue. kind: such as "preannotate"; state: queued, running, finished, failed or cancelled; queued,
    started, ended: UTC, ISO 8601; progress: 0..1; message: how it went, with cause and remedy of a failure.
    """

    @property
    def kind(self) -> str: ...
    @property
    def project(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def queued(self) -> str: ...
    @property
    def started(self) -> str | None: ...
    @property
    def ended(self) -> str | None: ...
    @property
    def progress(self) -> float: ...
    @property
    def message(self) -> str: ...


class JobsOverview(Protocol):
    """The queue as people see it. queue: "on", or why there is none; jobs: the latest first."""

    @property
    def queue(self) -> str: ...
    @property
    def jobs(self) -> Sequence[Job]: ...


@dataclass(frozen=True)
class NoQueue:
    """The overview where no queue is configured."""

    queue: str = "off"
    jobs: Sequence[Job] = ()


def waiting(overview: JobsOverview) -> int | None:
    """How many jobs wait; None where the queue does not answer."""
    return sum(job.state == "queued" for job in overview.jobs) if overview.queue == QUEUE_ON else None


@dataclass(frozen=True)
class Status:
    """Everything that /status shows.

    started: time.monotonic() at the start. label_studio: its address, None if not set.
    """

    service: Service
    started: float
    history: History
    problems: Sequence[Problem]
    overview: JobsOverview
    label_studio: str | None

    @property
    def uptime(self) -> float:
        """Seconds."""
        return time.monotonic() - self.started

    def as_json(self) -> dict[str, Any]:
        """For GET /status.json."""
        ious, clicks = list(self.history.ious), list(self.history.clicks_per_mask)
        return {
            "model_version": self.service.model_version,
            "segmenter": network(self.service.segmenter_precision),
            "detector": network(self.service.detector_precision),
            "uptime_s": round(self.uptime),
            "problems": [asdict(problem) for problem in self.problems],
            "queue": self.overview.queue,
            "jobs": [{field: getattr(job, field) for field in JOB_FIELDS} for job in self.overview.jobs],
            "clicks_last_hour": [asdict(latency) for latency in self.history.click_latencies()],
            "photos_last_hour": [asdict(latency) for latency in self.history.photo_latencies()],
            "masks_compared": len(ious),
            "mean_iou": mean(ious),
            "corrected_share": corrected_share(ious),
            "clicks_per_mask": mean(clicks),
        }


def network(precision: str) -> dict[str, str]:
    """int8 serves only after its self-check, fp32 where that failed; squeezesam_core.ort_session logs the details."""
    return {"precision": precision, "self_check": SELF_CHECKS.get(precision, "none")}


def mean(values: Sequence[float]) -> float | None:
    """None of nothing."""
    return sum(values) / len(values) if values else None


def corrected_share(ious: Sequence[float]) -> float | None:
    """Share, 0..1, of predicted masks that annotators changed or dropped; None of nothing."""
    return mean([float(iou < UNTOUCHED_IOU) for iou in ious])
