"""What the network is shown, drawn ahead of it by processes of their own: one GPU outruns many CPU cores."""

import signal
from collections.abc import Generator, Iterable
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from training.tasks import Batch, Task

Turn = tuple[Batch, int]
"""A batch, and the side of its views."""


def drawn(task: Task, turns: Iterable[Turn], workers: int) -> Generator[tuple[Batch, Any]]:
    """Each batch of `turns`, in their order, with what task.draw gives for it.

    workers: processes that draw; none draws here, when a batch is asked for. What is drawn depends on the batch alone,
    so it is the same with any number of them. They end with the iterator. Raises what task.draw raises.
    """
    yield from DataLoader(
        _Drawing(task),
        batch_size=None,
        sampler=turns,
        num_workers=workers,
        worker_init_fn=_leave_signals_to_the_trainer,
        multiprocessing_context="fork" if workers else None,  # the photos' records are shared, not copied
        generator=torch.Generator(),  # the run's own stream of random numbers is left alone
    )


class _Drawing(Dataset[tuple[Batch, Any]]):
    def __init__(self, task: Task) -> None:
        self._task = task

    def __getitem__(self, turn: Turn) -> tuple[Batch, Any]:
        batch, side = turn
        return batch, self._task.draw(batch, side)


def _leave_signals_to_the_trainer(_: int) -> None:
    """Ctrl-C reaches every process of a terminal; the trainer saves, and then ends these."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
