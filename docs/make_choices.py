"""Write docs/choices.md: settings of the service, measured on photos that were trained on, never on test sets.

    python docs/make_choices.py --root DATA [--limit 60] [--table zoom …]
    python docs/make_choices.py --root DATA --folder tools=extra/tools boats=extra/boats --out unseen.md

DATA is the folder that the recipes' sources are relative to (`squeezesam train --root`). Trained photos flatter every
setting, and some more than others; --folder measures on photos with masks that no network has seen.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core import detector, interaction, saliency, segmenter, whole_object, zoom
from squeezesam_core.evaluation.case import Plan
from squeezesam_core.evaluation.model import SqueezeSAMModel
from squeezesam_core.evaluation.protocols import PROTOCOLS
from squeezesam_core.evaluation.run import evaluate
from squeezesam_core.evaluation.scene import Models
from squeezesam_core.ort_session import load_detector, load_segmenter
from squeezesam_core.registry import default_weights
from squeezesam_core.samples import Sample, read_folder
from squeezesam_core.session import DetectorSession, Session

FOLDERS = {
    "pets": ("train/pets", None),
    "contours": ("train/caltech101_contours", None),
    "single person": ("train/coco_single_person", None),
    "instances": ("train/coco_instances", None),
    "animals": ("more/voc2012_animals", "photos/voc2012_animals/images"),
}
MOST_OBJECTS = 2
"""Objects of one photo that are asked for."""

Figures = dict[str, float]


@dataclass(frozen=True)
class At:
    """A session whose network is given another input size."""

    session: Any
    side: int

    @property
    def spec(self) -> Any:
        return replace(self.session.spec, side=self.side)

    def run(self, *inputs: NDArray[Any]) -> Any:
        return self.session.run(*inputs)


@dataclass(frozen=True)
class Bench:
    """What every table measures on. samples: by set."""

    segmenter: Session
    detector: DetectorSession
    samples: dict[str, list[Sample]]

    def ask(self, protocol: str, segmenter: Any = None, detector: Any = None, **plan: Any) -> Iterator[tuple[str, Any]]:
        """(set, outcome) of every object."""
        model = SqueezeSAMModel(segmenter or self.segmenter, "")
        models = Models(model, detector or self.detector)
        for name, samples in self.samples.items():
            for case in evaluate(models, samples, PROTOCOLS[protocol], Plan(**plan)):
                yield name, case.outcome

    def figures(self, columns: dict[str, Callable[[], Iterator[tuple[str, Any]]]]) -> Figures:
        """Mean of the last IoU over the sets, each counting once, for every column."""
        found: Figures = {}
        for column, outcomes in columns.items():
            by_set: dict[str, list[float]] = {}
            for name, outcome in outcomes():
                by_set.setdefault(name, []).append(outcome.last)
            found[column] = 100 * float(np.mean([np.mean(ious) for ious in by_set.values()]))
        return found

    def after_clicks(self, outcomes: list[tuple[str, Any]], columns: dict[str, int]) -> Figures:
        """Of outcomes of several clicks, after as many as each column says."""
        return self.figures({name: partial(after, outcomes, clicks) for name, clicks in columns.items()})

    def of_segmenter(self, segmenter: Any = None) -> Figures:
        return self.figures(
            {
                "1 click": lambda: self.ask("error-clicks", segmenter, clicks=(1,)),
                "3 clicks": lambda: self.ask("error-clicks", segmenter, clicks=(3,)),
                "3 random": lambda: self.ask("random-clicks", segmenter, clicks=(3,)),
                "box": lambda: self.ask("box", segmenter),
                "no click": lambda: self.ask("saliency", segmenter),
            }
        )


@contextmanager
def setting(module: Any, **values: Any) -> Iterator[None]:
    """Module constants, for a while."""
    with patch.multiple(module, **values):
        yield


def zoom_table(bench: Bench) -> Iterator[tuple[str, Figures]]:
    """Looks (squeezesam_core/zoom.py): what of the photo the network is asked about, and its mirror image."""
    yield "as shipped", bench.of_segmenter()
    with setting(zoom, MOST_OF_PHOTO=0.0):
        yield "one look at the whole photo", bench.of_segmenter()
    with setting(zoom, MOST_OF_PHOTO=0.4):
        yield "through windows of at most 40 % of the photo", bench.of_segmenter()
    with setting(zoom, NEAR_MARGINS=(3.2,)):
        yield "several clicks are looked at through one window", bench.of_segmenter()
    with setting(zoom, NEAR_MARGINS=()):
        yield "several clicks are seen in the whole photo only", bench.of_segmenter()
    with setting(segmenter, ANEW_LEAD=1.0):
        yield "no look anew at the first background click", bench.of_segmenter()
    with setting(segmenter, mean_answer=lambda session, *inputs: session.run(*inputs)):
        yield "no look at the mirror image", bench.of_segmenter()


def agreement_table(bench: Bench) -> Iterator[tuple[str, Figures]]:
    """How much the agreement of looks through several windows counts beside how sure they are
    (squeezesam_core/segmenter.py): random clicks, no mask before."""
    for share in (0.2, 0.0, 0.1, 0.3, 0.5, 1.0):
        with setting(segmenter, AGREEMENT=share):
            found = list(bench.ask("random-clicks", clicks=(3, 5)))
        yield f"{share}", bench.after_clicks(found, {"3 random": 3, "5 random": 5})


def segmenter_side_table(bench: Bench) -> Iterator[tuple[str, Figures]]:
    """The segmenter's input size: the square root of its pixels."""
    for side in (192, 224, 256, 288, 320):
        yield f"{side} px", bench.of_segmenter(At(bench.segmenter, side))


