"""Whoever can write to Redis runs nothing but what is allowed."""

import json
from pathlib import Path

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from backend.allowed_job import AllowedJob
from backend.outbox import QueueError


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("os.system", ["touch {mark}"]),
        ("pathlib.Path.touch", ["{mark}"]),
        ("subprocess.run", [["touch", "{mark}"]]),
    ],
    ids=["shell", "method", "nested-payload"],
)
def test_no_other_function_runs(queue: Queue, function: str, arguments: list, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    filled = json.loads(json.dumps(arguments).replace("{mark}", str(mark)))
    job = queue.enqueue(function, *filled)
    with pytest.raises(QueueError, match="not allowed"):
        AllowedJob.fetch(job.id, connection=queue.connection, serializer=JSONSerializer).perform()
    assert not mark.exists()


def test_callbacks_planted_in_redis_are_not_called(queue: Queue) -> None:
    job = queue.enqueue("os.getcwd")
    for kind in ("success", "failure", "stopped"):
        queue.connection.hset(job.key, f"{kind}_callback_name", "os.abort")
    fetched = AllowedJob.fetch(job.id, connection=queue.connection, serializer=JSONSerializer)
    assert (fetched.success_callback, fetched.failure_callback, fetched.stopped_callback) == (None, None, None)
