"""A webhook while the queue is away."""

import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backend.app import web_app
from backend.demo import queue_server
from backend.jobs import RedisJobs
from backend.outbox import PRE_ANNOTATION
from backend.settings import Settings
from tests.backend.watching import until


@pytest.mark.slow
def test_a_webhook_during_an_outage_is_delivered_after_it(
    annotator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.outbox.AGAIN_SECONDS", 0.2)
    child, url = queue_server.start_embedded(tmp_path / "q", tmp_path / "queue.log")
    jobs = RedisJobs(url)
    jobs.request(PRE_ANNOTATION, 7)
    child.process.kill()
    child.process.wait()
    with TestClient(web_app(Settings(), annotator, jobs=jobs)) as client:
        client.get("/health")  # what the first request of a process costs is not the webhook's
        began = time.monotonic()
        reply = client.post("/webhook", json={"action": "TASKS_CREATED", "project": {"id": 1}, "tasks": []})
        assert (reply.status_code, time.monotonic() - began < 1) == (200, True)
        until(lambda: client.get("/status").json()["problems"])
        status = client.get("/status").json()
        assert "does not answer" in status["queue"]
        assert status["problems"][0]["doing"] == "Asking for project 1 to be pre-annotated"
        assert len(status["problems"]) == 1, "an outage is told once"
        child, _ = queue_server.start_embedded(tmp_path / "q", tmp_path / "queue.log")
        try:
            until(lambda: len(jobs.overview().jobs) == 2)
            assert {job.project: job.state for job in jobs.overview().jobs} == {1: "queued", 7: "queued"}
        finally:
            child.stop()


def test_without_redis_url_the_backend_says_so(annotator) -> None:
    with TestClient(web_app(Settings(), annotator)) as client:
        body = {"action": "TASKS_CREATED", "project": {"id": 1}, "tasks": []}
        assert client.post("/webhook", json=body).json() == {"action": "TASKS_CREATED"}
        status = client.get("/status").json()
        assert status["jobs"] == []
        assert "REDIS_URL is not set" in status["queue"]


def test_the_training_button_is_answered_with_or_without_a_queue(annotator, queue_url: str) -> None:
    body = {"action": "START_TRAINING", "project": {"id": 4}}
    with TestClient(web_app(Settings(), annotator)) as client:
        assert client.post("/webhook", json=body).status_code == 200
        until(lambda: client.get("/status").json()["problems"])
        (problem,) = client.get("/status").json()["problems"]
        assert (problem["doing"], "REDIS_URL" in problem["cause"]) == ("Asking for project 4 to be learnt from", True)
        assert "squeezesam fine-tune --project 4" in problem["remedy"]
        client.post("/webhook", json=body)
        until(lambda: len(client.get("/status").json()["problems"]) == 2, 20)
    jobs = RedisJobs(queue_url)
    with TestClient(web_app(Settings(), annotator, jobs=jobs)) as client:
        client.post("/webhook", json=body)
        until(lambda: jobs.overview().jobs)
        assert [(job.kind, job.project) for job in jobs.overview().jobs] == [("finetune", 4)]
