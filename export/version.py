"""From a training checkpoint to a version that serves."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from export import HELD_OUT, ITEMS
from export.bundle import write_bundle
from export.parity import Parity
from export.phone import Format
from squeezesam_core.model import checkpoint as checkpoints
from squeezesam_core.model.presets import rebuild
from squeezesam_core.registry import Manifest


def export_version(
    checkpoint: Path,
    calibration: Sequence[Path],
    out: Path,
    *,
    side: int | None = None,
    items: int = ITEMS,
    held_out: int = HELD_OUT,
    phone: Sequence[Format] = ("ort",),
    facts: Mapping[str, Any] | None = None,
) -> tuple[Manifest, Parity]:
    """Fold, export to ONNX, quantize to int8, check parity, and replace the folder `out` by the version in one step.

    checkpoint: what `squeezesam train` wrote. calibration: folders of photos with masks (samples.read_folder), never
    test data. side: of the served input; the recipe's unless given. phone: formats of the files for phones that the
    version carries (phone.formats_at_hand). facts: said of the version beside its recipe.
    Raises ModelFileError or InvalidDatasetError, and leaves `out` as it was.
    """
    torch.set_num_threads(1)
    state = checkpoints.load(checkpoint)
    recipe = json.loads(state["recipe"]) if "recipe" in state else {"side": state["side"]}
    network = rebuild(state, side)
    # folders of the machine it ran on are nobody else's business: of a start checkpoint the run's name is kept
    kept = {key: value for key, value in recipe.items() if key != "source"}
    kept["start"] = "/".join(Path(kept.get("start", "")).parts[-2:])
    return write_bundle(
        network,
        state["preset"],
        out,
        photos=calibration,
        items=items,
        held_out=held_out,
        phone=phone,
        facts={"step": state.get("step"), "recipe": kept} | dict(facts or {}),
    )
