"""Photos and masks that need no data set, asked about on a network that draws what it is told (tests/conftest.py)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from squeezesam_core.evaluation.case import Case, Outcome, Plan
from squeezesam_core.evaluation.model import SqueezeSAMModel
from squeezesam_core.evaluation.protocols import PROTOCOLS
from squeezesam_core.evaluation.run import evaluate
from squeezesam_core.evaluation.scene import Models
from squeezesam_core.prompts import Point, Prompt
from squeezesam_core.samples import Mask, Sample

SIDE = 128


class Truth:
    """A mask that needs no file."""

    def __init__(self, mask: np.ndarray) -> None:
        self.mask = mask

    def decode(self) -> Mask:
        return Mask.of(self.mask)


@pytest.fixture(autouse=True)
def _one_look_an_answer(one_look) -> None:
    """Protocols are about what is asked."""


@pytest.fixture
def sample(tmp_path: Path) -> Callable[..., Sample]:
    """True masks -> a dark photo of SIDE x SIDE with them."""
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "photo.png")
    return lambda *truths: Sample("photo", tmp_path / "photo.png", tuple(Truth(truth) for truth in truths))


@pytest.fixture
def ask(service, sample) -> Callable[..., list[Case]]:
    """A protocol and true masks -> its cases on the drawing network and the detector of a square in the middle."""

    def run(protocol: str, *truths: np.ndarray, plan: Plan | None = None, detector: bool = True) -> list[Case]:
        segmenter = SqueezeSAMModel(service.segmenter, "drawn")
        models = Models(segmenter, service.detector if detector else None)
        return list(evaluate(models, [sample(*truths)], PROTOCOLS[protocol], plan or Plan()))

    return run


@pytest.fixture
def case() -> Callable[..., Case]:
    """IoU by click count -> a case that nobody asked for."""

    def make(ious: dict[int, float], name: str = "photo", area: int = 600) -> Case:
        photo = np.full((60, 90, 3), 200, np.uint8)
        mask = np.zeros((60, 90), bool)
        mask[20:40, 30:60] = True
        outcome = Outcome(name, 0, ious, ious, area, 1, (0.01,), 0.002)
        shown = Prompt((Point(45, 30), Point(5, 5, positive=False)))
        return Case(outcome, photo, Mask.of(mask), mask, shown)

    return make
