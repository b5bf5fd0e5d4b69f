"""squeezesam dataset: what is wrong with a data set, what a recipe draws, and teachers for photos without masks.

Imports of what is heavy are inside the functions, so that help is immediate.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from squeezesam_core.records import Problem
    from training.datasets.problems import Tally
    from training.datasets.teach import Lesson

app = typer.Typer(no_args_is_help=True, help="Check data sets, and let teachers draw masks.")
teach = typer.Typer(no_args_is_help=True, help="Masks and maps by other networks, checked before they are learnt from.")
app.add_typer(teach, name="teach")

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="A data set, in any layout of docs/data.md.")]
KindOf = Annotated[
    str | None, typer.Option("--kind", help="folder, coco, lvis, sa1b or label-studio; default by content.")
]
Annotations = Annotated[Path | None, typer.Option(help="The annotation file, if it is not in DIR.")]
Coco = Annotated[Path | None, typer.Option(help="The COCO file that LVIS's masks are merged over.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Images = Annotated[Path | None, typer.Option(help="Folder of the photos; default DIR/images, or DIR itself.")]
Checkpoint = Annotated[Path | None, typer.Option(help="mobile_sam.pt; default the fetched one.")]
Threads = Annotated[int, typer.Option(help="CPU threads; more than the free cores make it slower.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Stop after so many photos.")]


@app.command()
def check(
    directory: Directory,
    kind: KindOf = None,
    images: Images = None,
    annotations: Annotations = None,
    coco: Coco = None,
    as_json: AsJson = False,
) -> None:
    """Read every photo and mask; name the file and record of what is wrong. Exit code 1 if anything is."""
    from rich.console import Console
    from rich.progress import track

    from training.datasets import sources
    from training.datasets.check import check_source

    source = sources.parse(_named(directory, kind, images, annotations, coco))
    console = Console(stderr=True)
    findings = check_source(source, lambda samples: track(samples, "checking", console=console, disable=as_json))
    if as_json:
        typer.echo(json.dumps(findings.as_dict()))
    else:
        for error in findings.errors:
            typer.echo(f"{error.cause} {error.remedy}")
        wrong = _listed(findings.counts()) or "nothing is wrong"
        typer.echo(f"{findings.photos} photos, {findings.masks} masks: {wrong}.")
    if findings.errors:
        raise typer.Exit(1)


@app.command()
def sheet(
    directory: Directory,
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture to write, a PNG.")],
    count: Annotated[int, typer.Option(min=1, help="Photos on the picture.")] = 24,
    seed: Annotated[int, typer.Option(help="Which photos: the same seed gives the same ones.")] = 0,
    kind: KindOf = None,
    images: Images = None,
    annotations: Annotations = None,
    coco: Coco = None,
) -> None:
    """Photos drawn at random with their masks, to be looked at before they are learnt from."""
    import cv2

    from training.datasets import sources
    from training.datasets.problems import Tally
    from training.datasets.sheet import draw_sheet
    from training.datasets.teach import replace_file

    source = sources.parse(_named(directory, kind, images, annotations, coco))
    picture = draw_sheet(list(sources.read_source(source, Tally())), count, seed)
    _, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    replace_file(out, encoded.tobytes())
    typer.echo(f"Wrote {out}.")


@app.command()
def shares(
    recipe: Annotated[Path, typer.Argument(help="A recipe, for instance training/recipes/serving.toml.")],
    root: Annotated[Path, typer.Option(help="The folder that the recipe's sources are relative to.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Which share of the drawn items comes from which source and from whose masks: people's, a teacher's or a map."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from training.datasets.corpus import read_corpus
    from training.datasets.shares import by_kind
    from training.datasets.shares import shares as count
    from training.recipe import read_recipe

    plan = read_recipe(recipe)
    rows = count(read_corpus(plan.source, root, masks_only=plan.preset != "saliency"))
    totals = by_kind(rows)
    if as_json:
        typer.echo(json.dumps({"recipe": str(recipe), "sources": [asdict(row) for row in rows], "kinds": totals}))
        return
    table = Table("source", "masks by", "photos", "masks", "share", title=str(recipe))
    for row in rows:
        table.add_row(row.source, row.kind, str(row.photos), str(row.masks), f"{row.share:.1%}")
    Console().print(table)
    typer.echo(", ".join(f"{kind} {share:.1%}" for kind, share in totals.items()))


@teach.command("boxes")
def teach_boxes(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Photos with a COCO annotations.json of boxes.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The COCO file to write; a journal stands beside it.")],
    images: Images = None,
    annotations: Annotated[Path | None, typer.Option(help="The boxes; default DIR/annotations.json.")] = None,
    known: Annotated[Path | None, typer.Option(help="A COCO file of masks: their objects are left out.")] = None,
    maps: Annotated[Path | None, typer.Option(help="Saliency maps NAME.webp that must agree.")] = None,
    checkpoint: Checkpoint = None,
    limit: Limit = None,
    threads: Threads = 1,
    as_json: AsJson = False,
) -> None:
    """Masks by MobileSAM from boxes, if they pass the checks (docs/data.md). The same command resumes."""
    from itertools import islice

    import torch

    from squeezesam_core.evaluation.peers.mobilesam import MobileSam
    from squeezesam_core.records import PhotoFolder
    from training.datasets import sources
    from training.datasets.boxes import read_boxes
    from training.datasets.problems import Tally
    from training.datasets.teach import teach_boxes as run
    from training.datasets.teacher import find_map, read_map

    torch.set_num_threads(threads)
    tally = Tally()
    photos = PhotoFolder(sources.photo_folder(sources.Source(directory=directory, images=images)), tally)
    boxes = annotations or directory / "annotations.json"
    boxed = list(islice(read_boxes(boxes, photos, tally, known), limit))

    def map_of(photo: Path) -> "NDArray[np.float32] | None":
        path = find_map(photo, maps)
        return None if path is None else read_map(path)

    lessons = run(MobileSam.load(checkpoint), boxed, out, map_of, tally)
    _finish(_last(lessons, len(boxed), as_json), tally, out, as_json)


@teach.command("maps")
def teach_maps(
    images: Annotated[Path, typer.Argument(metavar="IMAGES", help="A folder of photos.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of maps to write.")],
    networks: Annotated[
        list[Path],
        typer.Option("--network", help="An ONNX file of U2-Net's interface, or a detector's folder; repeatable."),
    ],
    limit: Limit = None,
    threads: Threads = 1,
    as_json: AsJson = False,
) -> None:
    """Saliency maps, the mean of one detector's or several'. The same command resumes: maps that are there are kept."""
    from itertools import islice

    from squeezesam_core.ort_session import load_detector
    from squeezesam_core.records import PhotoFolder
    from training.datasets.map_teacher import mean_map
    from training.datasets.problems import Tally
    from training.datasets.teach import teach_maps as run

    sessions = [load_detector(network, threads) for network in networks]
    tally = Tally()
    photos = list(islice(PhotoFolder(images, tally), limit))
    lessons = run(lambda image: mean_map(sessions, image), photos, out, tally)
    _finish(_last(lessons, len(photos), as_json), tally, out, as_json)


@teach.command("measure")
def teach_measure(
    directory: Directory,
    count: Annotated[int, typer.Option(min=1, help="Masks to compare, one of a photo.")] = 30,
    seed: Annotated[int, typer.Option(help="Which ones: the same seed gives the same ones.")] = 0,
    kind: KindOf = None,
    images: Images = None,
    annotations: Annotations = None,
    checkpoint: Checkpoint = None,
    threads: Threads = 1,
    as_json: AsJson = False,
) -> None:
    """IoU of MobileSAM's masks from boxes with people's: of those that pass the checks, and of those refused."""
    from dataclasses import asdict

    import torch
    from rich.console import Console
    from rich.progress import track

    from squeezesam_core.evaluation.peers.mobilesam import MobileSam
    from training.datasets import sources
    from training.datasets.measure import by_verdict, measure
    from training.datasets.problems import Tally

    torch.set_num_threads(threads)
    tally = Tally()
    samples = list(sources.read_source(sources.parse(_named(directory, kind, images, annotations, None)), tally))
    console = Console(stderr=True)
    found = measure(MobileSam.load(checkpoint), samples, count, seed, tally)
    result = by_verdict(list(track(found, "comparing", total=count, console=console, disable=as_json)))
    if as_json:
        verdicts = {verdict: asdict(quality) for verdict, quality in result.items()}
        typer.echo(json.dumps({"directory": str(directory), "verdicts": verdicts}))
        return
    for verdict, quality in result.items():
        typer.echo(f"{quality.count} {verdict}: mean IoU {quality.iou:.1%}")


def _named(
    directory: Path, kind: str | None, images: Path | None, annotations: Path | None, coco: Path | None
) -> dict[str, Any]:
    """The options as a recipe's source has them."""
    named = {"directory": directory, "kind": kind, "images": images, "annotations": annotations, "coco": coco}
    return {key: value for key, value in named.items() if value is not None}


def _last(lessons: "Iterator[Lesson]", total: int, quiet: bool) -> "Lesson":
    """Follow the lessons to the end, with progress; what is done is kept if they are interrupted."""
    from rich.console import Console
    from rich.progress import track

    from training.datasets.teach import Lesson

    *_, lesson = Lesson(), *track(lessons, "drawing", total=total, console=Console(stderr=True), disable=quiet)
    return lesson


def _finish(lesson: "Lesson", tally: "Tally", out: Path, as_json: bool) -> None:
    if as_json:
        counts = {str(problem): count for problem, count in tally.counts.items()}
        result = {"out": str(out), "photos": lesson.photos, "accepted": lesson.accepted}
        typer.echo(json.dumps(result | {"refused": dict(lesson.refused), "problems": counts}))
        return
    for error in tally.examples():
        typer.echo(f"{error.cause} {error.remedy}", err=True)
    typer.echo(
        f"{out}: {lesson.photos} photos, {lesson.accepted} accepted, refused: {_listed(lesson.refused) or 'none'}."
    )
    if tally.counts:
        typer.echo(f"Left out: {_listed(tally.counts)}.")


def _listed(counts: "Counter[str] | Counter[Problem]") -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common() if count)
