"""The training loop: steps of AdamW with linear decay, checkpoints that resume exactly, a log that can be plotted."""

import copy
import json
import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from squeezesam_core.model import checkpoint
from training.ahead import Turn, drawn
from training.processes import Processes, joined
from training.recipe import Recipe, Stage
from training.tasks import Batch, Task

log = logging.getLogger(__name__)

CLIP_NORM = 1.0


def train(
    task: Task,
    recipe: Recipe,
    out: Path,
    *,
    workers: int = 0,
    save_every: float = 120.0,
    report: Callable[[int], bool] = lambda _: True,
) -> None:
    """Run a recipe to its end, from out/last.pt if it is there; alone, or as one of torchrun's processes.

    Writes out/last.pt every `save_every` seconds, on SIGTERM and at the end, and a line of out/log.jsonl every 50
    steps: step, images (of all processes), size, rate, seconds since the start of this process, images per second,
    loss terms. The same seed gives the same run, stopped and resumed or not: each item depends on (seed, step, its
    number) alone. Of several processes the first writes; a signal to any of them stops all after the same step.
    workers: processes beside each that draw its batches ahead (ahead.drawn); 0 draws where it trains.
    report: called after each step with its number; the run stops, as by a signal, when it returns False.
    """
    with joined() as processes:
        _train(task, recipe, out, workers, save_every, report, processes)


def _train(
    task: Task,
    recipe: Recipe,
    out: Path,
    workers: int,
    save_every: float,
    report: Callable[[int], bool],
    processes: Processes,
) -> None:
    device = processes.device
    network = task.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(_groups(network, recipe), weight_decay=recipe.weight_decay)
    step = _resume(out / "last.pt", network, optimizer)
    precision = _precision(network, recipe, step, processes)
    called = processes.wrap(network)
    log.info(
        "training %s on %s in %s from step %d of %d, processes: %d",
        *(recipe.preset, device, precision, step, recipe.steps, processes.count),
    )

    def move(tensor: Tensor) -> Tensor:
        tensor = tensor.to(device, non_blocking=True)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor

    network.train()
    started = saved = time.monotonic()
    sums: dict[str, float] = {}
    images = count = 0
    goes_on = True
    with (
        _stop_signal() as stopped,
        _opened(out / "log.jsonl") as lines,
        closing(drawn(task, _turns(recipe, step, processes), workers)) as batches,
    ):
        while step < recipe.steps and not processes.any(stopped() or not goes_on):
            stage = recipe.stage_at(step)
            for group in optimizer.param_groups:
                group["lr"] = group["full_rate"] * recipe.rate_at(step)
            optimizer.zero_grad(set_to_none=True)
            for turn in range(stage.accumulate):
                batch, items = next(batches)
                is_last = turn == stage.accumulate - 1
                with nullcontext() if is_last else processes.without_averaging(called):
                    with torch.autocast(device.type, precision, enabled=precision is not torch.float32):
                        losses = task.losses(called, items, batch, move)
                    (torch.stack(list(losses.values())).sum() / stage.accumulate).backward()
                for name, loss in losses.items():
                    sums[name] = sums.get(name, 0.0) + float(loss.detach()) / stage.accumulate
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
            if torch.isfinite(norm):
                optimizer.step()
            else:
                log.warning("step %d: the gradient is not finite; the step is skipped", step)
            step, count = step + 1, count + 1
            goes_on = report(step)
            images += stage.batch * stage.accumulate * processes.count
            now = time.monotonic()
            if count == 50 or step == recipe.steps:
                line = {"step": step, "images": images, "size": stage.size, "rate": recipe.rate_at(step)}
                line |= {"seconds": now - started, "images_per_second": images / (now - started)}
                line |= processes.mean({name: value / count for name, value in sums.items()})
                if processes.writes:
                    lines.write(json.dumps({k: round(v, 5) for k, v in line.items()}) + "\n")
                    lines.flush()
                sums, count = {}, 0
            if processes.writes and now - saved > save_every:
                _save(out / "last.pt", network, optimizer, step, recipe)
                saved = now
    if processes.writes:
        _save(out / "last.pt", network, optimizer, step, recipe)
    log.info("stopped at step %d of %d", step, recipe.steps)


def _turns(recipe: Recipe, step: int, processes: Processes) -> Iterator[Turn]:
    """What this process is shown from a step to the recipe's end: `accumulate` batches for each step."""
    for number in range(step, recipe.steps):
        stage = recipe.stage_at(number)
        for turn in range(stage.accumulate):
            first = (turn * processes.count + processes.rank) * stage.batch
            yield Batch(recipe.seed, number, first, stage.batch), stage.size


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


def _resume(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    state = checkpoint.load(path)
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def _save(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, step: int, recipe: Recipe) -> None:
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
    state |= {"preset": recipe.preset, "switches": recipe.switches, "recipe": recipe.model_dump_json()}
    checkpoint.save(path, state)


def _precision(network: nn.Module, recipe: Recipe, step: int, processes: Processes) -> torch.dtype:
    """The recipe's, or the faster one; one for all processes."""
    if recipe.precision != "fastest":
        return torch.bfloat16 if recipe.precision == "bf16" else torch.float32
    fastest = _fastest_precision(network, processes.device, recipe.stage_at(step))
    return torch.bfloat16 if processes.of_first(fastest is torch.bfloat16) else torch.float32


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
