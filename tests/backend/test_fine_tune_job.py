"""The job that learns: from the training button to the version in service, and what is killed goes on."""

import json
import os
import signal
from pathlib import Path

import pytest

from backend import fine_tune_job
from backend import round as rounds
from backend.jobs import RedisJobs
from backend.outbox import FINE_TUNING
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

    def stand_in(folder: Path, to: str, labels, *, tell) -> dict:
        assert to == str(store)
        (folder / "run").mkdir(parents=True)
        (folder / "candidate").mkdir()
        (folder / "verdict.json").write_text("{}")
        assert len(json.loads((labels() / "labels.json").read_text())) == 1
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
    assert sorted(path.name for path in ended.iterdir()) == ["candidate", "verdict.json"]
    assert (pulled / "labels.json").is_file(), "the next round fetches new photos only"


def test_a_round_that_was_told_to_stop_goes_on_in_the_next_job(
    store: Path, jobs: RedisJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def stand_in(folder: Path, to: str, labels, *, tell) -> dict | None:
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


def test_what_a_person_must_mend_is_told(
    store: Path, project: Project, jobs: RedisJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.annotate(1, UPLOAD, brush())
    fine_tune_job.run(1)
    assert (state(jobs), "at least 5 are needed" in jobs.overview().jobs[0].message) == ("failed", True)
    assert list((store / "rounds/project-1/current").iterdir()) == [], "the next try starts from what serves by then"
    monkeypatch.delenv("SQUEEZESAM_WEIGHTS")
    fine_tune_job.run(1)
    assert "SQUEEZESAM_WEIGHTS is not set" in jobs.overview().jobs[0].message
    monkeypatch.setenv("SQUEEZESAM_WEIGHTS", "s3://bucket/models")
    fine_tune_job.run(1)
    assert "SQUEEZESAM_ROUNDS is not set, and s3://bucket/models is no folder" in jobs.overview().jobs[0].message
