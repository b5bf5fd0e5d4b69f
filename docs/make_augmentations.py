"""Draw docs/images/augmentation-*.jpg: what training does to photos and masks, on the demo's photos.

    python docs/make_augmentations.py

The masks are those that the shipped weights draw for the boxes below; the functions are the ones that training calls.
"""

from pathlib import Path

import cv2
import numpy as np
from strips import HEIGHT, OBJECT, Image, Mask, clicked, tinted, write_strip

from squeezesam_core.detector import detect
from squeezesam_core.fusion import prepare
from squeezesam_core.ort_session import load_detector, load_segmenter
from squeezesam_core.prompts import Box, Prompt
from squeezesam_core.registry import default_weights
from squeezesam_core.samples import read_image
from squeezesam_core.segmenter import segment
from training.augment import random_colours, random_view
from training.whole_object import cut_and_paste, inject_outlier, merge_masks

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT / "backend/demo/photos"
IMAGES = ROOT / "docs/images"
PART, MISS = (0, 158, 255), (230, 60, 60)

WHOLE = {
    "coffee": (70, 12, 485, 388),
    "astronaut": (5, 10, 400, 512),
    "flower": (165, 85, 445, 360),
    "navy-officer": (10, 20, 512, 600),
}
"""Boxes around whole objects, pixels."""
PARTS = {"astronaut": [(150, 15, 305, 190), (275, 345, 500, 512)], "navy-officer": [(150, 20, 380, 160)]}
"""Boxes around parts of them: a head, and the helmet that lies in front of the suit; a cap."""


def main() -> None:
    photos = {path.stem: read_image(path) for path in PHOTOS.glob("*.jpg")}
    masks = {name: drawn(photos[name], box) for name, box in WHOLE.items()}
    IMAGES.mkdir(exist_ok=True)
    write_strip(IMAGES / "augmentation-merging.jpg", merging(photos, masks))
    write_strip(IMAGES / "augmentation-outlier.jpg", outliers(photos, masks))
    write_strip(IMAGES / "augmentation-crop.jpg", crops(photos["flower"], masks["flower"]))
    write_strip(IMAGES / "augmentation-paste.jpg", pasted(photos, masks))
    write_strip(IMAGES / "augmentation-colours.jpg", colours(photos["cat"]))


def drawn(photo: Image, box: tuple[float, float, float, float]) -> Mask:
    session = load_segmenter(default_weights() / "squeezesam", precision="fp32")
    saliency = detect(load_detector(default_weights() / "saliency", precision="fp32"), photo)
    prompt = Prompt(box=Box(*box))
    return segment(session, prepare(photo, session.spec), prompt, saliency=saliency).mask


def merging(photos: dict[str, Image], masks: dict[str, Mask]) -> list[Image]:
    """Before: the object and its parts; after: what is still asked for."""
    tiles = []
    for name, boxes in PARTS.items():
        every = [masks[name], *(drawn(photos[name], box) for box in boxes)]
        left = merge_masks(every)
        for shown in (range(len(every)), left):
            tile = photos[name]
            for index in shown:
                tile = tinted(tile, every[index], OBJECT if index == 0 else PART)
            tiles.append(tile)
    return tiles


def outliers(photos: dict[str, Image], masks: dict[str, Mask]) -> list[Image]:
    """Four random clicks of the object, and the same with the last one outside."""
    tiles = []
    for name in ("astronaut", "coffee"):
        rng = np.random.default_rng(4)
        places = rng.choice(np.flatnonzero(masks[name]), 4)
        clicks = [(float(place % masks[name].shape[1]), float(place // masks[name].shape[1]), 1) for place in places]
        injected = clicks
        while injected == clicks:
            injected = inject_outlier(rng, clicks, ~masks[name])
        for shown in (clicks, injected):
            tile = tinted(photos[name], masks[name], OBJECT)
            for x, y, _ in shown:
                tile = clicked(tile, x, y, PART if masks[name][int(y), int(x)] else MISS)
            tiles.append(tile)
    return tiles


def crops(photo: Image, mask: Mask) -> list[Image]:
    """The photo, and views around its object."""
    rng = np.random.default_rng(7)
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    tiles = [tinted(photo, mask, OBJECT)]
    for _ in range(4):
        size = (photo.shape[1], photo.shape[0])
        view = random_view(rng, size, (HEIGHT, HEIGHT), (x, y, x + width, y + height), centre_crop=1.0)
        tiles.append(tinted(view.image(photo), view.coverage(mask.astype(np.float32)) > 0.5, OBJECT))
    return tiles


def pasted(photos: dict[str, Image], masks: dict[str, Mask]) -> list[Image]:
    """Objects on other photos, without and with the mask that goes along."""
    rng = np.random.default_rng(2)
    tiles = []
    for name, onto in (("flower", "coffee"), ("astronaut", "rocket")):
        image, mask = cut_and_paste(rng, photos[name], masks[name], photos[onto])
        tiles += [image, tinted(image, mask, OBJECT)]
    return tiles


def colours(photo: Image) -> list[Image]:
    rng = np.random.default_rng(5)
    return [photo, *(random_colours(rng, photo) for _ in range(4))]


if __name__ == "__main__":
    main()
