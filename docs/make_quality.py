"""Write docs/quality.md: what `squeezesam evaluate` says of the versions that ship, on folders of test photos.

    python docs/make_quality.py --data TEST_SETS [--sets ecssd,pets] [--limit 100] [--paper runs/paper/last.pt]

Every figure in the page comes from a command that stands beside it.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("quality.md")
PROTOCOLS = ("error-clicks", "random-clicks", "box", "saliency", "detector")
COLUMNS = (
    ("1 click", "error-clicks", "iou@1"),
    ("3 clicks", "error-clicks", "iou@3"),
    ("5 clicks", "error-clicks", "iou@5"),
    ("1 random", "random-clicks", "iou@1"),
    ("3 random", "random-clicks", "iou@3"),
    ("box", "box", "miou"),
    ("no click", "saliency", "miou"),
    ("detector alone", "detector", "miou"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder whose folders are the test sets")
    parser.add_argument("--sets", default="ecssd,pets,ccp,coco_single_person,coco_instances,grabcut,berkeley")
    parser.add_argument("--limit", type=int, default=100, help="photos of each set, the first by name")
    parser.add_argument("--paper", type=Path, help="a checkpoint of the paper preset, to stand beside")
    options = parser.parse_args()
    names = options.sets.split(",")
    rows = {}
    for precision in ("int8", "fp32"):
        for name in names:
            extra = ["--precision", precision]
            rows[precision, name] = {p: evaluate(options.data / name, p, options.limit, extra) for p in PROTOCOLS}
    paper = {}
    if options.paper is not None:
        extra = ["--checkpoint", str(options.paper), "--no-map"]
        for name in names:
            paper[name] = {p: evaluate(options.data / name, p, options.limit, extra) for p in PROTOCOLS[:3]}
    PAGE.write_text(page(names, rows, paper, options.limit), encoding="utf-8")


def evaluate(data: Path, protocol: str, limit: int, extra: list[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "backend.cli", "evaluate", "--data", str(data), "--protocol", protocol, "--json"]
    result = subprocess.run([*command, "--limit", str(limit), *extra], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def page(
    names: list[str], rows: dict[tuple[str, str], dict[str, Any]], paper: dict[str, dict[str, Any]], limit: int
) -> str:
    model = rows["int8", names[0]]["error-clicks"]["model"]
    lines = [
        "# Quality",
        "",
        "Written by `python docs/make_quality.py --data TEST_SETS`; do not edit. mIoU in % against masks that people",
        f"drew, at the photos' own resolution, on the first {limit} photos of each set, none of which was trained on.",
        "«clicks» go to the centre of the largest error, starting with no mask (RITM's rule); the saliency map is the",
        "first previous mask where the click falls on it, as in the service. «random» are that many random points of",
        "the object at once. «no click» is the whole path from the photo alone; «detector alone» is its map under",
        "Otsu's threshold. `coco_single_person` and `coco_instances` annotate one object without what it holds.",
        "",
        f"Model: `{model}`. Each figure: `squeezesam evaluate --data SET --protocol PROTOCOL --limit {limit}`.",
        "",
        "## int8, as it serves",
        "",
        *table(names, {name: rows["int8", name] for name in names}),
        "",
        "## int8 against fp32",
        "",
        "Difference in points (positive: int8 is better).",
        "",
        *difference(names, rows),
    ]
    if paper:
        lines += [
            "",
            "## The paper preset",
            "",
            "The paper's layout (five channels, no previous mask, no saliency map) from scratch, by",
            "`training/recipes/paper.toml`, in torch fp32. Its training was cut short: see the model card.",
            "",
            *table(names, paper),
        ]
    return "\n".join(lines) + "\n"


def table(names: list[str], rows: dict[str, dict[str, Any]]) -> list[str]:
    columns = [column for column in COLUMNS if column[1] in rows[names[0]]]
    lines = [
        "| set | objects | " + " | ".join(title for title, *_ in columns) + " |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for name in names:
        cells = [f"{100 * rows[name][protocol][key]:.1f}" for _, protocol, key in columns]
        lines.append(f"| {name} | {rows[name]['error-clicks']['n']} | " + " | ".join(cells) + " |")
    return lines


def difference(names: list[str], rows: dict[tuple[str, str], dict[str, Any]]) -> list[str]:
    lines = ["| set | " + " | ".join(title for title, *_ in COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name in names:
        cells = [
            f"{100 * (rows['int8', name][protocol][key] - rows['fp32', name][protocol][key]):+.1f}"
            for _, protocol, key in COLUMNS
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    main()
