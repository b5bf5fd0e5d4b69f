"""Asking about the mirror image as well: tokens, channels and answers are turned round together."""

import numpy as np
import pytest

from squeezesam_core.fusion import BOX, CLICKS, fuse, prepare
from squeezesam_core.geometry import NetworkInput
from squeezesam_core.mirror import mean_answer
from squeezesam_core.prompts import Box, Point, Prompt

PHOTO = np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8)
PADDING = np.array([-1], np.int64)


class Lopsided:
    """Logits are the clicks' channel, and where tokens lie; the right half is believed a little more."""

    spec = NetworkInput(side=128)

    def __init__(self):
        self.calls = []

    def run(self, fused, points, labels):
        self.calls.append((fused, points, labels))
        lean = np.linspace(0, 1, fused.shape[2], dtype=np.float32)
        return np.repeat((fused[CLICKS] + lean)[None], 4, axis=0), np.full(4, points[0, 0], np.float32)


def ask(session: Lopsided, prompt: Prompt):
    return mean_answer(
        session, fuse(prepare(PHOTO, session.spec), prompt, session.spec), prompt.coordinates() / 128, prompt.labels()
    )


def test_the_answer_is_the_mean_in_the_photos_own_frame() -> None:
    logits, iou = ask(Lopsided(), Prompt((Point(32, 64),)))
    assert logits[0, 64, 32] == pytest.approx(1.5)
    assert logits[0, 64, 96] == pytest.approx(0.5)
    assert iou.tolist() == pytest.approx([0.5] * 4)  # a quarter from the left, and a quarter from the right


def test_tokens_lie_on_what_the_channels_show() -> None:
    session = Lopsided()
    ask(session, Prompt((Point(32.5, 64.5), Point(100.5, 20.5, positive=False)), Box(16, 8, 48, 120)))
    for fused, points, labels in session.calls:
        x, y = (points[0] * 128).astype(int)
        assert fused[CLICKS, y, x] == 1
        (left, top), (right, bottom) = np.round(points[labels >= 2] * 128).astype(int)
        assert left < right
        assert fused[BOX, top:bottom, left:right].min() == 1
        assert fused[BOX].sum() == (right - left) * (bottom - top)
    first, second = (points for _, points, _ in session.calls)
    assert np.allclose(first[:2, 0] + second[:2, 0], 1)


def test_padding_stays_where_it_is() -> None:
    session = Lopsided()
    mean_answer(session, np.zeros((7, 128, 128), np.float32), np.zeros((1, 2), np.float32), PADDING)
    assert [points.tolist() for _, points, _ in session.calls] == [[[0, 0]], [[0, 0]]]
