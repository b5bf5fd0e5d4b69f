"""Predictions at once, and what is answered meanwhile."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from fastapi.testclient import TestClient

from backend.annotator import Annotator
from backend.app import web_app
from backend.cache import ByteCache
from backend.images import Photo
from backend.settings import Settings
from tests.backend.bodies import body, task


def test_status_answers_while_predictions_take_all_threads(service):
    begun, release = threading.Event(), threading.Event()

    def slow(url):
        begun.set()
        release.wait(60)
        return Photo.of(np.zeros((60, 80, 3), np.uint8))

    app = web_app(Settings(concurrency=1), Annotator(service, slow, ByteCache(2**24)))
    with TestClient(app) as client, ThreadPoolExecutor(1) as pool:
        prediction = pool.submit(client.post, "/predict", json=body(task()))
        assert begun.wait(60)
        assert client.get("/status").status_code == 200
        assert client.get("/metrics").status_code == 200
        release.set()
        assert prediction.result().status_code == 200


def test_predictions_at_once_are_bounded_and_health_answers_meanwhile(service):
    busy, most, lock = 0, 0, threading.Lock()
    two, release = threading.Event(), threading.Event()

    def slow(url):
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
            if busy == 2:
                two.set()
        release.wait(60)
        with lock:
            busy -= 1
        return Photo.of(np.zeros((60, 80, 3), np.uint8))

    app = web_app(Settings(concurrency=2), Annotator(service, slow, ByteCache(2**24)))
    with TestClient(app) as client, ThreadPoolExecutor(5) as pool:
        replies = [pool.submit(client.post, "/predict", json=body(task(n, f"photo {n}"))) for n in range(5)]
        assert two.wait(60)
        time.sleep(0.5)  # the others would start if nothing held them back
        assert client.get("/health").status_code == 200
        release.set()
        assert all(reply.result().json()["results"][0]["result"] for reply in replies)
    assert most == 2
