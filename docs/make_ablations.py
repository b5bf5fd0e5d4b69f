"""Write docs/ablations.md: a change of a recipe a row, each trained for the same budget, judged on the same photos.

    python docs/make_ablations.py --root DATA --out runs/ablations [--steps 500] [--limit 200] [--test TEST_SETS]

The rows stand in docs/ablations.toml. Rows are judged on the photos that the recipe holds out of training
(training/split.py); with --test also on folders of test photos, which no choice should be made by. A row whose run or
figures are in --out already is not made again, so the command goes on where it was stopped.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.samples import Mask
from training.datasets.corpus import Photo, read_corpus
from training.recipe import read_recipe
from training.split import is_held_out

HERE = Path(__file__).parent
PAGE, ROWS = HERE / "ablations.md", HERE / "ablations.toml"
LONGEST_SIDE = 640
"""Held-out photos are kept at this size: they are judged at the network's small one anyway."""
LEAST_AREA = 0.005
"""Share of the photo that an object must fill to be judged."""
COLUMNS = (
    ("1 click", "error-clicks", "iou@1"),
    ("3 clicks", "error-clicks", "iou@3"),
    ("1 random", "random-clicks", "iou@1"),
    ("3 random", "random-clicks", "iou@3"),
    ("box", "box", "miou"),
)
Figures = dict[str, dict[str, Any]]


def main() -> None:
    options = parser().parse_args()
    rows = tomllib.loads(options.rows.read_text(encoding="utf-8"))["row"]
    base = read_recipe(options.recipe)
    stage = base.stage[0]
    shared = [f"stage=[{{size={stage.size}, batch={stage.batch}, steps={options.steps}}}]"]
    held_out = options.out / "held-out"
    write_held_out(held_out, options.recipe, options.root, options.limit)
    folders = {"held out": held_out}
    folders |= {name: options.test / name for name in options.sets.split(",")} if options.test else {}
    results: list[tuple[str, list[str], dict[str, Figures]]] = []
    for row in rows:
        changes = [*row["set"], *shared]
        made_of = "\n".join([options.recipe.read_text(encoding="utf-8"), *changes])
        run = options.out / hashlib.sha256(made_of.encode()).hexdigest()[:12]
        train(options.recipe, changes, options.root, run)
        figures = {
            name: {protocol: evaluate(run, folder, protocol, options.limit) for protocol in protocols()}
            for name, folder in folders.items()
        }
        results.append((row["name"], row["set"], figures))
        options.page.write_text(page(options, stage.size, stage.batch, results), encoding="utf-8")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--recipe", type=Path, default=HERE.parent / "training/recipes/ablation.toml")
    made.add_argument("--rows", type=Path, default=ROWS)
    made.add_argument("--page", type=Path, default=PAGE, help="what to write")
    made.add_argument("--root", type=Path, required=True, help="the folder that the recipe's sources are relative to")
    made.add_argument("--out", type=Path, required=True, help="where runs, held-out photos and figures are kept")
    made.add_argument("--steps", type=int, default=500, help="budget of each row, in steps of the recipe's first stage")
    made.add_argument("--limit", type=int, default=200, help="photos of each folder")
    made.add_argument("--test", type=Path, help="a folder whose folders are test sets, to stand beside")
    made.add_argument("--sets", default="ecssd,pets,coco_instances", help="which of them")
    return made


def protocols() -> list[str]:
    return list(dict.fromkeys(protocol for _, protocol, _ in COLUMNS))


