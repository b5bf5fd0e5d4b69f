"""The adapter between protocols and MobileSAM, on a network that answers with fixed logits."""

import numpy as np
import pytest

from squeezesam_core.evaluation.peers.mobilesam import Embedding
from squeezesam_core.evaluation.peers.mobilesam_model import FLAT, MobileSamModel, to_logits, to_probabilities
from squeezesam_core.prompts import Box, Point, Prompt


class Recorder:
    """Three masks of which the second is rated best; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple] = []
        self.logits = np.random.default_rng(0).uniform(-40, 12, (3, 256, 256)).astype(np.float32)

    def embed(self, image: np.ndarray) -> Embedding:
        return Embedding(None, (image.shape[1], image.shape[0]), (1024, 683))

    def predict(self, embedding, points, labels, box, previous):
        self.asked.append((points, labels, box, previous))
        masks = np.zeros((3, 60, 90), bool)
        masks[1, 10:20] = True
        return masks, np.array([0.2, 1.1, 0.5], np.float32), self.logits


@pytest.fixture
def network() -> Recorder:
    return Recorder()


@pytest.fixture
def photo(network: Recorder):
    return MobileSamModel(network).open(np.zeros((60, 90, 3), np.uint8))


@pytest.mark.parametrize(
    ("prompt", "points", "labels", "box"),
    [
        (Prompt((Point(3, 4),)), [[3, 4]], [1], None),
        (Prompt((Point(3, 4), Point(5, 6, False))), [[3, 4], [5, 6]], [1, 0], None),
        (Prompt(box=Box(1, 2, 30, 40)), np.zeros((0, 2)), [], [1, 2, 30, 40]),
        (Prompt((Point(3, 4),), Box(1, 2, 30, 40)), [[3, 4]], [1], [1, 2, 30, 40]),
    ],
    ids=["click", "clicks", "box", "click-and-box"],
)
def test_prompts_come_as_points_and_box(network, photo, prompt, points, labels, box) -> None:
    photo.answer(prompt, None)
    asked = network.asked[0]
    np.testing.assert_array_equal(asked[0], points)
    np.testing.assert_array_equal(asked[1], labels)
    assert (asked[2] is None) == (box is None)
    assert box is None or asked[2].tolist() == box
    assert asked[3] is None


def test_the_best_rated_mask_answers_and_its_logits_come_back(network, photo) -> None:
    prompt = Prompt((Point(3, 4),))
    answer = photo.answer(prompt, None)
    assert answer.mask.sum() == 10 * 90
    assert answer.iou == 1
    assert (answer.previous.dtype, answer.previous.shape) == (np.float32, (171, 256))
    photo.answer(prompt, answer.previous)
    back = network.asked[1][3]
    assert (back.dtype, back.shape) == (np.float32, (256, 256))
    np.testing.assert_allclose(back[:171], network.logits[1, :171], atol=0.05)
    assert (back[171:] == back.min()).all()


def test_a_mask_on_screen_becomes_moderate_logits() -> None:
    mask = np.zeros((60, 90), np.float32)
    mask[:, 45:] = 1
    logits = to_logits(mask, (256, 171))
    limit = np.log((1 - FLAT) / FLAT)
    np.testing.assert_allclose(logits[:171, :120], -limit, rtol=1e-4)
    np.testing.assert_allclose(logits[:171, 140:], limit, rtol=1e-4)


def test_extreme_logits_stay_finite() -> None:
    logits = np.full((256, 256), -500, np.float32)
    logits[:10] = 500
    assert np.isfinite(to_logits(to_probabilities(logits, (256, 256)), (256, 256))).all()
