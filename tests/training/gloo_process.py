"""One of two gloo processes: the gradients of a network, in float64, on its half of a batch (test_sync_batchnorm.py).

python -m torch.distributed.run --standalone --nproc-per-node 2 tests/training/gloo_process.py OUT
"""

import sys

import torch
from torch import nn

from squeezesam_core.model.presets import build
from training.processes import joined


def network_and_batch() -> tuple[nn.Module, tuple[torch.Tensor, ...], torch.Tensor]:
    """A network of the serving preset, four inputs, and what their masks should be."""
    torch.manual_seed(0)
    network = build("serving", 64).double().train()
    image = torch.randn(4, 7, 64, 64, dtype=torch.double)
    points, labels = torch.rand(4, 2, 2, dtype=torch.double), torch.tensor([[1, 0], [1, -1], [2, 3], [1, 1]])
    return network, (image, points, labels), torch.rand(4, 4, 16, 16, dtype=torch.double)


def loss(network: nn.Module, inputs: tuple[torch.Tensor, ...], target: torch.Tensor) -> torch.Tensor:
    logits, iou = network(*inputs)
    return (logits - target).square().mean() + iou.square().mean()


if __name__ == "__main__":
    network, inputs, target = network_and_batch()
    with joined() as processes:
        called = processes.wrap(network)
        half = slice(2 * processes.rank, 2 * processes.rank + 2)
        loss(called, tuple(array[half] for array in inputs), target[half]).backward()
        del called
        if processes.writes:
            gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
            torch.save({"gradients": gradients, "buffers": dict(network.named_buffers())}, sys.argv[1])
