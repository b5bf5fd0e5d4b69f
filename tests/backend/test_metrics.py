import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families

from backend.history import History
from backend.metrics import Metrics
from backend.stages import described, recording, stage
from tests.backend.bodies import body, click, task


def figures(metrics):
    """Name and labels -> value of every sample."""
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (s.name, *(s.labels[key] for key in sorted(s.labels))): s.value for family in families for s in family.samples
    }


@dataclass
class Cache:
    hits: int = 3
    misses: int = 1
    under_way: int = 2
    nbytes: int = 4096


@pytest.mark.parametrize(
    ("act", "name", "value"),
    [
        (lambda m: m.request("/predict", 200, []), ("squeezesam_requests_total", "ok", "/predict"), 1),
        (lambda m: m.request("/predict", 422, []), ("squeezesam_requests_total", "refused", "/predict"), 1),
        (lambda m: m.request("/predict", 500, []), ("squeezesam_requests_total", "failed", "/predict"), 1),
        (lambda m: m.request("/x", 200, [("fetch", 0.2)]), ("squeezesam_stage_seconds_sum", "fetch"), 0.2),
        (lambda m: m.predicted("click", 0.1), ("squeezesam_prediction_seconds_bucket", "click", "0.1"), 1),
        (lambda m: m.submitted(masks=2, clicks=6), ("squeezesam_clicks_per_mask_sum",), 6),
        (lambda m: m.submitted(masks=2, clicks=6), ("squeezesam_clicks_per_mask_bucket", "3.0"), 2),
        (lambda m: m.submitted(masks=0, clicks=6), ("squeezesam_clicks_per_mask_count",), 0),
        (lambda m: m.compared(0.9), ("squeezesam_submitted_iou_bucket", "0.9"), 1),
        (lambda m: m.watch_cache("photos", Cache()), ("squeezesam_cache_lookups_total", "photos", "hit"), 3),
        (lambda m: m.watch_cache("photos", Cache()), ("squeezesam_cache_under_way", "photos"), 2),
        (lambda m: m.watch_cache("photos", Cache()), ("squeezesam_cache_bytes", "photos"), 4096),
        (lambda m: m.watch_queue(lambda: 5), ("squeezesam_queue_jobs_waiting",), 5),
    ],
    ids=[
        *("ok", "refused", "failed", "stage", "prediction", "clicks", "clicks-a-mask", "no-mask"),
        *("iou", "hits", "under-way", "bytes", "queue"),
    ],
)
def test_what_prometheus_reads(act, name, value):
    metrics = Metrics()
    act(metrics)
    assert figures(metrics)[name] == value


def test_a_queue_that_is_down_takes_no_other_figure_with_it():
    metrics = Metrics()
    metrics.watch_queue(lambda: 1 // 0)
    metrics.compared(1.0)
    found = figures(metrics)
    assert found["squeezesam_submitted_iou_count",] == 1
    assert ("squeezesam_queue_jobs_waiting",) not in found


def test_two_apps_count_apart():
    first, second = Metrics(), Metrics()
    first.compared(1.0)
    assert figures(second)["squeezesam_submitted_iou_count",] == 0


def test_stages_are_kept_with_their_request_also_across_threads():
    start = threading.Barrier(2)

    def request(name):
        with recording() as times:
            start.wait()
            with stage(name):
                pass
            with pytest.raises(ValueError), stage("encode"):
                raise ValueError
        return [name for name, _ in times]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(request, ["fetch", "segment"])) == [["fetch", "encode"], ["segment", "encode"]]


def test_stages_outside_a_request_go_nowhere():
    with stage("fetch"):
        pass
    with recording() as times:
        pass
    assert times == []


def test_stages_of_several_tasks_are_summed_in_the_log():
    assert described([("fetch", 0.01), ("decode", 0.002), ("fetch", 0.03)]) == "fetch 40 ms, decode 2 ms"


def test_latencies_by_minute_of_the_last_hour():
    now = 0.0
    history = History(lambda: now)
    for at, seconds in ((0, 9.0), (3000, 0.1), (3001, 0.3), (3500, 0.2)):
        now = at
        history.answered_click(seconds)
    now = 3605
    rows = [(row.minutes_ago, round(row.p50), row.count) for row in history.click_latencies()]
    assert rows == [(10, 200, 2), (1, 200, 1)]
    assert history.photo_latencies() == []


def test_metrics_tell_of_a_click(client, photos):
    photos["a"] = (80, 60)
    app = client()
    app.post("/predict", json=body(task(), context=click()))
    app.get("/nowhere/7")
    found = app.get("/metrics").text
    assert 'squeezesam_requests_total{outcome="ok",route="/predict"} 1.0' in found
    assert 'squeezesam_requests_total{outcome="refused",route="other"} 1.0' in found
    assert 'squeezesam_prediction_seconds_count{kind="click"} 1.0' in found
    for name in ("detect", "segment", "encode"):
        assert f'squeezesam_stage_seconds_count{{stage="{name}"}} 1.0' in found
