"""The queue with a real worker and scheduler: what is killed loses nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from rq import Queue, Worker
from rq.job import JobStatus

from backend.app import web_app
from backend.demo.processes import Child, start
from backend.jobs import DONE, WANTED, WORK, RedisJobs
from backend.outbox import PRE_ANNOTATION
from backend.settings import Settings
from backend.worker import Scheduler
from tests.backend.label_studio_server import LEGACY_KEY, Project
from tests.backend.watching import state, until

REPOSITORY = Path(__file__).parents[2]
SQUEEZESAM = [sys.executable, "-m", "backend.cli"]


@pytest.fixture
def process(queue_url: str, project: Project, tmp_path: Path) -> Iterator[Callable[[str], Child]]:
    """Starts `squeezesam worker` or `scheduler`."""
    started: list[Child] = []
    env = {
        "REDIS_URL": queue_url,
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


def test_new_tasks_are_pre_annotated(project: Project, jobs: RedisJobs, process, annotator) -> None:
    """The webhook, the scheduler, the worker and the real networks."""
    process("scheduler")
    process("worker")
    tasks = project.add_tasks(3)
    project.add_tasks(1, "/data/upload/broken.png")
    with TestClient(web_app(Settings(), annotator, jobs=jobs)) as client:
        body = {"action": "TASKS_CREATED", "project": {"id": 1}, "tasks": [{"id": 1}]}
        client.get("/health")  # what the first request of a process costs is not the webhook's
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
    jobs.request(PRE_ANNOTATION, 1)
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
    jobs.request(PRE_ANNOTATION, 1)
    until(lambda: state(jobs) == "finished")
    assert all_done(project)


@pytest.mark.slow
def test_the_next_scheduler_takes_over_from_a_killed_one_at_once(process, jobs: RedisJobs, queue: Queue) -> None:
    first = process("scheduler")
    lock = Scheduler.get_locking_key(WORK[PRE_ANNOTATION].queue)
    until(lambda: jobs.connection.exists(lock))
    first.process.kill()
    first.process.wait()
    process("scheduler")
    jobs.request(PRE_ANNOTATION, 3)
    until(lambda: queue.get_job_ids() == ["preannotate-3"], 50)


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
