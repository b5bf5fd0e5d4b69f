"""Jobs in Redis: what is wanted is counted there, and one job of a kind and project works until it has caught up.

A counter says how often work was asked for, another how much of that a finished job had seen. Whatever dies, the first
stays above the second, and the reconciler (backend.worker.Scheduler) asks again. So a job may be killed at any moment
and repeated: what it runs goes on where it was.
"""

import json
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from rq import Queue, Retry, Worker
from rq.command import send_stop_job_command
from rq.exceptions import DuplicateJobError, InvalidJobOperation
from rq.job import JobStatus
from rq.serializers import JSONSerializer

from backend.allowed_job import FINE_TUNE, PRE_ANNOTATE, AllowedJob
from backend.label_studio import MissingProjectError
from backend.outbox import FINE_TUNING, PRE_ANNOTATION, QueueError
from backend.settings import Settings, SettingsError
from backend.status import JobRecord, JobsOverview
from squeezesam_core.errors import InvalidDatasetError, ParityError, SqueezeSAMError


@dataclass(frozen=True)
class Work:
    """What jobs of a kind run, by its dotted name, and the queue that they wait in.

    Fine-tuning takes its time, and must not hold up photos that somebody is about to open.
    """

    function: str
    queue: str


WORK = {
    PRE_ANNOTATION: Work(PRE_ANNOTATE, "squeezesam"),
    FINE_TUNING: Work(FINE_TUNE, "squeezesam-fine-tuning"),
}
WANTED, DONE, RECORDS = "squeezesam:wanted", "squeezesam:done", "squeezesam:jobs"

DEBOUNCE = timedelta(seconds=2)
"""Label Studio tells of an import in parts; one job serves them all."""
TRIES_AFTER = [5, 30, 120]
"""Seconds to the next tries of a job that failed."""
FAILED_AGAIN = timedelta(minutes=10)
"""When the reconciler asks again for a job that failed at every try."""
LONGEST = 24 * 3600
"""Seconds until a job counts as stuck; it goes on in a new one."""
CONNECT_SECONDS, ANSWER_SECONDS = 2.0, 5.0

FOR_GOOD = (InvalidDatasetError, MissingProjectError, ParityError, SettingsError)
"""Errors that somebody must mend before the work is asked for again; a deleted project's is never asked for again."""

WAITING = ("queued", "running")
ENDED = (JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELED)

log = logging.getLogger(__name__)


