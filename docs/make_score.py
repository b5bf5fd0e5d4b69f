"""How well the score of pre-annotation orders photos by the quality of their masks: the table of preannotation.md.

    python docs/make_score.py DIR [DIR ...]

Each DIR is a folder of photos with masks, as for `squeezesam evaluate`; 60 photos of each, drawn with seed 0, are
masked as the backend would. The truth is the IoU with the best-fitting object of the photo; a photo on which nothing
stands out is left out, since it has no mask to correct.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from squeezesam_core import ort_session
from squeezesam_core.confidence import Confidence, confidence
from squeezesam_core.detector import detect
from squeezesam_core.fusion import prepare
from squeezesam_core.masks import iou
from squeezesam_core.registry import default_weights
from squeezesam_core.saliency import most_salient_blob
from squeezesam_core.samples import Sample, read_folder
from squeezesam_core.session import DetectorSession, Session
from squeezesam_core.whole_object import outlined, whole_object

PHOTOS = 60
VIEWS = ("score", "iou", "stability")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR")
    folders = parser.parse_args().folders
    segmenter = ort_session.load_segmenter(default_weights() / "squeezesam")
    detector = ort_session.load_detector(default_weights() / "saliency")
    rows = [f"| photos | n | {' | '.join(VIEWS)} |", "|---" * (len(VIEWS) + 2) + "|"]
    everything: list[tuple[Confidence, float]] = []
    for folder in folders:
        samples = list(read_folder(folder))
        drawn = np.random.default_rng(0).permutation(len(samples))[:PHOTOS]
        cases = [case for i in drawn for case in judged(samples[i], segmenter, detector)]
        everything += cases
        rows.append(row(folder.name, cases))
    print("\n".join([*rows, row("all", everything)]))  # noqa: T201 - a table for a page


def judged(sample: Sample, segmenter: Session, detector: DetectorSession) -> Iterator[tuple[Confidence, float]]:
    """The mask's views of itself and its true IoU, 0..1; nothing for a photo on which nothing stands out."""
    photo = sample.image()
    saliency = detect(detector, photo)
    blob = most_salient_blob(saliency)
    if blob is not None:
        prepared = prepare(photo, segmenter.spec)
        found = whole_object(segmenter, prepared, blob, saliency)
        shown = outlined(found, prepared, blob).mask
        truths = [reference.decode() for reference in sample.masks]
        yield confidence(found), max(iou(shown, truth.object, truth.ignore) for truth in truths)


def row(name: str, cases: list[tuple[Confidence, float]]) -> str:
    truth = [iou for _, iou in cases]
    figures = [spearman([getattr(views, view) for views, _ in cases], truth) for view in VIEWS]
    return f"| {name} | {len(cases)} | {' | '.join(f'{figure:.2f}' for figure in figures)} |"


def spearman(a: list[float], b: list[float]) -> float:
    """Rank correlation, -1..1; equal values share their mean rank."""
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: list[float]) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


if __name__ == "__main__":
    main()
