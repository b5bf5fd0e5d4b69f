"""A least-recently-used cache bounded by bytes, for prepared images and saliency maps."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """Anything that knows its size in memory."""

    @property
    def nbytes(self) -> int: ...


Value = TypeVar("Value", bound=Sized)


class ByteCache(Generic[Value]):
    """Keeps values while their bytes together are at most `limit`; safe to share between threads.

    Two threads that miss the same key both make the value: cheaper than to hold everybody behind one slow download.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.nbytes = 0
        self.hits = 0
        self.misses = 0
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value kept under `key`, or else make() and keep it. What make raises passes through, nothing is kept."""
        with self._lock:
            if key in self._values:
                self.hits += 1
                self._values.move_to_end(key)
                return self._values[key]
            self.misses += 1
        value = make()
        with self._lock:
            if key not in self._values:
                self._values[key] = value
                self.nbytes += value.nbytes
            while self.nbytes > self.limit:
                self.nbytes -= self._values.popitem(last=False)[1].nbytes
        return value
