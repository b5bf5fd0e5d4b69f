"""BatchNorm over two gloo processes is BatchNorm over the whole batch, forwards and backwards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from squeezesam_core.model.presets import build
from tests.training.gloo_process import loss, network_and_batch
from training.sync_batchnorm import CpuSyncBatchNorm, synchronise


@pytest.mark.slow
def test_two_processes_equal_one_with_the_whole_batch(tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = Path(__file__).with_name("gloo_process.py")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [*launch, str(script), str(tmp_path / "two.pt")]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert b"terminate called" not in done.stderr
    two = torch.load(tmp_path / "two.pt", weights_only=True)
    network, inputs, target = network_and_batch()
    loss(network, inputs, target).backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(two["gradients"][name], parameter.grad, rtol=1e-6, atol=1e-9, msg=name)
    for name, buffer in network.named_buffers():
        torch.testing.assert_close(two["buffers"][name], buffer, rtol=1e-9, atol=1e-9, msg=name)


def test_names_and_tensors_stay() -> None:
    network = build("saliency", 64)
    before = network.state_dict()
    parameters = set(map(id, network.parameters()))
    synchronise(network, torch.device("cpu"))
    assert not [layer for layer in network.modules() if type(layer) is nn.BatchNorm2d]
    assert all(tensor.data_ptr() == before[name].data_ptr() for name, tensor in network.state_dict().items())
    assert set(map(id, network.parameters())) == parameters


def test_alone_it_is_batchnorm() -> None:
    ours, reference = CpuSyncBatchNorm(3), nn.BatchNorm2d(3)
    x = torch.randn(4, 3, 5, 5)
    torch.testing.assert_close(ours(x), reference(x))
    torch.testing.assert_close(ours.eval()(x), reference.eval()(x))
