"""The named networks, built from the same parts."""

from collections.abc import Callable
from dataclasses import replace

from squeezesam_core.errors import ModelFileError
from squeezesam_core.geometry import NetworkInput
from squeezesam_core.model.encoder import MobileNetV2Encoder, SqueezeEncoder
from squeezesam_core.model.saliency_net import SaliencyNet
from squeezesam_core.model.squeezesam import SqueezeSAM

PAPER_WIDTHS = (64, 128, 128, 128, 128, 128, 256, 256, 256)
"""Channels of the paper's encoder at strides 4, 8, ... 1024."""


def paper(channels: int = 5, side: int = 1024) -> SqueezeSAM:
    """The paper's network (figure 4): 1024 px square, 1x1x256 bottom. `channels=7` adds what goes past the paper."""
    spec = NetworkInput(side, multiple=4, square=True, channels=channels)
    return SqueezeSAM(SqueezeEncoder(channels, PAPER_WIDTHS), (256, 256, 128, 128, 128, 128, 128, 64), spec)


def serving(side: int = 320) -> SqueezeSAM:
    """SqueezeSAM on a MobileNetV2 encoder, 7 channels: the network that serves annotators on a CPU."""
    spec = NetworkInput(side, multiple=32, channels=7)
    return SqueezeSAM(MobileNetV2Encoder(spec.channels), (128, 128, 64), spec)


def saliency(side: int = 256) -> SaliencyNet:
    """The salient object detector, of the serving network's encoder and decoder."""
    spec = NetworkInput(side, multiple=32, channels=3)
    return SaliencyNet(MobileNetV2Encoder(spec.channels), (128, 128, 64), spec)


PRESETS: dict[str, Callable[[], SqueezeSAM | SaliencyNet]] = {"paper": paper, "serving": serving, "saliency": saliency}


def build(preset: str, side: int | None = None) -> SqueezeSAM | SaliencyNet:
    """The network of a preset, at its own input size or at `side`. Raises ModelFileError for an unknown name."""
    if preset not in PRESETS:
        raise ModelFileError(f"There is no preset {preset!r}.", f"Use one of {', '.join(PRESETS)}.")
    network = PRESETS[preset]()
    if side is not None:
        network.spec = replace(network.spec, side=side)
    return network
