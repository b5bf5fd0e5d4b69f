"""LVIS over COCO: both files' masks, an LVIS mask in place of the COCO mask that it overlaps by more than 80 %.

As in the paper's saliency evaluation (section Application): LVIS's outlines are finer. Overlap is IoU. Of several COCO
masks of one photo each is replaced once, by the LVIS mask that overlaps it most.
"""

from pathlib import Path

from pycocotools import mask as coco_mask

from squeezesam_core.coco import CocoAnnotation, index_coco, to_samples
from squeezesam_core.coco_masks import to_rle
from squeezesam_core.records import BadMaskError, PhotoFolder, Report, Sample

OVERLAP = 0.8


def read(path: Path, photos: PhotoFolder, report: Report, coco: Path | None = None) -> list[Sample]:
    """The photos of an LVIS file that have a mask; those of the COCO file of the same photos are merged in.

    LVIS's image ids are COCO's. COCO's photos that LVIS does not list are left out. Raises InvalidDatasetError.
    """
    file = index_coco(path, report)
    annotations = dict(file.annotations)
    if coco is not None:
        base = index_coco(coco, report)
        for identifier, over in annotations.items():
            annotations[identifier] = merge(base.annotations.get(identifier, []), over, report)
    return list(to_samples(file, annotations, photos, report))


def merge(base: list[CocoAnnotation], over: list[CocoAnnotation], report: Report) -> list[CocoAnnotation]:
    """`base` without what `over` replaces, then all of `over`; masks that cannot be read are reported, left out."""
    if not base or not over:
        return base + over
    base, base_rles = _readable(base, report)
    over, over_rles = _readable(over, report)
    if not base or not over:
        return base + over
    overlaps = coco_mask.iou(over_rles, base_rles, [0] * len(base_rles))
    replaced = overlaps.max(axis=0) > OVERLAP
    return [annotation for annotation, gone in zip(base, replaced, strict=True) if not gone] + over


def _readable(
    annotations: list[CocoAnnotation], report: Report
) -> tuple[list[CocoAnnotation], list[dict[str, object]]]:
    readable, rles = [], []
    for annotation in annotations:
        try:
            rles.append(to_rle(annotation.segmentation, annotation.size))
        except BadMaskError as error:
            report(error.of(*annotation.where))
        else:
            readable.append(annotation)
    return readable, rles
