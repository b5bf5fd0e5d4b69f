"""Batches that other processes draw: which, in what order, and what becomes of an error and of the processes."""

import multiprocessing
import os
from contextlib import closing
from typing import Any

import pytest
from torch import Tensor, nn

from squeezesam_core.errors import InvalidDatasetError
from training.ahead import drawn
from training.tasks import Batch, Move


class Noted:
    """A task whose batches say who drew them, and of which the third cannot be drawn if it is broken."""

    network = nn.Identity()

    def __init__(self, broken: bool = False) -> None:
        self._broken = broken

    def draw(self, batch: Batch, side: int) -> tuple[float, int, int]:
        if self._broken and batch.step == 2:
            raise InvalidDatasetError("The photos are gone.", "Bring them back.")
        return batch.of_item(0, 1).random(), side, os.getpid()

    def losses(self, called: nn.Module, drawn: Any, batch: Batch, move: Move) -> dict[str, Tensor]:
        raise AssertionError("nothing is learnt here")


TURNS = [(Batch(0, step, 0, 2), 64 + step) for step in range(7)]


@pytest.mark.parametrize(("workers", "drawers"), [(0, 1), (2, 2)], ids=["here", "two processes"])
def test_each_batch_is_drawn_once_in_order(workers: int, drawers: int) -> None:
    found = list(drawn(Noted(), TURNS, workers))
    assert [batch for batch, _ in found] == [batch for batch, _ in TURNS]
    assert [items[:2] for _, items in found] == [(batch.of_item(0, 1).random(), side) for batch, side in TURNS]
    by = {items[2] for _, items in found}
    assert len(by) == drawers
    assert (os.getpid() in by) == (workers == 0)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_names_cause_and_remedy(workers: int) -> None:
    batches = drawn(Noted(broken=True), TURNS, workers)
    assert [next(batches)[0].step for _ in range(2)] == [0, 1]
    with pytest.raises(InvalidDatasetError) as caught:
        next(batches)
    assert (caught.value.cause, caught.value.remedy) == ("The photos are gone.", "Bring them back.")


def test_the_processes_end_with_the_iterator() -> None:
    with closing(drawn(Noted(), TURNS, 2)) as batches:
        next(batches)
        assert len(multiprocessing.active_children()) == 2
    assert not multiprocessing.active_children()
