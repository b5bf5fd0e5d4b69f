"""The queue against a real server: nothing that was asked for is lost."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from rq import Queue
from rq.job import JobStatus
from rq.serializers import JSONSerializer

from backend import jobs as backend_jobs
from backend.allowed_job import PRE_ANNOTATE, AllowedJob
from backend.jobs import WANTED, RedisJobs
from backend.label_studio import MissingProjectError
from backend.outbox import FINE_TUNING, PRE_ANNOTATION, QueueError
from squeezesam_core.errors import InvalidDatasetError, InvalidImageError, SqueezeSAMError
from tests.backend.watching import state


def test_many_requests_are_one_job(jobs: RedisJobs, queue: Queue) -> None:
    for _ in range(20):
        jobs.request(PRE_ANNOTATION, 3)
    jobs.request(PRE_ANNOTATION, 4)
    assert sorted(queue.scheduled_job_registry.get_job_ids()) == ["preannotate-3", "preannotate-4"]
    assert {job.project: job.state for job in jobs.overview().jobs} == {3: "queued", 4: "queued"}
    assert jobs.connection.hget(WANTED, "preannotate-3") == b"20"


def test_the_payload_is_json_and_its_result_is_not_kept(jobs: RedisJobs, queue: Queue) -> None:
    jobs.request(PRE_ANNOTATION, 3)
    job = queue.fetch_job("preannotate-3")
    assert job is not None
    assert json.loads(job.data)[0] == PRE_ANNOTATE
    assert (job.result_ttl, job.retries_left) == (0, 3)


def test_a_silent_server_is_named(tmp_path: Path) -> None:
    jobs = RedisJobs(f"unix://{tmp_path}/nobody.sock")
    for act in (
        lambda: jobs.request(PRE_ANNOTATION, 1),
        jobs.overview,
        jobs.reconcile,
        lambda: jobs.cancel("preannotate-1"),
    ):
        with pytest.raises(QueueError, match="does not answer") as caught:
            act()
        assert "REDIS_URL" in caught.value.remedy


def test_work_asked_for_while_a_job_runs_is_not_lost(jobs: RedisJobs, queue: Queue) -> None:
    jobs.request(PRE_ANNOTATION, 3)
    job = queue.fetch_job("preannotate-3")
    assert job is not None
    with jobs.running(PRE_ANNOTATION, 3):
        job.set_status(JobStatus.STARTED)
        queue.scheduled_job_registry.remove(job)
        jobs.request(PRE_ANNOTATION, 3)
    job.delete()  # as RQ does with a finished job whose result is not kept
    assert queue.scheduled_job_registry.get_job_ids() == []
    jobs.reconcile()
    assert queue.scheduled_job_registry.get_job_ids() == ["preannotate-3"]
    with jobs.running(PRE_ANNOTATION, 3):
        pass
    queue.fetch_job("preannotate-3").delete()
    jobs.reconcile()
    assert queue.scheduled_job_registry.get_job_ids() == []


@pytest.mark.parametrize("field", ["preannotate-True", "preannotate-", "coffee-3", "x"])
def test_what_is_no_work_of_ours_does_not_stop_the_reconciler(jobs: RedisJobs, queue: Queue, field: str) -> None:
    jobs.connection.hset(WANTED, field, 1)
    jobs.connection.hset(WANTED, "preannotate-4", 1)
    jobs.reconcile()
    assert queue.scheduled_job_registry.get_job_ids() == ["preannotate-4"]


def test_a_job_that_failed_for_good_is_asked_for_again_later(
    jobs: RedisJobs, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.request(PRE_ANNOTATION, 3)
    with pytest.raises(InvalidImageError), jobs.running(PRE_ANNOTATION, 3):
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


def test_a_waiting_job_is_cancelled_and_an_unknown_one_is_named(jobs: RedisJobs, queue: Queue) -> None:
    jobs.request(PRE_ANNOTATION, 3)
    jobs.cancel("preannotate-3")
    jobs.reconcile()
    assert queue.fetch_job("preannotate-3") is None
    assert state(jobs) == "cancelled"
    with pytest.raises(QueueError, match="no job 'preannotate-9'"):
        jobs.cancel("preannotate-9")


def test_fine_tuning_waits_in_a_queue_of_its_own(jobs: RedisJobs, queue: Queue) -> None:
    jobs.request(PRE_ANNOTATION, 3)
    jobs.request(FINE_TUNING, 3)
    assert queue.scheduled_job_registry.get_job_ids() == ["preannotate-3"]
    found = {job.kind: job for job in jobs.overview().jobs}
    assert set(found) == {PRE_ANNOTATION, FINE_TUNING}
    assert "squeezesam worker --only finetune" in found[FINE_TUNING].message, "nobody would take it"
    jobs.cancel("finetune-3")
    jobs.reconcile()
    assert {job.kind: job.state for job in jobs.overview().jobs} == {PRE_ANNOTATION: "queued", FINE_TUNING: "cancelled"}


@pytest.mark.parametrize(
    "error",
    [InvalidDatasetError("Two photos are too few.", "Label more."), MissingProjectError("No project 3.", "Check it.")],
    ids=["too few labels", "deleted project"],
)
def test_what_another_try_would_meet_again_is_told_once(jobs: RedisJobs, error: SqueezeSAMError) -> None:
    jobs.request(FINE_TUNING, 3)
    with jobs.running(FINE_TUNING, 3):
        raise error
    assert (state(jobs), jobs.overview().jobs[0].message) == ("failed", str(error))
    AllowedJob.fetch("finetune-3", jobs.connection, JSONSerializer).delete()  # as RQ does when it has ended
    jobs.reconcile()
    assert state(jobs) == "failed"
    jobs.request(FINE_TUNING, 3)
    assert state(jobs) == "queued"
