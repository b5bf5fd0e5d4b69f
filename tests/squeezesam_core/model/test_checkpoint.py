"""Checkpoints: what a network takes over, and writes that fail."""

from pathlib import Path

import pytest
import torch

from squeezesam_core.errors import ModelFileError
from squeezesam_core.model import checkpoint
from squeezesam_core.model.presets import build


def test_segmenter_takes_over_the_detectors_encoder() -> None:
    detector, segmenter = build("saliency", 64), build("serving", 64)
    missing = checkpoint.take_over(segmenter, detector.state_dict())
    first = segmenter.encoder.features[0][0].weight
    assert torch.equal(first[:, :3], detector.encoder.features[0][0].weight)
    assert not first[:, 3:].any()
    assert torch.equal(segmenter.decoder.blocks[0].up.conv.weight, detector.decoder.blocks[0].up.conv.weight)
    assert not [name for name in missing if name.startswith(("encoder.", "decoder."))]


def test_a_failed_write_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save(path, {"step": 1})
    with pytest.raises(Exception, match=r"pickle|lambda"):
        checkpoint.save(path, {"step": lambda: 2})
    assert checkpoint.load(path) == {"step": 1}


@pytest.mark.parametrize("content", [b"", b"garbage"], ids=["empty", "garbage"])
def test_damaged_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"x\.pt"):
        checkpoint.load(path)
