"""A project brought up to date, against a server: which tasks, what is replaced, what is skipped, with either key."""

import json
import tracemalloc
from collections import deque
from collections.abc import Callable

import httpx
import pytest
from typer.testing import CliRunner

from backend import app as backend_app
from backend.annotator import Annotator
from backend.cache import ByteCache
from backend.cli import app
from backend.images import ImageLimits, ImageSource
from backend.label_studio import LabelStudio, LabelStudioError, MissingProjectError
from backend.preannotate import Summary, pre_annotate
from backend.project_tasks import PAGE
from tests.backend.label_studio_server import LEGACY_KEY, PERSONAL_KEY, Project

OLD = "squeezesam-ba9876543210+saliency-ba9876543210"
OTHERS = "yolo-v8"


@pytest.fixture
def run(project: Project, service) -> Callable[..., Summary]:
    def call(key: str = LEGACY_KEY, number: int = 1, **options) -> Summary:
        with httpx.Client() as client:
            label_studio = LabelStudio(project.url, key, client)
            images = ImageSource(client, ImageLimits(2**20, 10**6), label_studio)
            return pre_annotate(number, label_studio, Annotator(service, images.load, ByteCache(0)), **options)

    return call


@pytest.fixture
def current(service) -> str:
    return service.model_version


@pytest.mark.parametrize("key", [LEGACY_KEY, PERSONAL_KEY], ids=["legacy-token", "personal-access-token"])
def test_every_task_has_one_current_prediction(project: Project, run, current: str, key: str) -> None:
    tasks = project.add_tasks(5)
    summary = run(key)
    assert (summary.tasks, summary.seen, summary.written, summary.failed) == (5, 5, 5, 0)
    assert [project.versions(task) for task in tasks] == [[current]] * 5
    stored = project.predictions[1]
    assert stored["result"][0]["type"] == "brushlabels"
    assert 0 < stored["score"] == stored["result"][0]["score"] < 1
    assert project.refused == []


@pytest.mark.parametrize(
    ("before", "only", "after"),
    [
        ([], "missing", ["new"]),
        ([], "stale", []),
        ([], "all", ["new"]),
        ([OLD], "missing", [OLD]),
        ([OLD], "stale", ["new"]),
        ([OLD], "all", ["new"]),
        (["now"], "all", ["now"]),
        ([OLD, "now"], "missing", ["now"]),
        (["now", "now"], "stale", ["now"]),
        ([OLD, OLD], "all", ["new"]),
        ([OTHERS], "missing", ["new", OTHERS]),
        ([OTHERS], "stale", [OTHERS]),
        ([OTHERS, OTHERS, OLD], "all", ["new", OTHERS, OTHERS]),
        ([OTHERS, "now"], "all", ["now", OTHERS]),
    ],
    ids=lambda value: "+".join(name[:10] for name in value) or "none" if isinstance(value, list) else value,
)
def test_what_is_replaced_and_what_is_left(
    project: Project, run, current: str, before: list[str], only: str, after: list[str]
) -> None:
    (task,) = project.add_tasks(1)
    for version in before:
        project.predict(task, current if version == "now" else version)
    numbers = set(project.predictions)
    run(only=only)
    assert project.versions(task) == sorted(current if name in ("new", "now") else name for name in after)
    assert ("new" in after) == bool(set(project.predictions) - numbers), "a new prediction is made only when it is due"
    assert project.tasks[task]["annotations"] == [{"id": 901}]


def test_a_run_that_was_ended_goes_on(project: Project, run, current: str) -> None:
    tasks = project.add_tasks(12)
    first = run(report=lambda summary: summary.seen < 3)
    assert 3 <= first.written < 12
    second = run()
    assert first.written + second.written == 12
    assert project.calls["POST /api/predictions"] == 12
    assert [project.versions(task) for task in tasks] == [[current]] * 12


def test_a_bad_photo_is_skipped_and_told(project: Project, run, current: str) -> None:
    good = project.add_tasks(2)
    (broken,) = project.add_tasks(1, "/data/upload/broken.png")
    (gone,) = project.add_tasks(1, "/data/upload/gone.png")
    (empty,) = project.add_tasks(1, "")
    project.predict(broken, OLD)
    summary = run()
    assert (summary.seen, summary.written, summary.failed) == (5, 2, 3)
    told = {failure.task: failure.cause for failure in summary.failures}
    assert "cannot be read as an image" in told[broken]
    assert "404" in told[gone]
    assert "no image address" in told[empty]
    assert [project.versions(task) for task in (*good, broken, gone)] == [[current], [current], [OLD], []]


def test_nothing_salient_is_a_prediction_too(project: Project, run, current: str, service) -> None:
    service.detector.salient = False
    (task,) = project.add_tasks(1)
    run()
    run()
    assert project.versions(task) == [current]
    assert project.predictions[1]["result"] == []


def test_pages_are_asked_for_once_and_a_current_project_costs_no_more(project: Project, run, current: str) -> None:
    for task in project.add_tasks(2 * PAGE + 1):
        project.predict(task, current)
    summary = run()
    assert (summary.seen, summary.written) == (2 * PAGE + 1, 0)
    assert project.calls == {"GET /api/projects/": 1, "GET /api/tasks": 4}


def test_memory_does_not_grow_with_the_project(project: Project, run, service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.project_tasks.PAGE", 10)
    service.segmenter.calls = deque(maxlen=1)

    def peak(count: int) -> int:
        project.add_tasks(count)
        tracemalloc.start()
        run()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    project.keeps_results = False
    peak(1)
    assert peak(40) < peak(10) + 1_000_000


def test_a_project_that_is_not_there_ends_the_run(project: Project, run) -> None:
    project.add_tasks(1)
    with pytest.raises(MissingProjectError, match="no project 7"):
        run(number=7)


def test_a_wrong_key_ends_the_run(run) -> None:
    with pytest.raises(LabelStudioError, match="refuses the key"):
        run("1" * 40)


@pytest.fixture
def command(project: Project, service, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(backend_app, "load_service", lambda settings: service)
    monkeypatch.setenv("LABEL_STUDIO_URL", project.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", LEGACY_KEY)
    return lambda *arguments: CliRunner().invoke(app, ["preannotate", "--project", "1", *arguments])


def test_the_command_ends_with_0_when_all_went_well(project: Project, command) -> None:
    project.add_tasks(3)
    result = command()
    assert result.exit_code == 0
    assert "3 tasks: 3 brought up to date, 0 skipped." in result.stdout


def test_the_command_sums_up_the_causes_and_ends_with_1(project: Project, command) -> None:
    project.add_tasks(1)
    project.add_tasks(2, "/data/upload/broken.png")
    result = command()
    assert result.exit_code == 1
    assert "3 tasks: 1 brought up to date, 2 skipped." in result.stdout
    assert result.stderr.count("Task 2, 3: ") == 1
    assert "cannot be read as an image" in result.stderr
    told = json.loads(command("--json").stdout)
    assert [failure["task"] for failure in told["failures"]] == [2, 3]


def test_the_command_wants_address_and_key(command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABEL_STUDIO_API_KEY")
    result = command()
    assert isinstance(result.exception, LabelStudioError)
    assert "LABEL_STUDIO_API_KEY" in result.exception.cause
