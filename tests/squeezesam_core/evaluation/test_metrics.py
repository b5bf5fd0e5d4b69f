"""Figures over many objects, by hand."""

import pytest

from squeezesam_core.evaluation.case import Outcome
from squeezesam_core.evaluation.metrics import (
    by_size,
    clicks_needed,
    clicks_to,
    curve,
    failures,
    in_one_piece,
    noc,
    ready,
)

NEVER = [0.5] * 20
AT_LAST = [0.5] * 19 + [0.9]
TOO_LATE = [0.5] * 20 + [0.9]


@pytest.mark.parametrize(
    ("ious", "clicks"),
    [
        ([0.9] * 20, 1),
        ([0.1, 0.95, 0.2, 0.99, *NEVER], 2),
        (AT_LAST, 20),
        (NEVER, None),
        (TOO_LATE, None),
        ([0.899999] * 20, None),
    ],
    ids=["at once", "first time counts", "the 20th counts", "never", "the 21st does not", "just below"],
)
def test_clicks_to(ious: list[float], clicks: int | None) -> None:
    assert clicks_to(ious, 0.9) == clicks


def test_noc_counts_20_for_a_failure_and_failures_only_those() -> None:
    curves = [[0.9] * 20, AT_LAST, NEVER, [0.1, 0.1, 0.92, *NEVER]]
    assert noc(curves, 0.9) == (1 + 20 + 20 + 3) / 4
    assert failures(curves, 0.9) == 1
    assert failures(curves, 0.5) == 0


def outcome(ious: dict[int, float], area: int = 10_000, pieces: int = 1) -> Outcome:
    return Outcome("photo", 0, ious, ious, area, pieces, (0.01,), 0.0)


def test_a_curve_goes_on_with_its_last_iou() -> None:
    assert curve(outcome({0: 0.1, 1: 0.4, 2: 0.95})) == [0.4] + [0.95] * 19


def test_a_curve_of_a_mask_that_was_right_at_once() -> None:
    assert curve(outcome({0: 1.0})) == [1.0] * 20


@pytest.mark.parametrize(
    ("area", "size"),
    [(1, "small"), (32**2 - 1, "small"), (32**2, "medium"), (96**2 - 1, "medium"), (96**2, "large")],
)
def test_sizes_are_cocos(area: int, size: str) -> None:
    figures = by_size([outcome({1: 0.5, 3: 0.7}, area)], (1, 3))
    assert figures[f"n_{size}"] == 1
    assert figures[f"iou@1_{size}"] == 0.5
    assert figures[f"iou@3_{size}"] == 0.7
    assert sum(value for key, value in figures.items() if key.startswith("n_")) == 1
    assert len(figures) == 5, "sizes without an object have no IoU"


def test_clicks_to_mend_a_mask_count_from_one_and_ready_says_who_needs_none() -> None:
    outcomes = [outcome({0: 0.95, 1: 0.95}), outcome({0: 0.86, 1: 0.88, 2: 0.92}), outcome({0: 0.5, 1: 0.91})]
    assert clicks_needed(outcomes) == {"noc85": 1.0, "noc90": pytest.approx(4 / 3), "noc_failures": 0}
    assert ready(outcomes) == {"ready85": pytest.approx(2 / 3), "ready90": pytest.approx(1 / 3)}


@pytest.mark.parametrize(
    ("pieces", "figures"),
    [((1, 2, 1), {"n_one_piece": 2, "miou_one_piece": 0.6}), ((2, 3, 0), {"n_one_piece": 0})],
    ids=["some", "none"],
)
def test_objects_in_one_piece_are_told_apart(pieces: tuple[int, ...], figures: dict[str, float]) -> None:
    ious = (0.5, 0.1, 0.7)
    outcomes = [outcome({0: iou}, pieces=count) for iou, count in zip(ious, pieces, strict=True)]
    assert in_one_piece(outcomes) == pytest.approx(figures)
