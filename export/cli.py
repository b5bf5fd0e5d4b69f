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
    from export.version import export_version

    manifest, parity = export_version(checkpoint, calibration, out, side=side, items=items, held_out=held_out)
    typer.echo(f"{manifest.version} in {out}")
    for kind, file in manifest.files.items():
        typer.echo(f"  {kind:<10} {file.name:<24} {file.bytes / 1e6:6.2f} MB")
    typer.echo(
        f"  int8 against fp32 on {parity.n} inputs: {parity.snr_db:.1f} dB, {parity.same_side:.2%} of pixels agree, "
        f"IoU of the masks {parity.iou:.4f}"
    )
