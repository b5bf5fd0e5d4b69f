"""The two processes behind the queue: the worker runs jobs, the scheduler lets waiting ones start and finds lost ones.

The scheduler is a process of its own: RQ's `--with-scheduler` lives on when its worker is killed, and the next job is
lost.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import redis
from rq import Queue
from rq.job import Job
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer
from rq.worker import Worker

from backend.allowed_job import AllowedJob
from backend.jobs import WORK, RedisJobs, answering
from backend.leash import leash

HEARTBEAT_SECONDS = 5
MISSED_HEARTBEATS = 4
"""After so many, a job's worker counts as killed."""
IDLE_SECONDS = 20
"""An idle worker looks for jobs that were abandoned 15 seconds sooner than this (RQ's worker_ttl)."""
RECONCILE_SECONDS = 10.0


class JobWorker(Worker):
    """Runs allowed jobs, each in a forked process that dies with this one.

    When it is asked to end (SIGTERM), it asks the job to stop; the next worker goes on with it.
    """

    job_class = AllowedJob
    _die_with_worker: Callable[[], None] | None = None

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """Seconds; RQ's own adds a minute, in which nobody takes over a killed worker's job."""
        return MISSED_HEARTBEATS * self.job_monitoring_interval

    def handle_warm_shutdown_request(self) -> None:
        super().handle_warm_shutdown_request()
        if self.horse_pid:
            os.kill(self.horse_pid, signal.SIGUSR1)

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        self._die_with_worker = leash()
        super().fork_work_horse(job, queue)

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()
        if self._die_with_worker is not None:
            self._die_with_worker()


class Scheduler(RQScheduler):
    """Starts jobs whose time has come, and asks again for work that no job has done."""

    def __init__(self, jobs: RedisJobs, **options: Any) -> None:
        # named by the machine: a killed scheduler's successor has its locks at once, not after a minute
        super().__init__(
            [work.queue for work in WORK.values()],
            connection=jobs.connection,
            serializer=JSONSerializer,
            name=f"squeezesam-{socket.gethostname()}",
            **options,
        )
        self._jobs = jobs
        self._reconciled = 0.0

    def enqueue_scheduled_jobs(self) -> None:
        super().enqueue_scheduled_jobs()
        if self.acquired_locks and time.monotonic() - self._reconciled > RECONCILE_SECONDS:
            self._jobs.reconcile()
            self._reconciled = time.monotonic()


def work(url: str, kinds: Sequence[str]) -> None:
    """Run jobs of some kinds until SIGTERM or Ctrl-C, the first kind's first.

    Raises QueueError if the server at `url` does not answer; when it goes, the worker ends, for a supervisor to start
    it anew.
    """
    connection = redis.Redis.from_url(url)
    with answering():
        connection.ping()
    worker = JobWorker(
        [
            Queue(WORK[kind].queue, connection=connection, job_class=AllowedJob, serializer=JSONSerializer)
            for kind in kinds
        ],
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=IDLE_SECONDS,
        maintenance_interval=HEARTBEAT_SECONDS,
        job_monitoring_interval=HEARTBEAT_SECONDS,
    )
    worker.work(with_scheduler=False)


def schedule(jobs: RedisJobs) -> None:
    """Run the scheduler until SIGTERM or Ctrl-C. Raises QueueError when the server does not answer."""
    with answering():
        Scheduler(jobs).work()
