"""The job that learns: from the training button to the version in service, and what is killed goes on."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from backend import fine_tune_job
from backend import round as rounds
from backend.fine_tune_job import KEPT_CANDIDATES
from backend.jobs import DONE, WANTED, RedisJobs
from backend.label_studio import LabelStudioError
from backend.outbox import FINE_TUNING
from backend.round import Labels
from squeezesam_core.errors import InvalidDatasetError, ParityError
from tests.backend.label_studio_server import LEGACY_KEY, Project
from tests.backend.test_pull import UPLOAD, brush
from tests.backend.watching import state

VERDICT = {
    "wins": True,
    "why": "It gains 2.00 points.",
    "objects": 12,
    "serving": {"1 click": 0.8},
    "candidate": {"1 click": 0.82},
    "from": "squeezesam-before",
    "version": "squeezesam-after",
    "serves": True,
}


@pytest.fixture
def store(tmp_path: Path, queue_url: str, project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {
        "REDIS_URL": queue_url,
        "LABEL_STUDIO_URL": project.url,
        "LABEL_STUDIO_API_KEY": LEGACY_KEY,
        "SQUEEZESAM_WEIGHTS": str(tmp_path / "store"),
    }.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "store"


def test_a_round_is_told_of_and_put_away(
    store: Path, project: Project, jobs: RedisJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The round itself is tests/backend/test_round.py's."""
    project.annotate(1, UPLOAD, brush())
    seen = []

    def stand_in(folder: Path, to: str, labels: Labels, *, detector, tell) -> dict:
        assert (to, detector, labels.of) == (str(store), None, f"project 1 of {project.url}")
        (folder / "run").mkdir(parents=True)
        (folder / "candidate").mkdir()
        (folder / "verdict.json").write_text("{}")
        assert len(json.loads((labels.gather() / "labels.json").read_text())) == 1
        for step in range(1000):
            assert tell(step / 1000, "Learns.")
            seen.append(jobs.overview().jobs[0].progress)
        return VERDICT

    monkeypatch.setattr(rounds, "run", stand_in)
    jobs.request(FINE_TUNING, 1)
    fine_tune_job.run(1)
    (job,) = jobs.overview().jobs
    assert (job.state, job.progress) == ("finished", 1.0)
    assert job.message == (
        "squeezesam-after: It gains 2.00 points. It serves. IoU in % on 12 objects: 1 click 80.0 → 82.0."
    )
    assert len(set(seen)) <= 101, "Redis is not written at every step"
    pulled, ended = sorted((store / "rounds" / "project-1").iterdir(), key=lambda path: path.name != "pulled")
    assert sorted(path.name for path in ended.iterdir()) == ["asked.json", "candidate", "verdict.json"]
    assert (pulled / "labels.json").is_file(), "the next round fetches new photos only"


