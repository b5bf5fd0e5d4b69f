"""Training runs: that they learn, resume exactly, and survive being stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from squeezesam_core.geometry import Frame, Size
from squeezesam_core.model import checkpoint
from squeezesam_core.model.presets import build
from training.datasets.corpus import read_corpus
from training.loop import train
from training.recipe import Recipe, Stage
from training.tasks import Batch, Move, SegmentationTask, _like_a_photo, make_task

SOURCES = [{"directory": "shapes", "maps": "maps"}]


def recipe(preset: str, steps: int) -> Recipe:
    stages = [Stage(size=64, batch=2, steps=steps)]
    return Recipe(preset=preset, side=64, stage=stages, source=SOURCES, warmup=1, precision="fp32")  # type: ignore[arg-type]


def run(plan: Recipe, root: Path, out: Path, workers: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    network = build(plan.preset, plan.side, plan.switches)
    corpus = read_corpus(plan.source, root, masks_only=True)
    train(make_task(network, corpus, plan), plan, out, workers=workers)
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


def test_drawn_ahead_it_learns_the_same(corpus_root: Path, tmp_path: Path) -> None:
    plan = recipe("serving", 4)
    plan.stage = [Stage(size=64, batch=2, accumulate=2, steps=2), Stage(size=96, batch=4, steps=2)]
    here, ahead = (run(plan, corpus_root, tmp_path / str(workers), workers) for workers in (0, 2))
    assert all(torch.equal(here[name], ahead[name]) for name in here)


class Offset(nn.Module):
    """The simplest network: one number, taken from what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - self.value


class OffsetTask:
    def __init__(self) -> None:
        self.network = Offset()

    def draw(self, batch: Batch, side: int) -> tuple[torch.Tensor, int]:
        return torch.tensor([batch.of_item(index, 1).normal(3) for index in range(batch.count)]).float(), side

    def losses(
        self, called: nn.Module, drawn: tuple[torch.Tensor, int], batch: Batch, move: Move
    ) -> dict[str, torch.Tensor]:
        numbers, side = drawn
        return {"square": called(numbers).square().mean(), "side": 0 * called(numbers).mean() + side}


def test_accumulated_batches_are_one_large_batch(tmp_path: Path) -> None:
    found = []
    for batch, accumulate in ((6, 1), (2, 3)):
        plan = recipe("serving", 5)
        plan.stage[0].batch, plan.stage[0].accumulate = batch, accumulate
        out, task = tmp_path / str(batch), OffsetTask()
        train(task, plan, out)
        (line,) = [json.loads(text) for text in (out / "log.jsonl").read_text().splitlines()]
        found.append((task.network.value.item(), line["images"], line["square"], line["side"]))
    assert found[1] == pytest.approx(found[0], rel=1e-4)
    assert found[0][0] != 0
    assert found[0][1] == 30


class Shown(nn.Module):
    """A network's training pass that notes the shapes of what it is shown, and of how it was asked."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.shapes: set[tuple[int, int]] = set()

    def forward(self, image: torch.Tensor, *prompt: torch.Tensor) -> torch.Tensor:
        self.shapes.add((image.shape[-1], image.shape[-2]))
        return self.network(image, *prompt)


@pytest.mark.parametrize(
    ("side", "sizes"),
    [(144, {(160, 128), (128, 160)}), (128, {(128, 128)}), (96, {(96, 96)})],
    ids=["as a photo is", "rounded to a square", "rounded to a small square"],
)
def test_views_are_as_large_as_a_photo_is_served(side: int, sizes: set[tuple[int, int]], aspects_root: Path) -> None:
    source = {"directory": "aspects", "photos_only": True, "maps": "maps"}
    task = make_task(build("saliency"), read_corpus([source], aspects_root, masks_only=False), recipe("saliency", 1))
    shown = Shown(task.network)
    for step in range(60):
        with torch.no_grad():
            batch = Batch(0, step, first=0, count=1)
            task.losses(shown, task.draw(batch, side), batch, lambda tensor: tensor)
    assert shown.shapes == sizes


@pytest.mark.parametrize("preset", ["saliency", "paper"])
@pytest.mark.parametrize("side", [96, 144])
def test_photos_of_a_batch_are_alike_where_the_network_is_not_square(
    preset: str, side: int, aspects_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = {"directory": "aspects", "photos_only": True, "maps": "maps"}
    corpus = read_corpus([source], aspects_root, masks_only=False)
    task = make_task(build(preset), corpus, recipe(preset, 1))
    drawn: list[Size | None] = []
    draw = corpus.draw
    monkeypatch.setattr(corpus, "draw", lambda rng, near=None: (drawn.append(near), draw(rng, near))[1])
    like = _like_a_photo(task._photos, Batch(0, 0, 0, 1), task.network.spec, side)  # type: ignore[attr-defined]
    task._photos.draw(np.random.default_rng(0), like.image)  # type: ignore[attr-defined]
    assert drawn == [None, None if preset == "paper" else like.image]
    assert like.image in {(100, 80), (80, 100)}


LIKE = Frame((100, 80), (64, 64))


def test_items_are_the_same_however_a_step_is_shared(corpus_root: Path) -> None:
    corpus = read_corpus(SOURCES, corpus_root, masks_only=True)
    task = SegmentationTask(build("serving", 64), corpus, masks_per_photo=2)  # type: ignore[arg-type]
    together = task._items(Batch(1, 2, first=0, count=8), LIKE)
    shared = [item for first in (0, 4) for item in task._items(Batch(1, 2, first=first, count=4), LIKE)]
    assert [str(item.prompt) for item in shared] == [str(item.prompt) for item in together]
    assert all((a.pixels == b.pixels).all() for a, b in zip(shared, together, strict=True))
    assert len({item.pixels.tobytes() for item in together}) == 4  # views of photos, two items each


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
    command = [sys.executable, "-m", "backend.cli", "train", str(path)]
    command += ["--out", str(tmp_path / "run"), "--root", str(corpus_root)]
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
