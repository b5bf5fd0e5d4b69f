"""Jobs as the web process sees them: asked for at once, handed to the queue by a thread that does not give up."""

import logging
import threading
from queue import SimpleQueue
from typing import Protocol

from backend.events import Event
from backend.status import QUEUE_OFF, JobsOverview, Problems
from squeezesam_core.errors import SqueezeSAMError

AGAIN_SECONDS = 5.0
"""How long to wait before handing over again what the queue did not take."""

log = logging.getLogger(__name__)


class QueueError(SqueezeSAMError):
    """No Redis or Valkey that answers, or no such job."""


class Jobs(Protocol):
    """Where work is asked for. Both methods raise QueueError."""

    def request(self, project: int) -> None:
        """Ask for a project to be pre-annotated."""
        ...

    def overview(self) -> JobsOverview: ...


class NoJobs:
    """Without REDIS_URL: predictions are made when Label Studio asks for them, and by `squeezesam preannotate`."""

    def request(self, project: int) -> None:
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
        self._waiting: SimpleQueue[int | None] = SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="outbox", daemon=True)

    def take(self, event: Event) -> None:
        """Ask for what an event calls for; returns at once."""
        if event.action == "TASKS_CREATED":
            self._waiting.put(event.project)

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
        while (project := self._waiting.get()) is not None:
            told = False
            while not self._handed_over(project, told) and not self._ended.wait(self._again_seconds):
                told = True

    def _handed_over(self, project: int, told: bool) -> bool:
        try:
            self._jobs.request(project)
        except Exception as error:  # a bug must not end the only thread that delivers
            if not told:
                self._problems.record(f"Asking for project {project} to be pre-annotated", error)
            return False
        return True
