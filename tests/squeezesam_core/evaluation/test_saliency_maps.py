"""maxF, MAE and S-measure of maps that are right, wrong, and counted by hand."""

import numpy as np
import pytest

from squeezesam_core.evaluation.case import Plan
from squeezesam_core.evaluation.protocols import PROTOCOLS
from squeezesam_core.evaluation.run import evaluate
from squeezesam_core.evaluation.scene import Models
from squeezesam_core.geometry import NetworkInput

pytestmark = pytest.mark.slow  # its package imports scikit-learn and scikit-image

CENTRE = np.zeros((128, 128), bool)
CENTRE[32:96, 32:96] = True
WIDE = np.zeros((128, 128), bool)
WIDE[32:96, 16:112] = True  # symmetric, since the detector sees the mirror image too


class Map:
    """A detector that gives the map it was made with."""

    spec = NetworkInput(side=128, channels=3)

    def __init__(self, saliency: np.ndarray) -> None:
        self.saliency = saliency.astype(np.float32)

    def run(self, _: np.ndarray) -> np.ndarray:
        return self.saliency


@pytest.mark.parametrize(
    ("saliency", "truths", "maxf", "mae"),
    [
        (CENTRE, [CENTRE], 1.0, 0.0),
        (CENTRE, [CENTRE[:, ::-1] & False | CENTRE & (np.arange(128) < 64), CENTRE & (np.arange(128) >= 64)], 1.0, 0.0),
        (WIDE, [CENTRE], 1.3 * (2 / 3) / (0.3 * (2 / 3) + 1), 32 * 64 / 128**2),
        (CENTRE * 0.5 + WIDE * 0.25, [CENTRE], 1.0, (64 * 64 * 0.25 + 32 * 64 * 0.25) / 128**2),
    ],
    ids=["right", "two objects are one truth", "half too much", "right at its best threshold"],
)
def test_measures(sample, saliency: np.ndarray, truths: list[np.ndarray], maxf: float, mae: float) -> None:
    protocol = PROTOCOLS["saliency-maps"]
    cases = list(evaluate(Models(None, Map(saliency)), [sample(*truths)], protocol, Plan()))
    assert len(cases) == 1
    figures = protocol.figures([case.outcome for case in cases], Plan())
    assert figures["maxf"] == pytest.approx(maxf, abs=1e-3)
    assert figures["mae"] == pytest.approx(mae, abs=1e-3)
    assert (figures["sm"] > 0.99) == (mae == 0)
