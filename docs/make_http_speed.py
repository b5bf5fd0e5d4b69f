"""Write the figures of docs/speed.md and its plot: from a click to the reply, over HTTP.

    python docs/make_http_speed.py                     # all, 10,000 clicks of soak: half an hour on two quiet cores
    python docs/make_http_speed.py --parts soak        # a part alone; it waits long on a machine that is busy

Run it on a machine that does nothing else: the times are wall time.
"""

import argparse
from pathlib import Path

import numpy as np
from measured import bench, write_part

from backend.benchmarks.http import PEER_ROWS, ROWS

PAGE = Path(__file__).with_name("speed.md")
PLOT = Path(__file__).parent / "images" / "soak.svg"
GOALS = {
    "warm_click_12mpx": "p50 ≤ 120, p95 ≤ 250",
    "cold_click_12mpx": "≤ 1500",
    "preannotate": "≥ 3 photos/s",
    "eight_annotators": "p95 ≤ 1200",
}
THREADS = ((1, 2), (1, 4), (2, 2), (2, 4))
"""Threads of one inference, and predictions at once."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=30, help="runs of each row")
    parser.add_argument("--clicks", type=int, default=10_000, help="clicks of the soak")
    options = parser.parse_args()
    for part in options.parts:
        write_part(PAGE, part, __file__, PARTS[part](options))


def rows(options: argparse.Namespace) -> list[str]:
    names = ",".join(name for name in (*ROWS, *PEER_ROWS) if name != "soak")
    found = bench("http", "--repeats", str(options.repeats), "--only", names)
    machine = found["machine"]
    lines = [
        f"`python docs/make_http_speed.py --parts rows --repeats {options.repeats}` on {machine['cpu']}, the",
        f"server held to two of its {machine['cores']} cores, ONNX Runtime {machine['onnxruntime']}:",
        "",
        "| row | p50 ms | p95 ms | photos/s | goal |",
        "|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        if row["reason"]:
            lines.append(f"| {row['name']} | not measured: {row['reason']} | | | |")
            continue
        speed = "" if row["images_per_second"] is None else f"{row['images_per_second']:.1f}"
        goal = GOALS.get(row["name"], "")
        lines.append(f"| {row['name']} | {row['p50_ms']:.0f} | {row['p95_ms']:.0f} | {speed} | {goal} |")
    return lines


def soak(options: argparse.Namespace) -> list[str]:
    """What the server holds, by tenths of the clicks; how busy the machine is does not matter to it."""
    PLOT.parent.mkdir(exist_ok=True)
    found = bench("http", "--only", "soak", "--clicks", str(options.clicks), "--plot", str(PLOT))
    [row] = found["rows"]
    if row["memory_mib"] is None:
        return [f"Not measured: {row['reason']}"]
    tenths = np.array_split(np.array(row["memory_mib"]), 10)
    return [
        f"`squeezesam bench --suite http --only soak --clicks {options.clicks}`:",
        "",
        f"| up to click | {' | '.join(str(options.clicks * n // 10) for n in range(1, 11))} |",
        f"|---{'|---' * len(tenths)}|",
        f"| MiB, mean of that tenth | {' | '.join(f'{tenth.mean():.0f}' for tenth in tenths)} |",
        f"| MiB, most | {' | '.join(f'{tenth.max():.0f}' for tenth in tenths)} |",
        "",
        "![Memory of the server over the soak](images/soak.svg)",
    ]


def threads(options: argparse.Namespace) -> list[str]:
    lines = [
        "| `SQUEEZESAM_THREADS` | `SQUEEZESAM_CONCURRENCY` | one annotator, p50 / p95 ms | eight, p50 / p95 ms |",
        "|---|---|---|---|",
    ]
    for intra, concurrency in THREADS:
        settings = {"SQUEEZESAM_THREADS": str(intra), "SQUEEZESAM_CONCURRENCY": str(concurrency)}
        only = "warm_click_12mpx,eight_annotators"
        found = bench("http", "--repeats", str(options.repeats), "--only", only, settings=settings)
        cells = [
            row["reason"] or f"{row['p50_ms']:.0f} / {row['p95_ms']:.0f}"
            for name in ("warm_click_12mpx", "eight_annotators")
            for row in found["rows"]
            if row["name"] == name
        ]
        lines.append(f"| {intra} | {concurrency} | {' | '.join(cells)} |")
    return lines


PARTS = {"rows": rows, "soak": soak, "threads": threads}


if __name__ == "__main__":
    main()
