"""How far one ONNX file's masks are from another's on the same inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from export.calibrate import Feeds
from squeezesam_core.errors import ModelFileError
from squeezesam_core.masks import iou

LEAST_SAME_SIDE = 0.985
LEAST_IOU = 0.95


@dataclass(frozen=True)
class Parity:
    """snr_db: signal to noise of the raw output; same_side: share of pixels on the same side of the threshold;
    iou: mean IoU of the thresholded masks; n: inputs compared."""

    snr_db: float
    same_side: float
    iou: float
    n: int

    def check(self, what: str) -> None:
        """Raise ModelFileError if the two files would draw visibly different masks."""
        if self.same_side < LEAST_SAME_SIDE or self.iou < LEAST_IOU:
            raise ModelFileError(
                f"{what} differs from fp32: {self.same_side:.2%} of pixels agree (least: {LEAST_SAME_SIDE:.1%}), "
                f"masks' IoU is {self.iou:.3f} (at least {LEAST_IOU}).",
                "Calibrate on photos like those it will see, or keep the worst layers in fp32 (export/quantize.py).",
            )


def compare(reference: Path, candidate: Path, feeds: Sequence[Feeds]) -> Parity:
    """Run both on one thread and compare their first output's single mask (logits) or map."""
    a, b = (
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for path in (reference, candidate)
    )
    output = a.get_outputs()[0].name
    threshold = threshold_of(output)
    signal = noise = 0.0
    sides, ious = [], []
    for feed in feeds:
        x, y = (session.run([output], feed)[0][0, 0].astype(np.float64) for session in (a, b))
        signal += float((x**2).sum())
        noise += float(((x - y) ** 2).sum())
        sides.append(float(((x > threshold) == (y > threshold)).mean()))
        ious.append(iou(x > threshold, y > threshold))
    snr = float(10 * np.log10(signal / max(noise, 1e-12)))
    return Parity(snr, float(np.mean(sides)), float(np.mean(ious)), len(sides))


def threshold_of(output: str) -> float:
    """Where an output turns into a mask: logits at 0, maps at 0.5."""
    return 0.0 if output == "logits" else 0.5
