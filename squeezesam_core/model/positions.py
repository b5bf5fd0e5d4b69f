"""Places as features: SAM's random Fourier features, of clicks and of the cells of a feature map."""

import math

import torch
from torch import Tensor, nn


class Positions(nn.Module):
    """Points in the unit frame -> features of `dim`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.frequencies: Tensor
        self.register_buffer("frequencies", torch.randn(2, dim // 2))

    def of(self, points: Tensor) -> Tensor:
        """points (..., 2) float in 0..1 -> (..., dim)."""
        angles = (2 * points - 1) @ self.frequencies.to(points.dtype) * (2 * math.pi)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)

    def grid(self, like: Tensor) -> Tensor:
        """Of a feature map (B, C, h, w)'s cells: (1, h*w, dim)."""
        height, width = like.shape[-2:]
        y = (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5) / height
        x = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5) / width
        cells = torch.stack([x.repeat(height, 1), y.unsqueeze(1).repeat(1, width)], dim=-1)
        return self.of(cells.reshape(1, -1, 2))
