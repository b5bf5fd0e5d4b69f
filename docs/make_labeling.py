"""Write the tables of docs/labeling.md, measured with the versions that ship on photos that were trained on, never on
test sets.

    python docs/make_labeling.py --root DATA [--limit 60] [--table rule polygons]

DATA is the folder that the recipes' sources are relative to (`squeezesam train --root`). Trained photos flatter the
masks; only differences within a table mean something.
"""

import argparse
import statistics
from collections.abc import Iterator
from math import inf, sqrt
from pathlib import Path
from random import Random

import numpy as np
from measured import write_part
from numpy.typing import NDArray

from squeezesam_core import masks, polygons
from squeezesam_core.detector import detect
from squeezesam_core.evaluation.clickers import error_centre
from squeezesam_core.fusion import prepare
from squeezesam_core.interaction import NEAR, NEAR_UNDER_WAY, SAME_BOX, SAME_BOX_UNDER_WAY
from squeezesam_core.ort_session import load_detector, load_segmenter
from squeezesam_core.prompts import Point, Prompt
from squeezesam_core.registry import default_weights
from squeezesam_core.samples import Sample, read_folder
from squeezesam_core.segmenter import segment
from squeezesam_core.shapes import Shape

PAGE = Path(__file__).with_name("labeling.md")
FOLDERS = {
    "rule": ("train/coco_instances", "train/coco_panoptic_things", "train/coco_single_person", "train/pets"),
    "polygons": ("train/coco_instances", "train/pets", "train/caltech101_contours"),
}
Mask = NDArray[np.bool_]
WRONG_EDIT = 2
"""What a wrong edit weighs against a wrong new object: it may go unseen."""
OWN, OWN_UNDER_WAY = 0.5, 0.8
"""Share of the next prompts that are meant for the mask, without and with a correction under way. Assumed."""
HEAD = """| kept of the mask's own | told apart of the others | score, half its own | score, four fifths its own |
|---|---|---|---|---|"""
SMALLEST = 0.002
"""Objects below this share of the photo are left out: nobody clicks them without zooming in."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=60, help="photos of each folder")
    parser.add_argument("--table", nargs="*", choices=list(FOLDERS), default=list(FOLDERS))
    options = parser.parse_args()
    for name in options.table:
        samples = [sample for folder in FOLDERS[name] for sample in sampled(options.root / folder, options.limit)]
        command = f"`python docs/make_labeling.py --root DATA --limit {options.limit} --table {name}`"
        about = f"{command}, on {', '.join(FOLDERS[name])}:"
        write_part(PAGE, name, __file__, [about, "", *TABLES[name](samples)])


def sampled(folder: Path, limit: int) -> list[Sample]:
    """`limit` photos of a folder, the same every time."""
    samples = list(read_folder(folder))
    Random(0).shuffle(samples)
    return samples[:limit]


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
            mask = segment(segmenter, prepared, prompt, saliency=saliency).mask
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
    yield f"| a click edits a mask within, in √area {HEAD}"
    for limit in (0.2, 0.3, 0.5, 0.75, 1.0, 1.5):
        name = named(limit, NEAR, NEAR_UNDER_WAY)
        yield row(name, share(lacking, limit), 1 - share(others, limit))
    yield ""
    yield f"{len(own_boxes)} boxes of the mask's own object, {len(other_boxes)} of other objects:"
    yield ""
    yield f"| a box edits a mask from an IoU of the boxes of {HEAD}"
    for least in (0.05, 0.1, 0.2, 0.3, 0.5):
        kept, edited = (float((np.array(boxes) >= least).mean()) for boxes in (own_boxes, other_boxes))
        yield row(named(least, SAME_BOX, SAME_BOX_UNDER_WAY), kept, 1 - edited)


def named(value: float, chosen: float, under_way: float) -> str:
    return f"{value}{' (serves)' * (value == chosen)}{' (serves, under correction)' * (value == under_way)}"


def row(name: str, kept: float, apart: float) -> str:
    """A wrong edit counts WRONG_EDIT times as much as a wrong new object."""
    scores = (
        (own * kept + (1 - own) * WRONG_EDIT * apart) / (own + (1 - own) * WRONG_EDIT) for own in (OWN, OWN_UNDER_WAY)
    )
    return f"| {name} | {kept:.0%} | {apart:.0%} | " + " | ".join(f"{score:.1%}" for score in scores) + " |"


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


TABLES = {"rule": rule, "polygons": outlines}


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
