"""The tables of docs/quality.md: which figures, their goals, and how they are written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy import average

SETS = ("ecssd", "pets", "ccp", "coco_single_person", "coco_instances", "grabcut", "berkeley")
EVERY_SET = "every set"
"""In place of a set's name: all objects or crops of all sets together."""
COMPARED = ("error-clicks", "random-clicks", "box", "saliency", "detector")
"""The protocols that are run in fp32 as well."""
PAPERS = ("error-clicks", "random-clicks", "box")
"""The protocols that the paper's preset is asked."""

Result = dict[str, Any]
"""What `squeezesam evaluate --json` printed; empty if it was not run yet."""


@dataclass(frozen=True)
class Column:
    """A figure of a table: share: in per cent."""

    title: str
    protocol: str
    key: str
    share: bool = True

    def value(self, result: Result) -> float | None:
        value = result.get(self.key)
        return None if value is None else 100 * value if self.share else float(value)


CLICKS = (
    Column("1 click", "error-clicks", "iou@1"),
    Column("3 clicks", "error-clicks", "iou@3"),
    Column("5 clicks", "error-clicks", "iou@5"),
    Column("1 random", "random-clicks", "iou@1"),
    Column("3 random", "random-clicks", "iou@3"),
    Column("box", "box", "miou"),
    Column("no click", "saliency", "miou"),
    Column("detector alone", "detector", "miou"),
)
OUTLINES = tuple(Column(c.title, c.protocol, f"b{c.key.removeprefix('m')}") for c in CLICKS)
SIZES = tuple(
    Column(f"{title} {size}", protocol, f"{key}_{size}")
    for title, protocol, key in (("3 random,", "random-clicks", "iou@3"), ("box,", "box", "miou"))
    for size in ("small", "medium", "large")
)
MENDING = (
    *(Column(title, "from-mask --noc", key) for title, key in (("no click", "miou"), ("ready", "ready90"))),
    Column("NoC@85", "from-mask --noc", "noc85", share=False),
    Column("NoC@90", "from-mask --noc", "noc90", share=False),
    Column("flawed", "flawed-mask --noc", "miou"),
    Column("NoC@85", "flawed-mask --noc", "noc85", share=False),
    Column("NoC@90", "flawed-mask --noc", "noc90", share=False),
)
MORE = (
    Column("NoC@85", "noc", "noc85", share=False),
    Column("NoC@90", "noc", "noc90", share=False),
    Column("never", "noc", "noc_failures", share=False),
    Column("1 jittered", "jittered-clicks", "iou@1"),
    Column("3 jittered", "jittered-clicks", "iou@3"),
    Column("one piece, no click", "saliency", "miou_one_piece"),
    Column("one piece, detector alone", "detector", "miou_one_piece"),
    Column("person, no click", "person", "miou"),
    Column("person, 1 click", "person", "iou@1"),
    Column("map's 1 point", "salient-object", "iou@1"),
    Column("map's 3 points", "salient-object", "iou@3"),
    Column("whole path", "salient-object", "miou"),
)
DETECTOR = (
    Column("Otsu mIoU", "detector", "miou"),
    Column("maxF", "saliency-maps", "maxf"),
    Column("S-measure", "saliency-maps", "sm"),
    Column("MAE", "saliency-maps", "mae", share=False),
    Column("masks on empty crops", "empty-crops", "given"),
)


@dataclass(frozen=True)
class Goal:
    """A line of issue 5's table. name: a set's or EVERY_SET. A goal below its floor means that less is better."""

    title: str
    name: str
    column: Column
    goal: float
    floor: float


GOALS = (
    Goal("whole person, 1 click", "ccp", CLICKS[0], 93, 88),
    Goal("1 click", "coco_single_person", CLICKS[0], 75, 63),
    Goal("3 clicks", "coco_single_person", CLICKS[1], 84, 75),
    Goal("no click", "ecssd", CLICKS[6], 91, 85),
    Goal("detector alone", "ecssd", CLICKS[7], 90, 86),
    Goal("detector alone", "pets", CLICKS[7], 82, 76),
    Goal("detector alone", "grabcut", CLICKS[7], 84, 78),
    Goal("1 click", "ecssd", CLICKS[0], 85, 78),
    Goal("3 clicks", "ecssd", CLICKS[1], 92, 87),
    Goal("3 random clicks", "coco_instances", CLICKS[4], 68, 54),
    Goal("box", "coco_instances", CLICKS[5], 76, 68),
    Goal("1 click, unseen breeds", "pets", CLICKS[0], 90, 83),
    Goal("3 clicks, unseen breeds", "pets", CLICKS[1], 94, 89),
    Goal("NoC@90", "grabcut", MORE[1], 2.0, 3.5),
    Goal("NoC@90", "berkeley", MORE[1], 2.7, 5),
    Goal("NoC@90 from the no-click mask", "ecssd", MENDING[3], 2.5, 4),
    *(Goal("masks on empty crops", name, DETECTOR[4], 2, 10) for name in (EVERY_SET, *SETS)),
)
GAIN, ENOUGH, FINE = (8, 5), 92, (0.5, 1)
"""Points from click 1 to click 3 (goal, floor), unless so much is reached; int8 against fp32 (goal, floor)."""


