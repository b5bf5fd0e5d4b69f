"""Encoders: the paper's, and MobileNetV2 from public ImageNet weights. One exchangeable part of every network here.

An encoder turns the fused input (B, channels, H, W) into feature maps, finest first; `channels` lists their depths.
The finest has stride 4. `pretrained_prefix` parameters learn slower (training/loop.py).
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from squeezesam_core.model.blocks import ConvBNReLU, DoubleConv, DoubleConvDown


class Encoder(nn.Module):
    """The contract: features finest first, their channels, and the stride of the coarsest."""

    channels: tuple[int, ...]
    stride: int
    pretrained: bool

    def forward(self, x: Tensor) -> list[Tensor]:
        raise NotImplementedError


class SqueezeEncoder(Encoder):
    """The paper's encoder (1.1, figure 4): a patch stem, a DoubleConv, then DoubleConvDown blocks down to 1x1."""

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.channels = tuple(widths)
        self.stride = 4 * 2 ** (len(widths) - 1)
        self.pretrained = False
        self.stem = ConvBNReLU(in_channels, widths[0], kernel=4, stride=4)
        self.first = DoubleConv(widths[0], widths[0])
        self.downs = nn.ModuleList(DoubleConvDown(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [self.first(self.stem(x))]
        for down in self.downs:
            features.append(down(features[-1]))
        return features


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand 1x1, depthwise 3x3, project 1x1; a residual where the shapes allow it."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.residual = stride == 1 and in_channels == out_channels
        expand = [] if expansion == 1 else [_conv_bn_relu6(in_channels, hidden, 1)]
        self.conv = nn.Sequential(
            *expand,
            _conv_bn_relu6(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2Encoder(Encoder):
    """MobileNetV2 (Sandler et al. 2018) without its classifier: features of strides 4, 8, 16, 32.

    The layout and parameter names follow the public ImageNet checkpoint mobilenet_v2-b0353104, which
    `load_imagenet` reads. Channels past R, G, B start at zero: the network begins by ignoring the prompt.
    """

    SETTINGS = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )
    """(expansion, channels, blocks, stride of the first) of each stage."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.channels = (24, 32, 96, 320)
        self.stride = 32
        self.pretrained = True
        layers: list[nn.Module] = [_conv_bn_relu6(in_channels, 32, 3, 2)]
        ends, width = [], 32
        for expansion, channels, blocks, stride in self.SETTINGS:
            for block in range(blocks):
                layers.append(InvertedResidual(width, channels, stride if block == 0 else 1, expansion))
                width = channels
            ends.append(len(layers))
        self.features = nn.ModuleList(layers)
        self.ends = (ends[1], ends[2], ends[4], ends[6])
        self._frozen = 0

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for index, layer in enumerate(self.features, start=1):
            x = layer(x)
            if index in self.ends:
                features.append(x)
        return features

    def freeze(self, blocks: int) -> None:
        """Keep the first `blocks` blocks as they are; BatchNorm there uses the statistics it has, in training too."""
        self._frozen = blocks
        for parameter in self.features[:blocks].parameters():
            parameter.requires_grad_(False)

    def train(self, mode: bool = True) -> "MobileNetV2Encoder":
        super().train(mode)
        self.features[: self._frozen].eval()
        return self

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Take the public checkpoint's weights (a state dict with features.*); its classifier is left out."""
        mine = self.state_dict()
        wanted = {name: tensor for name, tensor in state.items() if name in mine}
        first = "features.0.0.weight"
        widened = torch.zeros_like(mine[first])
        widened[:, :3] = wanted[first]
        wanted[first] = widened
        self.load_state_dict(wanted)


def _conv_bn_relu6(in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU6(inplace=True),
    )
