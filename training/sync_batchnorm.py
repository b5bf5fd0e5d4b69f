"""BatchNorm whose statistics are those of all processes' batches together (paper 1.3: synchronized batch norm).

torch's own SyncBatchNorm runs on GPUs only; on a CPU (gloo) CpuSyncBatchNorm does the same.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _SumOfAll(torch.autograd.Function):
    """The sum of a tensor over all processes; each one's loss sends its gradient back to every process."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


class CpuSyncBatchNorm(nn.BatchNorm2d):
    """BatchNorm2d, in training with the mean and variance over all processes; (B, C, H, W) -> the same, any B each.

    In the precision of its weights whatever the input's. Sums are taken of the deviations from the running mean, which
    is the same everywhere: one exchange for mean and variance, without the digits that plain sums of squares lose.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and dist.is_initialized()):
            return super().forward(x)
        if self.running_mean is None:
            raise AssertionError("the networks here track running statistics")
        shift = self.running_mean.clone()
        shifted = x.to(self.weight.dtype) - shift[:, None, None]
        count = shifted.new_tensor([x.numel() / x.shape[1]])
        total = _SumOfAll.apply(torch.cat([shifted.sum((0, 2, 3)), shifted.square().sum((0, 2, 3)), count]))
        mean, square = (total[:-1] / total[-1]).chunk(2)
        variance = (square - mean.square()).clamp(min=0)
        self._remember((shift + mean).detach(), variance.detach() * total[-1].detach() / (total[-1].detach() - 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (shifted * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]).to(x.dtype)

    def _remember(self, mean: Tensor, unbiased: Tensor) -> None:
        if self.momentum is None or self.running_mean is None or self.running_var is None:
            raise AssertionError("the networks here track running statistics with a momentum")
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(unbiased, self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


def synchronise(network: nn.Module, device: torch.device) -> None:
    """Replace every BatchNorm2d inside the network; parameters, buffers and their names stay the same."""
    if device.type != "cpu":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.BatchNorm2d:
                layer = CpuSyncBatchNorm(child.num_features, child.eps, child.momentum)
                layer.weight, layer.bias = child.weight, child.bias
                layer.running_mean, layer.running_var = child.running_mean, child.running_var
                layer.num_batches_tracked = child.num_batches_tracked
                layer.train(child.training)
                setattr(parent, name, layer)
