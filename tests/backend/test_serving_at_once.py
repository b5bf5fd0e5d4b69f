"""Versions take turns while many annotators predict and click: no reply holds anything of two."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import cycle

import pytest
from fastapi.testclient import TestClient

from backend.annotator import Annotator, Service
from backend.app import web_app
from backend.cache import ByteCache
from backend.serving import Source
from backend.settings import Settings
from tests.backend.test_app import body, click, task
from tests.backend.test_serving import load


class Corner:
    """Another segmenter: what the first draws, and the photo's upper left corner."""

    def __init__(self, original):
        self.spec = original.spec
        self._original = original

    def run(self, *inputs):
        logits, iou = self._original.run(*inputs)
        logits[:, : logits.shape[1] // 8, : logits.shape[2] // 8] = 5
        return logits, iou


class Low:
    """Another detector: what the first finds, without its upper half."""

    def __init__(self, original):
        self.spec = original.spec
        self._original = original

    def run(self, image):
        saliency = self._original.run(image)
        saliency[: saliency.shape[0] // 2] = 0
        return saliency


@pytest.mark.usefixtures("one_look")
def test_no_request_fails_or_meets_two_versions_while_they_change(service):
    """Predictions and clicks of many annotators, each on tasks of their own (or a newer request would overtake an older
    one), of few photos that all share, in a cache with room for some: each reply is the one that its version gives
    alone."""
    services = [
        replace(service, model_version="a"),
        Service(Corner(service.segmenter), Low(service.detector), "b", "", ""),
    ]
    annotators, photos = 6, 3
    requests = [
        body(task(photos * who + n, f"photo {n}"), context=context)
        for who in range(annotators)
        for n in range(photos)
        for context in (None, click())
    ]
    expected = {}
    for one in services:
        alone = TestClient(web_app(Settings(), Annotator(one, load, ByteCache(0))))
        for index, request in enumerate(requests):
            [result] = alone.post("/predict", json=request).json()["results"]
            expected[one.model_version, index] = result["result"]
    assert expected["a", 0] != expected["b", 0] and expected["a", 1] != expected["b", 1]

    turns = cycle(services)
    wanted = [services[0]]
    source = Source(lambda: wanted[0].model_version, lambda: wanted[0], every=0.002)
    annotator = Annotator(services[0], load, ByteCache(600_000))
    seen, enough = [], threading.Event()

    def annotate(client, who):
        own = range(2 * photos * who, 2 * photos * (who + 1))
        for index in cycle(own):
            if enough.is_set():
                return
            reply = client.post("/predict", json=requests[index])
            seen.append((index, reply.status_code, *(reply.json().get("results") or [{}])))

    def change():
        while len(seen) < 600:
            wanted[0] = next(turns)
            enough.wait(0.02)
        enough.set()

    with (
        TestClient(web_app(Settings(concurrency=4), annotator, source=source)) as client,
        ThreadPoolExecutor(1 + annotators) as pool,
    ):
        futures = [pool.submit(change), *(pool.submit(annotate, client, who) for who in range(annotators))]
        for future in futures:
            future.result()
    assert {status for _, status, _ in seen} == {200}
    assert {result["model_version"] for _, _, result in seen} == {"a", "b"}
    mixed = [i for i, _, result in seen if result["result"] != expected[result["model_version"], i]]
    assert mixed == []
