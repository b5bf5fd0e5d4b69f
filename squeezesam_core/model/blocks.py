"""The convolution blocks of encoder and decoder (paper 1.1, figures 5 and 6).

BatchNorm always stands between a convolution and its ReLU, so that export can fold it into the convolution.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvBNReLU(nn.Sequential):
    """Convolution without bias, BatchNorm, ReLU. (B, in, H, W) -> (B, out, H/stride, W/stride)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1) -> None:
        padding = 0 if kernel == stride else kernel // 2
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class DoubleConv(nn.Sequential):
    """Two 3x3 ConvBNReLU. (B, in, H, W) -> (B, out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(ConvBNReLU(in_channels, out_channels), ConvBNReLU(out_channels, out_channels))


class DoubleConvDown(nn.Module):
    """Max-pool by 2, then DoubleConv (figure 5). (B, in, H, W) -> (B, out, ceil(H/2), ceil(W/2)).

    A map that is 1x1 already is not pooled, so that small inputs pass through a deep encoder.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convs = DoubleConv(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-2:] != (1, 1):
            x = F.max_pool2d(x, 2, ceil_mode=True)
        return self.convs(x)


class ConvTranspose(nn.Module):
    """A 2x2 transposed convolution of stride 2 that halves the channels, then BatchNorm and ReLU.

    Written as a 1x1 convolution to four times the channels and a pixel shuffle: the same map with the same weights,
    but one that ONNX Runtime and XNNPACK run in int8. (B, C, H, W) -> (B, C/2, 2H, 2W).
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 2 * in_channels, 1, bias=False)
        self.shuffle = nn.PixelShuffle(2)
        self.norm = nn.BatchNorm2d(in_channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.shuffle(self.conv(x))), inplace=True)


class DoubleConvUp(nn.Module):
    """Upsample by 2, halve the channels, join the skip connection, DoubleConv (figure 6).

    x (B, in, h, w) and skip (B, skip, H, W) -> (B, out, H, W); the upsampled map is cropped or padded to the skip.
    """

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.up = ConvTranspose(in_channels)
        self.convs = DoubleConv(in_channels // 2 + skip_channels, out_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)
        if x.shape[-2:] != skip.shape[-2:]:
            x = F.pad(x, (0, skip.shape[-1] - x.shape[-1], 0, skip.shape[-2] - x.shape[-2]))
        return self.convs(torch.cat([x, skip], dim=1))
