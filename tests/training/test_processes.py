"""Several processes train as one: torchrun with two gloo processes on the CPU."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from squeezesam_core.model import checkpoint

RECIPE = """
preset = "serving"
side = 64
seed = 7
warmup = 1
precision = "fp32"
[[stage]]
size = 64
batch = {batch}
accumulate = {accumulate}
steps = {steps}
[[source]]
directory = "shapes"
maps = "maps"
"""
TRAIN = ("-m", "backend.cli", "train")
TOLD_TO_STOP = (str(Path(__file__).with_name("told_to_stop.py")), "train")
SAME_LOSS = 1e-3
SAME_GRADIENT = 0.15
"""Relative difference of the whole gradient that rounding makes in a network that has learnt nothing, with 16 values
a channel at its bottom; in float64 it is exact (test_sync_batchnorm.py). Other batches would give 1 or more."""


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(corpus_root: Path) -> Iterator[Start]:
    """Start `squeezesam train` in a folder; what still runs at the end is stopped."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(
        folder: Path, processes: int, program: tuple[str, ...] = TRAIN, **stage: int
    ) -> "subprocess.Popen[bytes]":
        started.append(command(folder, corpus_root, processes, program, **stage))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def command(
    folder: Path, root: Path, processes: int, program: tuple[str, ...], **stage: int
) -> "subprocess.Popen[bytes]":
    folder.mkdir(exist_ok=True)
    (folder / "recipe.toml").write_text(RECIPE.format(**stage))
    words = [sys.executable]
    if processes > 1:
        words += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    words += [*program, str(folder / "recipe.toml"), "--out", str(folder), "--root", str(root)]
    return subprocess.Popen(words, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE)


def finish(process: "subprocess.Popen[bytes]") -> str:
    errors = process.communicate(timeout=900)[1].decode()
    assert process.returncode == 0, errors
    assert "terminate called" not in errors
    return errors


def last(folder: Path) -> dict[str, Any]:
    return checkpoint.load(folder / "last.pt")


def gradient(state: dict[str, Any]) -> torch.Tensor:
    """After one step AdamW's first moment is a tenth of the gradient."""
    return torch.cat([moments["exp_avg"].ravel() for _, moments in sorted(state["optimizer"]["state"].items())])


@pytest.mark.slow
def test_two_processes_of_a_batch_equal_one_of_twice_the_batch(start: Start, tmp_path: Path) -> None:
    finish(start(tmp_path / "one", 1, batch=4, accumulate=1, steps=1))
    finish(start(tmp_path / "two", 2, batch=2, accumulate=1, steps=1))
    one, two = last(tmp_path / "one"), last(tmp_path / "two")
    for name, tensor in one["network"].items():
        if "running" in name:  # synchronised BatchNorm saw all four items
            torch.testing.assert_close(two["network"][name], tensor, rtol=1e-4, atol=1e-5, msg=name)
    assert (gradient(two) - gradient(one)).norm() < SAME_GRADIENT * gradient(one).norm()
    lines = [json.loads((tmp_path / name / "log.jsonl").read_text()) for name in ("one", "two")]
    assert lines[0]["images"] == lines[1]["images"] == 4
    assert lines[0]["single"] == pytest.approx(lines[1]["single"], abs=SAME_LOSS)


@pytest.mark.slow
def test_two_processes_stop_together_and_resume_exactly(start: Start, tmp_path: Path) -> None:
    shape = {"batch": 2, "accumulate": 2}
    finish(start(tmp_path / "straight", 2, **shape, steps=8))
    finish(start(tmp_path / "halves", 2, TOLD_TO_STOP, **shape, steps=8))
    assert last(tmp_path / "halves")["step"] == 4
    finish(start(tmp_path / "halves", 2, **shape, steps=8))
    straight, resumed = last(tmp_path / "straight"), last(tmp_path / "halves")
    assert resumed["step"] == straight["step"] == 8
    assert all(torch.equal(straight["network"][name], resumed["network"][name]) for name in straight["network"])
