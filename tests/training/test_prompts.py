"""The prompts that training asks with."""

import numpy as np
import pytest

from tests.training.drawings import disc
from training.prompts import SEVERAL_SHARE, SEVERAL_SHARE_SMALL, TrainingPrompt, flawed_mask, random_prompt


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


@pytest.mark.parametrize("share", [SEVERAL_SHARE, SEVERAL_SHARE_SMALL], ids=["usually", "small objects"])
def test_share_of_several_clicks(share: float) -> None:
    truth, rng = disc(128, 128, 8), np.random.default_rng(0)
    prompts = [random_prompt(rng, truth, np.zeros_like(truth), several=share) for _ in range(400)]
    several = [sum(label == 1 for *_, label in prompt.clicks) > 1 for prompt in prompts]
    assert np.mean(several) == pytest.approx(share, abs=0.07)


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
