"""squeezesam models: the versions on this machine, and which of them serves."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from squeezesam_core.registry import Manifest

models = typer.Typer(no_args_is_help=True, help="The model versions on this machine, and which of them serves.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Store = Annotated[str | None, typer.Option(envvar="SQUEEZESAM_WEIGHTS", help="The store: a folder or s3://….")]
WrittenStore = Annotated[
    str, typer.Option(envvar="SQUEEZESAM_WEIGHTS", help="The store: a folder, made if missing, or s3://….")
]


@models.command("list")
def list_models(store: Store = None, as_json: AsJson = False) -> None:
    """The versions that ship with this installation and those of the store; * serves."""
    from squeezesam_core import registry
    from squeezesam_core.store import DETECTOR, SEGMENTER, in_service, versions

    known = {m.version: m for m in (*(versions(store) if store else []), *registry.shipped())}
    serving = {in_service(store or registry.default_weights(), name) for name in (SEGMENTER, DETECTOR)}
    rows = [
        {
            "version": m.version,
            "preset": m.preset,
            "directory": str(m.directory) if m.directory.is_dir() else None,  # of a bucket's: not fetched yet
            "serves": m.version in serving,
        }
        for m in known.values()
    ]
    lines = [
        f"{'*' if row['serves'] else ' '} {row['version']}  {row['preset']}  {row['directory'] or store}"
        for row in rows
    ]
    _print({"models": rows}, "\n".join(lines) or "No model is installed.", as_json)


@models.command()
def show(
    model: Annotated[str, typer.Argument(help="A version, its name or its folder.")],
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """What a version is made of; its files are checked against their hashes."""
    from squeezesam_core.registry import load_whole
    from squeezesam_core.store import find

    manifest = load_whole(find(model, store).directory)
    description = {
        **_summary(manifest),
        "spec": asdict(manifest.spec),
        "files": {kind: asdict(file) for kind, file in manifest.files.items()},
        "facts": dict(manifest.facts),
    }
    _print(description, json.dumps(description, indent=2), as_json)


@models.command()
def publish(
    folder: Annotated[Path, typer.Argument(help="A version's folder, as `squeezesam export` writes it.")],
    store: WrittenStore,
    as_json: AsJson = False,
) -> None:
    """Copy a version into the store and make it the one that serves, in one step."""
    from squeezesam_core import store as stores

    manifest = stores.publish(folder, store)
    _print(_summary(manifest), f"{manifest.version} serves from {store}.", as_json)


@models.command()
def rollback(
    store: Annotated[str, typer.Option(envvar="SQUEEZESAM_WEIGHTS", help="The store: a folder or s3://….")],
    name: Annotated[str, typer.Argument(help="squeezesam or saliency.")] = "squeezesam",
    as_json: AsJson = False,
) -> None:
    """Make the version serve that served before."""
    from squeezesam_core import store as stores

    manifest = stores.rollback(store, name)
    _print(_summary(manifest), f"{manifest.version} serves from {store} again.", as_json)


def _summary(manifest: "Manifest") -> dict[str, Any]:
    return {"version": manifest.version, "preset": manifest.preset, "directory": str(manifest.directory)}


def _print(description: dict[str, Any], text: str, as_json: bool) -> None:
    typer.echo(json.dumps(description) if as_json else text)
