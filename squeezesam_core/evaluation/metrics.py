"""Figures over many objects: means by click count and by size, and clicks to a given IoU (NoC, as RITM counts)."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from squeezesam_core.evaluation.case import Outcome

CLICK_LIMIT = 20
"""The most clicks an object is given."""
TARGETS = (0.85, 0.90)
SIZES = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, float("inf"))}
"""COCO's bounds of an object's area in pixels of the stored photo: from the first, up to but not including the second.
pycocotools counts 32² and 96² themselves in both neighbours."""


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


def curve(outcome: Outcome) -> list[float]:
    """An object's IoU after click 1, 2, ... 20; the last one goes on where nothing was left to click."""
    return [outcome.after(clicks) for clicks in range(1, CLICK_LIMIT + 1)]


def without_click(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """miou and biou (boundary IoU) of the masks that took no click."""
    return {
        "miou": fmean(outcome.after(0) for outcome in outcomes),
        "biou": fmean(outcome.boundary_after(0) for outcome in outcomes),
    }


def in_one_piece(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """n_one_piece, and miou_one_piece where there are any: of the objects whose true mask is one connected part. One
    mask of one object cannot match a truth that is several things apart from each other."""
    members = [outcome for outcome in outcomes if outcome.pieces == 1]
    figures: dict[str, float] = {"n_one_piece": len(members)}
    return figures | {"miou_one_piece": fmean(outcome.after(0) for outcome in members)} if members else figures


def by_clicks(outcomes: Sequence[Outcome], counts: Sequence[int]) -> dict[str, float]:
    """iou@K and biou@K for each count."""
    figures = {f"iou@{count}": fmean(outcome.after(count) for outcome in outcomes) for count in counts}
    return figures | {f"biou@{count}": fmean(outcome.boundary_after(count) for outcome in outcomes) for count in counts}


def by_size(outcomes: Sequence[Outcome], counts: Sequence[int]) -> dict[str, float]:
    """n_SIZE for small, medium and large objects, and iou@K_SIZE (miou_SIZE for count 0) where there are any."""
    figures: dict[str, float] = {}
    for size, (low, high) in SIZES.items():
        members = [outcome for outcome in outcomes if low <= outcome.area < high]
        figures[f"n_{size}"] = len(members)
        for count in counts if members else ():
            key = f"iou@{count}_{size}" if count else f"miou_{size}"
            figures[key] = fmean(outcome.after(count) for outcome in members)
    return figures


def clicks_needed(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """noc85, noc90, and noc_failures: the objects that never reach 0.90 in 20 clicks. Counted from 1, as FocalClick
    counts from a given mask too: one that needs no click counts 1 or more (`ready` says how many these are)."""
    curves = [curve(outcome) for outcome in outcomes]
    figures: dict[str, Any] = {f"noc{round(100 * target)}": noc(curves, target) for target in TARGETS}
    return figures | {"noc_failures": failures(curves, TARGETS[-1])}


def ready(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """ready85, ready90: the share of objects whose mask is that good before the first click."""
    return {
        f"ready{round(100 * target)}": fmean(outcome.after(0) >= target for outcome in outcomes) for target in TARGETS
    }
