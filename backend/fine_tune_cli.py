"""squeezesam fine-tune: one round on the command line."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from squeezesam_core.errors import InvalidDatasetError

LOST = 3
"""How the command ends if the candidate does not win."""
INTERRUPTED = 130
"""As a shell says of a command that was interrupted."""


def fine_tune(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the round; an unfinished round goes on.")],
    store: Annotated[
        str, typer.Option(envvar="SQUEEZESAM_WEIGHTS", help="The store: a folder, made if missing, or s3://….")
    ],
    project: Annotated[int | None, typer.Option(help="Number of the Label Studio project to learn from.")] = None,
    data: Annotated[Path | None, typer.Option(help="Instead of a project: a data set (docs/data.md).")] = None,
    detector: Annotated[
        Path | None,
        typer.Option(envvar="SQUEEZESAM_DETECTOR", help="The saliency model that serves, if not the store's."),
    ] = None,
    publish: Annotated[bool, typer.Option(help="Whether the candidate serves if it wins.")] = True,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE (TOML) in place of the round's recipe; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Learn from a project's labels: fine-tune the version in service, ask both about photos that were set aside, and
    let the new one serve if it is better (docs/fine-tuning.md).

    Each step leaves its result in the round's folder, so the same command goes on where it was stopped. Ends with
    status 3 if the candidate does not win.
    """
    from backend.batch_cli import print_failures, pull_labels
    from backend.round import Labels, run
    from backend.settings import load_settings

    if (project is None) == (data is None):
        raise InvalidDatasetError("A round learns from one project or one data set.", "Name --project or --data.")
    told: list[str] = []

    def tell(_: float, message: str) -> bool:
        if message not in told:
            told.append(message)
            typer.echo(message, err=True)
        return True

    def labels() -> Path:
        if data is not None:
            return data
        print_failures(pull_labels(project or 0, out / "pulled", quiet=as_json).failures)
        return out / "pulled"

    of = str(data.resolve()) if data is not None else f"project {project} of {load_settings().label_studio_url}"
    result = run(out, store, Labels(of, labels), detector=detector, changes=changes or (), publish=publish, tell=tell)
    if result is None:
        raise typer.Exit(INTERRUPTED)
    _report(result, as_json)
    if not result["wins"]:
        raise typer.Exit(LOST)


def _report(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(result))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("mIoU", result["from"], result["version"], title=f"{result['objects']} objects set aside")
    for figure, before in result["serving"].items():
        table.add_row(figure, f"{before:.1%}", f"{result['candidate'][figure]:.1%}")
    Console().print(table)
    consequence = "It serves." if result["serves"] else "It does not serve." if not result["wins"] else "It may serve."
    typer.echo(f"{result['why']} {consequence}")
