"""squeezesam segment, saliency, evaluate, models: the library from the command line.

Imports of what is heavy are inside the functions, so that help is immediate.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from squeezesam_core.errors import InvalidPromptError, ModelFileError, SqueezeSAMError
from squeezesam_core.evaluation.peers.cli import app as peers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from squeezesam_core.evaluation.protocols import Models
    from squeezesam_core.geometry import Size
    from squeezesam_core.prompts import Prompt
    from squeezesam_core.registry import Manifest

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
models = typer.Typer(no_args_is_help=True, help="The model versions on this machine.")
app.add_typer(models, name="models")
app.add_typer(peers, name="peers")

SEGMENTER, DETECTOR = "squeezesam", "saliency"
"""Folders of default_weights()."""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Model = Annotated[str | None, typer.Option(help="A version's folder, or its name; default the one that ships.")]
Detector = Annotated[Path | None, typer.Option(help="A folder, .onnx file or checkpoint; default the shipped one.")]
Precision = Annotated[str, typer.Option(help="int8, or fp32 to compare.")]


@app.command()
def segment(
    image: Annotated[Path, typer.Argument(help="A photo.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The mask: a PNG of the photo's size, 255 the object.")],
    click: Annotated[list[str] | None, typer.Option(help="X,Y of the object, in pixels; repeatable.")] = None,
    background: Annotated[list[str] | None, typer.Option(help="X,Y of what is not the object; repeatable.")] = None,
    box: Annotated[str | None, typer.Option(help="X0,Y0,X1,Y1 around the object.")] = None,
    mask: Annotated[Path | None, typer.Option(help="A PNG to start from; what is not 0 is the object.")] = None,
    model: Model = None,
    detector: Detector = None,
    precision: Precision = "int8",
    as_json: AsJson = False,
) -> None:
    """The mask of what clicks, a box or a mask ask for; of the salient object without any of them."""
    import numpy as np

    from squeezesam_core import masks, ort_session, segmenter
    from squeezesam_core.fusion import prepare
    from squeezesam_core.interaction import correction, first_previous, inside_box
    from squeezesam_core.prompts import Prompt
    from squeezesam_core.saliency import most_salient_blob
    from squeezesam_core.samples import read_image

    prompt = _prompt(click, background, box)
    photo = read_image(image)
    size = (photo.shape[1], photo.shape[0])
    prompt.check(size)
    previous = None
    if mask is not None:
        previous = _read_mask(mask, size)
        previous = inside_box(previous > 0, prompt.box).astype(np.float32)
        prompt = correction(prompt, previous > 0)
    session = ort_session.load_segmenter(_version(model, SEGMENTER), precision=precision)
    asked = prompt != Prompt() or mask is not None
    if mask is None:
        found = segmenter.detect(_load_detector(detector, precision), photo)
        if asked:
            previous = first_previous(found, prompt, size)
        elif (blob := most_salient_blob(found)) is not None:
            prompt, previous = blob.prompt(size), found
    result, iou = np.zeros(photo.shape[:2], bool), None
    if prompt != Prompt() or mask is not None:
        segmentation = segmenter.segment(session, prepare(photo, session.spec), prompt, previous)
        result, iou = segmentation.mask, segmentation.iou
    _write_png(out, result.astype(np.uint8) * 255)
    description = {
        "mask": str(out),
        "salient_object": None if asked else iou is not None,
        "clicks": [[point.x, point.y, int(point.positive)] for point in prompt.points],
        "area": int(result.sum()),
        "bbox": list(masks.bounding_box(result)),
        "iou": iou,
        "model": _name(session),
    }
    _print(description, f"Wrote {out}{'' if iou is not None else ', empty: no salient object'}.", as_json)


@app.command()
def saliency(
    image: Annotated[Path, typer.Argument(help="A photo.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The map: a grey PNG of the photo's size, 255 salient.")],
    detector: Detector = None,
    precision: Precision = "int8",
    as_json: AsJson = False,
) -> None:
    """The map of what stands out in a photo, and the five clicks that it gives."""
    import cv2
    import numpy as np

    from squeezesam_core import segmenter
    from squeezesam_core.saliency import most_salient_blob
    from squeezesam_core.samples import read_image

    photo = read_image(image)
    session = _load_detector(detector, precision)
    found = segmenter.detect(session, photo)
    blob = most_salient_blob(found)
    size = (photo.shape[1], photo.shape[0])
    shown = cv2.resize(found, size, interpolation=cv2.INTER_LINEAR)
    _write_png(out, np.round(shown * 255).astype(np.uint8))
    clicks = [] if blob is None else [[point.x, point.y] for point in blob.prompt(size).points]
    result = {"map": str(out), "salient_object": blob is not None, "clicks": clicks, "model": _name(session)}
    _print(result, f"Wrote {out}." if blob else f"Wrote {out}: no salient object.", as_json)


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="Folder with images/ and masks/, labels/, trimaps/ or annotations.json.")],
    protocol: Annotated[
        str, typer.Option(help="random-clicks, error-clicks, box, saliency, detector or from-mask.")
    ] = "error-clicks",
    clicks: Annotated[str, typer.Option(help="Click counts to report.")] = "1,3,5",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many photos, the first by name.")] = None,
    seed: Annotated[int, typer.Option(help="Of the random clicks.")] = 0,
    noc: Annotated[bool, typer.Option("--noc", help="Go on to 20 clicks and count those to 85 and 90 % IoU.")] = False,
    model: Model = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Instead: a training checkpoint, run in torch.")] = None,
    detector: Detector = None,
    precision: Precision = "int8",
    use_map: Annotated[bool, typer.Option("--map/--no-map", help="Start from the map where it agrees.")] = True,
    contact_sheet: Annotated[Path | None, typer.Option(help="A PNG of the worst 24 cases.")] = None,
    as_json: AsJson = False,
) -> None:
    """How good the masks are against people's, by a protocol of simulated clicks."""
    from itertools import islice

    from rich.console import Console
    from rich.progress import track

    from squeezesam_core.evaluation.contact_sheet import ContactSheet
    from squeezesam_core.evaluation.protocols import CLICK_BY_CLICK, PROTOCOLS, Plan
    from squeezesam_core.evaluation.protocols import evaluate as run
    from squeezesam_core.evaluation.report import Report, table
    from squeezesam_core.samples import read_folder

    if protocol not in PROTOCOLS:
        raise SqueezeSAMError(f"There is no protocol {protocol!r}.", f"Use one of {', '.join(PROTOCOLS)}.")
    if noc and protocol not in CLICK_BY_CLICK:
        raise SqueezeSAMError(f"--noc counts clicks, and {protocol} has none.", f"Use {' or '.join(CLICK_BY_CLICK)}.")
    plan = Plan(_counts(clicks), seed, noc)
    samples = list(islice(read_folder(data), limit))
    pair, name = _models(protocol, model, checkpoint, detector, precision, use_map)
    report, sheet = Report(protocol, plan, name), ContactSheet()
    console = Console(stderr=True)
    for case in run(pair, track(samples, protocol, console=console, disable=as_json), protocol, plan):
        report.add(case)
        sheet.add(case)
    summary = report.summary()
    if contact_sheet is not None:
        sheet.write(contact_sheet)
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        Console().print(table(summary))


