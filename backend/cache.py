"""A least-recently-used cache bounded by bytes, for photos, regions and masks."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """Anything that knows its size in memory."""

    @property
    def nbytes(self) -> int: ...


Value = TypeVar("Value", bound=Sized)


class ByteCache(Generic[Value]):
    """Keeps values while their bytes together are at most `limit`; safe to share between threads.

    Threads that miss the same key wait for the one that makes its value; other keys are not held up by it. hits,
    misses: lookups since the start that found or awaited a value, and that made one.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.nbytes = 0
        self.hits = 0
        self.misses = 0
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._under_way: dict[Hashable, Future[Value]] = {}
        self._lock = Lock()

    @property
    def under_way(self) -> int:
        """How many values are being made now."""
        with self._lock:
            return len(self._under_way)

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._values

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value kept under `key`, or else make() and keep it.

        What make raises passes to all who wait for it, and nothing is kept. make must not ask for the same key.
        """
        with self._lock:
            if key in self._values:
                self.hits += 1
                self._values.move_to_end(key)
                return self._values[key][0]
            awaited = self._under_way.get(key)
            if awaited is None:
                self.misses += 1
                ours: Future[Value] = Future()
                self._under_way[key] = ours
            else:
                self.hits += 1
        if awaited is not None:
            return awaited.result()
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                del self._under_way[key]
            ours.set_exception(error)
            raise
        with self._lock:
            del self._under_way[key]
            self._keep(key, value)
        ours.set_result(value)
        return value

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value that is at hand, in place of what was kept under `key`."""
        with self._lock:
            self._keep(key, value)

    def _keep(self, key: Hashable, value: Value) -> None:
        size = value.nbytes
        self.nbytes += size - self._values.pop(key, (value, 0))[1]
        self._values[key] = (value, size)
        while self.nbytes > self.limit:
            self.nbytes -= self._values.popitem(last=False)[1][1]
