"""BatchNorm folded into the convolution before it (paper 1.1): one scale to quantize."""

import copy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn

from squeezesam_core.model.blocks import ConvTranspose

Network = TypeVar("Network", bound=nn.Module)


def fold(network: Network) -> Network:
    """A copy in evaluation mode without any BatchNorm; outputs equal the original's up to rounding."""
    folded = copy.deepcopy(network).eval()
    for module in folded.modules():
        if isinstance(module, nn.Sequential):
            _fold_sequence(module)
        elif isinstance(module, ConvTranspose):
            # pixel shuffle takes channels 4c .. 4c+3 of the convolution for channel c
            scale, shift = _affine(module.norm)
            _scale(module.conv, scale.repeat_interleave(4), shift.repeat_interleave(4))
            module.norm = nn.Identity()  # type: ignore[assignment]
    left = [name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)]
    if left:
        raise AssertionError(f"a BatchNorm stands where fold() does not look: {left}")
    return folded


def _fold_sequence(sequence: nn.Sequential) -> None:
    names = list(sequence._modules)
    for first, second in pairwise(names):
        conv, norm = sequence._modules[first], sequence._modules[second]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            _scale(conv, *_affine(norm))
            sequence._modules[second] = nn.Identity()


def _affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """BatchNorm in evaluation mode as y = scale * x + shift; both (C,)."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale.detach(), (norm.bias - norm.running_mean * scale).detach()


def _scale(conv: nn.Conv2d, scale: Tensor, shift: Tensor) -> None:
    conv.weight = nn.Parameter(conv.weight.detach() * scale[:, None, None, None])
    bias = torch.zeros_like(shift) if conv.bias is None else conv.bias.detach()
    conv.bias = nn.Parameter(bias * scale + shift)