@models.command("list")
def list_models(as_json: AsJson = False) -> None:
    """The versions that ship with this installation."""
    shipped = _shipped()
    lines = [f"{manifest.version}  {manifest.preset}  {manifest.directory}" for manifest in shipped]
    rows = [{"version": m.version, "preset": m.preset, "directory": str(m.directory)} for m in shipped]
    _print({"models": rows}, "\n".join(lines) or "No model is installed.", as_json)


@models.command()
def show(
    model: Annotated[str, typer.Argument(help="A version, its name or its folder.")], as_json: AsJson = False
) -> None:
    """What a version is made of; its files are checked against their hashes."""
    from dataclasses import asdict

    from squeezesam_core.registry import load_manifest

    manifest = load_manifest(_version(model, model))
    for kind in manifest.files:
        manifest.path(kind)
    description = {
        "version": manifest.version,
        "preset": manifest.preset,
        "directory": str(manifest.directory),
        "spec": asdict(manifest.spec),
        "files": {kind: asdict(file) for kind, file in manifest.files.items()},
        "facts": dict(manifest.facts),
    }
    _print(description, json.dumps(description, indent=2), as_json)


def _models(
    protocol: str, model: str | None, checkpoint: Path | None, detector: Path | None, precision: str, use_map: bool
) -> "tuple[Models, str]":
    """The networks that a protocol needs, and the name of the one that it judges."""
    from squeezesam_core import ort_session
    from squeezesam_core.evaluation.protocols import Models

    judged: Any
    if protocol == "detector":
        judged = _load_checkpoint(checkpoint, detector=True) if checkpoint else _load_detector(detector, precision)
        return Models(None, judged), _name(judged)
    if checkpoint:
        judged = _load_checkpoint(checkpoint, detector=False)
    else:
        judged = ort_session.load_segmenter(_version(model, SEGMENTER), precision=precision)
    needs_map = use_map or protocol in ("saliency", "from-mask")
    return Models(judged, _load_detector(detector, precision) if needs_map else None), _name(judged)


