"""Print the tables of docs/labeling.md, measured with the versions that ship on folders of test photos.

    python docs/make_labeling.py rule DIR ... [--limit 60]       which mask a prompt edits
    python docs/make_labeling.py polygons DIR ... [--limit 80]   what a polygon costs

DIR: a folder as `squeezesam evaluate --data` takes it.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator
from itertools import islice
from math import inf, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from squeezesam_core import masks, polygons
from squeezesam_core.evaluation.clickers import error_centre
from squeezesam_core.fusion import prepare
from squeezesam_core.interaction import first_previous
from squeezesam_core.ort_session import load_detector, load_segmenter
from squeezesam_core.prompts import Point, Prompt
from squeezesam_core.registry import default_weights
from squeezesam_core.samples import Sample, read_folder
from squeezesam_core.segmenter import detect, segment
from squeezesam_core.shapes import Shape

Mask = NDArray[np.bool_]
SMALLEST = 0.002
"""Objects below this share of the photo are left out: nobody clicks them without zooming in."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=("rule", "polygons"))
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=60, help="photos of each folder, the first by name")
    options = parser.parse_args()
    samples = [sample for folder in options.folders for sample in islice(read_folder(folder), options.limit)]
    sys.stdout.write("\n".join(rule(samples) if options.table == "rule" else outlines(samples)) + "\n")


def rule(samples: list[Sample]) -> Iterator[str]:
    """Each object's mask after one click in its middle. For it: the click at the middle of the largest part it lacks,
    and the object's own box. Against it: the middles and boxes of the photo's other objects."""
    segmenter = load_segmenter(default_weights() / "squeezesam", 1)
    detector = load_detector(default_weights() / "saliency", 1)
    lacking, others, own_boxes, other_boxes = [], [], [], []
    for sample in samples:
        image = sample.image()
        size = (image.shape[1], image.shape[0])
        prepared, saliency = prepare(image, segmenter.spec), detect(detector, image)
        truths = [mask for mask in objects(sample) if mask.shape == size[::-1]]
        middles = [error_centre(np.zeros_like(truth), truth) for truth in truths]
        for number, (truth, middle) in enumerate(zip(truths, middles, strict=True)):
            assert middle is not None
            prompt = Prompt((middle,))
            mask = segment(segmenter, prepared, prompt, first_previous(saliency, prompt, size)).mask
            if not mask.any():
                continue
            shape, missing = Shape.of(mask), error_centre(mask, truth)
            if missing is not None and missing.positive:
                lacking.append(reach(shape, missing))
            own_boxes.append(box_iou(mask, truth))
            for other in (n for n in range(len(truths)) if n != number):
                others.append(reach(shape, middles[other]))
                other_boxes.append(box_iou(mask, truths[other]))
    yield f"{len(lacking)} clicks on what a mask lacks, {len(others)} on other objects:"
    yield ""
    yield "| a click edits a mask within, in √area | kept of the mask's own | told apart of the others |"
    yield "|---|---|---|"
    for limit in (0.2, 0.3, 0.5, 0.75, 1.0, 1.5):
        yield f"| {limit} | {share(lacking, limit):.0%} | {1 - share(others, limit):.0%} |"
    yield ""
    yield f"{len(own_boxes)} boxes of the mask's own object, {len(other_boxes)} of other objects:"
    yield ""
    yield "| a box edits a mask from an IoU of the boxes of | kept of the mask's own | told apart of the others |"
    yield "|---|---|---|"
    for least in (0.1, 0.2, 0.3, 0.5):
        kept, apart = ((np.array(boxes) >= least).mean() for boxes in (own_boxes, other_boxes))
        yield f"| {least} | {kept:.0%} | {1 - apart:.0%} |"


def outlines(samples: list[Sample]) -> Iterator[str]:
    found = [mask for sample in samples for mask in objects(sample)]
    yield f"{len(found)} masks:"
    yield ""
    yield "| IoU kept at least | vertices, median | 95 of 100 have at most | IoU, mean | least |"
    yield "|---|---|---|---|---|"
    for kept in (0.95, 0.97, 0.98, 0.99):
        rings = [polygons.from_mask(mask, kept) for mask in found]
        ious = [
            masks.iou(polygons.to_mask(ring, mask.shape[::-1]), mask) for ring, mask in zip(rings, found, strict=True)
        ]
        counts = [len(ring) for ring in rings]
        most = np.percentile(counts, 95)
        yield f"| {kept} | {statistics.median(counts):.0f} | {most:.0f} | {np.mean(ious):.3f} | {min(ious):.3f} |"


def objects(sample: Sample) -> Iterator[Mask]:
    for reference in sample.masks:
        truth = reference.decode().object
        if truth.sum() > SMALLEST * truth.size:
            yield truth


def reach(shape: Shape, click: Point | None) -> float:
    """The click's distance from the mask, in square roots of its area."""
    assert click is not None
    return shape.distance(click.x, click.y, inf) / sqrt(shape.area)


def share(distances: list[float], limit: float) -> float:
    return float((np.array(distances) <= limit).mean())


def box_iou(mask: Mask, other: Mask) -> float:
    (x, y, width, height), (x2, y2, width2, height2) = masks.bounding_box(mask), masks.bounding_box(other)
    across = max(0, min(x + width, x2 + width2) - max(x, x2))
    down = max(0, min(y + height, y2 + height2) - max(y, y2))
    return across * down / (width * height + width2 * height2 - across * down)


if __name__ == "__main__":
    main()
