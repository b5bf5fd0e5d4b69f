"""What a check found."""

from dataclasses import dataclass
from typing import Literal

from squeezesam_core.errors import SqueezeSAMError


@dataclass(frozen=True)
class Finding:
    """state: "ok", "doubtful" (works, but perhaps not as wanted) or "wrong"; says: what was found, a cause unless ok;
    remedy: what to do, empty if ok.
    """

    check: str
    state: Literal["ok", "doubtful", "wrong"]
    says: str
    remedy: str = ""


def ok(check: str, says: str) -> Finding:
    return Finding(check, "ok", says)


def doubtful(check: str, cause: str, remedy: str) -> Finding:
    return Finding(check, "doubtful", cause, remedy)


def wrong(check: str, cause: str, remedy: str) -> Finding:
    return Finding(check, "wrong", cause, remedy)


def failed(check: str, error: SqueezeSAMError) -> Finding:
    """What the code itself would say about it."""
    return wrong(check, error.cause, error.remedy)
