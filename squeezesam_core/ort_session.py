"""ONNX Runtime sessions: int8 when this machine computes it rightly, else fp32 with a warning."""

import logging
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from squeezesam_core.errors import ModelFileError
from squeezesam_core.geometry import NetworkInput
from squeezesam_core.registry import Manifest, load_manifest

log = logging.getLogger(__name__)

GOLDEN_AGREEMENT = 0.97
"""Share of pixels on fp32's side of the threshold that int8 must reach on the golden input. Measured on a CPU without
VNNI: 98.5 % with 7-bit weights, 92.9 % with 8-bit ones, which saturate there and draw wrong masks."""

U2NET_SIDE = 320


class OrtSegmenter:
    """A SqueezeSAM version in ONNX Runtime. Safe to share among threads."""

    def __init__(self, session: onnxruntime.InferenceSession, spec: NetworkInput, version: str, precision: str) -> None:
        self._session = session
        self._spec = spec
        self.version = version
        self.precision = precision

    @property
    def spec(self) -> NetworkInput:
        return self._spec

    def run(
        self, fused: NDArray[np.float32], points: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See session.Session."""
        feeds = {"image": fused[None], "points": points[None], "labels": labels[None]}
        logits, iou = self._session.run(["logits", "iou"], feeds)
        return logits[0], iou[0]


class OrtDetector:
    """A salient object detector in ONNX Runtime: one of ours, or any network of U2-Net's interface."""

    def __init__(self, session: onnxruntime.InferenceSession, spec: NetworkInput, version: str, precision: str) -> None:
        self._session = session
        self._spec = spec
        self._input = session.get_inputs()[0].name
        self._output = session.get_outputs()[0].name
        self.version = version
        self.precision = precision

    @property
    def spec(self) -> NetworkInput:
        return self._spec

    def run(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """See session.DetectorSession."""
        (saliency,) = self._session.run([self._output], {self._input: image[None]})
        return np.clip(saliency[0, 0], 0, 1)


def load_segmenter(directory: Path, threads: int = 1, precision: str = "int8") -> OrtSegmenter:
    """Load the version in `directory`. Raises ModelFileError if a file is missing or damaged, or fails its check."""
    manifest = load_manifest(directory)
    if manifest.spec.channels == 3:
        raise ModelFileError(f"{directory} holds a detector, not a segmenter.", "Name the segmenter's folder.")
    session, chosen = _checked_session(manifest, threads, precision)
    return OrtSegmenter(session, manifest.spec, manifest.version, chosen)


def load_detector(path: Path, threads: int = 1, precision: str = "int8") -> OrtDetector:
    """Load the detector version in the folder `path`, or a saliency model of U2-Net's interface (an .onnx file: one
    ImageNet-normalised input, 1 x 3 x 320 x 320 unless the file says otherwise; the first output is the map in 0..1).

    Raises ModelFileError.
    """
    if path.is_file():
        session = _session(path, threads)
        side = session.get_inputs()[0].shape[-1]
        spec = NetworkInput(side if isinstance(side, int) else U2NET_SIDE, square=True, channels=3)
        return OrtDetector(session, spec, path.stem, "as given")
    manifest = load_manifest(path)
    if manifest.spec.channels != 3:
        raise ModelFileError(f"{path} holds no detector.", "Name the detector's folder.")
    session, chosen = _checked_session(manifest, threads, precision)
    return OrtDetector(session, manifest.spec, manifest.version, chosen)


def _checked_session(manifest: Manifest, threads: int, precision: str) -> tuple[onnxruntime.InferenceSession, str]:
    session = _session(manifest.path(precision), threads)
    if precision != "int8":
        return session, precision
    agreement = golden_agreement(session, manifest.path("golden"))
    if agreement >= GOLDEN_AGREEMENT:
        return session, precision
    log.warning(
        "%s computes wrongly in int8 on this CPU (%.1f %% of the golden input's pixels agree with fp32, %.0f %% are "
        "needed): the fp32 file serves instead, at about twice the time a click. Cause: an instruction set on which "
        "the quantized layers saturate. Remedy: report the CPU's model with this line.",
        manifest.version,
        100 * agreement,
        100 * GOLDEN_AGREEMENT,
    )
    session = _session(manifest.path("fp32"), threads)
    agreement = golden_agreement(session, manifest.path("golden"))
    if agreement < GOLDEN_AGREEMENT:
        raise ModelFileError(
            f"{manifest.version} does not compute its own golden input's answer in fp32 either "
            f"({100 * agreement:.1f} % of the pixels agree).",
            "Its files do not belong together: export the version again, or roll back.",
        )
    return session, "fp32"


def golden_agreement(session: onnxruntime.InferenceSession, golden: Path) -> float:
    """Share of output pixels on the same side of the threshold as fp32's answer.

    golden: an .npz with the graph's inputs by name, and `answer`: fp32's first output; `threshold`: 0 for logits, 0.5
    for a map.
    """
    with np.load(golden, allow_pickle=False) as data:
        feeds = {entry.name: data[entry.name] for entry in session.get_inputs()}
        answer, threshold = data["answer"], float(data["threshold"])
    output = session.run([session.get_outputs()[0].name], feeds)[0]
    return float(((output > threshold) == (answer > threshold)).mean())


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # a thread that waits for work in a loop takes a core from the other requests
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises its own kinds, all derived from Exception
        raise ModelFileError(f"{path} is no model that ONNX Runtime can load ({error}).", "Export it again.") from error
