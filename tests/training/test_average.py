"""The mean of two checkpoints."""

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from squeezesam_core.errors import ModelFileError
from squeezesam_core.model import checkpoint
from training.average import average
from training.cli import app


def state(weight: float, seen: int, size: int = 3) -> dict:
    network = {"weight": torch.full((size,), weight, dtype=torch.float16), "batches": torch.tensor(seen)}
    kept = {"preset": "saliency", "switches": {}, "recipe": str(seen), "step": seen}
    return {"network": network, "optimizer": {"moments": 1}, **kept}


def test_weights_are_averaged_and_the_rest_is_the_later_rounds() -> None:
    mean = average(state(1, 10), state(2, 20), 0.75)
    assert mean["network"]["weight"].tolist() == [1.75] * 3
    assert mean["network"]["weight"].dtype == torch.float16
    assert mean["network"]["batches"].item() == 20
    assert (mean["recipe"], mean["step"]) == ("20", 20)
    assert "optimizer" not in mean


def test_other_networks_are_refused() -> None:
    with pytest.raises(ModelFileError, match="different networks"):
        average(state(1, 1), state(1, 1, size=4), 0.5)


def test_the_command_writes_a_checkpoint(tmp_path: Path) -> None:
    for name, weight in (("a", 1.0), ("b", 3.0)):
        checkpoint.save(tmp_path / name / "last.pt", state(weight, 1))
    paths = [str(tmp_path / name / "last.pt") for name in ("a", "b")]
    result = CliRunner().invoke(app, ["average", *paths, "--out", str(tmp_path / "mean.pt")])
    assert result.exit_code == 0, result.output
    assert checkpoint.load(tmp_path / "mean.pt")["network"]["weight"].tolist() == [2.0] * 3
