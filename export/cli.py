"""squeezesam export: a training checkpoint becomes a version that serves."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Option(help="What `squeezesam train` wrote: runs/NAME/last.pt.")],
    calibration: Annotated[list[Path], typer.Option(help="Folder of photos with masks (repeat); never test data.")],
    out: Annotated[Path, typer.Option(help="Folder of the version; replaced in one step.")],
    side: Annotated[int | None, typer.Option(help="Side of the served input; the recipe's unless given.")] = None,
    items: Annotated[int, typer.Option(help="Inputs to calibrate on.")] = 96,
    held_out: Annotated[int, typer.Option(help="Other inputs to measure int8 against fp32 on.")] = 64,
) -> None:
    """Fold, export to ONNX, quantize to int8, check parity, write the version with its manifest."""
    import json

    import torch

    from export.bundle import write_bundle
    from export.calibrate import realistic_feeds
    from squeezesam_core.model import checkpoint as checkpoints
    from squeezesam_core.model.presets import rebuild

    torch.set_num_threads(1)
    state = checkpoints.load(checkpoint)
    recipe = json.loads(state["recipe"]) if "recipe" in state else {"side": state["side"]}
    network = rebuild(state, side)
    # folders of the machine it ran on are nobody else's business: of a start checkpoint the run's name is kept
    kept = {key: value for key, value in recipe.items() if key != "source"}
    kept["start"] = "/".join(Path(kept.get("start", "")).parts[-2:])
    facts = {"step": state.get("step"), "recipe": kept}
    manifest, parity = write_bundle(
        network,
        state["preset"],
        out,
        calibration=realistic_feeds(calibration, network.spec, items, seed=0),
        held_out=realistic_feeds(calibration, network.spec, held_out, seed=1),
        facts=facts,
    )
    typer.echo(f"{manifest.version} in {out}")
    for kind, file in manifest.files.items():
        typer.echo(f"  {kind:<10} {file.name:<24} {file.bytes / 1e6:6.2f} MB")
    typer.echo(
        f"  int8 against fp32 on {parity.n} inputs: {parity.snr_db:.1f} dB, {parity.same_side:.2%} of pixels agree, "
        f"IoU of the masks {parity.iou:.4f}"
    )