class Results(Protocol):
    """Where figures come from."""

    def get(self, name: str, protocol: str, precision: str = "int8") -> Result: ...

    def command(self, name: str, protocol: str, precision: str = "int8") -> str: ...


def page(results: Results, limit: int | None) -> str:
    """The page with what is known so far; a figure that was not measured yet is a dash."""
    models = sorted({result["model"] for name in SETS if (result := results.get(name, "error-clicks"))})
    photos = "all photos" if limit is None else f"the first {limit} photos by name"
    fp32 = [(name, results.get(name, protocol, "fp32")) for name in SETS for protocol in COMPARED]
    lines = [
        "# Quality",
        "",
        "Written by `python docs/make_quality.py --data TEST_SETS`; do not edit. Shares in % against masks that people",
        f"drew, at the photos' own resolution, on {photos} of each set, none of which was trained on. DATA is the",
        "folder of the test sets. What each protocol asks, and what its figures must not be compared with, stands in",
        "[evaluation.md](evaluation.md). A dash: not measured.",
        "",
        f"Model: {', '.join(f'`{model}`' for model in models) or '-'}.",
        "",
        "## Goals",
        "",
        *goals(results),
        "",
        f"A click's gain: from 1 click to 3 at least {GAIN[0]} points (floor {GAIN[1]}), or {ENOUGH} % reached.",
        "",
        *gains(results),
        "",
        "## Masks (int8, as it serves)",
        "",
        "mIoU. «clicks» go to the centre of the largest error, the first on an empty mask; «random» are that many",
        "random points at once; «no click» is the whole path from the photo alone, «detector alone» its map under",
        "Otsu's threshold. `coco_single_person` and `coco_instances` outline one object without what it holds.",
        "",
        *section(CLICKS, results),
        "",
        "Boundary IoU of the same masks:",
        "",
        *table(SETS, OUTLINES, results.get),
        "",
        "By COCO's sizes, in pixels of the stored photos:",
        "",
        *table(SETS, SIZES, results.get),
        "",
        "## Mending a mask",
        "",
        "From the no-click mask, and from a flawed copy of the true one; clicks add up, as in the service until the",
        "suggestion is accepted. «ready»: objects whose no-click mask reaches 90 % IoU.",
        "",
        *section(MENDING, results),
        "",
        "## Other protocols",
        "",
        *section(MORE, results),
        "",
        "## The detector",
        "",
        *section(DETECTOR, results),
    ]
    if any(result for _, result in fp32):
        lines += [
            "",
            "## int8 against fp32",
            "",
            f"Difference in points (positive: int8 is better); goal within {FINE[0]}, floor {FINE[1]}. «worst»: the",
            "largest difference of any set, and what it reaches; in small sets a photo or two whose mask is another",
            "one altogether make a point. The fp32 figures: the commands above with `--precision fp32`.",
            "",
            *differences(results),
        ]
    if any(results.get(name, "box", "paper") for name in SETS):
        lines += [
            "",
            "## The paper's preset",
            "",
            "The paper's own layout with its five channels, trained from scratch by `training/recipes/paper.toml` for",
            "about an hour of a shared core, at the 128 px it was trained at, in torch, the step in its name. The",
            "commands above with `--checkpoint RUN/last.pt`.",
            "",
            f"Model: `{next(found['model'] for name in SETS if (found := results.get(name, 'box', 'paper')))}`.",
            "",
            *table(SETS, CLICKS[:6], lambda name, protocol: results.get(name, protocol, "paper")),
        ]
    return "\n".join(lines) + "\n"


