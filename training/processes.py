"""The processes of one training run: one, or those that torchrun started, and how they agree and part.

    torchrun --standalone --nproc-per-node 2 -m backend.cli train RECIPE --out DIR

Gradients are averaged by DistributedDataParallel; what else must be equal everywhere goes through here.
"""

import gc
import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from training.sync_batchnorm import synchronise


@dataclass(frozen=True)
class Processes:
    """This process among `count` that train one network: its rank (0 writes) and its device."""

    rank: int
    count: int
    device: torch.device

    @property
    def writes(self) -> bool:
        return self.rank == 0

    def any(self, here: bool) -> bool:
        """Whether it is so in any process; all of them must ask."""
        if self.count == 1:
            return here
        flag = torch.tensor([int(here)], device=self.device)
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag.item())

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """The mean over the processes of each value; all of them must ask with the same names."""
        if self.count == 1:
            return values
        numbers = torch.tensor(list(values.values()), dtype=torch.float64, device=self.device)
        dist.all_reduce(numbers)
        return dict(zip(values, (numbers / self.count).tolist(), strict=True))

    def of_first(self, value: bool) -> bool:
        """The first process's value, in all of them."""
        return self.any(value and self.rank == 0)

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network as training calls it: gradients and BatchNorm's statistics are those of all processes.

        The network's BatchNorm layers are replaced in place; its parameters and their names stay.
        """
        if self.count == 1:
            return network
        devices = None if self.device.type == "cpu" else [self.device]
        synchronise(network, self.device)  # so buffers are equal everywhere without being sent
        return DistributedDataParallel(network, device_ids=devices, forward_sync_buffers=False)

    def without_averaging(self, network: nn.Module) -> AbstractContextManager[None]:
        """For all but the last batch of a step: gradients add up here, and are averaged once."""
        return network.no_sync() if isinstance(network, DistributedDataParallel) else nullcontext()


@contextmanager
def joined() -> Iterator[Processes]:
    """Join the processes that torchrun started, or be alone; part together at the end.

    Whoever holds a DistributedDataParallel must have let go of it by then: its hooks hold threads of the process group,
    and a process that ends with one of them running is aborted.
    """
    cuda = torch.cuda.is_available()
    if not dist.is_torchelastic_launched():
        yield Processes(0, 1, torch.device("cuda" if cuda else "cpu"))
        return
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if cuda else "gloo")
    rank, count = dist.get_rank(), dist.get_world_size()
    if rank > 0:
        logging.getLogger("training").setLevel(logging.WARNING)  # the first says what all do
    try:
        yield Processes(rank, count, device)
        gc.collect()  # DistributedDataParallel stands in reference cycles
        dist.barrier()
    finally:
        dist.destroy_process_group()
