"""TinyViT as MobileSAM's image encoder has it (Wu et al. 2022; Zhang et al. 2023), for 1024 x 1024 inputs.

Written after the papers and the layout of the public checkpoint, whose parameter names it keeps. Inference only: no
stochastic depth, no classifier.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (64, 128, 160, 320)
DEPTHS = (2, 2, 6, 2)
HEADS = (2, 4, 5, 10)
WINDOWS = (7, 7, 14, 7)
OUT = 256
"""Channels of the embedding, which has stride 16."""


class TinyViT(nn.Module):
    """(B, 3, H, W), ImageNet-normalised, H and W multiples of 16 -> (B, 256, H/16, W/16).

    A convolutional stage at stride 4, then three of window attention at strides 8, 16 and 16.
    """

    def __init__(self) -> None:
        super().__init__()
        half = WIDTHS[0] // 2
        self.patch_embed = nn.ModuleDict(
            {"seq": nn.Sequential(ConvBN(3, half, 3, 2), nn.GELU(), ConvBN(half, WIDTHS[0], 3, 2))}
        )
        self.layers = nn.ModuleList(Stage(index) for index in range(len(WIDTHS)))
        self.neck = nn.Sequential(
            nn.Conv2d(WIDTHS[-1], OUT, 1, bias=False),
            LayerNorm2d(OUT),
            nn.Conv2d(OUT, OUT, 3, padding=1, bias=False),
            LayerNorm2d(OUT),
        )

    def forward(self, image: Tensor) -> Tensor:
        x = self.patch_embed["seq"](image)
        for stage in self.layers:
            x = stage(x)
        return self.neck(x)


class ConvBN(nn.Sequential):
    """Convolution without bias, BatchNorm. (B, in, H, W) -> (B, out, H/stride, W/stride)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.c = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)


class LayerNorm2d(nn.LayerNorm):
    """LayerNorm over the channels of (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Stage(nn.Module):
    """The blocks of one stage, then PatchMerging to the next one's width. (B, C, H, W) -> (B, C', H', W')."""

    def __init__(self, index: int) -> None:
        super().__init__()
        width = WIDTHS[index]
        self.blocks = nn.ModuleList(
            MBConv(width) if index == 0 else Block(width, HEADS[index], WINDOWS[index]) for _ in range(DEPTHS[index])
        )
        last = index == len(WIDTHS) - 1
        # MobileSAM keeps stride 16 in the last stage
        self.downsample = nn.Identity() if last else PatchMerging(width, WIDTHS[index + 1], 1 if index == 2 else 2)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.downsample(x)


class MBConv(nn.Module):
    """Expand four times, depthwise 3x3, project; GELU after the residual. (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = ConvBN(width, 4 * width)
        self.conv2 = ConvBN(4 * width, 4 * width, 3, groups=4 * width)
        self.conv3 = ConvBN(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.gelu(self.conv2(F.gelu(self.conv1(x))))
        return F.gelu(x + self.conv3(hidden))


class PatchMerging(nn.Module):
    """1x1, depthwise 3x3 with the stride, 1x1. (B, in, H, W) -> (B, out, H/stride, W/stride)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = ConvBN(in_channels, out_channels)
        self.conv2 = ConvBN(out_channels, out_channels, 3, stride, groups=out_channels)
        self.conv3 = ConvBN(out_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x)))))


class Block(nn.Module):
    """Attention within windows, a depthwise convolution, an MLP. (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.attn = WindowAttention(width, heads, window)
        self.local_conv = ConvBN(width, width, 3, groups=width)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.local_conv(x + self._attend(x))
        tokens = x.permute(0, 2, 3, 1)
        return (tokens + self.mlp(tokens)).permute(0, 3, 1, 2)

    def _attend(self, x: Tensor) -> Tensor:
        """Attention in every window of the map, which is padded with zeros to whole windows."""
        batch, width, height, length = x.shape
        side = self.window
        x = F.pad(x, (0, -length % side, 0, -height % side))
        rows, columns = x.shape[2] // side, x.shape[3] // side
        windows = x.reshape(batch, width, rows, side, columns, side).permute(0, 2, 4, 3, 5, 1)
        windows = self.attn(windows.reshape(-1, side * side, width))
        windows = windows.reshape(batch, rows, columns, side, side, width).permute(0, 5, 1, 3, 2, 4)
        return windows.reshape(batch, width, rows * side, columns * side)[:, :, :height, :length]


class WindowAttention(nn.Module):
    """Multi-head attention with a learnt bias for each distance. (B, side * side, C) -> the same."""

    def __init__(self, width: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(heads, side * side))
        y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        down, right = ((a.reshape(-1, 1) - a.reshape(1, -1)).abs() for a in (y, x))
        self.distances: Tensor
        self.register_buffer("distances", down * side + right, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norm(x)).view(batch, length, self.heads, -1).transpose(1, 2).chunk(3, dim=-1)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=self.attention_biases[:, self.distances])
        return self.proj(attended.transpose(1, 2).reshape(batch, length, width))


class Mlp(nn.Module):
    """LayerNorm, then two linear layers with GELU between. (..., C) -> (..., C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(self.norm(x))))
