"""The queue against a real server, with a real worker and scheduler: what is killed loses nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from rq import Queue, Worker
from rq.job import JobStatus
from rq.serializers import JSONSerializer

from backend import jobs as backend_jobs
from backend.allowed_job import PRE_ANNOTATE, AllowedJob
from backend.app import web_app
from backend.demo import queue_server
from backend.demo.processes import Child, start
from backend.jobs import DONE, QUEUE, WANTED, RedisJobs
from backend.outbox import QueueError
from backend.settings import Settings
from backend.worker import Scheduler
from squeezesam_core.errors import InvalidImageError
from tests.backend.label_studio_server import LEGACY_KEY, Project, label_studio_server

REPOSITORY = Path(__file__).parents[2]
SQUEEZESAM = [sys.executable, "-m", "backend.cli"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    child, url = queue_server.start_embedded(tmp_path / "q", tmp_path / "queue.log")
    yield url
    child.stop()


@pytest.fixture
def jobs(server: str) -> RedisJobs:
    return RedisJobs(server)


@pytest.fixture
def queue(jobs: RedisJobs) -> Queue:
    return Queue(QUEUE, connection=jobs.connection, job_class=AllowedJob, serializer=JSONSerializer)


@pytest.fixture
def project() -> Iterator[Project]:
    with label_studio_server() as server:
        yield server


@pytest.fixture
def process(server: str, project: Project, tmp_path: Path) -> Iterator[Callable[[str], Child]]:
    """Starts `squeezesam worker` or `scheduler`."""
    started: list[Child] = []
    env = {
        "REDIS_URL": server,
        "LABEL_STUDIO_URL": project.url,
        "LABEL_STUDIO_API_KEY": LEGACY_KEY,
        "PYTHONPATH": str(REPOSITORY),
        "SQUEEZESAM_CONCURRENCY": "1",
    }

    def begin(command: str) -> Child:
        log = tmp_path / f"{command}-{len(started)}.log"
        started.append(start(command, [*SQUEEZESAM, command], env, log))
        return started[-1]

    yield begin
    for child in started:
        child.stop()


def until(condition: Callable[[], object], seconds: float = 150.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def state(jobs: RedisJobs) -> str:
    return jobs.overview().jobs[0].state


def test_many_requests_are_one_job(jobs: RedisJobs, queue: Queue) -> None:
    for _ in range(20):
        jobs.request(3)
    jobs.request(4)
    assert sorted(queue.scheduled_job_registry.get_job_ids()) == ["preannotate-3", "preannotate-4"]
    assert {job.project: job.state for job in jobs.overview().jobs} == {3: "queued", 4: "queued"}
    assert jobs.connection.hget(WANTED, "3") == b"20"


def test_the_payload_is_json_and_its_result_is_not_kept(jobs: RedisJobs, queue: Queue) -> None:
    jobs.request(3)
    job = queue.fetch_job("preannotate-3")
    assert job is not None
    assert json.loads(job.data)[0] == PRE_ANNOTATE
    assert (job.result_ttl, job.retries_left) == (0, 3)


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


def test_a_silent_server_is_named(tmp_path: Path) -> None:
    jobs = RedisJobs(f"unix://{tmp_path}/nobody.sock")
    for act in (lambda: jobs.request(1), jobs.overview, jobs.reconcile, lambda: jobs.cancel("preannotate-1")):
        with pytest.raises(QueueError, match="does not answer") as caught:
            act()
        assert "REDIS_URL" in caught.value.remedy


def test_work_asked_for_while_a_job_runs_is_not_lost(jobs: RedisJobs, queue: Queue) -> None:
    jobs.request(3)
    job = queue.fetch_job("preannotate-3")
    assert job is not None
    with jobs.running(3):
        job.set_status(JobStatus.STARTED)
        queue.scheduled_job_registry.remove(job)
        jobs.request(3)
    job.delete()  # as RQ does with a finished job whose result is not kept
    assert queue.scheduled_job_registry.get_job_ids() == []
    jobs.reconcile()
    assert queue.scheduled_job_registry.get_job_ids() == ["preannotate-3"]
    with jobs.running(3):
        pass
    queue.fetch_job("preannotate-3").delete()
    jobs.reconcile()
    assert queue.scheduled_job_registry.get_job_ids() == []


def test_a_job_that_failed_for_good_is_asked_for_again_later(
    jobs: RedisJobs, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.request(3)
    with pytest.raises(InvalidImageError), jobs.running(3):
        raise InvalidImageError("The disk is full.", "Make room.")
    job = queue.fetch_job("preannotate-3")
    queue.scheduled_job_registry.remove(job)
    job.set_status(JobStatus.FAILED)
    job.connection.hset(job.key, "ended_at", "2020-01-01T00:00:00.000000Z")
    assert (state(jobs), jobs.overview().jobs[0].message) == ("failed", "The disk is full. Make room.")
    monkeypatch.setattr(backend_jobs, "FAILED_AGAIN", timedelta(days=36_500))
    jobs.reconcile()
    assert state(jobs) == "failed"
    monkeypatch.undo()
    jobs.reconcile()
    assert state(jobs) == "queued"


def test_new_tasks_are_pre_annotated(project: Project, jobs: RedisJobs, process, annotator) -> None:
    """The webhook, the scheduler, the worker and the real networks."""
    process("scheduler")
    process("worker")
    tasks = project.add_tasks(3)
    project.add_tasks(1, "/data/upload/broken.png")
    with TestClient(web_app(Settings(), annotator, jobs=jobs)) as client:
        body = {"action": "TASKS_CREATED", "project": {"id": 1}, "tasks": [{"id": 1}]}
        began = time.monotonic()
        assert client.post("/webhook", json=body).status_code == 200
        assert time.monotonic() - began < 1, "Label Studio waits for one second"
        until(lambda: client.get("/status").json()["jobs"] and client.get("/status").json()["queue"] == "on")
        until(lambda: state(jobs) == "finished")
        (job,) = client.get("/status").json()["jobs"]
    assert (job["id"], job["kind"], job["project"], job["progress"]) == ("preannotate-1", "preannotate", 1, 1.0)
    assert "1 skipped: task 4: " in job["message"]
    assert job["started"] <= job["ended"]
    assert all(len(project.versions(task)) == 1 for task in tasks)
    assert jobs.connection.hgetall(WANTED) == jobs.connection.hgetall(DONE)


def horse(worker: Child) -> int | None:
    """The number of the process that runs the worker's job."""
    children = Path(f"/proc/{worker.process.pid}/task/{worker.process.pid}/children").read_text().split()
    return int(children[0]) if children else None


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # the second if it goes between open and read
        return True


