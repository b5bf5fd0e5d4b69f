"""Drawn photos with masks, and networks small enough to export in a second, of the same parts as the presets."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from squeezesam_core.geometry import NetworkInput
from squeezesam_core.model.encoder import SqueezeEncoder
from squeezesam_core.model.saliency_net import SaliencyNet
from squeezesam_core.model.squeezesam import SqueezeSAM

Network = SqueezeSAM | SaliencyNet


def _randomise_norms(network: nn.Module) -> None:
    """BatchNorm as after training: every statistic and parameter different from a fresh one's."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)


@pytest.fixture(scope="session")
def randomise_norms() -> Callable[[nn.Module], None]:
    return _randomise_norms


@pytest.fixture(scope="session")
def tiny() -> Callable[[str], Network]:
    def build(kind: str) -> Network:
        torch.manual_seed(0)
        spec = NetworkInput(64, multiple=16, square=kind == "square", channels=3 if kind == "detector" else 7)
        encoder = SqueezeEncoder(spec.channels, (16, 16, 32))
        network = (SaliencyNet if kind == "detector" else SqueezeSAM)(encoder, (16, 16), spec, dim=32)
        _randomise_norms(network)
        return network.eval()

    return build


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that samples.read_folder reads: bright discs on dark noise."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    (root / "images").mkdir()
    (root / "masks").mkdir()
    for index in range(4):
        mask = np.zeros((80, 100), np.uint8)
        cv2.circle(mask, (int(rng.integers(30, 70)), int(rng.integers(30, 50))), 20, 255, cv2.FILLED)
        image = rng.integers(0, 60, (80, 100, 3), np.uint8)
        image[mask > 0] += 150
        cv2.imwrite(str(root / f"images/{index}.png"), image)
        cv2.imwrite(str(root / f"masks/{index}.png"), mask)
    return root
