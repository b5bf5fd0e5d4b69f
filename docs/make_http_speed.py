"""Write the figures of docs/speed.md and its plot: from a click to the reply, over HTTP.

    python docs/make_http_speed.py                     # all, 10,000 clicks of soak: half an hour on two quiet cores
    python docs/make_http_speed.py --clicks 300 --repeats 5

Run it on a machine that does nothing else.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from marked_parts import write_part

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
    parser.add_argument("--repeats", type=int, default=30, help="runs of each row")
    parser.add_argument("--clicks", type=int, default=10_000, help="clicks of the soak")
    options = parser.parse_args()
    PLOT.parent.mkdir(exist_ok=True)
    found = bench({}, "--repeats", str(options.repeats), "--clicks", str(options.clicks), "--plot", str(PLOT))
    write_part(PAGE, "rows", __file__, rows(found, options.repeats, options.clicks))
    write_part(PAGE, "threads", __file__, threads(options.repeats))


def bench(settings: dict[str, str], *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "backend.cli", "bench", "--suite", "http", "--json", *arguments]
    result = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **settings})
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def rows(found: dict[str, Any], repeats: int, clicks: int) -> list[str]:
    machine = found["machine"]
    lines = [
        f"`squeezesam bench --suite http --repeats {repeats} --clicks {clicks}` on {machine['cpu']}, the",
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
    memory = next((row["memory_mib"] for row in found["rows"] if row["name"] == "soak"), None)
    if memory:
        tenth = max(1, len(memory) // 10)
        middle, end = (sum(part) / tenth for part in (memory[len(memory) // 2 :][:tenth], memory[-tenth:]))
        lines += [
            "",
            f"Memory over the {clicks} clicks of the soak: {middle:.0f} MiB half-way, {end:.0f} MiB at the end,",
            f"at most {max(memory):.0f} MiB.",
            "",
            "![Memory of the server over the soak](images/soak.svg)",
        ]
    return lines


def threads(repeats: int) -> list[str]:
    lines = [
        "| `SQUEEZESAM_THREADS` | `SQUEEZESAM_CONCURRENCY` | one annotator, p50 / p95 ms | eight, p50 / p95 ms |",
        "|---|---|---|---|",
    ]
    for intra, concurrency in THREADS:
        settings = {"SQUEEZESAM_THREADS": str(intra), "SQUEEZESAM_CONCURRENCY": str(concurrency)}
        found = bench(settings, "--repeats", str(repeats), "--only", "warm_click_12mpx,eight_annotators")
        cells = [
            row["reason"] or f"{row['p50_ms']:.0f} / {row['p95_ms']:.0f}"
            for name in ("warm_click_12mpx", "eight_annotators")
            for row in found["rows"]
            if row["name"] == name
        ]
        lines.append(f"| {intra} | {concurrency} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