@pytest.fixture
def scheduler(process) -> Child:
    return process("scheduler")


@pytest.fixture
def in_the_middle(project: Project, jobs: RedisJobs, process, scheduler: Child) -> Child:
    """A worker whose job has written two predictions and waits for the answer to the next one, until its release."""
    project.most = 2
    project.add_tasks(12)
    jobs.request(1)
    worker = process("worker")
    until(lambda: project.held)
    assert state(jobs) == "running"
    return worker


def all_done(project: Project) -> bool:
    return all(len(project.versions(task)) == 1 for task in project.tasks)


@pytest.mark.slow
def test_a_killed_job_goes_on(
    in_the_middle: Child, scheduler: Child, project: Project, jobs: RedisJobs, process
) -> None:
    pid = horse(in_the_middle)
    assert pid is not None
    scheduler.stop()  # so that it does not go on before it was looked at
    os.kill(pid, signal.SIGKILL)
    until(lambda: state(jobs) == "queued")
    project.release()
    process("scheduler")
    until(lambda: state(jobs) == "finished")
    assert all_done(project)


@pytest.mark.slow
def test_a_killed_worker_takes_its_job_along_and_the_next_one_goes_on(
    in_the_middle: Child, project: Project, jobs: RedisJobs, process
) -> None:
    pid = horse(in_the_middle)
    assert pid is not None
    in_the_middle.process.kill()
    until(lambda: gone(pid))
    project.release()
    assert len(project.predictions) < 12
    process("worker")
    until(lambda: state(jobs) == "finished")
    assert all_done(project)


