"""squeezesam evaluate: protocols of simulated clicks from the command line.

Imports of what is heavy are inside the functions, so that help is immediate.
"""

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from squeezesam_core.errors import InvalidPromptError, ModelFileError, SqueezeSAMError

if TYPE_CHECKING:
    from squeezesam_core.evaluation.case import Plan
    from squeezesam_core.evaluation.model import Model
    from squeezesam_core.evaluation.protocols import Protocol
    from squeezesam_core.evaluation.report import Report
    from squeezesam_core.evaluation.scene import Models
    from squeezesam_core.evaluation.worst import Worst
    from squeezesam_core.samples import Sample

PEERS = {"mobilesam": "squeezesam_core.evaluation.peers.mobilesam_model"}
"""Other models by the module whose load() gives a model.Model; imported only when asked for."""


def evaluate(
    data: Annotated[Path, typer.Option(help="Folder with images/ and masks/, labels/, trimaps/ or annotations.json.")],
    protocol: Annotated[str, typer.Option(help="How masks are asked for; --protocol list names all.")] = "error-clicks",
    clicks: Annotated[str, typer.Option(help="Click counts to report.")] = "1,3,5",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many photos, the first by name.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    noc: Annotated[bool, typer.Option("--noc", help="Count the clicks to 85 and 90 % IoU, up to 20.")] = False,
    detections: Annotated[Path | None, typer.Option(help="COCO results with boxes, for --protocol detections.")] = None,
    model: Annotated[str | None, typer.Option(help="A version's folder, or its name; default the shipped one.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Instead: a training checkpoint, run in torch.")] = None,
    detector: Annotated[
        Path | None, typer.Option(help="A folder, .onnx file or checkpoint; default the shipped one.")
    ] = None,
    precision: Annotated[str, typer.Option(help="int8, or fp32 to compare.")] = "int8",
    use_map: Annotated[bool, typer.Option("--map/--no-map", help="Start from the map where it agrees.")] = True,
    peer: Annotated[str | None, typer.Option(help=f"Side by side with {', '.join(PEERS)}.")] = None,
    report: Annotated[Path | None, typer.Option(help="A folder for a page: figures, curve, the worst 24.")] = None,
    contact_sheet: Annotated[Path | None, typer.Option(help="A PNG of the worst 24 cases.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """How good the masks are against people's, by a protocol of simulated clicks (docs/evaluation.md)."""
    from itertools import islice

    from rich.console import Console

    from squeezesam_core.evaluation.contact_sheet import write_sheet
    from squeezesam_core.evaluation.page import write_page
    from squeezesam_core.evaluation.report import table
    from squeezesam_core.samples import read_folder

    chosen = _protocol(protocol, noc)
    samples = list(islice(read_folder(data), limit))
    plan = _plan(clicks, seed, noc, detections, data, samples)
    contestants = [_models(chosen, model, checkpoint, detector, precision, use_map)]
    if peer is not None:
        contestants.append(_beside(peer, chosen, contestants[0][0]))
    found = [_run(models, name, samples, chosen, plan, quiet=as_json) for models, name in contestants]
    summaries = [judged.summary() for judged, _ in found]
    if contact_sheet is not None:
        write_sheet(found[0][1].pictures, contact_sheet)
    if report is not None:
        write_page(report, data.name, [judged for judged, _ in found], found[0][1].pictures)
    if as_json:
        typer.echo(json.dumps(summaries[0] | ({"peer": summaries[1]} if peer is not None else {})))
    else:
        Console().print(table(summaries))


def _run(
    models: "Models", name: str, samples: "Sequence[Sample]", protocol: "Protocol", plan: "Plan", quiet: bool
) -> "tuple[Report, Worst]":
    from rich.console import Console
    from rich.progress import track

    from squeezesam_core.evaluation.report import Report
    from squeezesam_core.evaluation.run import evaluate as run
    from squeezesam_core.evaluation.worst import Worst

    report, worst = Report(protocol, plan, name), Worst()
    shown = track(samples, f"{protocol.name} {name}", console=Console(stderr=True), disable=quiet)
    for case in run(models, shown, protocol, plan):
        report.add(case)
        worst.add(case)
    return report, worst


def _protocol(name: str, noc: bool) -> "Protocol":
    from squeezesam_core.evaluation.protocols import PROTOCOLS

    if name == "list":
        typer.echo("\n".join(f"{protocol.name:16} {protocol.about}" for protocol in PROTOCOLS.values()))
        raise typer.Exit
    if name not in PROTOCOLS:
        raise SqueezeSAMError(f"There is no protocol {name!r}.", f"Use one of {', '.join(PROTOCOLS)}.")
    if noc and not PROTOCOLS[name].counts_clicks:
        counting = [protocol.name for protocol in PROTOCOLS.values() if protocol.counts_clicks]
        raise SqueezeSAMError(f"--noc counts clicks, and {name} does not.", f"Use one of {', '.join(counting)}.")
    return PROTOCOLS[name]


def _plan(
    clicks: str, seed: int, noc: bool, detections: Path | None, data: Path, samples: "Sequence[Sample]"
) -> "Plan":
    from squeezesam_core.evaluation.case import Plan
    from squeezesam_core.evaluation.detections import read_detections

    given = None
    if detections is not None:
        given = read_detections(detections, data / "annotations.json", {sample.name for sample in samples})
    return Plan(_counts(clicks), seed, noc, given)


def _models(
    protocol: "Protocol",
    model: str | None,
    checkpoint: Path | None,
    detector: Path | None,
    precision: str,
    use_map: bool,
) -> "tuple[Models, str]":
    """The networks that a protocol needs, and the name of the one that it judges."""
    from squeezesam_core.evaluation.model import SqueezeSAMModel
    from squeezesam_core.evaluation.scene import Models
    from squeezesam_core.named_sessions import load_checkpoint, load_detector, load_segmenter

    judged: Any
    if protocol.judges_detector:
        judged = load_checkpoint(checkpoint, detector=True) if checkpoint else load_detector(detector, precision)
        return Models(None, judged), f"{judged.version} {judged.precision}"
    judged = load_checkpoint(checkpoint, detector=False) if checkpoint else load_segmenter(model, precision)
    name = f"{judged.version} {judged.precision}"
    needs_map = use_map or protocol.needs_detector
    return Models(
        SqueezeSAMModel(judged, name), load_detector(detector, precision) if needs_map else None, use_map
    ), name


def _beside(peer: str, protocol: "Protocol", models: "Models") -> "tuple[Models, str]":
    """A peer in our model's place, with the same detector where the protocol cannot do without."""
    from squeezesam_core.evaluation.scene import Models

    if peer not in PEERS:
        raise SqueezeSAMError(f"There is no peer {peer!r}.", f"Use one of {', '.join(PEERS)}.")
    if protocol.judges_detector:
        raise SqueezeSAMError(f"{protocol.name} judges the detector, and {peer} has none.", "Leave out --peer.")
    try:
        loaded: Model = import_module(PEERS[peer]).load()
    except ModuleNotFoundError as error:
        raise ModelFileError(f"{peer} is not installed ({error}).", "See docs/peers.md.") from error
    return Models(loaded, models.detector, models.use_map), loaded.name


def _counts(text: str) -> tuple[int, ...]:
    from squeezesam_core.evaluation.metrics import CLICK_LIMIT

    parts = text.split(",")
    if not all(part.isdecimal() and 1 <= int(part) <= CLICK_LIMIT for part in parts):
        raise InvalidPromptError(f"--clicks {text} are not click counts.", f"Write 1 to {CLICK_LIMIT}, as in 1,3,5.")
    return tuple(sorted({int(part) for part in parts}))
