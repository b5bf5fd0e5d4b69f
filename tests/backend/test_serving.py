"""Another version takes the place of the one in service while requests run, or is refused with the reason."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
from fastapi.testclient import TestClient

from backend.annotator import Annotator
from backend.app import networks_of, web_app
from backend.cache import ByteCache
from backend.images import Photo
from backend.networks import load_service, named_version
from backend.serving import AGAIN_SECONDS, Serving, Source
from backend.settings import Settings
from squeezesam_core.errors import ModelFileError
from squeezesam_core.registry import File, load_manifest
from squeezesam_core.store import publish, rollback
from tests.squeezesam_core.conftest import write_version


def load(url):
    return Photo.of(np.zeros((60, 80, 3), np.uint8))


@pytest.fixture
def exported(tmp_path: Path):
    """A letter -> the folder of a segmenter version that has it in one of its files."""

    def make(letter: str, int8_is_right: bool = True) -> Path:
        folder = tmp_path / letter
        manifest = write_version(folder, 7, int8_is_right)
        (folder / "extra.pt").write_text(letter)
        replace(manifest, files={**manifest.files, "checkpoint": File.of(folder / "extra.pt")}).write()
        return folder

    return make


@pytest.fixture
def store(tmp_path: Path, exported) -> Path:
    """A store with version "a" in service, and a detector."""
    publish(exported("a"), tmp_path / "store")
    publish(write_version(tmp_path / "detector", 3, True).directory, tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def settings(store):
    return Settings(weights=store)


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def serving(settings, clock):
    annotator = Annotator(load_service(settings), load, ByteCache(2**24))
    return Serving(annotator, networks_of(settings), clock=lambda: clock[0])


def in_service(serving: Serving) -> str:
    return serving.annotator.service.model_version


def test_a_published_version_serves_and_a_rollback_brings_the_old_one_back(serving, store, settings, exported):
    first = in_service(serving)
    serving.look()
    assert in_service(serving) == first
    second = publish(exported("b"), store)
    serving.look()
    assert in_service(serving).startswith(second.version + "+")
    assert in_service(serving) == named_version(settings)
    rollback(store, "squeezesam")
    serving.look()
    assert (in_service(serving), serving.refusal) == (first, None)


def test_what_is_published_in_a_bucket_serves_and_a_bucket_that_is_gone_leaves_it_serving(bucket, exported):
    publish(exported("a"), bucket)
    settings = Settings(weights=bucket)
    serving = Serving(Annotator(load_service(settings), load, ByteCache(2**24)), networks_of(settings))
    first = in_service(serving)
    second = publish(exported("b"), bucket)
    serving.look()
    assert in_service(serving).startswith(second.version + "+")
    rollback(bucket, "squeezesam")
    serving.look()
    assert (in_service(serving), serving.refusal) == (first, None)
    fsspec.filesystem("s3").rm(bucket.removesuffix("/models"), recursive=True)
    serving.look()
    assert in_service(serving) == first
    assert f"{bucket} cannot be used" in serving.refusal.cause


@pytest.mark.parametrize(("weights", "every"), [("/versions", 2.0), (None, 2.0), ("s3://bucket/models", 15.0)])
def test_a_bucket_is_looked_at_less_often(weights, every):
    assert networks_of(Settings(weights=weights)).every == every


def test_a_look_that_finds_nothing_new_loads_nothing(service, annotator):
    def fail():
        raise AssertionError("it was loaded")

    serving = Serving(annotator, Source(lambda: service.model_version, fail))
    serving.look()
    assert serving.refusal is None


def _damage(folder: Path) -> None:
    (folder / "squeezesam.int8.onnx").write_bytes(b"!")


def _contradict(folder: Path) -> None:
    """Files with the right hashes that do not belong together."""
    manifest = load_manifest(folder)
    with np.load(folder / "golden.npz") as data:
        np.savez(folder / "golden.npz", **{**data, "answer": -data["answer"]})
    replace(manifest, files={**manifest.files, "golden": File.of(folder / "golden.npz")}).write()


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (_damage, "SHA-256 differs"),
        (lambda folder: (folder / "golden.npz").unlink(), "golden.npz is missing"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "is not a manifest"),
        (shutil.rmtree, "has no squeezesam-"),
    ],
    ids=["damaged", "incomplete", "manifest", "gone"],
)
def test_a_version_that_is_damaged_is_refused_and_serves_once_it_is_mended(
    serving, store, clock, exported, caplog, spoil, cause
):
    before = in_service(serving)
    published = publish(exported("b"), store).directory
    shutil.copytree(published, store / "kept")
    spoil(published)
    serving.look()
    assert in_service(serving) == before
    assert cause in serving.refusal.cause
    assert cause in caplog.text and f"{before} goes on" in caplog.text
    shutil.rmtree(published, ignore_errors=True)
    shutil.copytree(store / "kept", published)
    clock[0] += AGAIN_SECONDS
    serving.look()
    assert (in_service(serving) == before, serving.refusal) == (False, None)


def test_a_refused_version_is_not_tried_at_every_look_and_told_once(serving, store, clock, exported, caplog):
    _damage(publish(exported("b"), store).directory)
    for _ in range(5):
        clock[0] += AGAIN_SECONDS / 2
        serving.look()
    assert caplog.text.count("goes on") == 1
    publish(exported("c"), store)
    serving.look()
    assert serving.refusal is None, "another version is tried at once"


def test_a_version_that_contradicts_its_golden_answer_is_refused(serving, store, exported):
    folder = exported("b")
    _contradict(folder)
    publish(folder, store)
    before = in_service(serving)
    serving.look()
    assert in_service(serving) == before
    assert "golden input" in serving.refusal.cause


def test_int8_that_fails_its_self_check_is_refused_where_the_old_one_passes(serving, store, exported):
    publish(exported("b", int8_is_right=False), store)
    before = in_service(serving)
    serving.look()
    assert in_service(serving) == before
    assert "fails int8's self-check" in serving.refusal.cause


def test_on_a_cpu_where_int8_always_fails_a_new_version_serves_in_fp32(settings, store, exported):
    publish(exported("b", int8_is_right=False), store)
    serving = Serving(Annotator(load_service(settings), load, ByteCache(0)), networks_of(settings))
    publish(exported("c", int8_is_right=False), store)
    serving.look()
    assert (in_service(serving), serving.refusal) == (named_version(settings), None)


def test_a_bug_or_a_broken_disk_ends_nothing(annotator, caplog):
    faults = iter([OSError("the network disk is away"), ModelFileError("It is gone.", "Look for it.")])

    def named():
        raise next(faults)

    serving = Serving(annotator, Source(named, lambda: None))
    before = in_service(serving)
    serving.look()
    assert serving.refusal.cause == "Internal error (OSError)." and "the network disk" in caplog.text
    serving.look()
    assert (serving.refusal.cause, in_service(serving)) == ("It is gone.", before)


def test_the_status_names_what_serves_and_what_does_not(service, annotator):
    looked = threading.Event()

    def fail():
        looked.set()
        raise ModelFileError("The <file> is damaged.", "Restore it.")

    source = Source(lambda: "squeezesam-new+saliency", fail, every=0.01)
    with TestClient(web_app(Settings(), annotator, source=source)) as client:
        assert looked.wait(10)
        while (status := client.get("/status.json").json())["not_served"] is None:
            pass
        page = client.get("/status", headers={"Accept": "text/html"}).text
    assert status["model_version"] == service.model_version
    assert status["not_served"]["version"] == "squeezesam-new+saliency"
    assert status["not_served"]["cause"] == "The <file> is damaged."
    assert "squeezesam-new+saliency is to serve and does not: The &lt;file&gt; is damaged. Restore it." in page
    assert "serves, but not the version published last" in page