@pytest.mark.slow
def test_a_worker_that_is_told_to_end_does_so_and_the_next_one_goes_on(
    in_the_middle: Child, project: Project, jobs: RedisJobs, process
) -> None:
    in_the_middle.process.send_signal(signal.SIGTERM)
    [worker] = Worker.all(jobs.connection)
    until(lambda: worker.shutdown_requested_date)  # it has told its job by then
    project.release()
    assert in_the_middle.process.wait(60) == 0
    assert len(project.predictions) < 12, "it did not finish the whole project first"
    assert state(jobs) == "queued"
    process("worker")
    until(lambda: state(jobs) == "finished")
    assert all_done(project)


@pytest.mark.slow
def test_a_cancelled_job_stays_so_until_work_is_asked_for(
    in_the_middle: Child, scheduler: Child, project: Project, jobs: RedisJobs, queue: Queue, process
) -> None:
    scheduler.stop()  # so that what it would start is still there to be seen
    jobs.cancel("preannotate-1")
    until(lambda: queue.fetch_job("preannotate-1").get_status() == JobStatus.STOPPED)
    project.release()
    jobs.reconcile()
    assert (queue.get_job_ids(), queue.scheduled_job_registry.get_job_ids()) == ([], [])
    assert state(jobs) == "cancelled"
    assert len(project.predictions) < 12
    process("scheduler")
    jobs.request(1)
    until(lambda: state(jobs) == "finished")
    assert all_done(project)


def test_a_waiting_job_is_cancelled_and_an_unknown_one_is_named(jobs: RedisJobs, queue: Queue) -> None:
    jobs.request(3)
    jobs.cancel("preannotate-3")
    jobs.reconcile()
    assert queue.fetch_job("preannotate-3") is None
    assert state(jobs) == "cancelled"
    with pytest.raises(QueueError, match="no job 'preannotate-9'"):
        jobs.cancel("preannotate-9")


@pytest.mark.slow
def test_a_webhook_during_an_outage_is_delivered_after_it(
    annotator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.outbox.AGAIN_SECONDS", 0.2)
    child, url = queue_server.start_embedded(tmp_path / "q", tmp_path / "queue.log")
    jobs = RedisJobs(url)
    jobs.request(7)
    child.process.kill()
    child.process.wait()
    with TestClient(web_app(Settings(), annotator, jobs=jobs)) as client:
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


@pytest.mark.slow
def test_the_next_scheduler_takes_over_from_a_killed_one_at_once(process, jobs: RedisJobs, queue: Queue) -> None:
    first = process("scheduler")
    lock = Scheduler.get_locking_key(QUEUE)
    until(lambda: jobs.connection.exists(lock))
    first.process.kill()
    first.process.wait()
    process("scheduler")
    jobs.request(3)
    until(lambda: queue.get_job_ids() == ["preannotate-3"], 50)


def test_without_redis_url_the_backend_says_so(annotator) -> None:
    with TestClient(web_app(Settings(), annotator)) as client:
        body = {"action": "TASKS_CREATED", "project": {"id": 1}, "tasks": []}
        assert client.post("/webhook", json=body).json() == {"action": "TASKS_CREATED"}
        status = client.get("/status").json()
        assert status["jobs"] == []
        assert "REDIS_URL is not set" in status["queue"]


@pytest.mark.parametrize("command", ["worker", "scheduler"])
@pytest.mark.parametrize(
    ("url", "told"),
    [("", "REDIS_URL is not set"), ("unix:///nowhere.sock", "does not answer")],
    ids=["unset", "silent"],
)
def test_commands_say_what_is_wrong_with_the_queue(command: str, url: str, told: str) -> None:
    env = {**os.environ, "REDIS_URL": url, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([*SQUEEZESAM, command], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