class RedisJobs:
    """The queue as its users see it; every method raises QueueError when Redis does not answer."""

    def __init__(self, url: str) -> None:
        self.connection = redis.Redis.from_url(
            url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=ANSWER_SECONDS
        )
        self._queues = {
            kind: Queue(work.queue, connection=self.connection, job_class=AllowedJob, serializer=JSONSerializer)
            for kind, work in WORK.items()
        }

    def request(self, kind: str, project: int) -> None:
        """Ask for work in a project; many requests of one kind within DEBOUNCE are one job."""
        with answering():
            self.connection.hincrby(WANTED, _identifier(kind, project), 1)
            self._enqueue(kind, project)

    def overview(self) -> JobsOverview:
        """The last job of each kind and project, the latest first."""
        with answering():
            records = [JobRecord(**json.loads(value)) for value in self.connection.hvals(RECORDS)]
            current = [self._as_it_is(record) for record in records]
        return JobsOverview("on", sorted(current, key=lambda record: record.started or record.queued, reverse=True))

    def cancel(self, identifier: str) -> None:
        """Stop a job, or take it off the queue; it comes back when work is asked for again."""
        with answering():
            record = self._stored(identifier)
            if record is None:
                raise QueueError(f"There is no job {identifier!r}.", "See `squeezesam jobs list`.")
            self.connection.hset(DONE, identifier, self.connection.hget(WANTED, identifier) or "0")
            job = self._queues[record.kind].fetch_job(identifier)
            if job is not None and job.get_status() == JobStatus.STARTED:
                with suppress(InvalidJobOperation):  # it has just ended
                    send_stop_job_command(self.connection, identifier, serializer=JSONSerializer)
            elif job is not None:
                job.delete()
            self._write(replace(record, state="cancelled", ended=_now(), message="Cancelled."))

    def reconcile(self) -> None:
        """Ask again for what was wanted and no job has done: requests that fell between two jobs, and lost jobs."""
        with answering():
            done = self.connection.hgetall(DONE)
            for identifier, wanted in self.connection.hgetall(WANTED).items():
                try:
                    kind, project = _parts(identifier if isinstance(identifier, str) else identifier.decode())
                    behind = int(wanted) > int(done.get(identifier, 0))
                except ValueError:
                    log.warning("%r in %s is no work of ours and is passed over.", identifier, WANTED)
                    continue
                if behind and not self._failed_lately(kind, project):
                    self._enqueue(kind, project)

    @contextmanager
    def running(self, kind: str, project: int) -> "Iterator[Run]":
        """Around the work of a job: its record, and what it answers of what was wanted is done if nothing is raised.

        An error of FOR_GOOD ends the job for good: another try would meet the same.
        """
        identifier = _identifier(kind, project)
        with answering():
            wanted, done = (int(self.connection.hget(counter, identifier) or 0) for counter in (WANTED, DONE))
            run = Run(self, self._stored(identifier) or _fresh(identifier), wanted, done)
            run.note(state="running", started=_now(), ended=None, progress=0.0, message="")
        log.info("Job %s begins", identifier)
        try:
            yield run
        except FOR_GOOD as error:
            log.warning("Job %s ends: %s", identifier, error)
            with answering():
                self.connection.hset(DONE, identifier, min(run.answered, wanted))
            run.note(state="failed", ended=_now(), message=str(error))
            return
        except Exception as error:
            known = isinstance(error, SqueezeSAMError)
            message = str(error) if known else f"Internal error ({type(error).__name__}): see the worker's log."
            run.note(state="failed", ended=_now(), message=message)
            raise
        log.info("Job %s ends: %s", identifier, run.record.message)
        if run.unfinished:
            run.note(state="queued", message="Stopped with its worker; the next one goes on.")
            return
        with answering():
            self.connection.hset(DONE, identifier, min(run.answered, wanted))
        run.note(state="finished", ended=_now(), progress=1.0)

    def _enqueue(self, kind: str, project: int) -> None:
        identifier, queue = _identifier(kind, project), self._queues[kind]
        old = queue.fetch_job(identifier)
        if old is not None and old.get_status() in ENDED:
            old.delete()  # its hash would make the next job a duplicate, for a year if it failed
        with suppress(DuplicateJobError):  # it waits, or it runs: the reconciler sees then that more was wanted
            queue.enqueue_in(
                DEBOUNCE,
                WORK[kind].function,
                project,
                job_id=identifier,
                unique=True,
                result_ttl=0,
                retry=Retry(max=len(TRIES_AFTER), interval=TRIES_AFTER),
                job_timeout=LONGEST,
            )
            self._write(_fresh(identifier))

    def _failed_lately(self, kind: str, project: int) -> bool:
        job = self._queues[kind].fetch_job(_identifier(kind, project))
        if job is None or job.get_status() != JobStatus.FAILED or job.ended_at is None:
            return False
        return datetime.now(UTC) - job.ended_at.astimezone(UTC) < FAILED_AGAIN

    def _as_it_is(self, record: JobRecord) -> JobRecord:
        """The record of a job whose process was killed still says running: RQ knows better."""
        if record.state not in WAITING:
            return record
        queue = self._queues[record.kind]
        job = queue.fetch_job(record.id)
        status = None if job is None else job.get_status()
        if status in (JobStatus.STOPPED, JobStatus.CANCELED):
            return replace(record, state="cancelled")
        if status == JobStatus.FAILED:
            return replace(record, state="failed", message=record.message or "Its process was killed.")
        if record.state == "queued" and not record.message and Worker.count(queue=queue) == 0:
            return replace(record, message=f"No worker takes it: start squeezesam worker --only {record.kind}.")
        if record.state == "running" and status in (JobStatus.QUEUED, JobStatus.SCHEDULED, None):
            return replace(record, state="queued", message=f"{record.message} Its process was killed; it goes on.")
        return record

    def _stored(self, identifier: str) -> JobRecord | None:
        stored = self.connection.hget(RECORDS, identifier)
        return None if stored is None else JobRecord(**json.loads(stored))

    def _write(self, record: JobRecord) -> None:
        self.connection.hset(RECORDS, record.id, json.dumps(asdict(record)))


@dataclass
class Run:
    """A running job: what it tells, and whether it was asked to stop.

    wanted, done: how often its work had been asked for when it began, and how much of that is done or was cancelled.
    The job says of itself: unfinished, whether another one is to go on with it; answered, how much of what was wanted
    it has done, if it goes on with older work.
    """

    jobs: RedisJobs
    record: JobRecord
    wanted: int
    done: int
    stopped: bool = False
    unfinished: bool = False
    answered: int = field(init=False)

    def __post_init__(self) -> None:
        self.answered = self.wanted
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGUSR1, self._stop)  # backend.worker sends it when the worker is asked to end

    def note(self, **changes: Any) -> None:
        """Change the record; without Redis the work goes on untold."""
        self.record = replace(self.record, **changes)
        try:
            self.jobs._write(self.record)
        except redis.RedisError as error:
            log.warning("The state of job %s is not written: %s", self.record.id, error)

    def _stop(self, *_: object) -> None:
        self.stopped = True


def redis_jobs(settings: Settings) -> RedisJobs:
    """The queue of REDIS_URL. Raises QueueError if it is not set."""
    return RedisJobs(redis_url(settings))


def redis_url(settings: Settings) -> str:
    """REDIS_URL. Raises QueueError if it is not set."""
    if settings.redis_url is None:
        raise QueueError("REDIS_URL is not set.", "Set it to the queue's server, redis://:PASSWORD@HOST:6379.")
    return settings.redis_url.get_secret_value()


def _identifier(kind: str, project: int) -> str:
    return f"{kind}-{project}"


def _parts(identifier: str) -> tuple[str, int]:
    """The kind and the project. Raises ValueError."""
    kind, _, project = identifier.rpartition("-")
    if kind not in WORK:
        raise ValueError(kind)
    return kind, int(project)


def _fresh(identifier: str) -> JobRecord:
    return JobRecord(identifier, *_parts(identifier), "queued", _now())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def answering() -> Iterator[None]:
    """Raises QueueError for what redis-py raises within."""
    try:
        yield
    except redis.RedisError as error:
        cause = f"The queue's server does not answer: {error or type(error).__name__}."
        raise QueueError(cause, "Check REDIS_URL, and that the server runs.") from error
