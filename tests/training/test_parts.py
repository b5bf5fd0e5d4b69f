"""Corpus, views, prompts, losses, recipes and checkpoints."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from squeezesam_core.errors import InvalidDatasetError, ModelFileError
from squeezesam_core.model import checkpoint
from squeezesam_core.model.presets import build
from training.augment import random_view
from training.datasets.corpus import read_corpus
from training.datasets.teacher import is_sure
from training.items import MAP_SHARE, saliency_item, segmentation_items
from training.losses import iou, mask_loss, segmentation_loss
from training.prompts import SEVERAL_SHARE, SEVERAL_SHARE_SMALL, TrainingPrompt, flawed_mask, random_prompt
from training.recipe import Augmentation, Recipe, read_recipe
from training.split import TrainingPart, is_held_out


def disc(height: int = 64, width: int = 64, radius: int = 16) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    cv2.circle(mask, (width // 2, height // 2), radius, 1, cv2.FILLED)
    return mask > 0


@pytest.mark.parametrize("seed", range(20))
def test_image_and_mask_of_a_view_stay_aligned(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = disc(240, 320, 70)
    image = np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    view = random_view(rng, (320, 240), (96, 64), (x, y, x + width, y + height))
    seen = view.image(image)[..., 0] > 127
    truth = view.coverage(mask.astype(np.float32)) > 0.5
    half = view.coverage(cv2.resize(mask.astype(np.float32), (160, 120), interpolation=cv2.INTER_AREA))
    inside = view.coverage(np.ones((240, 320), np.float32)) > 0.99
    assert (seen == truth)[inside].mean() > 0.98
    assert truth.any()
    assert half.shape == truth.shape


@pytest.mark.parametrize("seed", range(30))
def test_prompts_ask_for_the_object(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = disc()
    prompt = random_prompt(rng, truth, np.zeros_like(truth))
    points, labels = prompt.arrays()
    assert len(labels) >= 1
    hits = [bool(truth[int(y), int(x)]) for (x, y), label in zip(points, labels, strict=True) if label == 1]
    misses = [bool(truth[int(y), int(x)]) for (x, y), label in zip(points, labels, strict=True) if label == 0]
    assert sum(not hit for hit in hits) <= 1  # outlier injection: one at most
    assert not any(misses)
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        assert 0 <= x0 < x1 <= 64
        assert 0 <= y0 < y1 <= 64


def test_error_click_goes_to_the_larger_error() -> None:
    truth = disc()
    prompt = TrainingPrompt()
    prompt.add_error_click(np.zeros_like(truth), truth, np.zeros_like(truth))
    prompt.add_error_click(np.ones_like(truth), truth, np.zeros_like(truth))
    prompt.add_error_click(truth, truth, np.zeros_like(truth))
    assert [label for *_, label in prompt.clicks] == [1, 0]


def test_flawed_masks_resemble_but_differ() -> None:
    truth = disc()
    flawed = [flawed_mask(np.random.default_rng(seed), truth) > 0.5 for seed in range(40)]
    overlaps = [(mask & truth).sum() / (mask | truth).sum() for mask in flawed]
    assert np.mean(overlaps) > 0.5
    assert sum(overlap < 1 for overlap in overlaps) >= 38


def test_half_of_the_items_carry_the_map(corpus_root: Path) -> None:
    corpus = read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=True)
    items = [segmentation_items(corpus, np.random.default_rng(s), (64, 64), 1, Augmentation())[0] for s in range(200)]
    given = np.mean([item.previous is not None for item in items])
    assert abs(given - (MAP_SHARE + 0.15)) < 0.1
    assert all(item.truth.any() for item in items)


def test_several_items_of_one_view(corpus_root: Path) -> None:
    corpus = read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=True)
    items = segmentation_items(corpus, np.random.default_rng(0), (64, 64), 4, Augmentation())
    assert all(item.pixels is items[0].pixels for item in items)
    assert len({str(item.prompt) for item in items}) == 4


def test_a_network_without_previous_mask_is_never_asked_to_correct_one(corpus_root: Path) -> None:
    corpus = read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=True)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        (item,) = segmentation_items(corpus, rng, (64, 64), 1, Augmentation(), with_previous=False)
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
    shares = [segmentation_items(corpus, rng, (64, 64), 1, augmentation)[0].truth.mean() for _ in range(20)]
    assert (min(shares) > 0.2) == merging


def test_pasted_objects_have_no_map(corpus_root: Path) -> None:
    corpus = read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=True)
    augmentation = Augmentation(cut_and_paste=1.0)
    items = [segmentation_items(corpus, np.random.default_rng(s), (64, 64), 1, augmentation)[0] for s in range(40)]
    given = [item.previous for item in items if item.previous is not None]
    assert len(given) < 20  # flawed masks only
    assert all(np.isin(previous, (0, 1)).all() for previous in given)  # a map is soft
    assert all(item.truth.any() for item in items)


@pytest.mark.parametrize("share", [SEVERAL_SHARE, SEVERAL_SHARE_SMALL], ids=["usually", "small objects"])
def test_share_of_several_clicks(share: float) -> None:
    truth, rng = disc(128, 128, 8), np.random.default_rng(0)
    prompts = [random_prompt(rng, truth, np.zeros_like(truth), several=share) for _ in range(400)]
    several = [sum(label == 1 for *_, label in prompt.clicks) > 1 for prompt in prompts]
    assert np.mean(several) == pytest.approx(share, abs=0.07)


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
        items = [segmentation_items(corpus, rng, (128, 128), 1, augmentation)[0] for _ in range(300)]
        fresh = [item.prompt.clicks for item in items if item.previous is None]
        several[radius] = np.mean([sum(label == 1 for *_, label in clicks) > 1 for clicks in fresh])
    assert several[6] > several[30] + 0.1


@pytest.mark.parametrize("stand_ins", [True, False], ids=["the mask speaks by clicks", "the click stands alone"])
def test_starting_again_from_the_mask_on_screen(stand_ins: bool) -> None:
    truth, shown = disc(), np.roll(disc(), 12, 1)
    prompt = TrainingPrompt([(1.5, 1.5, 0), (2.5, 2.5, 0)], (0, 0, 64, 64))
    prompt.start_again(shown, truth, np.zeros_like(truth), stand_ins=stand_ins)
    *others, (x, y, label) = prompt.clicks
    assert prompt.box is None
    assert bool(label) is bool(truth[int(y), int(x)])
    assert shown[int(y), int(x)] != truth[int(y), int(x)]  # an error
    assert bool(others) is stand_ins
    assert all(shown[int(y), int(x)] and label == 1 for x, y, label in others)
    before = list(prompt.clicks)
    prompt.start_again(truth, truth, np.zeros_like(truth), stand_ins=stand_ins)
    assert prompt.clicks == before


@pytest.mark.parametrize(
    ("source", "has_previous"),
    [
        ({"directory": "shapes", "maps": "maps"}, True),
        ({"directory": "shapes", "maps": "maps", "teacher": True, "photos_only": True}, False),
    ],
    ids=["people's masks", "teacher's masks are not given their own map"],
)
def test_maps_as_previous_masks(source: dict[str, object], has_previous: bool, corpus_root: Path) -> None:
    corpus = read_corpus([source], corpus_root, masks_only=True)
    assert all(photo.taught is not has_previous for photo in corpus.photos)


def test_saliency_target_prefers_agreeing_masks(corpus_root: Path) -> None:
    corpus = read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=False)
    item = saliency_item(corpus, np.random.default_rng(0), (64, 64))
    assert np.isin(item.target, (0, 1)).mean() > 0.8  # the blurred map has far more values between


@pytest.mark.parametrize(
    ("saliency", "expected"),
    [
        (disc().astype(np.float32), True),
        (np.zeros((64, 64), np.float32), False),
        (np.full((64, 64), 0.5, np.float32), False),
        (np.ones((64, 64), np.float32), False),
        (np.where(disc(), 1, 0.3).astype(np.float32), False),
        ((disc(64, 64, 8) | np.roll(disc(64, 64, 8), 24, 1)).astype(np.float32), False),
    ],
    ids=["one clear object", "empty", "all unsure", "everything", "unsure around", "two objects"],
)
def test_teacher_is_sure(saliency: np.ndarray, expected: bool) -> None:
    assert is_sure(saliency) is expected


def test_mask_loss_by_hand() -> None:
    logits, truth = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    everything = mask_loss(logits, truth, torch.ones(1, 1, 2, 2))
    torch.testing.assert_close(everything.item(), np.log(2) + 1 - (2 * 1 + 1) / (2 + 2 + 1), rtol=1e-5, atol=0)
    weight = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    ignored = mask_loss(logits, truth, weight)
    torch.testing.assert_close(ignored.item(), np.log(2) + 1 - (2 * 0.5 + 1) / (1 + 1 + 1), rtol=1e-5, atol=0)


def test_focal_loss_by_hand() -> None:
    probability = torch.tensor([0.9, 0.1])  # both wrong: background at 0.9, object at 0.1
    logits, truth = probability.logit().reshape(1, 1, 1, 2), torch.tensor([[[[0.0, 1.0]]]])
    focal = 20 * (0.75 + 0.25) * 0.9**2 * -np.log(0.1) / 2  # SAM: 20 focal + dice, alpha 0.25, gamma 2
    dice = 1 - (2 * 0.1 + 1) / (1.0 + 1.0 + 1)
    loss = mask_loss(logits, truth, torch.ones(1, 1, 1, 2), "focal")
    torch.testing.assert_close(loss.item(), focal + dice, rtol=1e-5, atol=0)


def test_iou_leaves_ignored_pixels_out() -> None:
    logits = torch.tensor([[[[1.0, 1.0, -1.0, 1.0]]]])
    truth = torch.tensor([[[[1.0, 0.0, 1.0, 0.0]]]])
    weight = torch.tensor([[[[1.0, 1.0, 1.0, 0.0]]]])
    assert iou(logits, truth, weight).item() == pytest.approx(1 / 3)


def test_only_the_best_of_three_masks_learns() -> None:
    truth = torch.zeros(1, 1, 16, 16)
    truth[..., :8] = 1
    logits = torch.zeros(1, 4, 4, 4)
    logits[:, 2, :, :2], logits[:, 2, :, 2:] = 2.0, -2.0
    logits.requires_grad_()
    losses = segmentation_loss(logits, torch.full((1, 4), 0.5), truth, torch.ones_like(truth))
    losses["best"].backward()
    assert logits.grad is not None
    moved = logits.grad.abs().sum((0, 2, 3))
    assert (moved > 0).tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("preset = 1", "preset"),
        ('preset = "serving"\nside = 64\n', "stage"),
        ('preset = "serving"\nside = 64\n[[stage]]\nsize = 65\nbatch = 2\nsteps = 1\n[[source]]\n', "size"),
        ("preset =", "recipe"),
    ],
    ids=["wrong type", "missing part", "size off the stride", "no TOML"],
)
def test_bad_recipe_names_the_field(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(InvalidDatasetError, match=named) as caught:
        read_recipe(path)
    assert str(path) in caught.value.cause


@pytest.mark.parametrize(
    ("change", "read"),
    [
        ("learning_rate=2e-4", lambda plan: plan.learning_rate == 2e-4),
        ("switches.channels=5", lambda plan: plan.switches == {"channels": 5}),
        ("augmentation.mask_merging=true", lambda plan: plan.augmentation.mask_merging),
        ("stage=[{size=64, batch=2, steps=3}]", lambda plan: plan.steps == 3),
    ],
    ids=["plain", "new table", "one of a table", "stages"],
)
def test_changes_of_a_recipe(change: str, read: Callable[[Recipe], bool]) -> None:
    path = Path("training/recipes/ablation.toml")
    assert not read(read_recipe(path))
    changed = read_recipe(path, ["augmentation.centre_crop=0.25", change])
    assert read(changed)
    assert changed.augmentation.centre_crop == 0.25


@pytest.mark.parametrize(
    ("change", "named"),
    [("steps", "steps"), ("augmentation.typo=1", "typo"), ("masks_per_photo=7", "multiple of masks_per_photo")],
    ids=["no TOML", "unknown field", "photos across batches"],
)
def test_a_bad_change_is_named(change: str, named: str) -> None:
    with pytest.raises(InvalidDatasetError, match=named):
        read_recipe(Path("training/recipes/ablation.toml"), [change])


def test_without_teachers_their_sources_are_left_out() -> None:
    path = Path("training/recipes/ablation.toml")
    with_teachers, without = read_recipe(path), read_recipe(path, ["teachers=false"])
    assert any(source.get("teacher") for source in with_teachers.sources)
    assert without.sources == [source for source in with_teachers.sources if not source.get("teacher")]


def test_the_papers_recipe_has_the_papers_numbers() -> None:
    plan = read_recipe(Path("training/recipes/paper-sa1b.toml"))
    (stage,) = plan.stage
    assert (plan.preset, plan.side, stage.size, plan.masks_per_photo, plan.iterative) == ("paper", 1024, 1024, 8, 0)
    assert stage.batch // plan.masks_per_photo == 4  # photos a GPU
    assert stage.batch // plan.masks_per_photo * stage.accumulate * 8 == 256  # photos a step, on 8 GPUs
    assert plan.learning_rate == 5e-4
    assert plan.rate_at(plan.steps // 2) == pytest.approx(0.5)  # linear decay


@pytest.mark.parametrize("path", sorted(Path("training/recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    plan = read_recipe(path)
    assert plan.rate_at(0) < plan.rate_at(plan.warmup)
    assert plan.rate_at(plan.steps) == 0
    assert isinstance(plan, Recipe)


def test_held_out_photos_are_never_drawn(corpus_root: Path) -> None:
    corpus = read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=True)
    out = {photo.path for photo in corpus.photos if is_held_out(photo.path, 0.5)}
    assert 0 < len(out) < len(corpus.photos)
    rng = np.random.default_rng(0)
    drawn = {TrainingPart(corpus, 0.5).draw(rng).path for _ in range(100)}
    assert drawn == {photo.path for photo in corpus.photos} - out


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
def test_the_held_out_share_holds_and_grows(share: float) -> None:
    names = [Path(f"{number:06d}.jpg") for number in range(4000)]
    out = {name for name in names if is_held_out(name, share)}
    assert len(out) / len(names) == pytest.approx(share, abs=0.03)
    assert out <= {name for name in names if is_held_out(name, share + 0.1)}
    assert is_held_out(Path("other/000001.png"), share) == is_held_out(Path("000001.jpg"), share)


def test_missing_source_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidDatasetError, match="nowhere"):
        read_corpus([{"directory": "nowhere"}], tmp_path, masks_only=True)


def test_segmenter_takes_over_the_detectors_encoder() -> None:
    detector, segmenter = build("saliency", 64), build("serving", 64)
    missing = checkpoint.take_over(segmenter, detector.state_dict())
    first = segmenter.encoder.features[0][0].weight
    assert torch.equal(first[:, :3], detector.encoder.features[0][0].weight)
    assert not first[:, 3:].any()
    assert torch.equal(segmenter.decoder.blocks[0].up.conv.weight, detector.decoder.blocks[0].up.conv.weight)
    assert not [name for name in missing if name.startswith(("encoder.", "decoder."))]


def test_a_failed_write_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save(path, {"step": 1})
    with pytest.raises(Exception, match=r"pickle|lambda"):
        checkpoint.save(path, {"step": lambda: 2})
    assert checkpoint.load(path) == {"step": 1}


@pytest.mark.parametrize("content", [b"", b"garbage"], ids=["empty", "garbage"])
def test_damaged_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"x\.pt"):
        checkpoint.load(path)


def test_recipes_share_a_corpus_and_add_to_it(tmp_path: Path) -> None:
    (tmp_path / "shared.toml").write_text('[[source]]\ndirectory = "a"\n')
    recipe = 'preset = "serving"\nside = 64\ncorpus = "shared.toml"\n[[stage]]\nsize = 64\nbatch = 2\nsteps = 1\n'
    (tmp_path / "recipe.toml").write_text(recipe + '[[source]]\ndirectory = "b"\n')
    assert [source["directory"] for source in read_recipe(tmp_path / "recipe.toml").source] == ["a", "b"]
    (tmp_path / "shared.toml").unlink()
    with pytest.raises(InvalidDatasetError, match=r"shared\.toml"):
        read_recipe(tmp_path / "recipe.toml")
