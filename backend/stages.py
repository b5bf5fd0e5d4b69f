"""How long the stages of the request being served take: fetch, decode, detect, segment, encode.

Whatever works for a request says `with stage("fetch"):`, or has `@stage("encode")` above a function, and needs to be
handed nothing: the times are kept with the request, also across the threads that FastAPI runs it on. Outside a request
they go nowhere.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Stage = Literal["fetch", "decode", "detect", "segment", "encode"]
Times = list[tuple[Stage, float]]
"""Each stage and its seconds, in the order in which they ended; a request of several tasks has several of each."""

_times: ContextVar[Times | None] = ContextVar("times", default=None)


@contextmanager
def stage(name: Stage) -> Iterator[None]:
    """Measure what runs inside, also if it fails."""
    started = time.perf_counter()
    try:
        yield
    finally:
        times = _times.get()
        if times is not None:
            times.append((name, time.perf_counter() - started))


@contextmanager
def recording() -> Iterator[Times]:
    """Collect the times of all stages that run inside."""
    times: Times = []
    token = _times.set(times)
    try:
        yield times
    finally:
        _times.reset(token)


def described(times: Times) -> str:
    """For the log: "fetch 12 ms, decode 30 ms", each stage summed; empty without stages."""
    sums: dict[str, float] = {}
    for name, seconds in times:
        sums[name] = sums.get(name, 0.0) + seconds
    return ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in sums.items())
