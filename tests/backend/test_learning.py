"""From Label Studio's training button to a verdict, with the real queue, worker, networks and training."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from fastapi.testclient import TestClient

from backend.app import web_app
from backend.demo.processes import Child, start
from backend.jobs import RedisJobs
from backend.settings import Settings
from export.version import export_version
from squeezesam_core.model import checkpoint
from squeezesam_core.registry import load_manifest, shipped
from squeezesam_core.store import SEGMENTER, history, is_folder, publish
from tests.backend.label_studio_server import LEGACY_KEY, Project, disc
from tests.backend.test_pull import brush
from tests.backend.watching import state, until

REPOSITORY = Path(__file__).parents[2]
PHOTOS = 40


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version that ships, for an input of 96 pixels: a round with it takes seconds."""
    root = tmp_path_factory.mktemp("small")
    for folder in ("images", "masks"):
        (root / "photos" / folder).mkdir(parents=True)
    for number in range(8):
        photo, mask = disc(1000 + number)
        cv2.imwrite(str(root / f"photos/images/{number}.png"), photo)
        cv2.imwrite(str(root / f"photos/masks/{number}.png"), mask * 255)
    (ships,) = (manifest for manifest in shipped() if manifest.name == SEGMENTER)
    export_version(ships.path("checkpoint"), [root / "photos"], root / "version", side=96, items=8, held_out=8)
    return root / "version"


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, small: Path, tmp_path: Path) -> str:
    """The address of a store in which the small version serves."""
    address = str(tmp_path / "store") if request.param == "folder" else request.getfixturevalue("bucket")
    publish(small, address)
    return address


@pytest.fixture
def rounds(store: str, tmp_path: Path) -> Path:
    """The folder in which the worker works on rounds of project 1."""
    return (Path(store) / "rounds" if is_folder(store) else tmp_path / "rounds") / "project-1"


@pytest.fixture
def process(
    queue_url: str, project: Project, store: str, rounds: Path, tmp_path: Path
) -> Iterator[Callable[..., Child]]:
    """Starts `squeezesam worker` or `scheduler`."""
    started: list[Child] = []
    env = {
        "REDIS_URL": queue_url,
        "LABEL_STUDIO_URL": project.url,
        "LABEL_STUDIO_API_KEY": LEGACY_KEY,
        "SQUEEZESAM_WEIGHTS": store,
        "SQUEEZESAM_ROUNDS": "" if is_folder(store) else str(rounds.parent),
        "PYTHONPATH": str(REPOSITORY),
        "OMP_NUM_THREADS": "1",
    }

    def begin(*command: str) -> Child:
        argv = [sys.executable, "-m", "backend.cli", *command]
        started.append(start(command[0], argv, env, tmp_path / f"{len(started)}.log"))
        return started[-1]

    yield begin
    for child in started:
        child.stop()


@pytest.mark.slow
def test_a_round_survives_its_worker_and_ends_with_a_verdict(
    project: Project, jobs: RedisJobs, store: str, rounds: Path, process, annotator
) -> None:
    for number in range(1, PHOTOS + 1):
        project.annotate(number, f"/data/upload/disc-{number}.png", brush(disc(number)[1]))
    process("scheduler")
    worker = process("worker", "--only", "finetune")
    with TestClient(web_app(Settings(), annotator, jobs=jobs)) as client:
        body = {"action": "START_TRAINING", "project": {"id": 1}}
        assert client.post("/webhook", json=body).status_code == 200
    round_ = rounds / "current"
    until(lambda: jobs.overview().jobs and jobs.overview().jobs[0].progress > 0.1, 300)
    assert state(jobs) == "running"
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(60) == 0
    assert state(jobs) == "queued"
    step = checkpoint.load(round_ / "run/last.pt")["step"]
    assert 0 < step < 150, "it stopped in the middle, with a checkpoint"

    process("worker", "--only", "finetune")
    until(lambda: state(jobs) == "finished", 400)
    (job,) = jobs.overview().jobs
    assert "IoU in % on" in job.message
    (ended,) = (path for path in rounds.iterdir() if path.name != "pulled")
    verdict = json.loads((ended / "verdict.json").read_text())
    assert verdict["photos"] == verdict["objects"] >= 5
    candidate = load_manifest(ended / "candidate")
    before = verdict["from"]
    assert candidate.facts["fine_tuning"]["from"] == before != candidate.version
    (ships,) = (manifest for manifest in shipped() if manifest.name == SEGMENTER)
    assert history(store, SEGMENTER) == [*([candidate.version] if verdict["wins"] else []), before, ships.version]
