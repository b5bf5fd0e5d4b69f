"""The command `squeezesam demo`; what it starts is imported when it runs, so that other commands need not wait."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    data: Annotated[Path, typer.Option(help="Folder for everything the demo keeps.")] = Path(".demo"),
    port: Annotated[int, typer.Option(help="Label Studio's port; the next free one if it is taken.")] = 8080,
    backend_port: Annotated[int, typer.Option(help="The backend's port; likewise.")] = 9090,
    label_studio: Annotated[
        Path | None, typer.Option(help="Virtual environment of Label Studio; installed there if it is not.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the project in a browser.")] = False,
) -> None:
    """Label Studio with SqueezeSAM on this machine: sample photos, connected and pre-annotated. Ctrl-C stops it."""
    from backend.demo.conductor import run

    run(data, port, backend_port, label_studio, browser)
