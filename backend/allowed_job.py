"""Jobs whose function is on a list: whoever can write to Redis must not thereby run what he likes."""

from collections.abc import Callable
from typing import Any

from rq.job import Job

from backend.outbox import QueueError

PRE_ANNOTATE = "backend.preannotate_job.run"
FINE_TUNE = "backend.fine_tune_job.run"
ALLOWED = frozenset({PRE_ANNOTATE, FINE_TUNE})
"""Dotted names of the functions that a worker runs. Payloads are JSON, never pickle."""


class AllowedJob(Job):
    """A job that runs only functions in ALLOWED, and calls neither callbacks nor web addresses.

    RQ itself imports and calls any dotted name that it finds in Redis, os.system for one.
    """

    @property
    def func(self) -> Callable[..., Any]:
        """Raises QueueError for a function that is not on the list."""
        if self.func_name not in ALLOWED or self.instance is not None:
            raise QueueError(f"The job {self.id} wants to run {self.func_name}, which is not allowed.", "Delete it.")
        function: Callable[..., Any] = super().func
        return function

    @property
    def success_callback(self) -> None:
        return None

    @property
    def failure_callback(self) -> None:
        return None

    @property
    def stopped_callback(self) -> None:
        return None

    def send_webhooks(self, *arguments: Any, **more: Any) -> None:
        """None: a job's record tells how it ended."""
