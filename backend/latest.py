"""The latest click wins: a click that waits while a newer one of the same person has come need not be computed.

With each click the page sends all earlier ones of its kind, under ids that it drew at random. So a request whose
prompts are all in a newer request of the same task comes from the same page, which waits for the newer answer.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Lock


@dataclass(frozen=True)
class Turn:
    """A request in progress. number: the order in which requests came; prompts: the ids of its prompts."""

    number: int
    prompts: frozenset[str]


class Latest:
    """The smart requests in progress, by task. Threads may share it."""

    def __init__(self) -> None:
        self._turns: dict[Hashable, set[Turn]] = {}
        self._numbers = count()
        self._lock = Lock()

    @contextmanager
    def arrived(self, task: Hashable, prompts: frozenset[str]) -> Iterator[Turn]:
        """A request, from its arrival to its reply."""
        with self._lock:
            turn = Turn(next(self._numbers), prompts)
            self._turns.setdefault(task, set()).add(turn)
        try:
            yield turn
        finally:
            with self._lock:
                self._turns[task].discard(turn)
                if not self._turns[task]:
                    del self._turns[task]

    def overtaken(self, task: Hashable, turn: Turn) -> bool:
        """Whether a newer request holds all that this one does. One without prompts is never overtaken."""
        with self._lock:
            newer = [other for other in self._turns.get(task, ()) if other.number > turn.number]
        return bool(turn.prompts) and any(turn.prompts <= other.prompts for other in newer)
