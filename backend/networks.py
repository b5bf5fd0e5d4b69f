"""The networks that the settings name: which versions they are, and loading them."""

from dataclasses import dataclass
from pathlib import Path

from backend.annotator import Service
from backend.settings import Settings
from squeezesam_core.ort_session import load_detector, load_segmenter
from squeezesam_core.registry import default_weights, load_manifest
from squeezesam_core.store import DETECTOR, SEGMENTER, in_service, locate


@dataclass(frozen=True)
class Named:
    """Where the two networks stand: folders with a manifest; the detector may be an ONNX file."""

    segmenter: Path
    detector: Path


def named(settings: Settings) -> Named:
    """The networks that are to serve, by the store's pointers as they are now. Raises ModelFileError."""
    weights = settings.weights or default_weights()
    return Named(locate(weights, SEGMENTER), settings.detector or locate(weights, DETECTOR))


def named_version(settings: Settings) -> str:
    """The model_version of the networks that are to serve; nothing is fetched. Raises ModelFileError."""
    weights, detector = settings.weights or default_weights(), settings.detector
    if detector is None:
        version = in_service(weights, DETECTOR)
    else:
        version = detector.stem if detector.is_file() else load_manifest(detector).version
    return model_version(in_service(weights, SEGMENTER), version)


def load_service(settings: Settings) -> Service:
    """Load both networks; each computes its golden input first (squeezesam_core.ort_session). Raises ModelFileError."""
    networks = named(settings)
    segmenter = load_segmenter(networks.segmenter, settings.threads)
    detector = load_detector(networks.detector, settings.threads)
    version = model_version(segmenter.version, detector.version)
    return Service(segmenter, detector, version, segmenter.precision, detector.precision)


def model_version(segmenter: str, detector: str) -> str:
    """A prediction depends on both networks, so the version that Label Studio stores names both."""
    return f"{segmenter}+{detector}"
