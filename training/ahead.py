"""What the network is shown, drawn ahead of it by processes of their own: one GPU outruns many CPU cores."""

import signal
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from squeezesam_core.errors import InvalidDatasetError
from training.tasks import Batch, Task

Turn = tuple[Batch, int]
"""A batch, and the side of its views."""


def drawn(task: Task, turns: Iterable[Turn], workers: int) -> Generator[tuple[Batch, Any]]:
    """Each batch of `turns`, in their order, with what task.draw gives for it.

    workers: processes that draw; with 0 a batch is drawn here, when it is asked for. What is drawn depends on the batch
    alone, so it is the same with any number of them. They end with the iterator. Raises InvalidDatasetError if
    task.draw does.
    """
    batches = DataLoader(
        _Drawing(task),
        batch_size=None,
        collate_fn=lambda drawn: drawn,  # it is a batch already
        sampler=turns,
        num_workers=workers,
        worker_init_fn=_leave_signals_to_the_trainer,
        multiprocessing_context="fork" if workers else None,  # the photos' records are shared, not copied
        generator=torch.Generator(),  # the run's own stream of random numbers is left alone
    )
    for batch, items in batches:
        if isinstance(items, _Refusal):
            raise InvalidDatasetError(items.cause, items.remedy)
        yield batch, items


@dataclass(frozen=True)
class _Refusal:
    """An InvalidDatasetError, between processes: the DataLoader would make a traceback of it."""

    cause: str
    remedy: str


class _Drawing(Dataset[tuple[Batch, Any]]):
    def __init__(self, task: Task) -> None:
        self._task = task

    def __getitem__(self, turn: Turn) -> tuple[Batch, Any]:
        batch, side = turn
        try:
            return batch, self._task.draw(batch, side)
        except InvalidDatasetError as error:
            return batch, _Refusal(error.cause, error.remedy)


def _leave_signals_to_the_trainer(_: int) -> None:
    """Ctrl-C reaches every process of a terminal; the trainer saves, and then ends these."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
