"""A fixed copy of a data set for one round of fine-tuning: what is learnt from, and what the round is judged by.

    OUT/train/images, masks       a photo and a PNG for each of its objects (squeezesam_core.samples)
    OUT/held_out/images, masks    the same of photos that no round ever learns from
    OUT/names.json                which photo of the data set each is: {"00000012.jpg": "images/a/cat.jpg", ...}

Photos are numbered: names that differ in their folder alone, or that look like another photo's mask, stay apart. Which
side a photo is on depends on its own name alone (training.split), so a photo never changes sides between rounds.
Labels may be changed while the round runs: the copy stays. It is written under a temporary name and renamed.
"""

import json
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.evaluation.contest import LEAST_PHOTOS
from squeezesam_core.records import InvalidRecordError, Mask, Problem
from training.datasets.check import check_fits
from training.datasets.corpus import Photo, read_corpus
from training.datasets.problems import Tally
from training.split import is_held_out

log = logging.getLogger(__name__)

TRAIN, HELD_OUT = "train", "held_out"
NAMES = "names.json"
HELD_OUT_SHARE = 0.2
"""Of the photos."""
PURPOSES = {TRAIN: "training", HELD_OUT: "judging the result"}
IGNORED = 128
"""A mask's grey value where a pixel counts neither way."""


@dataclass(frozen=True)
class Snapshot:
    """directory: with TRAIN and HELD_OUT; how many photos and objects each has."""

    directory: Path
    photos: dict[str, int]
    objects: dict[str, int]

    @classmethod
    def read(cls, directory: Path) -> "Snapshot":
        """The snapshot in a folder, as write_snapshot left it."""
        photos, objects = (
            {side: sum(1 for _ in (directory / side / part).iterdir()) for side in (TRAIN, HELD_OUT)}
            for part in ("images", "masks")
        )
        return cls(directory, photos, objects)


def write_snapshot(data: Path, out: Path) -> Snapshot:
    """Copy the photos with masks of the data set `data` (any that training.datasets.sources reads) to `out`, which must
    not exist.

    Photos are hard links where the disk allows it. Bad records are left out, and counted in the log.
    Raises InvalidDatasetError if the data set cannot be read, or either side has fewer than LEAST_PHOTOS photos; then
    nothing is written.
    """
    tally = Tally()
    corpus = read_corpus([{"directory": str(data)}], Path(), masks_only=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".snapshot-") as folder:
        work = Path(folder, "data")
        photos = dict.fromkeys((TRAIN, HELD_OUT), 0)
        names = {}
        for number, photo in enumerate(corpus.photos):
            side = HELD_OUT if is_held_out(photo.path, HELD_OUT_SHARE) else TRAIN
            name = f"{number:08}"
            if _write(photo, work / side, name, tally):
                photos[side] += 1
                names[name + photo.path.suffix] = photo.path.relative_to(data).as_posix()
        tally.log(log, str(data))  # before the refusal: they may be why photos are too few
        for side, count in photos.items():
            if count < LEAST_PHOTOS:
                raise InvalidDatasetError(
                    f"Of the {sum(photos.values())} labelled photos in {data}, {count} would be for {PURPOSES[side]}; "
                    f"at least {LEAST_PHOTOS} are needed.",
                    "Label more photos: a fifth of them, chosen by name, is set aside to judge by.",
                )
        (work / NAMES).write_text(json.dumps(names, indent=2) + "\n", encoding="utf-8")
        work.rename(out)
    return Snapshot.read(out)


def _write(photo: Photo, folder: Path, name: str, tally: Tally) -> bool:
    """Write a photo and its masks under a name; whether it has a usable one.

    Both are decoded and held against each other: at its end a round asks about every mask, and one that does not fit
    would cost all that was learnt.
    """
    masks = []
    try:
        height, width, _ = photo.image().shape
    except InvalidRecordError as error:
        tally(error)
        return False
    for reference in photo.masks:
        try:
            mask = reference.decode()
            check_fits(reference, photo.path, (width, height), mask)
            if not mask.object.any():
                raise InvalidRecordError(Problem.EMPTY_MASK, *reference.where, "no pixel of it is set")
        except InvalidRecordError as error:
            tally(error)
        else:
            masks.append(mask)
    if not masks:
        return False
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    _link(photo.path, folder / "images" / (name + photo.path.suffix))
    for number, mask in enumerate(masks):
        path = folder / "masks" / f"{name}_{number}.png"
        if not cv2.imwrite(str(path), _grey(mask)):
            raise InvalidDatasetError(f"{path} cannot be written.", "Check the disk.")
    return True


def _grey(mask: Mask) -> NDArray[np.uint8]:
    return np.where(mask.object, np.uint8(255), np.where(mask.ignore, np.uint8(IGNORED), np.uint8(0)))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one without hard links
        with source.open("rb") as read, target.open("xb") as written:  # "x": a target that is there may be a link
            shutil.copyfileobj(read, written)
