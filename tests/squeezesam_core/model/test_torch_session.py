"""Checkpoints run as sessions, at the size they were trained for."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from squeezesam_core.errors import ModelFileError
from squeezesam_core.model import checkpoint
from squeezesam_core.model.presets import build
from squeezesam_core.model.torch_session import TorchDetector, TorchSegmenter, load_checkpoint_session


@pytest.mark.parametrize("where", [{"recipe": json.dumps({"side": 64}), "step": 7}, {"side": 64}], ids=["run", "half"])
def test_detector_answers_as_its_network(tmp_path: Path, where: dict) -> None:
    network = build("saliency").eval()
    state = network.state_dict() if "step" in where else checkpoint.half(network.state_dict())
    checkpoint.save(tmp_path / "last.pt", {"network": state, "preset": "saliency", **where})
    session = load_checkpoint_session(tmp_path / "last.pt")
    assert isinstance(session, TorchDetector)
    assert session.spec.side == 64
    assert session.version == ("saliency-step-7" if "step" in where else "last")
    image = np.random.default_rng(0).standard_normal((3, 64, 64)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(image)[None]).sigmoid()[0, 0].numpy()
    assert np.allclose(session.run(image), expected, atol=0.01)


def test_segmenter_answers_in_the_sessions_shapes(tmp_path: Path) -> None:
    content = {"network": build("serving").state_dict(), "preset": "serving", "side": 64}
    checkpoint.save(tmp_path / "last.pt", content)
    session = load_checkpoint_session(tmp_path / "last.pt")
    assert isinstance(session, TorchSegmenter)
    logits, iou = session.run(np.zeros((7, 64, 64), np.float32), np.zeros((1, 2), np.float32), np.array([1]))
    assert (logits.shape, iou.shape) == ((4, 16, 16), (4,))


def test_switches_are_rebuilt(tmp_path: Path) -> None:
    network = build("paper", 128, {"channels": 7, "depth": 3})
    content = {"network": network.state_dict(), "preset": "paper", "side": 128, "switches": network.switches}
    checkpoint.save(tmp_path / "last.pt", content)
    session = load_checkpoint_session(tmp_path / "last.pt")
    assert session.spec == network.spec
    assert session.run(np.zeros((7, 128, 128), np.float32), np.zeros((1, 2), np.float32), np.array([1]))[1].any()


@pytest.mark.parametrize(
    "content",
    [
        {"network": {}},
        {"network": {}, "preset": "saliency"},
        {"network": {}, "preset": "saliency", "side": 64},
        {"network": {}, "preset": "other", "side": 64},
    ],
    ids=["no preset", "no side", "no weights", "unknown preset"],
)
def test_other_files_are_refused(tmp_path: Path, content: dict) -> None:
    checkpoint.save(tmp_path / "last.pt", content)
    with pytest.raises(ModelFileError):
        load_checkpoint_session(tmp_path / "last.pt")