def detector_side_table(bench: Bench) -> Iterator[tuple[str, Figures]]:
    """The detector's input size; its own map under Otsu's threshold, and the path that starts from it."""
    for side in (192, 224, 256, 288, 320):
        at_side = At(bench.detector, side)
        columns = {
            "map": lambda at_side=at_side: bench.ask("detector", detector=at_side),
            "no click": lambda at_side=at_side: bench.ask("saliency", detector=at_side),
        }
        yield f"{side} px", bench.figures(columns)


def detector_sizes_table(bench: Bench) -> Iterator[tuple[str, Figures]]:
    """The sizes of the detector's looks as multiples of its input size (squeezesam_core/detector.py), M: mirrored."""
    sizes = {
        "as shipped: 7/8, 1 M, 5/4": detector.SIZES,
        "1": detector.ONCE,
        "1, 1 M": detector.ONE_SIZE,
        "1, 5/4 M": ((1.0, False), (1.25, True)),
        "7/8, 5/4 M": ((0.875, False), (1.25, True)),
        "1, 5/4 M, 3/2": ((1.0, False), (1.25, True), (1.5, False)),
        "7/8, 1 M, 5/4, 3/2 M": (*detector.SIZES, (1.5, True)),
    }
    for name, looks in sizes.items():
        with setting(detector, SIZES=looks):
            columns = {"map": lambda: bench.ask("detector"), "no click": lambda: bench.ask("saliency")}
            yield name, bench.figures(columns)


def no_click_table(bench: Bench) -> Iterator[tuple[str, Figures]]:
    """The map's share in the mask before any click (squeezesam_core/whole_object.py); the rest is the segmenter's."""
    for share in (0.5, 0.0, 0.3, 0.7):
        with setting(whole_object, MAP_SHARE=share):
            yield f"{share}", bench.figures({"no click": lambda: bench.ask("saliency")})


def gate_table(bench: Bench) -> Iterator[tuple[str, Figures]]:
    """The gate of the no-click path: the least peak of a salient blob (squeezesam_core/saliency.py)."""
    for least in (0.0, 0.85, 0.9, 0.92, 0.94, 0.96, 0.98):
        with setting(saliency, LEAST_PEAK=least):
            given = [outcome.last < 1 for _, outcome in bench.ask("empty-crops")]
            yield (
                f"{least}",
                {
                    "masks on empty crops": 100 * float(np.mean(given)),
                    "no click": bench.figures({"": lambda: bench.ask("saliency")})[""],
                },
            )