def goals(results: Results) -> list[str]:
    lines = ["| what | set | figure | goal | floor | reached | command |", "|---|---|---|---|---|---|---|"]
    for line in GOALS:
        value = reached_by(results, line)
        reached = verdict(value, line.goal, line.floor)
        command = results.command("SET" if line.name == EVERY_SET else line.name, line.column.protocol)
        figure = shown(value, line.column)
        lines.append(
            f"| {line.title} | {line.name} | {figure} | {line.goal:g} | {line.floor:g} | {reached} | `{command}` |"
        )
    return lines


def reached_by(results: Results, line: Goal) -> float | None:
    """The figure of a goal; over every set the mean of all their objects or crops, if all sets were measured."""
    if line.name != EVERY_SET:
        return line.column.value(results.get(line.name, line.column.protocol))
    found = [results.get(name, line.column.protocol) for name in SETS]
    values = [line.column.value(result) for result in found]
    known = [value for value in values if value is not None]
    if len(known) < len(SETS):
        return None
    return float(average(known, weights=[result["n"] for result in found]))


def gains(results: Results) -> list[str]:
    lines = ["| set | 1 click | 3 clicks | gain | reached |", "|---|---|---|---|---|"]
    for name in SETS:
        first, third = (column.value(results.get(name, column.protocol)) for column in CLICKS[:2])
        gain = None if first is None or third is None else third - first
        reached = "goal" if third is not None and third >= ENOUGH else verdict(gain, *GAIN)
        lines.append(
            f"| {name} | {shown(first, CLICKS[0])} | {shown(third, CLICKS[1])} | {shown(gain, CLICKS[0])} | {reached} |"
        )
    return lines


def differences(results: Results) -> list[str]:
    """int8's figures less those of fp32 by set, their mean, the largest of them, and what that reaches."""
    means, worst = [], []
    for column in CLICKS:
        pairs = [[column.value(results.get(name, column.protocol, p)) for p in ("int8", "fp32")] for name in SETS]
        known = [int8 - fp32 for int8, fp32 in pairs if int8 is not None and fp32 is not None]
        means.append(float(average(known)) if len(known) == len(SETS) else None)
        worst.append(max(known, key=abs) if len(known) == len(SETS) else None)
    reached = [verdict(None if value is None else abs(value), *FINE) for value in worst]
    rows = {
        name: [shown(value, column, "+") for value, column in zip(values, CLICKS, strict=True)]
        for name, values in (("mean", means), ("worst", worst))
    }
    return [
        *table(SETS, CLICKS, results.get, lambda name, protocol: results.get(name, protocol, "fp32")),
        *(f"| {name} | | {' | '.join(cells)} |" for name, cells in {**rows, "reached": reached}.items()),
    ]


def verdict(value: float | None, goal: float, floor: float) -> str:
    """What a figure reaches; less is better where the goal is the smaller number."""
    if value is None:
        return "-"
    sign = 1 if goal >= floor else -1
    return "goal" if sign * value >= sign * goal else "floor" if sign * value >= sign * floor else "neither"


def section(columns: Sequence[Column], results: Results) -> list[str]:
    """A table and the commands that its figures come from."""
    protocols = dict.fromkeys(column.protocol for column in columns)
    commands = [f"`{results.command('SET', protocol)}`" for protocol in protocols]
    return [*table(SETS, columns, results.get), "", f"Commands: {', '.join(commands)}."]


def table(
    names: Sequence[str],
    columns: Sequence[Column],
    get: Callable[[str, str], Result],
    against: Callable[[str, str], Result] | None = None,
) -> list[str]:
    """One row a set. against: results whose figures are taken away."""
    lines = [f"| set | n | {' | '.join(column.title for column in columns)} |", "|---" * (len(columns) + 2) + "|"]
    for name in names:
        cells = []
        for column in columns:
            value = column.value(get(name, column.protocol))
            other = None if against is None else column.value(against(name, column.protocol))
            difference = None if value is None or other is None else value - other
            cells.append(shown(value, column) if against is None else shown(difference, column, "+"))
        n = next((str(found["n"]) for column in columns if (found := get(name, column.protocol))), "-")
        if any(cell != "-" for cell in cells):
            lines.append(f"| {name} | {n} | {' | '.join(cells)} |")
    return lines


def shown(value: float | None, column: Column, sign: str = "") -> str:
    """One decimal for per cent, up to three for the rest."""
    return "-" if value is None else f"{value:{sign}.1f}" if column.share else f"{value:{sign}.3g}"
