"""Sessions by what people name on a command line: a version, its folder, a file, or nothing for the one that ships."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from squeezesam_core import registry
from squeezesam_core.errors import ModelFileError
from squeezesam_core.store import DETECTOR, SEGMENTER

if TYPE_CHECKING:
    from squeezesam_core.ort_session import OrtSegmenter


def load_segmenter(model: str | None, precision: str) -> "OrtSegmenter":
    """model: a version, its name or its folder. Raises ModelFileError."""
    from squeezesam_core import ort_session

    directory = registry.default_weights() / SEGMENTER if model is None else registry.find(model).directory
    return ort_session.load_segmenter(directory, precision=precision)


def load_detector(detector: Path | None, precision: str) -> Any:
    """detector: a version's folder, an .onnx file or a checkpoint (.pt). A DetectorSession with version and precision.

    Raises ModelFileError.
    """
    from squeezesam_core import ort_session

    if detector is not None and detector.suffix == ".pt":
        return load_checkpoint(detector, detector=True)
    return ort_session.load_detector(detector or registry.default_weights() / DETECTOR, precision=precision)


def load_checkpoint(path: Path, detector: bool) -> Any:
    """A network of training, run in torch: a Session or DetectorSession with version and precision.

    Raises ModelFileError, also if it is the other kind of network.
    """
    from squeezesam_core.model.torch_session import load_checkpoint_session

    session = load_checkpoint_session(path)
    if (session.spec.channels == 3) != detector:
        raise ModelFileError(f"{path} holds the other kind of network.", "A detector is judged by --protocol detector.")
    return session
