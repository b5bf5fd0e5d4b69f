"""squeezesam segment, saliency: the library from the command line; models stand in models_cli.py, evaluate in
evaluation/cli.py.

Imports of what is heavy are inside the functions, so that help is immediate.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from squeezesam_core.errors import InvalidPromptError, SqueezeSAMError
from squeezesam_core.evaluation.cli import evaluate
from squeezesam_core.evaluation.peers.cli import app as peers
from squeezesam_core.models_cli import models

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from squeezesam_core.geometry import Size
    from squeezesam_core.prompts import Prompt

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(models, name="models")
app.add_typer(peers, name="peers")
app.command()(evaluate)

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

    from squeezesam_core import masks, named_sessions, segmenter
    from squeezesam_core.detector import detect
    from squeezesam_core.fusion import prepare
    from squeezesam_core.interaction import correction, inside_box
    from squeezesam_core.prompts import Prompt
    from squeezesam_core.saliency import most_salient_blob
    from squeezesam_core.samples import read_image
    from squeezesam_core.whole_object import outlined, whole_object

    prompt = _prompt(click, background, box)
    photo = read_image(image)
    size = (photo.shape[1], photo.shape[0])
    prompt.check(size)
    previous = found = None
    if mask is not None:
        previous = _read_mask(mask, size)
        previous = inside_box(previous > 0, prompt.box).astype(np.float32)
        prompt = correction(prompt, previous > 0)
    session = named_sessions.load_segmenter(model, precision)
    asked = prompt != Prompt() or mask is not None
    if mask is None:
        found = detect(named_sessions.load_detector(detector, precision), photo)
    blob = None if asked or found is None else most_salient_blob(found)
    result, iou = np.zeros(photo.shape[:2], bool), None
    if asked or blob is not None:
        prepared = prepare(photo, session.spec)
        if blob is None or found is None:
            segmentation = segmenter.segment(session, prepared, prompt, previous, found)
        else:
            prompt = blob.prompt(size)
            segmentation = outlined(whole_object(session, prepared, blob, found), prepared, blob)
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

    from squeezesam_core import named_sessions
    from squeezesam_core.detector import detect
    from squeezesam_core.saliency import most_salient_blob
    from squeezesam_core.samples import read_image

    photo = read_image(image)
    session = named_sessions.load_detector(detector, precision)
    found = detect(session, photo)
    blob = most_salient_blob(found)
    size = (photo.shape[1], photo.shape[0])
    shown = cv2.resize(found, size, interpolation=cv2.INTER_LINEAR)
    _write_png(out, np.round(shown * 255).astype(np.uint8))
    clicks = [] if blob is None else [[point.x, point.y] for point in blob.prompt(size).points]
    result = {"map": str(out), "salient_object": blob is not None, "clicks": clicks, "model": _name(session)}
    _print(result, f"Wrote {out}." if blob else f"Wrote {out}: no salient object.", as_json)


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
