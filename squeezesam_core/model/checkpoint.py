"""Checkpoints: written whole or not at all, read without pickle's dangers, taken over part by part."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from squeezesam_core.errors import ModelFileError


def save(path: Path, content: dict[str, Any]) -> None:
    """Write under a temporary name, flush, rename: a killed process leaves the last whole checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    with temporary.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load(path: Path) -> dict[str, Any]:
    """Tensors and plain values only. Raises ModelFileError if the file is missing or is none of ours."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no checkpoint {path}.", "Check the path.") from error
    except Exception as error:  # torch raises many kinds for a damaged file
        raise ModelFileError(
            f"{path} is not a readable checkpoint ({error}).", "Use one that training wrote."
        ) from error
    return content


def half(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Half precision for floating-point tensors: what is shipped for fine-tuning."""
    return {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def take_over(network: nn.Module, state: dict[str, Tensor]) -> list[str]:
    """Copy every tensor whose name and shape fit; a first convolution with fewer channels is widened with zeros.

    Returns the names of the network's tensors that were not found.
    """
    mine = network.state_dict()
    taken: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name not in mine:
            continue
        if tensor.shape == mine[name].shape:
            taken[name] = tensor.to(mine[name].dtype)
        elif tensor.dim() == 4 and tensor.shape[1] < mine[name].shape[1] and tensor.shape[0] == mine[name].shape[0]:
            widened = torch.zeros_like(mine[name])
            widened[:, : tensor.shape[1]] = tensor
            taken[name] = widened
    network.load_state_dict(taken, strict=False)
    return sorted(set(mine) - set(taken))
