"""The mask before any click: the segmenter's and the map's mean, of the most salient blob alone."""

import cv2
import numpy as np
import pytest

from squeezesam_core import zoom
from squeezesam_core.fusion import prepare
from squeezesam_core.geometry import NetworkInput, Window
from squeezesam_core.masks import iou
from squeezesam_core.saliency import most_salient_blob
from squeezesam_core.segmenter import Segmentation
from squeezesam_core.whole_object import outlined, whole_object

PHOTO = np.zeros((200, 400, 3), np.uint8)
BLOB, OTHER = (slice(8, 24), slice(8, 24)), (slice(8, 24), slice(44, 56))
"""Places of the map (32, 64)."""
PIXEL = {"blob": (60, 60), "other": (60, 310)}
"""Row and column of the photo in each."""


class Says:
    """The same logit everywhere in the blob's place, and another one in the other's; background around."""

    spec = NetworkInput(side=128)

    def __init__(self, blob: float, other: float) -> None:
        self.blob, self.other = blob, other
        self.started_from: list[float] = []

    def run(self, fused: np.ndarray, _points: object, _labels: object) -> tuple[np.ndarray, np.ndarray]:
        logits = np.full((4, 32, 64), -9, np.float32)
        for place, logit in ((BLOB, self.blob), (OTHER, self.other)):
            logits[:, place[0], place[1]] = logit
        self.started_from.append(float(fused[-1].max()))
        return logits, np.full(4, 0.75, np.float32)


@pytest.fixture
def one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoom, "window_around", lambda *_: None)
    monkeypatch.setattr("squeezesam_core.segmenter.mean_answer", lambda session, *inputs: session.run(*inputs))


@pytest.mark.usefixtures("one_look")
@pytest.mark.parametrize(
    ("blob", "lit", "other", "in_mask"),
    [
        (2.0, 0.95, -9.0, {"blob"}),
        (-1.0, 0.95, -9.0, {"blob"}),
        (-1.0, 0.60, -9.0, set()),
        (-9.0, 0.95, -9.0, set()),
        (2.0, 0.95, -0.5, {"blob"}),
        (2.0, 0.95, 2.0, {"blob"}),
        (2.0, 0.95, 9.0, {"blob"}),
    ],
    ids=[
        "both say so",
        "the map is surer than the segmenter",
        "the map is less sure",
        "the segmenter is sure that there is nothing",
        "another thing is lit that the segmenter doubts",
        "another thing is lit that the segmenter likes",
        "another thing is lit, and the segmenter draws it: half is not enough",
    ],
)
def test_the_mask_is_where_the_mean_is_over_one_half(blob: float, lit: float, other: float, in_mask: set[str]) -> None:
    saliency = np.zeros((32, 64), np.float32)
    saliency[BLOB] = lit
    saliency[12:20, 12:20] = 0.99  # what makes it the most salient one
    saliency[OTHER] = 0.9
    found = most_salient_blob(saliency)
    assert found is not None
    session = Says(blob, other)
    result = whole_object(session, prepare(PHOTO, session.spec), found, saliency)
    inside = {name for name, pixel in PIXEL.items() if result.mask[pixel]}
    assert inside == in_mask
    assert session.started_from[0] == pytest.approx(0.99, abs=0.02), "the map is the previous mask"


@pytest.mark.usefixtures("one_look")
@pytest.mark.parametrize(
    ("lit", "shown"),
    [(0.95, 1.0), (0.62, 0.86), (0.5, 0.5), (0.38, 0.14), (0.2, 0.0)],
    ids=["bright", "half lit", "in the middle", "half dark", "dark"],
)
def test_the_segmenter_starts_from_a_crisper_map(lit: float, shown: float) -> None:
    saliency = np.zeros((32, 64), np.float32)
    saliency[BLOB] = 0.99
    found = most_salient_blob(saliency)
    assert found is not None
    session = Says(blob=2.0, other=-9.0)
    whole_object(session, prepare(PHOTO, session.spec), found, np.full((32, 64), lit, np.float32))
    assert session.started_from[0] == pytest.approx(shown, abs=0.02)


def test_what_the_window_does_not_show_stays_outside(service) -> None:
    saliency = np.zeros((32, 64), np.float32)
    saliency[BLOB] = 0.99
    found = most_salient_blob(saliency)
    assert found is not None
    result = whole_object(service.segmenter, prepare(PHOTO, service.segmenter.spec), found, saliency)
    assert result.window.size != (400, 200)
    assert result.mask[60:140, 60:140].mean() > 0.95
    assert result.mask[:, 250:].sum() == 0


def test_what_is_shown_follows_the_photos_edges(service) -> None:
    saliency = np.zeros((50, 100), np.float32)
    saliency[10:30, 10:30] = 0.99
    photo = np.zeros((200, 400, 3), np.uint8)
    photo[42:118, 42:118] = 255  # the object ends two pixels before the mask does
    found = most_salient_blob(saliency)
    assert found is not None
    logits = cv2.GaussianBlur(np.where(saliency > 0.5, np.float32(4), np.float32(-4)), (3, 3), 0)
    drawn = Segmentation(logits, Window(0, 0, 400, 200), (400, 200), 0.75)
    moved = outlined(drawn, prepare(photo, service.segmenter.spec), found)
    truth = photo[..., 0] > 0
    assert iou(moved.mask, truth) > iou(drawn.mask, truth) + 0.05
    assert (moved.iou, moved.window, moved.image) == (drawn.iou, drawn.window, drawn.image)


@pytest.mark.usefixtures("one_look")
def test_the_mean_is_as_fine_as_the_finer_of_both() -> None:
    saliency = np.zeros((64, 128), np.float32)
    saliency[16:48, 16:48] = 0.99
    found = most_salient_blob(saliency)
    assert found is not None
    session = Says(blob=-0.5, other=-9.0)
    result = whole_object(session, prepare(PHOTO, session.spec), found, saliency)
    assert result.logits.shape == saliency.shape
