"""Jobs as the web process sees them: asked for at once, handed to the queue by a thread that does not give up."""

import logging
import threading
from queue import SimpleQueue
from typing import Protocol

from backend.events import Event
from backend.status import QUEUE_OFF, JobsOverview, Problems
from squeezesam_core.errors import SqueezeSAMError

PRE_ANNOTATION, FINE_TUNING = "preannotate", "finetune"
"""Kinds of work."""
CALLED_FOR = {"TASKS_CREATED": PRE_ANNOTATION, "START_TRAINING": FINE_TUNING}
"""What an action of Label Studio calls for. START_TRAINING is its button, and each so many annotations, if the project
says so."""
AGAIN_SECONDS = 5.0
"""How long to wait before handing over again what the queue did not take."""

_DONE = {PRE_ANNOTATION: "pre-annotated", FINE_TUNING: "learnt from"}

log = logging.getLogger(__name__)


class QueueError(SqueezeSAMError):
    """No Redis or Valkey that answers, or no such job."""


class NoQueueError(QueueError):
    """No queue is configured, so it is of no use to ask again."""


class Jobs(Protocol):
    """Where work is asked for. Both methods raise QueueError."""

    def request(self, kind: str, project: int) -> None:
        """Ask for a kind of work in a project."""
        ...

    def overview(self) -> JobsOverview: ...


class NoJobs:
    """Without REDIS_URL: predictions are made when Label Studio asks for them, and by `squeezesam preannotate`; the
    model learns by `squeezesam fine-tune`."""

    def request(self, kind: str, project: int) -> None:
        """Raises NoQueueError where somebody waits for what will not happen."""
        if kind == FINE_TUNING:
            raise NoQueueError(
                f"Project {project} is to be learnt from, and REDIS_URL is not set.",
                f"Set it and run a worker, or run `squeezesam fine-tune --project {project}`.",
            )
        log.info("Project %d has new tasks; without REDIS_URL nothing pre-annotates them ahead.", project)

    def overview(self) -> JobsOverview:
        return JobsOverview(f"{QUEUE_OFF}: REDIS_URL is not set, so new tasks are not pre-annotated ahead")


class Outbox:
    """Hands requests to the queue from a thread of its own: Label Studio gives a webhook one second, and sends it once.

    What the queue does not take is recorded as a problem and handed over again until it does. What waits here when the
    process ends is made up for by the next request for the project, since a job looks at the whole project.
    """

    def __init__(self, jobs: Jobs, problems: Problems, again_seconds: float = AGAIN_SECONDS) -> None:
        self._jobs = jobs
        self._problems = problems
        self._again_seconds = again_seconds
        self._waiting: SimpleQueue[tuple[str, int] | None] = SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="outbox", daemon=True)

    def take(self, event: Event) -> None:
        """Ask for what an event calls for; returns at once."""
        if event.action in CALLED_FOR:
            self._waiting.put((CALLED_FOR[event.action], event.project))

    def overview(self) -> JobsOverview:
        """For people; says what is wrong when the queue does not answer."""
        try:
            return self._jobs.overview()
        except QueueError as error:
            return JobsOverview(f"{error.cause} {error.remedy}")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what the queue does not take is dropped."""
        self._ended.set()
        self._waiting.put(None)
        self._thread.join()

    def _deliver(self) -> None:
        while (wanted := self._waiting.get()) is not None:
            told = False
            while not self._handed_over(*wanted, told) and not self._ended.wait(self._again_seconds):
                told = True

    def _handed_over(self, kind: str, project: int, told: bool) -> bool:
        try:
            self._jobs.request(kind, project)
        except Exception as error:  # a bug must not end the only thread that delivers
            if not told:
                self._problems.record(f"Asking for project {project} to be {_DONE[kind]}", error)
            return isinstance(error, NoQueueError)
        return True
