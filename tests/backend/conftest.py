"""The web app, and the queue with a Label Studio of the tests' own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from rq import Queue
from rq.serializers import JSONSerializer

from backend.allowed_job import AllowedJob
from backend.app import web_app
from backend.demo import queue_server
from backend.jobs import WORK, RedisJobs
from backend.outbox import PRE_ANNOTATION
from backend.settings import Settings
from tests.backend.label_studio_server import Project, label_studio_server


@pytest.fixture
def client(annotator):
    return lambda **settings: TestClient(web_app(Settings(**settings), annotator), raise_server_exceptions=False)


@pytest.fixture
def queue_url(tmp_path: Path) -> Iterator[str]:
    child, url = queue_server.start_embedded(tmp_path / "q", tmp_path / "queue.log")
    yield url
    child.stop()


@pytest.fixture
def jobs(queue_url: str) -> RedisJobs:
    return RedisJobs(queue_url)


@pytest.fixture
def queue(jobs: RedisJobs) -> Queue:
    return Queue(
        WORK[PRE_ANNOTATION].queue, connection=jobs.connection, job_class=AllowedJob, serializer=JSONSerializer
    )


@pytest.fixture
def project() -> Iterator[Project]:
    with label_studio_server() as server:
        yield server