def write_held_out(folder: Path, recipe: Path, root: Path, limit: int) -> None:
    """The photos that training leaves out and that people drew masks for, as images/ and masks/ (all or nothing)."""
    done = folder / f"complete-{limit}"
    if done.exists():
        return
    plan = read_recipe(recipe)
    photos = read_corpus(plan.source, root, masks_only=True).photos
    judged = [photo for photo in photos if is_held_out(photo.path, plan.held_out) and not photo.taught]
    judged.sort(key=lambda photo: hashlib.sha256(photo.path.stem.encode()).digest())
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for old in (folder / name).iterdir():
            old.unlink()
    for number, (photo, mask) in enumerate(islice(largest_masks(judged), limit)):
        image = cv2.imread(str(photo.path), cv2.IMREAD_COLOR)
        scale = min(1.0, LONGEST_SIDE / max(image.shape[:2]))
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        grey = mask.object * 255 + (mask.ignore & ~mask.object) * 128
        small = cv2.resize(grey.astype("uint8"), size, interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(folder / "images" / f"{number:04d}.jpg"), cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        cv2.imwrite(str(folder / "masks" / f"{number:04d}.png"), small)
    done.touch()


def largest_masks(photos: Sequence[Photo]) -> Iterator[tuple[Photo, Mask]]:
    """Each photo with the largest of its objects; those with broken or only small ones are left out."""
    for photo in photos:
        try:
            mask = max((reference.decode() for reference in photo.masks), key=lambda mask: int(mask.object.sum()))
        except InvalidDatasetError:
            continue
        if mask.object.mean() >= LEAST_AREA:
            yield photo, mask


def train(recipe: Path, changes: Sequence[str], root: Path, run: Path) -> None:
    if (run / "trained").exists():
        return
    command = [sys.executable, "-m", "backend.cli", "train", str(recipe), "--root", str(root), "--out", str(run)]
    subprocess.run([*command, *(part for change in changes for part in ("--set", change))], check=True)
    (run / "trained").touch()


def evaluate(run: Path, data: Path, protocol: str, limit: int) -> dict[str, Any]:
    kept = run / f"{data.name}-{protocol}-{limit}.json"
    if not kept.exists():
        command = [sys.executable, "-m", "backend.cli", "evaluate", "--checkpoint", str(run / "last.pt"), "--no-map"]
        command += ["--data", str(data), "--protocol", protocol, "--clicks", "1,3"]
        command += ["--limit", str(limit), "--json"]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        kept.write_text(result.stdout, encoding="utf-8")
    found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def command(options: argparse.Namespace) -> str:
    """What made the page, with folders named by what they hold."""
    words = ["python docs/make_ablations.py --root DATA --out runs/ablations"]
    words += [f"--recipe {options.recipe.name}"] if options.recipe != parser().get_default("recipe") else []
    words += [f"--steps {options.steps} --limit {options.limit}"]
    words += [f"--test TEST_SETS --sets {options.sets}"] if options.test else []
    return " ".join(words)


def page(
    options: argparse.Namespace, size: int, batch: int, results: list[tuple[str, list[str], dict[str, Figures]]]
) -> str:
    lines = [
        "# Ablations",
        "",
        f"Written by `{command(options)}`; do not edit.",
        "",
        f"Each row changes one thing of `{options.recipe.name}` and is trained for {options.steps} steps of {batch}",
        f"items at {size} px, from the same seed. mIoU in % against people's masks, without a saliency map, the",
        "network in torch fp32 at that size. «held out» are photos of the training sources that no row was trained",
        "on, the largest object of each. Rows this short rank the choices for a small budget; they do not say where",
        "a long run ends.",
        "",
    ]
    for name in results[0][2]:
        count = results[0][2][name][COLUMNS[0][1]]["n"]
        lines += [
            f"## {name} ({count} objects)",
            "",
            "| row | " + " | ".join(title for title, *_ in COLUMNS) + " |",
            "|---" * (len(COLUMNS) + 1) + "|",
        ]
        for row, _, figures in results:
            cells = [f"{100 * figures[name][protocol][key]:.1f}" for _, protocol, key in COLUMNS]
            lines.append(f"| {row} | " + " | ".join(cells) + " |")
        lines.append("")
    lines += ["## The rows", "", "| row | change, `squeezesam train --set` |", "|---|---|"]
    lines += [f"| {row} | {' '.join(f'`{change}`' for change in changes) or 'none'} |" for row, changes, _ in results]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
