"""Folding keeps the function of every preset and leaves no BatchNorm."""

import copy

import pytest
import torch
from torch import nn

from export.fold import fold
from squeezesam_core.model.presets import build


@pytest.mark.parametrize(("preset", "side"), [("paper", 128), ("serving", 64), ("saliency", 64)])
def test_folded_equals_unfolded(preset, side, randomise_norms):
    torch.manual_seed(0)
    network = build(preset, side).eval()
    randomise_norms(network)
    spec = network.spec
    image = torch.randn(1, spec.channels, side, side)
    inputs = (image,) if spec.channels == 3 else (image, torch.rand(1, 2, 2), torch.tensor([[1, 0]]))
    before = copy.deepcopy(network.state_dict())
    folded = fold(network)
    with torch.no_grad():
        expected, got = network(*inputs), folded(*inputs)
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_batch_norm_that_cannot_be_folded_is_an_error():
    with pytest.raises(AssertionError, match="1"):
        fold(nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3)))
