"""ONNX Runtime sessions: int8 that proves itself, fp32 where it does not."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from squeezesam_core.errors import ModelFileError
from squeezesam_core.ort_session import load_detector, load_segmenter
from squeezesam_core.registry import File

DISC = np.zeros((7, 64, 64), np.float32)
DISC[3, 16:32, 16:32] = 1
CLICK = np.full((1, 2), 0.4, np.float32), np.ones(1, np.int64)


@pytest.mark.parametrize(
    ("right", "precision", "chosen"),
    [(True, "int8", "int8"), (False, "int8", "fp32"), (False, "fp32", "fp32")],
    ids=["int8 is right", "int8 is wrong here", "fp32 asked for"],
)
def test_segmenter_that_answers_is_a_right_one(version, caplog, right: bool, precision: str, chosen: str) -> None:
    manifest = version(7, right)
    with caplog.at_level(logging.WARNING):
        session = load_segmenter(manifest.directory, precision=precision)
    assert (session.precision, session.version, session.spec) == (chosen, manifest.version, manifest.spec)
    assert bool(caplog.records) == (chosen != precision)
    logits, iou = session.run(DISC, *CLICK)
    assert logits.shape == (4, 16, 16)
    assert np.array_equal(logits[0] > 0, DISC[3, ::4, ::4] > 0)
    assert iou[0] == 0.75


def test_a_version_whose_fp32_contradicts_its_golden_answer_is_refused(version) -> None:
    manifest = version()
    golden = manifest.path("golden")
    with np.load(golden) as data:
        np.savez(golden, **{**data, "answer": -data["answer"]})
    replace(manifest, files={**manifest.files, "golden": File.of(golden)}).write()
    with pytest.raises(ModelFileError, match="golden input's answer in fp32"):
        load_segmenter(manifest.directory)


@pytest.mark.parametrize("right", [True, False], ids=["int8 is right", "int8 is wrong here"])
def test_detector_that_answers_is_a_right_one(version, right: bool) -> None:
    session = load_detector(version(3, right).directory)
    image = np.full((3, 64, 64), -2, np.float32)
    image[:, :32] = 2
    saliency = session.run(image)
    assert saliency.shape == (16, 16)
    assert saliency[:8].min() > 0.9
    assert saliency[8:].max() < 0.1


def test_detector_of_u2nets_interface_by_file(version) -> None:
    path = version(3).path("fp32")
    session = load_detector(path)
    assert (session.spec.side, session.spec.square, session.precision) == (320, True, "as given")
    assert session.version == "saliency.fp32"


def test_the_other_kind_of_network_is_refused(version) -> None:
    segmenter, detector = version(7), version(3)
    with pytest.raises(ModelFileError, match="detector"):
        load_segmenter(detector.directory)
    with pytest.raises(ModelFileError, match="no detector"):
        load_detector(segmenter.directory)


def test_file_that_is_no_network(tmp_path) -> None:
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ModelFileError, match=r"text\.onnx"):
        load_detector(tmp_path / "text.onnx")
