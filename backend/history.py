"""What happened lately, for the plots of the status page: Prometheus's histograms know no time."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

HOUR = 3600.0
KEPT_LATENCIES = 20_000
"""Five and a half a second over an hour; beyond that, the plot covers less than an hour."""

KEPT_MASKS = 500


@dataclass(frozen=True)
class Latency:
    """Latencies of one minute: how long ago it was in minutes (0 is now), and milliseconds."""

    minutes_ago: int
    p50: float
    p95: float
    count: int


class History:
    """Latest latencies and masks, bounded; threads may share it, appending to a deque is atomic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._clicks: deque[tuple[float, float]] = deque(maxlen=KEPT_LATENCIES)
        self._photos: deque[tuple[float, float]] = deque(maxlen=KEPT_LATENCIES)
        self.ious: deque[float] = deque(maxlen=KEPT_MASKS)
        """IoU in 0..1 of the latest submitted masks against what was predicted."""
        self.clicks_per_mask: deque[float] = deque(maxlen=KEPT_MASKS)
        """Clicks and boxes for each mask of the latest annotations."""

    def answered_click(self, seconds: float) -> None:
        """A click or box was answered."""
        self._clicks.append((self._clock(), seconds))

    def pre_annotated(self, seconds: float) -> None:
        """A photo got its mask before any click."""
        self._photos.append((self._clock(), seconds))

    def median_click(self) -> float | None:
        """Milliseconds at the median of the last hour's clicks; None without any."""
        now = self._clock()
        recent = [1000 * seconds for at, seconds in list(self._clicks) if now - at < HOUR]
        return float(np.median(recent)) if recent else None

    def click_latencies(self) -> list[Latency]:
        """The last hour by minutes, oldest first; minutes without a click are left out."""
        return self._by_minute(self._clicks)

    def photo_latencies(self) -> list[Latency]:
        """The same of pre-annotation."""
        return self._by_minute(self._photos)

    def _by_minute(self, entries: Sequence[tuple[float, float]]) -> list[Latency]:
        now, minutes = self._clock(), dict[int, list[float]]()
        for at, seconds in list(entries):
            if now - at < HOUR:
                minutes.setdefault(int((now - at) // 60), []).append(1000 * seconds)
        latencies = []
        for ago in sorted(minutes, reverse=True):
            p50, p95 = np.percentile(minutes[ago], (50, 95))
            latencies.append(Latency(ago, float(p50), float(p95), len(minutes[ago])))
        return latencies
