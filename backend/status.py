"""The last failures with cause and remedy, for the log and GET /status: Label Studio's page shows none of them."""

import logging
from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from backend.logs import request_id
from squeezesam_core.errors import SqueezeSAMError

KEPT_PROBLEMS = 20

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

    def latest_first(self) -> list[dict[str, str]]:
        """The kept failures, ready for JSON."""
        return [asdict(problem) for problem in reversed(self._kept)]
