"""What tests of the queue wait for."""

import time
from collections.abc import Callable

from backend.jobs import RedisJobs


def until(condition: Callable[[], object], seconds: float = 150.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def state(jobs: RedisJobs) -> str:
    return jobs.overview().jobs[0].state