def _load_checkpoint(path: Path, detector: bool) -> Any:
    from squeezesam_core.model.torch_session import load_checkpoint_session

    session = load_checkpoint_session(path)
    if (session.spec.channels == 3) != detector:
        raise ModelFileError(f"{path} holds the other kind of network.", "A detector is judged by --protocol detector.")
    return session


def _load_detector(detector: Path | None, precision: str) -> Any:
    from squeezesam_core.ort_session import load_detector
    from squeezesam_core.registry import default_weights

    if detector is not None and detector.suffix == ".pt":
        return _load_checkpoint(detector, detector=True)
    return load_detector(detector or default_weights() / DETECTOR, precision=precision)


def _shipped() -> "list[Manifest]":
    from squeezesam_core.registry import MANIFEST, default_weights, load_manifest

    return [load_manifest(path.parent) for path in sorted(default_weights().glob(f"*/{MANIFEST}"))]


def _version(model: str | None, default: str) -> Path:
    """The folder of a version: a path, or a version or name among those that ship."""
    from squeezesam_core.registry import default_weights

    if model is None:
        return default_weights() / default
    if Path(model).is_dir():
        return Path(model)
    for manifest in _shipped():
        if model in (manifest.version, manifest.name):
            return manifest.directory
    raise ModelFileError(f"There is no model {model!r}.", "See `squeezesam models list`, or give a version's folder.")


def _name(session: Any) -> str:
    return f"{session.version} {session.precision}"


def _prompt(click: list[str] | None, background: list[str] | None, box: str | None) -> "Prompt":
    from squeezesam_core.prompts import Box, Point, Prompt

    points = []
    for option, texts, positive in (("--click", click, True), ("--background", background, False)):
        for text in texts or ():
            x, y = _numbers(text, 2, option)
            points.append(Point(x, y, positive))
    return Prompt(tuple(points), None if box is None else Box(*_numbers(box, 4, "--box")))


def _numbers(text: str, count: int, option: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        example = "X,Y" if count == 2 else "X0,Y0,X1,Y1"
        raise InvalidPromptError(f"{option} {text} is not {count} numbers.", f"Write {option} {example}, in pixels.")
    return numbers


def _counts(text: str) -> tuple[int, ...]:
    from squeezesam_core.evaluation.metrics import CLICK_LIMIT

    parts = text.split(",")
    if not all(part.isdecimal() and 1 <= int(part) <= CLICK_LIMIT for part in parts):
        raise InvalidPromptError(f"--clicks {text} are not click counts.", f"Write 1 to {CLICK_LIMIT}, as in 1,3,5.")
    return tuple(sorted({int(part) for part in parts}))


def _read_mask(path: Path, size: "Size") -> "NDArray[np.float32]":
    import numpy as np

    from squeezesam_core.errors import InvalidImageError
    from squeezesam_core.samples import read_image

    pixels = read_image(path)
    if (pixels.shape[1], pixels.shape[0]) != size:
        raise InvalidImageError(
            f"{path} is {pixels.shape[1]}x{pixels.shape[0]}, the photo {size[0]}x{size[1]}.",
            "Give a mask of the upright photo's size.",
        )
    return np.asarray(pixels.any(axis=2), np.float32)


def _write_png(path: Path, grey: "NDArray[np.uint8]") -> None:
    from PIL import Image

    try:
        Image.fromarray(grey).save(path, format="PNG")
    except OSError as error:
        raise SqueezeSAMError(f"{path} cannot be written ({error.strerror}).", "Name another file.") from error


def _print(description: dict[str, Any], text: str, as_json: bool) -> None:
    typer.echo(json.dumps(description) if as_json else text)
