"""How far one graph's masks are from another's on the same inputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from export.calibrate import Feeds
from squeezesam_core.errors import ParityError
from squeezesam_core.masks import iou

Run = Callable[[Feeds], NDArray[Any]]
"""A graph: its inputs to its first output, logits (1, 4, h, w) or map (1, 1, h, w)."""

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
        """Raise ParityError if the two files would draw visibly different masks."""
        if self.same_side < LEAST_SAME_SIDE or self.iou < LEAST_IOU:
            raise ParityError(
                f"{what} differs from fp32: {self.same_side:.2%} of pixels agree (least: {LEAST_SAME_SIDE:.1%}), "
                f"masks' IoU is {self.iou:.3f} (at least {LEAST_IOU}).",
                "Calibrate on photos like those it will see, or keep the worst layers in fp32 (export/quantize.py).",
            )


def compare(reference: Run, candidate: Run, feeds: Sequence[Feeds]) -> Parity:
    """Compare the single mask's logits, or the map, of both."""
    signal = noise = 0.0
    sides, ious = [], []
    for feed in feeds:
        x, y = (run(feed)[0, 0].astype(np.float64) for run in (reference, candidate))
        threshold = threshold_of(feed)
        signal += float((x**2).sum())
        noise += float(((x - y) ** 2).sum())
        sides.append(float(((x > threshold) == (y > threshold)).mean()))
        ious.append(iou(x > threshold, y > threshold))
    snr = float(10 * np.log10(signal / max(noise, 1e-12)))
    return Parity(snr, float(np.mean(sides)), float(np.mean(ious)), len(sides))


def of_onnx(path: Path) -> Run:
    """A file in ONNX or ORT format, on one thread of this machine's CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    output = session.get_outputs()[0].name
    return lambda feed: np.asarray(session.run([output], feed)[0])


def threshold_of(feed: Feeds) -> float:
    """Where the answer to a feed turns into a mask: a segmenter's logits at 0, a detector's map at 0.5."""
    return 0.0 if "points" in feed else 0.5
