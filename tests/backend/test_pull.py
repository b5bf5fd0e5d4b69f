"""A project's labels and photos pulled into a folder, against a server: what is taken, what training reads of it."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from backend.cli import app
from backend.images import ImageLimits, ImageSource, portable
from backend.label_studio import LabelStudio, LabelStudioError
from backend.pull import IMAGES, KNOWN, LABELS, Pulled, pull
from squeezesam_core import rle
from squeezesam_core.errors import InvalidImageError
from squeezesam_core.records import PhotoFolder
from tests.backend.label_studio_server import LEGACY_KEY, PHOTO, Project
from training.datasets import label_studio as reader

UPLOAD = "/data/upload/photo.png"


def brush(mask: np.ndarray | None = None, image: str = "image") -> dict:
    if mask is None:
        mask = np.zeros((60, 80), bool)
        mask[20:40, 30:50] = True
    value = {"format": "rle", "rle": rle.encode(mask), "brushlabels": ["Object"]}
    size = {"original_width": mask.shape[1], "original_height": mask.shape[0]}
    return {"id": "region", "type": "brushlabels", "from_name": "brush", "to_name": image, "value": value, **size}


def polygon() -> dict:
    value = {"points": [[10, 10], [50, 10], [50, 60]], "polygonlabels": ["Object"]}
    return {**brush(), "id": "outline", "type": "polygonlabels", "value": value}


@pytest.fixture
def run(project: Project, tmp_path: Path) -> Callable[..., Pulled]:
    def call(**options) -> Pulled:
        with httpx.Client() as client:
            label_studio = LabelStudio(project.url, LEGACY_KEY, client)
            images = ImageSource(client, ImageLimits(2**20, 10**6), label_studio)
            return pull(1, tmp_path / "set", label_studio, images, **options)

    return call


def test_training_reads_what_was_pulled(project: Project, run, tmp_path: Path) -> None:
    project.annotate(1, UPLOAD, brush(), polygon())
    seen: list[int] = []
    pulled = run(report=lambda pulled: seen.append(pulled.seen))
    assert (pulled.tasks, pulled.seen, pulled.labelled, pulled.fetched, pulled.failures) == (1, 1, 1, 1, [])
    assert seen[-1] == 1
    problems: list = []
    photos = PhotoFolder(tmp_path / "set" / IMAGES, problems.append)
    (sample,) = reader.read(tmp_path / "set" / LABELS, photos, problems.append)
    assert problems == []
    assert sample.path.read_bytes() == PHOTO
    drawn = [reference.decode().object for reference in sample.masks]
    assert [mask.shape for mask in drawn] == [(60, 80)] * 2
    assert drawn[0][20:40, 30:50].all() and drawn[0].sum() == 400
    checked = CliRunner().invoke(app, ["dataset", "check", str(tmp_path / "set"), "--json"])
    assert (checked.exit_code, json.loads(checked.stdout)["masks"]) == (0, 2), "it is found without naming its kind"


@pytest.mark.parametrize(
    ("annotations", "taken"),
    [
        ([([], {})], 0),
        ([([brush()], {"was_cancelled": True})], 0),
        ([([brush(image="other")], {})], 0),
        ([([brush()], {}), ([brush()], {"was_cancelled": True}), ([polygon()], {"ground_truth": True})], 2),
    ],
    ids=["empty", "skipped", "another-image", "two-of-three"],
)
def test_only_finished_regions_of_the_image_are_taken(
    project: Project, run, tmp_path: Path, annotations: list, taken: int
) -> None:
    for regions, fields in annotations:
        project.annotate(1, UPLOAD, *regions, **fields)
    pulled = run()
    records = json.loads((tmp_path / "set" / LABELS).read_text())
    assert [len(record["annotations"]) for record in records] == ([taken] if taken else [])
    assert pulled.fetched == (1 if taken else 0), "no photo is fetched that nobody labelled"


def test_nothing_of_the_annotators_is_kept(project: Project, run, tmp_path: Path) -> None:
    project.annotate(1, UPLOAD, brush(), completed_by=77, ground_truth=True)
    run()
    (record,) = json.loads((tmp_path / "set" / LABELS).read_text())
    (annotation,) = record["annotations"]
    assert {"completed_by", "lead_time"} & set(annotation) == set()
    assert (annotation["ground_truth"], annotation["updated_at"]) == (True, "2026-11-26T10:00:00Z")


def test_tasks_without_labels_are_not_asked_about(project: Project, run) -> None:
    project.add_tasks(120)
    project.annotate(121, UPLOAD, brush())
    pulled = run(workers=3)
    assert (pulled.tasks, pulled.seen, pulled.labelled) == (121, 121, 1)
    assert project.calls["GET /api/tasks/121/annotations"] == 1
    assert sum(count for route, count in project.calls.items() if route.endswith("/annotations")) == 1


def test_a_photo_is_fetched_once(project: Project, run, tmp_path: Path) -> None:
    project.annotate(1, UPLOAD, brush())
    run()
    project.annotate(1, UPLOAD, polygon())
    again = run()
    assert (again.fetched, project.calls["GET /data/upload/photo.png"]) == (0, 1)
    (record,) = json.loads((tmp_path / "set" / LABELS).read_text())
    assert len(record["annotations"]) == 2, "the labels are those of now"
    photo = tmp_path / "set" / IMAGES / record["data"]["image"]
    photo.unlink()
    assert run().fetched == 1, "a photo that was deleted is fetched anew"
    assert photo.is_file()


def test_a_killed_pull_leaves_the_labels_as_they_were(project: Project, run, tmp_path: Path) -> None:
    project.annotate(1, UPLOAD, brush())
    run()
    before = (tmp_path / "set" / LABELS).read_bytes()
    with (tmp_path / "set" / KNOWN).open("a") as index:
        index.write('{"url": "/data/upl')  # cut off in the middle of a line
    project.annotate(1, UPLOAD, polygon())

    def die(_: Pulled) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(report=die)
    assert (tmp_path / "set" / LABELS).read_bytes() == before
    assert run().fetched == 0
    assert (tmp_path / "set" / LABELS).read_bytes() != before


def test_a_photo_that_cannot_be_had_costs_its_task_only(project: Project, run, tmp_path: Path) -> None:
    for task, image in enumerate(["/data/upload/broken.png", "/data/upload/gone.png", UPLOAD], 1):
        project.annotate(task, image, brush())
    pulled = run()
    assert [(failure.task, bool(failure.cause), bool(failure.remedy)) for failure in pulled.failures] == [
        (1, True, True),
        (2, True, True),
    ]
    assert [record["id"] for record in json.loads((tmp_path / "set" / LABELS).read_text())] == [3]


def test_a_refused_key_changes_nothing(project: Project, tmp_path: Path) -> None:
    with httpx.Client() as client:
        label_studio = LabelStudio(project.url, "1" * 40, client)
        images = ImageSource(client, ImageLimits(2**20, 10**6), label_studio)
        with pytest.raises(LabelStudioError, match="refuses the key"):
            pull(1, tmp_path / "set", label_studio, images)
    assert not (tmp_path / "set").exists()


def test_command(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", project.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", LEGACY_KEY)
    project.annotate(1, UPLOAD, brush())
    argv = ["dataset", "pull", "--project", "1", "--out", str(tmp_path / "set")]
    done = CliRunner().invoke(app, argv)
    assert (done.exit_code, "1 photos with labels" in done.stdout) == (0, True), done.output
    project.annotate(2, "/data/upload/broken.png", brush())
    done = CliRunner().invoke(app, [*argv, "--json"])
    summary = json.loads(done.stdout)
    assert (done.exit_code, summary["labelled"], summary["fetched"]) == (1, 1, 0)
    assert summary["failures"][0]["task"] == 2


def encoded(kind: str, mode: str = "RGB", **options) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(np.full((6, 8), 40_000, np.uint16)) if mode == "I;16" else Image.new(mode, (8, 6), 200)
    image.save(file, format=kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "suffix", "is_kept"),
    [
        (encoded("JPEG"), ".jpg", True),
        (encoded("WEBP"), ".webp", True),
        (encoded("PNG"), ".png", True),
        (encoded("PNG", "I;16"), ".png", False),
        (encoded("BMP"), ".png", False),
        (encoded("GIF", "P"), ".png", False),
        (encoded("TIFF"), ".png", False),
    ],
    ids=["jpeg", "webp", "png", "png-of-16-bits", "bmp", "gif", "tiff"],
)
def test_photos_are_stored_as_files_that_training_reads(data: bytes, suffix: str, is_kept: bool) -> None:
    stored, ending = portable(data, "photo", ImageLimits(2**20, 10**6))
    assert (ending, stored == data) == (suffix, is_kept)
    with Image.open(io.BytesIO(stored)) as image:
        assert (image.size, image.mode in ("RGB", "L", "P")) == ((8, 6), True)


def test_what_is_no_photo_is_not_stored() -> None:
    with pytest.raises(InvalidImageError, match="cannot be read"):
        portable(b"this is no photo", "task 3", ImageLimits(2**20, 10**6))
