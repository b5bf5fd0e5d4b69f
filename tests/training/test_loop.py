"""Training runs: that they learn, resume exactly, and survive being stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from squeezesam_core.model import checkpoint
from squeezesam_core.model.presets import build
from training.datasets.corpus import read_corpus
from training.loop import train
from training.recipe import Recipe, Stage
from training.tasks import make_task

SOURCES = [{"directory": "shapes", "maps": "maps"}]


def recipe(preset: str, steps: int) -> Recipe:
    stages = [Stage(size=64, batch=2, steps=steps)]
    return Recipe(preset=preset, side=64, stage=stages, source=SOURCES, warmup=1, precision="fp32")  # type: ignore[arg-type]


def run(plan: Recipe, root: Path, out: Path) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    network = build(plan.preset, plan.side, plan.switches)
    corpus = read_corpus(plan.source, root, masks_only=True)
    train(make_task(network, corpus, plan), plan, out)
    return checkpoint.load(out / "last.pt")["network"]


@pytest.mark.parametrize("accumulate", [1, 2], ids=["one batch a step", "accumulating"])
def test_stopped_and_resumed_equals_straight_through(
    accumulate: int, corpus_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = recipe("serving", 4)
    plan.stage[0].accumulate = accumulate
    straight = run(plan, corpus_root, tmp_path / "straight")
    monkeypatch.setattr(Recipe, "steps", property(lambda self: 2))  # the loop stops after two steps ...
    monkeypatch.setattr(Recipe, "rate_at", lambda self, step: max(0.0, 1 - step / 4))
    run(plan, corpus_root, tmp_path / "halves")
    monkeypatch.undo()
    halves = run(plan, corpus_root, tmp_path / "halves")  # ... and goes on for the other two
    assert all(torch.equal(straight[name], halves[name]) for name in straight)


@pytest.mark.parametrize("preset", ["serving", "saliency"])
def test_loss_falls(preset: str, corpus_root: Path, tmp_path: Path) -> None:
    plan = recipe(preset, 100)
    plan.stage[0].batch = 4
    run(plan, corpus_root, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    term = "map" if preset == "saliency" else "single"
    assert [line["step"] for line in lines] == [50, 100]
    assert lines[-1][term] < 0.85 * lines[0][term]


def test_sigterm_saves_and_the_same_command_goes_on(corpus_root: Path, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(
        'preset = "saliency"\nside = 64\n[[stage]]\nsize = 64\nbatch = 2\nsteps = 100000\n'
        '[[source]]\ndirectory = "shapes"\nmaps = "maps"\n'
    )
    command = [sys.executable, "-c", "from training.cli import app; app()"]
    command += [str(path), "--out", str(tmp_path / "run"), "--root", str(corpus_root)]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
    log = tmp_path / "run" / "log.jsonl"
    deadline = time.monotonic() + 120
    while not (log.exists() and log.read_text()):  # the loop is under way
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    state = checkpoint.load(tmp_path / "run" / "last.pt")
    assert state["step"] >= 50
    assert state["preset"] == "saliency"
