"""Whether a candidate may take the place of the version in service: both are asked the same on photos that neither was
trained on, object by object.

What is compared is what annotators meet: the mask before any click, after one click and after three. A candidate wins
if it is better over all of them, more surely than by chance, and clearly worse at none.

Most labels are masks that annotators took over as the version in service drew them. Of those the truth is its own
drawing, and no other version could ever win; so there both need only be good enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.evaluation.case import Outcome, Plan
from squeezesam_core.evaluation.protocols import PROTOCOLS
from squeezesam_core.evaluation.run import evaluate
from squeezesam_core.evaluation.scene import Models
from squeezesam_core.samples import Sample

FIGURES = {"no click": ("saliency", 0), "1 click": ("error-clicks", 1), "3 clicks": ("error-clicks", 3)}
"""What is compared: the protocol, and the click count whose IoU counts."""
PLAN = Plan(clicks=(1, 3))
LEAST_PHOTOS = 5
"""Fewer say nothing."""
MOST_DOUBT = 0.2
"""The share of resampled sets of photos, at most, on which the candidate is no better."""
MOST_LOST = 0.01
"""The IoU that the candidate may lose at one of the figures."""
TAKEN_OVER = 0.99
"""From this IoU on, a label counts as the mask that the version in service drew before any click."""
GOOD_ENOUGH = 0.9
"""The IoU with a label that was taken over above which one mask is as good as another (the 90 of NoC@90)."""
RESAMPLES = 2000


@dataclass(frozen=True)
class Verdict:
    """wins: whether the candidate may serve; why: in a sentence; photos, objects: on which both were asked; taken_over:
    objects labelled as the version in service drew them; gain: mean IoU that the candidate gains over all figures;
    doubt: share of resamples on which it gains nothing; serving, candidate: mean IoU by figure, 0..1, of objects that
    were taken over GOOD_ENOUGH at most."""

    wins: bool
    why: str
    photos: int
    objects: int
    taken_over: int
    gain: float
    doubt: float
    serving: Mapping[str, float]
    candidate: Mapping[str, float]


def contest(serving: Models, candidate: Models, samples: Sequence[Sample], seed: int = 0) -> Verdict:
    """Ask both about every object of the samples. Both need segmenter and detector.

    Raises InvalidDatasetError if there are fewer than LEAST_PHOTOS photos, and as evaluate does.
    """
    if len(samples) < LEAST_PHOTOS:
        raise InvalidDatasetError(
            f"{len(samples)} photos are too few to judge a version by, at least {LEAST_PHOTOS} are needed.",
            "Label more photos; a fifth of them is set aside to judge by.",
        )
    before, after = _scores(serving, samples), _scores(candidate, samples)
    return judged(before, after, seed)


Scores = Mapping[str, Mapping[str, Sequence[float]]]
"""Figure -> photo -> the IoU of each of its objects."""


def judged(before: Scores, after: Scores, seed: int = 0) -> Verdict:
    """The verdict on the scores of the version in service and of the candidate, which are of the same objects."""
    taken_over = {photo: [iou >= TAKEN_OVER for iou in ious] for photo, ious in before["no click"].items()}
    before, after = _enough(before, taken_over), _enough(after, taken_over)
    photos = sorted(next(iter(before.values())))
    differences = {
        photo: [fmean(after[figure][photo]) - fmean(before[figure][photo]) for figure in FIGURES] for photo in photos
    }
    gains = np.array([fmean(differences[photo]) for photo in photos])
    weights = np.array([len(before["1 click"][photo]) for photo in photos], float)
    gain = float(np.average(gains, weights=weights))
    drawn = np.random.default_rng(seed).integers(len(photos), size=(RESAMPLES, len(photos)))
    resampled = (gains[drawn] * weights[drawn]).sum(axis=1) / weights[drawn].sum(axis=1)
    doubt = float((resampled <= 0).mean())
    old, new = _means(before), _means(after)
    lost = {figure: old[figure] - new[figure] for figure in FIGURES}
    worst = max(lost, key=lambda figure: lost[figure])
    if lost[worst] > MOST_LOST:
        wins, why = False, f"At {worst} it is {100 * lost[worst]:.1f} points worse."
    elif gain <= 0:
        wins, why = False, f"It is no better ({100 * gain:+.2f} points)."
    elif doubt > MOST_DOUBT:
        wins, why = False, f"It gains {100 * gain:.2f} points, which may be chance ({doubt:.0%} of resampled sets)."
    else:
        wins, why = True, f"It gains {100 * gain:.2f} points."
    count = sum(sum(marks) for marks in taken_over.values())
    return Verdict(wins, why, len(photos), int(weights.sum()), count, gain, doubt, old, new)


def _enough(scores: Scores, taken_over: Mapping[str, Sequence[bool]]) -> Scores:
    """The scores, of objects that were taken over GOOD_ENOUGH at most."""
    return {
        figure: {
            photo: [min(iou, GOOD_ENOUGH) if mark else iou for iou, mark in zip(ious, taken_over[photo], strict=True)]
            for photo, ious in photos.items()
        }
        for figure, photos in scores.items()
    }


def _scores(models: Models, samples: Sequence[Sample]) -> Scores:
    outcomes: dict[str, list[Outcome]] = {}
    for name in dict.fromkeys(protocol for protocol, _ in FIGURES.values()):
        cases = evaluate(models, samples, PROTOCOLS[name], PLAN)
        outcomes[name] = [case.outcome for case in cases]  # the pixels go at once
    scores: dict[str, dict[str, list[float]]] = {figure: {} for figure in FIGURES}
    for figure, (name, clicks) in FIGURES.items():
        for outcome in outcomes[name]:
            scores[figure].setdefault(outcome.photo, []).append(outcome.after(clicks))
    return scores


def _means(scores: Scores) -> dict[str, float]:
    return {figure: fmean(iou for ious in photos.values() for iou in ious) for figure, photos in scores.items()}


def as_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict as a JSON object."""
    return {**vars(verdict), "serving": dict(verdict.serving), "candidate": dict(verdict.candidate)}
