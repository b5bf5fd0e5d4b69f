"""Write the comparison of docs/peers.md: MobileSAM beside the weights that ship, on the same photos, clicks and boxes.

    python docs/make_peers.py --data TEST_SETS [--limit 15]

Each row is `squeezesam evaluate --data DATA/SET --protocol PROTOCOL --limit N --peer mobilesam`.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from measured import write_part

PAGE = Path(__file__).with_name("peers.md")
ROWS = {
    "grabcut": ("error-clicks", "box"),
    "ecssd": ("error-clicks", "box"),
    "pets": ("error-clicks", "box"),
    "ccp": ("error-clicks", "box"),
    "coco_single_person": ("error-clicks", "box"),
    "coco_instances": ("random-clicks", "box"),
}
COLUMNS = ("iou@1", "iou@3", "iou@5", "miou")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder whose folders are the test sets")
    parser.add_argument("--limit", type=int, default=15, help="photos of each set, the first by name")
    options = parser.parse_args()
    found = {
        (name, protocol): compared(options.data / name, protocol, options.limit)
        for name, protocols in ROWS.items()
        for protocol in protocols
    }
    write_part(PAGE, "mobilesam", __file__, lines(found, options.limit))


def compared(folder: Path, protocol: str, limit: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "backend.cli", "evaluate", "--data", str(folder), "--protocol", protocol]
    command += ["--limit", str(limit), "--peer", "mobilesam", "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def lines(found: dict[tuple[str, str], dict[str, Any]], limit: int) -> list[str]:
    """mIoU in %, ours / theirs."""
    first = next(iter(found.values()))
    shown = [
        f"mIoU in %, `{first['model']}` / `{first['peer']['model']}`, the first {limit} photos of each set:",
        "",
        "| set | objects | clicks | 1 click | 3 clicks | 5 clicks | box |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (clicked, boxed) in ROWS.items():
        figures = {**found[name, clicked], "miou": found[name, boxed]["miou"]}
        peer = {**found[name, clicked]["peer"], "miou": found[name, boxed]["peer"]["miou"]}
        cells = [f"{100 * figures[key]:.1f} / {100 * peer[key]:.1f}" for key in COLUMNS]
        shown.append(f"| {name} | {figures['n']} | {clicked} | {' | '.join(cells)} |")
    return shown


if __name__ == "__main__":
    main()
