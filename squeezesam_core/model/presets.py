"""The named networks, built from the same parts, with the switches that ablations turn."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from squeezesam_core.errors import ModelFileError
from squeezesam_core.geometry import NetworkInput
from squeezesam_core.model.encoder import MobileNetV2Encoder, SqueezeEncoder
from squeezesam_core.model.saliency_net import SaliencyNet
from squeezesam_core.model.squeezesam import SqueezeSAM

PAPER_WIDTHS = (64, 128, 128, 128, 128, 128, 256, 256, 256)
"""Channels of the paper's encoder at strides 4, 8, ... 1024."""
PAPER_DECODER = (256, 256, 128, 128, 128, 128, 128, 64)
"""Channels of the paper's decoder at strides 512, 256, ... 4."""


def paper(channels: int = 5, side: int = 1024, depth: int = len(PAPER_WIDTHS)) -> SqueezeSAM:
    """The paper's network (figure 4): 1024 px square, 1x1x256 bottom. `channels=7` adds what goes past the paper.

    depth: how many of the encoder's scales there are. All nine end at stride 1024, 1x1 at 1024 px; six at 8x8 and
    five at 16x16 there (at 128 px: three and two). The decoder is as much shorter.
    """
    if not 2 <= depth <= len(PAPER_WIDTHS):
        raise ModelFileError(f"The paper's encoder has no depth {depth}.", f"Use 2 to {len(PAPER_WIDTHS)}.")
    spec = NetworkInput(side, multiple=4, square=True, channels=channels)
    return SqueezeSAM(SqueezeEncoder(channels, PAPER_WIDTHS[:depth]), PAPER_DECODER[1 - depth :], spec)


def serving(channels: int = 7, side: int = 320) -> SqueezeSAM:
    """SqueezeSAM on a MobileNetV2 encoder: the network that serves annotators on a CPU. Five channels: the paper's."""
    spec = NetworkInput(side, multiple=32, channels=channels)
    return SqueezeSAM(MobileNetV2Encoder(channels), (128, 128, 64), spec)


def saliency(side: int = 256) -> SaliencyNet:
    """The salient object detector, of the serving network's encoder and decoder."""
    spec = NetworkInput(side, multiple=32, channels=3)
    return SaliencyNet(MobileNetV2Encoder(spec.channels), (128, 128, 64), spec)


PRESETS: dict[str, Callable[..., SqueezeSAM | SaliencyNet]] = {
    "paper": paper,
    "serving": serving,
    "saliency": saliency,
}
SWITCHES = {"paper": {"channels", "depth"}, "serving": {"channels"}, "saliency": set[str]()}
"""What may be built otherwise than the preset says, for ablations."""


def build(preset: str, side: int | None = None, switches: Mapping[str, int] | None = None) -> SqueezeSAM | SaliencyNet:
    """The network of a preset, at its own input size or at `side`.

    switches: "channels" (5, the paper's, or 7) and "depth" (see `paper`), where the preset has them.
    Raises ModelFileError for an unknown preset or switch.
    """
    if preset not in PRESETS:
        raise ModelFileError(f"There is no preset {preset!r}.", f"Use one of {', '.join(PRESETS)}.")
    switches = switches or {}
    if unknown := set(switches) - SWITCHES[preset]:
        known = ", ".join(sorted(SWITCHES[preset])) or "none"
        raise ModelFileError(
            f"The preset {preset!r} has no switch {', '.join(sorted(unknown))}.", f"Leave it out; it has: {known}."
        )
    if switches.get("channels", 5) not in (5, 7):
        raise ModelFileError(f"A network of {switches['channels']} channels is not known.", "Use 5 or 7.")
    network = PRESETS[preset](**switches)
    network.switches = dict(switches)
    if side is not None:
        network.spec = replace(network.spec, side=side)
    return network


def rebuild(content: Mapping[str, Any], side: int | None = None) -> SqueezeSAM | SaliencyNet:
    """The network that a checkpoint's content (of a run, or a version's half-precision one) is of, with its weights.

    side: the input size; what the checkpoint was trained for unless given. Raises KeyError, TypeError, ValueError,
    RuntimeError or ModelFileError if it is none of ours.
    """
    if side is None:
        side = content["side"] if "side" in content else json.loads(content["recipe"])["side"]
    network = build(content["preset"], side, content.get("switches"))
    network.load_state_dict(content["network"])
    return network
