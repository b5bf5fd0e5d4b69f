"""The map of a photo: seen at three sizes and in the mirror, put together in the photo's own frame."""

import numpy as np
import pytest

from squeezesam_core.detector import detect
from squeezesam_core.geometry import NetworkInput

PHOTO = np.zeros((200, 400, 3), np.uint8)
PHOTO[:, :100] = 255


class Bright:
    """Lights what is bright in a quarter of its input's resolution, a little more each time it is asked."""

    def __init__(self, spec: NetworkInput):
        self.spec = spec
        self.seen: list[np.ndarray] = []

    def run(self, image: np.ndarray) -> np.ndarray:
        self.seen.append(image)
        return (image[0, ::4, ::4] > 0).astype(np.float32) * len(self.seen) / 10


@pytest.mark.parametrize(
    ("spec", "inputs", "shape", "mean"),
    [
        (NetworkInput(side=256, channels=3), [(160, 320), (192, 352), (224, 448)], (56, 112), 0.2),
        (NetworkInput(side=320, channels=3, square=True), [(320, 320), (320, 320)], (80, 80), 0.15),
    ],
    ids=["any size", "always the same square"],
)
def test_the_map_is_the_mean_in_the_photos_own_frame(
    spec: NetworkInput, inputs: list[tuple[int, int]], shape: tuple[int, int], mean: float
) -> None:
    detector = Bright(spec)
    found = detect(detector, PHOTO)
    assert [image.shape[1:] for image in detector.seen] == inputs
    assert [bool(image[0, 0, 0] > 0) for image in detector.seen] == [True, False, True][: len(inputs)], "mirrored"
    assert found.shape == shape
    assert found.dtype == np.float32
    quarter = shape[1] // 4
    assert found[:, : quarter - 2] == pytest.approx(mean)
    assert found[:, quarter + 2 :].max() == 0


def test_empty_scene_stays_dark(service) -> None:
    service.detector.salient = False
    assert detect(service.detector, PHOTO).max() == 0
