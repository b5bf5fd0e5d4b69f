"""The training loop: steps of AdamW with linear decay, checkpoints that resume exactly, a log that can be plotted."""

import copy
import json
import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from squeezesam_core.model import checkpoint
from training.recipe import Recipe, Stage
from training.tasks import Task

log = logging.getLogger(__name__)

CLIP_NORM = 1.0
ASPECTS = (1.0, 1.0, 1.6, 1 / 1.6)
"""Aspects of the batches: photos are served at their own aspect (geometry.Frame)."""


def train(task: Task, recipe: Recipe, out: Path, *, save_every: float = 120.0) -> None:
    """Run a recipe to its end, from out/last.pt if it is there.

    Writes out/last.pt every `save_every` seconds, on SIGTERM and at the end, and a line of out/log.jsonl every 50
    steps: step, images, size, rate, seconds since the start of this process, images per second, loss terms.
    The same seed gives the same run, stopped and resumed or not: each step's items depend on (seed, step) alone.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = task.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(_groups(network, recipe), weight_decay=recipe.weight_decay)
    step = _resume(out / "last.pt", network, optimizer)
    precision = _fastest_precision(network, device, recipe.stage_at(step))
    log.info("training %s on %s in %s from step %d of %d", recipe.preset, device, precision, step, recipe.steps)

    def move(tensor: Tensor) -> Tensor:
        tensor = tensor.to(device, non_blocking=True)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor

    network.train()
    started = saved = time.monotonic()
    sums: dict[str, float] = {}
    images = count = 0
    with _stop_signal() as stopped, _opened(out / "log.jsonl") as lines:
        while step < recipe.steps and not stopped():
            stage = recipe.stage_at(step)
            rng = np.random.default_rng((recipe.seed, step))
            for group in optimizer.param_groups:
                group["lr"] = group["full_rate"] * recipe.rate_at(step)
            with torch.autocast(device.type, precision, enabled=precision is not torch.float32):
                losses = task.losses(rng, _size(rng, stage.size), stage.batch, move)
            total = torch.stack(list(losses.values())).sum()
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
            if torch.isfinite(norm):
                optimizer.step()
            else:
                log.warning("step %d: the gradient is not finite; the step is skipped", step)
            step, images, count = step + 1, images + stage.batch, count + 1
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + float(loss.detach())
            now = time.monotonic()
            if count == 50 or step == recipe.steps:
                line = {"step": step, "images": images, "size": stage.size, "rate": recipe.rate_at(step)}
                line |= {"seconds": now - started, "images_per_second": images / (now - started)}
                line |= {name: value / count for name, value in sums.items()}
                lines.write(json.dumps({k: round(v, 5) for k, v in line.items()}) + "\n")
                lines.flush()
                sums, count = {}, 0
            if now - saved > save_every:
                _save(out / "last.pt", network, optimizer, step, recipe)
                saved = now
    _save(out / "last.pt", network, optimizer, step, recipe)
    log.info("stopped at step %d of %d", step, recipe.steps)


def _groups(network: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    slow = recipe.pretrained_rate if recipe.start != "scratch" else 1.0
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = recipe.learning_rate * (slow if name.startswith("encoder.") else 1.0)
        groups.setdefault((rate, parameter.dim() > 1), []).append(parameter)
    return [
        {"params": parameters, "full_rate": rate, "lr": rate} | ({} if decays else {"weight_decay": 0.0})
        for (rate, decays), parameters in groups.items()
    ]


def _size(rng: np.random.Generator, side: int) -> tuple[int, int]:
    aspect = float(rng.choice(ASPECTS))
    return round(side * aspect**0.5 / 32) * 32, round(side / aspect**0.5 / 32) * 32


def _resume(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    state = checkpoint.load(path)
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def _save(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, step: int, recipe: Recipe) -> None:
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
    checkpoint.save(path, state | {"preset": recipe.preset, "recipe": recipe.model_dump_json()})


def _fastest_precision(network: nn.Module, device: torch.device, stage: Stage) -> torch.dtype:
    """float32 or bfloat16, whichever runs forward and backward faster here (facts differ by CPU: 0.5x or 9x).

    Timed on a batch of the stage: on a tiny one bfloat16 loses where it wins on a real one.
    """
    probe: Any = copy.deepcopy(network).train()
    batch, side = stage.batch, stage.size
    image = torch.randn(batch, probe.spec.channels, side, side, device=device)
    image = image.contiguous(memory_format=torch.channels_last)
    prompt = (torch.rand(batch, 1, 2, device=device), torch.ones(batch, 1, dtype=torch.long, device=device))
    inputs = (image,) if probe.spec.channels == 3 else (image, *prompt)
    seconds = {}
    for precision in (torch.float32, torch.bfloat16):
        for _ in range(2):  # the second run counts
            start = time.perf_counter()
            with torch.autocast(device.type, precision, enabled=precision is not torch.float32):
                output = probe(*inputs)
            (output if isinstance(output, Tensor) else output[0]).float().mean().backward()
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds[precision] = time.perf_counter() - start
    return min(seconds, key=lambda precision: seconds[precision])


@contextmanager
def _stop_signal() -> Iterator:  # type: ignore[type-arg]
    """Gives a function that tells whether SIGTERM or SIGINT has come; the second SIGINT interrupts as usual."""
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def remember(number: int, frame: object) -> None:
        came.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, remember)
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _opened(path: Path) -> Iterator:  # type: ignore[type-arg]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        yield file
