"""What a batch is made of."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.geometry import Frame, Size
from tests.training.drawings import disc
from training.datasets.corpus import Corpus, Photo, read_corpus
from training.items import MAP_SHARE, MOST_TOO_SMALL, saliency_item, segmentation_items
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


class Counted:
    """Photos that can be drawn so often and no more."""

    def __init__(self, corpus: Corpus, most: int) -> None:
        self.corpus, self.left = corpus, most

    def draw(self, rng: np.random.Generator, near: Size | None = None) -> Photo:
        self.left -= 1
        assert self.left >= 0, "it draws on and on"
        return self.corpus.draw(rng, near)


def drawn(root: Path, *masks: np.ndarray) -> Corpus:
    """A corpus of grey photos, each with one mask (H, W) 0..255."""
    for folder in ("drawn/images", "drawn/masks"):
        (root / folder).mkdir(parents=True)
    for number, mask in enumerate(masks):
        cv2.imwrite(str(root / f"drawn/images/{number}.png"), np.full((*mask.shape, 3), 90, np.uint8))
        cv2.imwrite(str(root / f"drawn/masks/{number}.png"), mask)
    return read_corpus([{"directory": "drawn"}], root, masks_only=True)


def stroke(width: int, *, length: int = 190, ignored: bool = False) -> np.ndarray:
    """A photo's mask: a stroke on 240 x 320 pixels, of which the right half may be ignored."""
    mask = np.zeros((240, 320), np.uint8)
    mask[60 : 60 + width, 60 : 60 + length] = 255
    if ignored:
        mask[60 : 60 + width, 60 + length // 2 : 60 + length] = 128
    return mask


FIFTH = Frame((320, 240), (64, 48))
"""Photos of strokes, seen at a fifth of their size."""


@pytest.mark.parametrize(
    "mask",
    [stroke(2), stroke(1), stroke(2, ignored=True), stroke(2, length=2)],
    ids=["line", "hair", "line, half ignored", "dot"],
)
@pytest.mark.parametrize("count", [1, 3], ids=["one item", "three"])
def test_objects_too_small_for_a_view_are_learnt_where_there_are_no_others(
    mask: np.ndarray, count: int, tmp_path: Path
) -> None:
    corpus = drawn(tmp_path, mask, mask)
    augmentation = Augmentation(centre_crop=0)  # around an object, a crop may show it large enough
    for seed in range(6):
        photos = Counted(corpus, MOST_TOO_SMALL)
        items = segmentation_items(photos, np.random.default_rng(seed), FIFTH, count, augmentation)
        assert len(items) == count
        for item in items:
            assert item.truth.any()
            assert item.truth.sum() <= 2 * 64, "a stroke, not the view"
            assert not (item.truth & item.ignore).any()
            assert item.prompt.clicks or item.prompt.box


def test_of_objects_too_small_the_largest_is_learnt(tmp_path: Path) -> None:
    corpus = drawn(tmp_path, stroke(2), stroke(1, length=15))
    augmentation = Augmentation(centre_crop=0)
    for seed in range(4):
        (item,) = segmentation_items(corpus, np.random.default_rng(seed), FIFTH, 1, augmentation)
        assert np.ptp(np.nonzero(item.truth)[1]) > 20


def test_where_others_are_large_enough_the_same_are_drawn_as_without_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, found = drawn(tmp_path, stroke(2), stroke(60), stroke(1), stroke(60)[::-1], stroke(100), stroke(2)), []
    for most in (MOST_TOO_SMALL, 10**9):
        monkeypatch.setattr("training.items.MOST_TOO_SMALL", most)
        rngs = [np.random.default_rng((0, step, number, 3)) for step in range(6) for number in range(4)]
        found.append([(segmentation_items(corpus, rng, FIFTH, 1, Augmentation())[0], rng.random()) for rng in rngs])
    for (item, after), (expected, after_it) in zip(*found, strict=True):
        assert after == after_it
        assert item.prompt == expected.prompt
        assert (item.pixels == expected.pixels).all() and (item.truth == expected.truth).all()


@pytest.mark.parametrize("harm", ["empty masks", "no photos"])
def test_nothing_to_learn_from_is_refused(harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = drawn(tmp_path, np.zeros((48, 64), np.uint8) if harm == "empty masks" else stroke(40))
    if harm == "no photos":
        (tmp_path / "drawn/images/0.png").unlink()
    monkeypatch.setattr("training.items.MOST_DRAWS", 5)
    with pytest.raises(InvalidDatasetError, match="Of 5 photos drawn none") as caught:
        segmentation_items(Counted(corpus, 5), np.random.default_rng(0), LIKE, 1, Augmentation())
    assert caught.value.remedy


def test_photos_without_a_target_that_can_be_read_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = drawn(tmp_path, stroke(40))
    (tmp_path / "drawn/masks/0.png").write_bytes(b"this is no mask")
    monkeypatch.setattr("training.items.MOST_DRAWS", 5)
    with pytest.raises(InvalidDatasetError, match="Of 5 photos drawn none has a map"):
        saliency_item(Counted(corpus, 5), np.random.default_rng(0), LIKE)


def test_saliency_target_prefers_agreeing_masks(corpus_root: Path) -> None:
    corpus = read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=False)
    item = saliency_item(corpus, np.random.default_rng(0), LIKE)
    assert np.isin(item.target, (0, 1)).mean() > 0.8  # the blurred map has far more values between
