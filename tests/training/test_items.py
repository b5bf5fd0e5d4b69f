"""What a batch is made of."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from squeezesam_core.geometry import Frame
from tests.training.drawings import disc
from training.datasets.corpus import read_corpus
from training.items import MAP_SHARE, saliency_item, segmentation_items
from training.recipe import Augmentation

LIKE = Frame((100, 80), (64, 64))


def test_half_of_the_items_carry_the_map(corpus_root: Path) -> None:
    corpus = read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=True)
    items = [segmentation_items(corpus, np.random.default_rng(s), LIKE, 1, Augmentation())[0] for s in range(200)]
    given = np.mean([item.previous is not None for item in items])
    assert abs(given - (MAP_SHARE + 0.15)) < 0.1
    assert all(item.truth.any() for item in items)


def test_several_items_of_one_view(corpus_root: Path) -> None:
    corpus = read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=True)
    items = segmentation_items(corpus, np.random.default_rng(0), LIKE, 4, Augmentation())
    assert all(item.pixels is items[0].pixels for item in items)
    assert len({str(item.prompt) for item in items}) == 4


def test_a_network_without_previous_mask_is_never_asked_to_correct_one(corpus_root: Path) -> None:
    corpus = read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=True)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        (item,) = segmentation_items(corpus, rng, LIKE, 1, Augmentation(), with_previous=False)
        assert item.previous is None
        assert item.prompt.box is not None or any(label == 1 for *_, label in item.prompt.clicks)


@pytest.mark.parametrize("merging", [True, False], ids=["merged", "all"])
def test_merged_masks_are_not_asked_for(merging: bool, tmp_path: Path) -> None:
    for folder in ("nested/images", "nested/masks"):
        (tmp_path / folder).mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "nested/images/a.png"), np.full((64, 64, 3), 90, np.uint8))
    for number, radius in enumerate((24, 8)):  # a part, in the middle of an object
        cv2.imwrite(str(tmp_path / f"nested/masks/a_{number}.png"), disc(radius=radius).astype(np.uint8) * 255)
    corpus = read_corpus([{"directory": "nested"}], tmp_path, masks_only=True)
    rng = np.random.default_rng(0)
    augmentation = Augmentation(mask_merging=merging, centre_crop=0)
    shares = [segmentation_items(corpus, rng, LIKE, 1, augmentation)[0].truth.mean() for _ in range(20)]
    assert (min(shares) > 0.2) == merging


def test_pasted_objects_have_no_map(corpus_root: Path) -> None:
    corpus = read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=True)
    augmentation = Augmentation(cut_and_paste=1.0)
    items = [segmentation_items(corpus, np.random.default_rng(s), LIKE, 1, augmentation)[0] for s in range(40)]
    given = [item.previous for item in items if item.previous is not None]
    assert len(given) < 20  # flawed masks only
    assert all(np.isin(previous, (0, 1)).all() for previous in given)  # a map is soft
    assert all(item.truth.any() for item in items)


def test_small_objects_without_a_map_get_several_clicks(tmp_path: Path) -> None:
    several = {}
    for radius in (6, 30):
        folder = tmp_path / str(radius)
        for name in ("images", "masks"):
            (folder / name).mkdir(parents=True)
        cv2.imwrite(str(folder / "images/a.png"), np.full((128, 128, 3), 90, np.uint8))
        cv2.imwrite(str(folder / "masks/a.png"), disc(128, 128, radius).astype(np.uint8) * 255)
        corpus = read_corpus([{"directory": str(radius)}], tmp_path, masks_only=True)
        rng, augmentation = np.random.default_rng(0), Augmentation(centre_crop=0)
        items = [segmentation_items(corpus, rng, Frame((100, 80), (128, 128)), 1, augmentation)[0] for _ in range(300)]
        fresh = [item.prompt.clicks for item in items if item.previous is None]
        several[radius] = np.mean([sum(label == 1 for *_, label in clicks) > 1 for clicks in fresh])
    assert several[6] > several[30] + 0.1


def test_saliency_target_prefers_agreeing_masks(corpus_root: Path) -> None:
    corpus = read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=False)
    item = saliency_item(corpus, np.random.default_rng(0), LIKE)
    assert np.isin(item.target, (0, 1)).mean() > 0.8  # the blurred map has far more values between
