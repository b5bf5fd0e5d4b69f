"""What Prometheus reads at GET /metrics; docs/operations.md lists the names."""

from collections.abc import Callable, Iterator
from typing import Literal, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from backend.history import History
from backend.stages import Times

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

STAGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
REQUEST_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 100.0)
"""Fine about the goals (a click in 0.12 s at the median, 0.25 s at the 95th percentile) up to Label Studio's 100 s."""

CLICKS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0)
IOUS = (0.1, 0.25, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.999, 1.0)

Kind = Literal["click", "photo"]
"""A prediction with clicks or a box, or of a photo without any."""


class CacheStatistics(Protocol):
    """What a cache tells: lookups since the start that found something or did not, values being made, bytes held."""

    @property
    def hits(self) -> int: ...

    @property
    def misses(self) -> int: ...

    @property
    def under_way(self) -> int: ...

    @property
    def nbytes(self) -> int: ...


class Metrics:
    """All figures of one web process. Threads may share it."""

    def __init__(self, history: History | None = None) -> None:
        self.history = history or History()
        self._registry = CollectorRegistry()
        self._watched = _Watched()
        self._registry.register(self._watched)
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "squeezesam_requests", "Requests answered.", ["route", "outcome"], registry=self._registry
        )
        self._predictions = Histogram(
            "squeezesam_prediction_seconds",
            "Time to predict: one click or box, or one photo before any click.",
            ["kind"],
            buckets=REQUEST_SECONDS,
            registry=self._registry,
        )
        self._stages = Histogram(
            "squeezesam_stage_seconds",
            "Time of one stage of a prediction.",
            ["stage"],
            buckets=STAGE_SECONDS,
            registry=self._registry,
        )
        self._clicks = Histogram(
            "squeezesam_clicks_per_mask",
            "Clicks and boxes for each mask of a submitted annotation.",
            buckets=CLICKS,
            registry=self._registry,
        )
        self._ious = Histogram(
            "squeezesam_submitted_iou",
            "IoU of each predicted mask with the submitted mask that took its place; 0 if none did.",
            buckets=IOUS,
            registry=self._registry,
        )

    def request(self, route: str, status: int, times: Times) -> None:
        """A request was answered. route: its path in the code, such as "/predict", never the path asked for."""
        outcome = "ok" if status < 400 else "refused" if status < 500 else "failed"
        self._requests.labels(route, outcome).inc()
        for name, seconds in times:
            self._stages.labels(name).observe(seconds)

    def predicted(self, kind: Kind, seconds: float) -> None:
        """A prediction was computed."""
        self._predictions.labels(kind).observe(seconds)
        if kind == "click":
            self.history.answered_click(seconds)
        else:
            self.history.pre_annotated(seconds)

    def submitted(self, masks: int, clicks: int) -> None:
        """An annotation with masks of the model was submitted after so many clicks and boxes in all."""
        for _ in range(masks):
            self._clicks.observe(clicks / masks)
            self.history.clicks_per_mask.append(clicks / masks)

    def compared(self, iou: float) -> None:
        """A submitted annotation was compared with its prediction: IoU in 0..1 of one predicted mask."""
        self._ious.observe(iou)
        self.history.ious.append(iou)

    def watch_cache(self, name: str, cache: CacheStatistics) -> None:
        """Report a cache; it is asked when Prometheus asks."""
        self._watched.caches[name] = cache

    def watch_queue(self, waiting: Callable[[], int | None]) -> None:
        """Report how many jobs wait; of a queue that does not answer (None) nothing is reported."""
        self._watched.waiting = waiting

    def render(self) -> bytes:
        """The body of GET /metrics, of CONTENT_TYPE."""
        return generate_latest(self._registry)


class _Watched(Collector):
    """Figures that others keep, read when they are asked for."""

    def __init__(self) -> None:
        self.caches: dict[str, CacheStatistics] = {}
        self.waiting: Callable[[], int | None] | None = None

    def collect(self) -> Iterator[Metric]:
        lookups = CounterMetricFamily("squeezesam_cache_lookups", "Lookups in a cache.", labels=["cache", "outcome"])
        under_way = GaugeMetricFamily("squeezesam_cache_under_way", "Values being made for a cache.", labels=["cache"])
        size = GaugeMetricFamily("squeezesam_cache_bytes", "Bytes held by a cache.", labels=["cache"])
        for name, cache in self.caches.items():
            lookups.add_metric([name, "hit"], cache.hits)
            lookups.add_metric([name, "miss"], cache.misses)
            under_way.add_metric([name], cache.under_way)
            size.add_metric([name], cache.nbytes)
        yield lookups
        yield under_way
        yield size
        waiting = self._depth()
        if waiting is not None:
            yield GaugeMetricFamily("squeezesam_queue_jobs_waiting", "Jobs that wait in the queue.", value=waiting)

    def _depth(self) -> int | None:
        try:
            return None if self.waiting is None else self.waiting()
        except Exception:  # a queue that is down must not take the other figures with it; /status names the reason
            return None
