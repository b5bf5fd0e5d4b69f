"""Which blocks of MobileNetV2 stay in fp32 where the rest of a network runs in int8 (docs/export.md has the figures).

The first blocks cost more accuracy in int8 than all other layers together, for a tenth of fp32's time. The detector's
last stage has outliers: on a few photos its residuals are twelve times as large as on most, and a scale made for these
leaves the others five bits.
"""

import re
from collections.abc import Iterable

FLOAT_BLOCKS = {"squeezesam": range(4), "saliency": (*range(7), *range(14, 18))}
"""Blocks of the encoder, by the name of the network's versions."""


def layers_of(blocks: Iterable[int]) -> re.Pattern[str]:
    """What finds the names of these blocks' nodes in an ONNX graph, and of their modules in torch."""
    return re.compile(rf"\bencoder[./]features\.(?:{'|'.join(map(str, blocks))})\b")


def float_layers(name: str) -> re.Pattern[str]:
    """layers_of a network's FLOAT_BLOCKS; name: "squeezesam" or "saliency"."""
    return layers_of(FLOAT_BLOCKS[name])
