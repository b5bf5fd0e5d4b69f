"""Late fusion's input: clicks and box corners as tokens, and the positions of the image tokens (as SAM)."""

import math

import torch
from torch import Tensor, nn


class PromptEncoder(nn.Module):
    """Points in the unit frame -> tokens of `dim`, with SAM's random Fourier features for positions.

    Labels as Prompt.labels: 0 background click, 1 click, 2 and 3 box corners; -1 pads.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.frequencies: Tensor
        self.register_buffer("frequencies", torch.randn(2, dim // 2))
        self.kinds = nn.Embedding(5, dim)

    def forward(self, points: Tensor, labels: Tensor) -> Tensor:
        """points (B, N, 2) float in 0..1, labels (B, N) int64 -> (B, N, dim)."""
        real = (labels >= 0).unsqueeze(-1).to(points.dtype)
        return self._positions(points) * real + self.kinds(labels + 1)

    def grid(self, like: Tensor) -> Tensor:
        """Positions of a feature map (B, C, h, w)'s cells: (1, h*w, dim)."""
        height, width = like.shape[-2:]
        y = (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5) / height
        x = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5) / width
        cells = torch.stack([x.repeat(height, 1), y.unsqueeze(1).repeat(1, width)], dim=-1)
        return self._positions(cells.reshape(1, -1, 2))

    def _positions(self, points: Tensor) -> Tensor:
        angles = (2 * points - 1) @ self.frequencies.to(points.dtype) * (2 * math.pi)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)
