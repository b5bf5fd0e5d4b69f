"""The mean of two rounds' weights, which is often better than either (Izmailov et al. 2018; Wortsman et al. 2022)."""

from typing import Any

from torch import Tensor

from squeezesam_core.errors import ModelFileError

KEPT = ("preset", "switches", "recipe", "step")
"""Of the later round. Its optimizer is not: nothing goes on from a mean as if it had been trained."""


def average(earlier: dict[str, Any], later: dict[str, Any], share: float) -> dict[str, Any]:
    """The checkpoint whose weights and BatchNorm statistics are (1 - share) of `earlier` and share of `later`.

    Raises ModelFileError if they are not of one network.
    """
    first: dict[str, Tensor] = earlier["network"]
    second: dict[str, Tensor] = later["network"]
    if {name: tensor.shape for name, tensor in first.items()} != {n: t.shape for n, t in second.items()}:
        raise ModelFileError("The checkpoints are of different networks.", "Name two rounds of one preset.")
    mean = {
        name: ((1 - share) * first[name].float() + share * tensor.float()).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in second.items()
    }
    return {"network": mean} | {key: later[key] for key in KEPT}
