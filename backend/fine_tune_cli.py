"""squeezesam fine-tune: one round from a project's labels to a version that serves, or to the reason why not.

With backend.cli the second module of the command line that may import training and export.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from squeezesam_core.errors import InvalidDatasetError

if TYPE_CHECKING:
    from squeezesam_core.registry import Manifest
    from training.datasets.snapshot import Snapshot

LOST = 3
"""How the command ends if the candidate does not win."""


def fine_tune(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the round; an unfinished round goes on.")],
    store: Annotated[Path, typer.Option(envvar="SQUEEZESAM_WEIGHTS", help="Folder of the store; made if missing.")],
    project: Annotated[int | None, typer.Option(help="Number of the Label Studio project to learn from.")] = None,
    data: Annotated[Path | None, typer.Option(help="Instead of a project: a data set (docs/data.md).")] = None,
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
    from training.fine_tune import fine_tune as train
    from training.fine_tune import plan

    if (project is None) == (data is None):
        raise InvalidDatasetError("A round learns from one project or one data set.", "Name --project or --data.")
    store.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    serving = _serving(out, store)
    snapshot = _snapshot(out, project, data, as_json)
    objects = ", ".join(f"{count} {side}" for side, count in snapshot.objects.items())
    _say(f"{serving.version} learns from {snapshot.directory}; objects: {objects}.", as_json)
    recipe = plan(serving.path("checkpoint"), snapshot.objects["train"], changes or ())
    checkpoint = train(recipe, snapshot, _detector(store), out / "run")
    if checkpoint is None:
        raise typer.Exit(130)  # as a shell says of a command that was interrupted
    candidate = _export(checkpoint, snapshot, out / "candidate", serving)
    verdict = _verdict(out, serving, candidate, snapshot, store)
    serves = bool(verdict["wins"]) and publish
    if serves:
        from squeezesam_core import store as stores

        stores.publish(candidate.directory, store)
    _report(verdict | {"version": candidate.version, "serves": serves}, as_json)
    if not verdict["wins"]:
        raise typer.Exit(LOST)


def _serving(out: Path, store: Path) -> "Manifest":
    """The segmenter that the round began with: the one in service then."""
    from squeezesam_core.registry import find, load_manifest
    from squeezesam_core.store import SEGMENTER, locate, versions

    note = out / "serving.json"
    if not note.is_file():
        manifest = load_manifest(locate(store, SEGMENTER))
        _write(note, {"version": manifest.version})
        return manifest
    return find(json.loads(note.read_text(encoding="utf-8"))["version"], versions(store))


def _snapshot(out: Path, project: int | None, data: Path | None, quiet: bool) -> "Snapshot":
    from training.datasets.snapshot import Snapshot, write_snapshot

    folder = out / "data"
    if folder.is_dir():
        return Snapshot.read(folder)
    if data is None:
        from backend.batch_cli import print_failures, pull_labels

        data = out / "pulled"
        print_failures(pull_labels(project or 0, data, quiet).failures)
    return write_snapshot(data, folder)


def _detector(store: Path) -> Any:
    from squeezesam_core.ort_session import load_detector
    from squeezesam_core.store import DETECTOR, locate

    return load_detector(locate(store, DETECTOR))


def _export(checkpoint: Path, snapshot: "Snapshot", folder: Path, serving: "Manifest") -> "Manifest":
    from export.version import export_version
    from squeezesam_core.registry import load_manifest

    if not folder.is_dir():
        learnt = {"from": serving.version, "photos": snapshot.photos, "objects": snapshot.objects}
        export_version(checkpoint, [snapshot.directory / "train"], folder, facts={"fine_tuning": learnt})
    return load_manifest(folder)


def _verdict(
    out: Path, serving: "Manifest", candidate: "Manifest", snapshot: "Snapshot", store: Path
) -> dict[str, Any]:
    from squeezesam_core.evaluation.contest import as_json, contest
    from squeezesam_core.evaluation.model import SqueezeSAMModel
    from squeezesam_core.evaluation.scene import Models
    from squeezesam_core.ort_session import load_segmenter
    from squeezesam_core.samples import read_folder

    path = out / "verdict.json"
    if not path.is_file():
        detector = _detector(store)
        models = [
            Models(SqueezeSAMModel(load_segmenter(manifest.directory), manifest.version), detector)
            for manifest in (serving, candidate)
        ]
        samples = list(read_folder(snapshot.directory / "held_out"))
        verdict = contest(models[0], models[1], samples)
        _write(path, {"from": serving.version, "candidate_version": candidate.version, **as_json(verdict)})
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


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


def _say(text: str, quiet: bool) -> None:
    typer.echo(text, err=quiet)


def _write(path: Path, content: dict[str, Any]) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(path)