def stand_ins_table(bench: Bench) -> Iterator[tuple[str, Figures]]:
    """How far clicks that stand for the mask on screen keep from a lone background click, and from several, in the
    square root of its area (squeezesam_core/interaction.py): the mask before any click, after clicks on its errors."""
    for lone, several in ((0.3, 0.5), (0.0, 0.0), (0.3, 0.3), (0.5, 0.5), (0.7, 0.7)):
        with setting(interaction, STAND_IN_DISTANCE=lone, STAND_IN_DISTANCE_OF_SEVERAL=several):
            found = list(bench.ask("from-mask", clicks=(1, 2, 3)))
        yield f"{lone}, {several}", bench.after_clicks(found, {"1 click": 1, "2 clicks": 2, "3 clicks": 3})


def after(outcomes: list[tuple[str, Any]], clicks: int) -> Iterator[tuple[str, Any]]:
    """Outcomes as they were after so many clicks."""
    for name, outcome in outcomes:
        yield name, replace(outcome, ious={count: iou for count, iou in outcome.ious.items() if count <= clicks})


TABLES = {
    "zoom": zoom_table,
    "agreement": agreement_table,
    "segmenter-side": segmenter_side_table,
    "detector-side": detector_side_table,
    "detector-sizes": detector_sizes_table,
    "no-click": no_click_table,
    "gate": gate_table,
    "stand-ins": stand_ins_table,
}


def sampled(root: Path, limit: int, folders: dict[str, tuple[str, str | None]]) -> dict[str, list[Sample]]:
    """`limit` photos of each folder, the same every time, with at most MOST_OBJECTS objects each."""
    chosen = {}
    for name, (directory, images) in folders.items():
        samples = list(read_folder(root / directory, root / images if images else None))
        Random(0).shuffle(samples)
        chosen[name] = [replace(sample, masks=_some(sample)) for sample in samples[:limit]]
    return chosen


def _some(sample: Sample) -> tuple[Any, ...]:
    usable = [mask for mask in sample.masks if mask.decode().object.any()]
    return tuple(Random(sample.name).sample(usable, min(MOST_OBJECTS, len(usable))))


def table(title: str, about: str, rows: list[tuple[str, Figures]]) -> str:
    columns = list(rows[0][1])
    lines = [f"## {title}\n", f"{about}\n", f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(f'{figures[c]:.1f}' for c in columns)} |" for name, figures in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--table", nargs="*", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--folder", nargs="*", default=[], metavar="NAME=DIR", help="folders of DATA to measure on")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("choices.md"))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    weights = default_weights()
    network, saliency_network = load_segmenter(weights / "squeezesam", 1), load_detector(weights / "saliency", 1)
    given = dict(folder.split("=", 1) for folder in options.folder)
    folders: dict[str, tuple[str, str | None]] = {name: (at, None) for name, at in given.items()} or dict(FOLDERS)
    about = "" if given else ", trained on, so only differences mean something"
    bench = Bench(network, saliency_network, sampled(options.root, options.limit, folders))
    parts = [
        "# Choices\n",
        f"Written by `python docs/make_choices.py --root DATA --limit {options.limit} "
        f"--table {' '.join(options.table)}{' --folder …' if given else ''}`; do not edit. "
        f"mIoU in %, mean over "
        f"{', '.join(folders)} ({options.limit} photos each{about}), of "
        f"`{network.version}` and `{saliency_network.version}` in {network.precision}.\n",
    ]
    for name in options.table:
        rows = list(TABLES[name](bench))
        parts.append(table(name.replace("-", " ").capitalize(), " ".join(str(TABLES[name].__doc__).split()), rows))
    options.out.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
