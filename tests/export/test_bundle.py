"""A version's folder: whole, loadable, and replaced only by one that passes."""

import numpy as np
import pytest

from export import parity as parities
from export.bundle import write_bundle
from squeezesam_core.errors import ModelFileError
from squeezesam_core.model import checkpoint
from squeezesam_core.ort_session import golden_agreement, load_detector, load_segmenter
from squeezesam_core.registry import load_manifest


@pytest.fixture
def write(tiny, photos, tmp_path, monkeypatch):
    # a random network's logits lie close to 0 everywhere: it is held to less than a trained one
    monkeypatch.setattr(parities, "LEAST_SAME_SIDE", 0.8)
    monkeypatch.setattr(parities, "LEAST_IOU", 0.5)
    monkeypatch.setattr("squeezesam_core.ort_session.GOLDEN_AGREEMENT", 0.8)

    def run(kind, **facts):
        network = tiny(kind)
        write_bundle(network, kind, tmp_path / "v", photos=[photos], items=6, held_out=6, phone=["ort"], facts=facts)
        return tmp_path / "v"

    return run


@pytest.mark.parametrize(
    ("kind", "load", "name"),
    [("segmenter", load_segmenter, "squeezesam"), ("detector", load_detector, "saliency")],
    ids=["segmenter", "detector"],
)
def test_a_version_serves(write, kind, load, name):
    folder = write(kind, step=7)
    manifest = load_manifest(folder)
    assert manifest.version.startswith(f"{name}-")
    assert set(manifest.files) == {"int8", "fp32", "checkpoint", "golden", "ort"}
    assert {path.name for path in folder.iterdir()} == {f.name for f in manifest.files.values()} | {"manifest.json"}
    assert manifest.facts["step"] == 7
    assert manifest.facts["parity"]["n"] == manifest.facts["phone"]["ort"]["parity"]["n"] == 6
    assert manifest.facts["phone"]["ort"]["parity"]["iou"] > 0.5
    assert load(folder).precision == "int8"
    state = checkpoint.load(manifest.path("checkpoint"))
    assert (state["preset"], state["side"]) == (kind, manifest.spec.side)
    assert not any(tensor.dtype.is_floating_point and tensor.itemsize > 2 for tensor in state["network"].values())


def test_the_golden_answer_is_that_of_fp32(write):
    manifest = load_manifest(write("segmenter"))
    import onnxruntime

    session = onnxruntime.InferenceSession(str(manifest.path("fp32")), providers=["CPUExecutionProvider"])
    assert golden_agreement(session, manifest.path("golden")) == 1


def test_the_same_network_is_the_same_version(write):
    assert load_manifest(write("detector")).version == load_manifest(write("detector")).version


def test_a_version_that_fails_leaves_the_one_before(write, monkeypatch):
    folder = write("detector", step=1)
    monkeypatch.setattr(parities, "LEAST_SAME_SIDE", 1.1)
    with pytest.raises(ModelFileError, match="fp32"):
        write("detector", step=2)
    assert load_manifest(folder).facts["step"] == 1
    assert [path.name for path in folder.parent.iterdir()] == ["v"]
    assert np.isfinite(load_detector(folder).run(np.zeros((3, 64, 64), np.float32))).all()