def test_a_round_that_was_told_to_stop_goes_on_in_the_next_job(
    store: Path, jobs: RedisJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def stand_in(folder: Path, to: str, labels: Labels, *, detector, tell) -> dict | None:
        asked.append(folder)
        (folder / "run").mkdir(parents=True, exist_ok=True)
        if len(asked) == 1:
            os.kill(os.getpid(), signal.SIGUSR1)  # as the worker does when it is told to end
            assert not tell(0.4, "Learns.")
            return None
        return VERDICT

    monkeypatch.setattr(rounds, "run", stand_in)
    jobs.request(FINE_TUNING, 1)
    fine_tune_job.run(1)
    assert state(jobs) == "queued"
    assert (store / "rounds/project-1/current/run").is_dir()
    fine_tune_job.run(1)
    assert state(jobs) == "finished"
    assert asked[0] == asked[1]


class Rounds:
    """In place of backend.round.run: gathers labels as it does, once, and goes on with what is there."""

    def __init__(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gathered: list[int] = []
        self.next: Callable[[], dict | None] = lambda: VERDICT
        self._project = project
        monkeypatch.setattr(rounds, "run", self)

    def __call__(self, folder: Path, to: str, labels: Labels, *, detector, tell) -> dict | None:
        if not (folder / "data").is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            self.gathered.append(len(json.loads((labels.gather() / "labels.json").read_text())))
            (folder / "data").mkdir()
        return self.next()


@pytest.fixture
def stand_in(project: Project, monkeypatch: pytest.MonkeyPatch) -> Rounds:
    return Rounds(project, monkeypatch)


@pytest.fixture
def stopped(store: Path, project: Project, jobs: RedisJobs, stand_in: Rounds) -> Rounds:
    """The round of a first request, on one label, was stopped after it had gathered it; it ends well if it goes on."""
    project.annotate(1, UPLOAD, brush())
    jobs.request(FINE_TUNING, 1)
    stand_in.next = lambda: None
    fine_tune_job.run(1)
    stand_in.next = lambda: VERDICT
    return stand_in


def current(store: Path) -> bool:
    return (store / "rounds/project-1/current").is_dir()


def test_a_request_that_came_after_the_labels_were_gathered_gets_a_round_of_its_own(
    store: Path, project: Project, jobs: RedisJobs, stopped: Rounds
) -> None:
    """Though the round of the first request is stopped and ends in a later job."""
    assert state(jobs) == "queued", "it is not finished because its process was told to end"
    project.annotate(2, UPLOAD, brush())
    jobs.request(FINE_TUNING, 1)
    fine_tune_job.run(1)
    assert (stopped.gathered, current(store)) == ([1], False)
    assert jobs.connection.hmget(DONE, "finetune-1") == [b"1"], "the second request is still wanted"
    fine_tune_job.run(1)
    assert stopped.gathered == [1, 2]
    assert jobs.connection.hmget(DONE, "finetune-1") == jobs.connection.hmget(WANTED, "finetune-1") == [b"2"]


def test_a_cancelled_round_is_not_gone_on_with(project: Project, jobs: RedisJobs, stopped: Rounds) -> None:
    jobs.cancel("finetune-1")
    project.annotate(2, UPLOAD, brush())
    jobs.request(FINE_TUNING, 1)
    fine_tune_job.run(1)
    assert stopped.gathered == [1, 2]


@pytest.mark.parametrize(
    "error", [InvalidDatasetError("A mask is wrong.", "Mend it."), ParityError("int8 differs.", "Label more.")]
)
def test_a_round_that_cannot_end_well_is_put_away(
    store: Path, jobs: RedisJobs, stopped: Rounds, error: Exception
) -> None:
    """Or every later request would meet the same data and the same end."""

    def fail() -> None:
        raise error

    jobs.request(FINE_TUNING, 1)
    stopped.next = fail
    fine_tune_job.run(1)
    assert (state(jobs), current(store)) == ("failed", False)
    assert jobs.connection.hmget(DONE, "finetune-1") == [b"1"], "the labels of the second request were not looked at"
    stopped.next = lambda: VERDICT
    fine_tune_job.run(1)
    assert (state(jobs), len(stopped.gathered)) == ("finished", 2)


def test_tasks_that_are_left_out_are_told_of_and_many_of_them_hold_the_round_up(
    store: Path, project: Project, jobs: RedisJobs, stand_in: Rounds
) -> None:
    for number in range(1, 6):
        project.annotate(number, UPLOAD, brush())
    project.annotate(6, "/data/upload/broken.png", brush())
    jobs.request(FINE_TUNING, 1)
    fine_tune_job.run(1)
    assert "1 tasks were left out, the first, 6: " in jobs.overview().jobs[0].message
    project.annotate(7, "/data/upload/broken.png", brush())
    jobs.request(FINE_TUNING, 1)
    with pytest.raises(LabelStudioError, match="Of 7 labelled tasks 2 tasks were left out"):
        fine_tune_job.run(1)


def test_of_ended_rounds_the_verdicts_stay_and_the_last_candidates(
    store: Path, project: Project, jobs, stand_in
) -> None:
    folder = store / "rounds/project-1"
    for number in range(7):
        ended = folder / f"2026010{number + 1}T000000Z"
        for name in ("candidate", "data", "run"):  # the last two: of a worker that was killed while it put away
            (ended / name).mkdir(parents=True)
        (ended / "verdict.json").write_text("{}")
    project.annotate(1, UPLOAD, brush())
    jobs.request(FINE_TUNING, 1)
    fine_tune_job.run(1)
    assert len(list(folder.glob("*Z/verdict.json"))) == 7
    assert len(list(folder.glob("*Z/candidate"))) == KEPT_CANDIDATES - 1, "the round at hand has none here"
    assert list(folder.glob("*Z/data")) == list(folder.glob("*Z/run")) == []


def test_what_a_person_must_mend_is_told(
    store: Path, project: Project, jobs: RedisJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.annotate(1, UPLOAD, brush())
    fine_tune_job.run(1)
    assert (state(jobs), "at least 5 are needed" in jobs.overview().jobs[0].message) == ("failed", True)
    assert not current(store), "the next request starts from the labels and the version of then"
    monkeypatch.delenv("SQUEEZESAM_WEIGHTS")
    fine_tune_job.run(1)
    assert "SQUEEZESAM_WEIGHTS is not set" in jobs.overview().jobs[0].message
    monkeypatch.setenv("SQUEEZESAM_WEIGHTS", "s3://bucket/models")
    fine_tune_job.run(1)
    assert "SQUEEZESAM_ROUNDS is not set, and s3://bucket/models is no folder" in jobs.overview().jobs[0].message
