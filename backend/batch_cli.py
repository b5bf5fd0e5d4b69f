"""squeezesam preannotate, dataset pull, worker, scheduler and jobs: what runs without a request of Label Studio."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from backend.jobs import RedisJobs
    from backend.preannotate import Summary
    from backend.project_tasks import Failure
    from backend.pull import Pulled

jobs = typer.Typer(no_args_is_help=True, help="The jobs behind the queue.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def preannotate(
    project: Annotated[int, typer.Option(help="Number of the project in Label Studio.")],
    only: Annotated[
        Literal["stale", "missing", "all"],
        typer.Option(help="Tasks with a prediction of another version, without any of ours, or both."),
    ] = "all",
    as_json: AsJson = False,
) -> None:
    """Give every task of a project a current prediction; run it again to go on after an interruption.

    Ends with status 1 if a task was skipped.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from backend import logs
    from backend.app import build_annotator
    from backend.label_studio import require
    from backend.preannotate import pre_annotate
    from backend.settings import load_settings

    settings = load_settings()
    logs.configure()
    annotator, label_studio = build_annotator(settings)
    columns = (TextColumn("Project {task.fields[project]}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as bar:
        shown = bar.add_task("", total=None, project=project)

        def report(summary: "Summary") -> bool:
            bar.update(shown, total=summary.tasks, completed=summary.seen)
            return True

        summary = pre_annotate(
            project, require(label_studio), annotator, only=only, workers=settings.concurrency, report=report
        )
    if as_json:
        typer.echo(json.dumps(asdict(summary)))
    else:
        _print(summary)
    if summary.failed:
        raise typer.Exit(1)


def pull(
    project: Annotated[int, typer.Option(help="Number of the project in Label Studio.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the data set; made if it is missing.")],
    as_json: AsJson = False,
) -> None:
    """A project's finished labels and their photos in a folder that training reads; run it again to renew it.

    Photos that are there are not fetched again. Ends with status 1 if a task was left out.
    """
    pulled = pull_labels(project, out, quiet=as_json)
    if as_json:
        typer.echo(json.dumps(asdict(pulled)))
    else:
        typer.echo(f"{pulled.tasks} tasks: {pulled.labelled} photos with labels in {out}, {pulled.fetched} fetched.")
        print_failures(pulled.failures)
    if pulled.failures:
        raise typer.Exit(1)


def pull_labels(project: int, out: Path, quiet: bool) -> "Pulled":
    """backend.pull.pull by the settings, with progress on standard error unless `quiet`."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from backend import logs
    from backend.app import access, image_source
    from backend.label_studio import require
    from backend.pull import pull as run
    from backend.settings import load_settings

    settings = load_settings()
    logs.configure()
    label_studio, client = access(settings)
    images = image_source(settings, label_studio, client)
    columns = (TextColumn("Project {task.fields[project]}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        shown = bar.add_task("", total=None, project=project)

        def report(pulled: "Pulled") -> None:
            bar.update(shown, total=pulled.tasks, completed=pulled.seen)

        return run(project, out, require(label_studio), images, workers=settings.concurrency, report=report)


def worker(
    only: Annotated[
        Literal["preannotate", "finetune"] | None,
        typer.Option(help="Jobs of one kind; default both, fine-tuning if torch is installed."),
    ] = None,
) -> None:
    """Run the jobs of REDIS_URL's queue, until Ctrl-C or SIGTERM.

    New photos wait for the end of a round of fine-tuning: a second worker for rounds leaves the first to them.
    """
    from importlib.util import find_spec

    from backend import logs
    from backend.jobs import redis_url
    from backend.outbox import FINE_TUNING, PRE_ANNOTATION
    from backend.settings import load_settings
    from backend.worker import work

    logs.configure()
    logging.getLogger("rq.worker").setLevel(logging.WARNING)  # it tells of its housekeeping every few seconds
    kinds = [PRE_ANNOTATION, FINE_TUNING] if find_spec("torch") and find_spec("onnx") else [PRE_ANNOTATION]
    work(redis_url(load_settings()), kinds if only is None else [only])


def scheduler() -> None:
    """Start the queue's jobs when their time has come, and find lost ones, until Ctrl-C or SIGTERM."""
    from backend import logs
    from backend.worker import schedule

    logs.configure()
    schedule(_redis_jobs())


@jobs.command("list")
def list_jobs(as_json: AsJson = False) -> None:
    """The last job of each project."""
    overview = _redis_jobs().overview()
    if as_json:
        typer.echo(json.dumps(asdict(overview)))
        return
    for job in overview.jobs:
        typer.echo(f"{job.id}  {job.state}  {job.progress:.0%}  {job.started or job.queued}  {job.message}")


@jobs.command()
def cancel(job: Annotated[str, typer.Argument(help="The job's name, as `squeezesam jobs list` shows it.")]) -> None:
    """Stop a job, or take it off the queue."""
    _redis_jobs().cancel(job)
    typer.echo(f"{job} is cancelled.")


def _redis_jobs() -> "RedisJobs":
    from backend.jobs import redis_jobs
    from backend.settings import load_settings

    return redis_jobs(load_settings())


def _print(summary: "Summary") -> None:
    typer.echo(f"{summary.tasks} tasks: {summary.written} brought up to date, {summary.failed} skipped.")
    print_failures(summary.failures)


def print_failures(failures: "Sequence[Failure]") -> None:
    """Each cause with its tasks."""
    causes: dict[tuple[str, str], list[int]] = {}
    for failure in failures:
        causes.setdefault((failure.cause, failure.remedy), []).append(failure.task)
    for (cause, remedy), tasks in causes.items():
        typer.echo(f"Task {', '.join(map(str, tasks))}: {cause} {remedy}", err=True)
