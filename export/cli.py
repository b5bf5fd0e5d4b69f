"""squeezesam export: a training checkpoint becomes a version that serves, a version a file for phones."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from export import HELD_OUT, ITEMS
from squeezesam_core import registry

app = typer.Typer(no_args_is_help=True)


@app.command()
def export(
    calibration: Annotated[list[Path], typer.Option(help="Folder of photos with masks (repeat); never test data.")],
    out: Annotated[Path, typer.Option(help="Folder of what is written; replaced in one step.")],
    checkpoint: Annotated[Path | None, typer.Option(help="What `squeezesam train` wrote: runs/NAME/last.pt.")] = None,
    model: Annotated[str | None, typer.Option(help="Instead of it: a version, by its folder, version or name.")] = None,
    form: Annotated[
        Literal["onnx", "ort", "executorch"],
        typer.Option("--format", help="onnx: a version that serves. ort, executorch: a version's file for phones."),
    ] = "onnx",
    side: Annotated[int | None, typer.Option(help="onnx: side of the served input; the recipe's unless given.")] = None,
    items: Annotated[int, typer.Option(help="Inputs to calibrate on.")] = ITEMS,
    held_out: Annotated[int, typer.Option(help="Other inputs to measure int8 against fp32 on.")] = HELD_OUT,
) -> None:
    """Quantize to int8, check parity with fp32, and write what passes: a version with its files for phones, or one such
    file of a version that is there."""
    if (checkpoint is None) == (model is None):
        raise typer.BadParameter("Give --checkpoint or --model, one of them.")
    if form == "onnx":
        from export.phone import formats_at_hand
        from export.version import export_version

        source = checkpoint or registry.find(str(model)).path("checkpoint")
        manifest, parity = export_version(
            source, calibration, out, side=side, items=items, held_out=held_out, phone=formats_at_hand()
        )
        typer.echo(f"{manifest.version} in {out}")
        for kind, file in manifest.files.items():
            typer.echo(f"  {kind:<10} {file.name:<24} {file.bytes / 1e6:6.2f} MB")
        _say("int8", asdict(parity))
        for kind, said in manifest.facts["phone"].items():
            _say(kind, said["parity"])
    else:
        from export.phone import export_phone

        if model is None or side is not None:
            raise typer.BadParameter("A file for phones is made of a version as it is: give --model, and no --side.")
        version = registry.find(model)
        report = export_phone(version, form, calibration, out, items=items, held_out=held_out)
        typer.echo(f"{version.version} for phones in {out}")
        typer.echo(f"  {form:<10} {report['file']['name']:<24} {report['file']['bytes'] / 1e6:6.2f} MB")
        _say(form, report["parity"])


def _say(what: str, parity: dict[str, Any]) -> None:
    typer.echo(
        f"  {what} against fp32 on {parity['n']} inputs: {parity['snr_db']:.1f} dB, {parity['same_side']:.2%} of "
        f"pixels agree, IoU of the masks {parity['iou']:.4f}"
    )
