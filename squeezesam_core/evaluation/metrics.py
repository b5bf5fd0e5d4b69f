"""Figures of interactive segmentation: IoU after k clicks, and clicks to a given IoU (NoC, as RITM and FocalClick)."""

from collections.abc import Sequence
from statistics import fmean

CLICK_LIMIT = 20
"""The most clicks an object is given."""


def clicks_to(ious: Sequence[float], target: float) -> int | None:
    """The first click whose IoU is at least `target`, counted from 1; None if none of the first 20 is.

    ious: the IoU after click 1, 2, ... 20.
    """
    return next((click for click, iou in enumerate(ious[:CLICK_LIMIT], start=1) if iou >= target), None)


def noc(curves: Sequence[Sequence[float]], target: float) -> float:
    """Mean number of clicks to `target`, an object that never gets there counting 20. `curves` must not be empty."""
    return fmean(clicks_to(curve, target) or CLICK_LIMIT for curve in curves)


def failures(curves: Sequence[Sequence[float]], target: float) -> int:
    """How many objects never reach `target`; one that does at the 20th click is none of them."""
    return sum(clicks_to(curve, target) is None for curve in curves)
