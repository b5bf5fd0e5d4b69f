"""Write docs/quality.md: what `squeezesam evaluate` says of the versions that ship, on folders of test photos.

    python docs/make_quality.py --data TEST_SETS [--sets ecssd,pets] [--limit 100]
    python docs/make_quality.py --data TEST_SETS --detector-only [--weights DIR]

Every figure comes from a command that stands on the page. Finished results are kept in --cache by weights, limit and
command, so that a run can be stopped and goes on where it was, set by set; the page is written anew after each set,
with what there is. --detector-only judges just the detector and writes a table to standard output instead of the page.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from quality_page import COMPARED, DETECTOR, PAPERS, SETS, Result, page, table

from squeezesam_core.registry import default_weights, load_manifest

PAGE = Path(__file__).with_name("quality.md")
EVERYWHERE = ("error-clicks", "random-clicks", "box", "saliency", "detector", "empty-crops", "saliency-maps")
SOMEWHERE = {
    "noc": ("grabcut", "berkeley"),
    "from-mask --noc": ("ecssd", "pets", "ccp", "grabcut"),
    "flawed-mask --noc": ("ecssd", "grabcut", "berkeley"),
    "jittered-clicks": ("ecssd", "coco_instances", "grabcut"),
    "person": ("ccp", "coco_single_person"),
    "salient-object": ("coco_instances",),
}
DETECTOR_ONLY = ("detector", "saliency-maps")


class Cache:
    """Results by precision, set and protocol: from the cache, or by running what `command` says."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._kept: dict[str, Result] = json.loads(options.cache.read_text()) if options.cache.is_file() else {}
        weights = options.weights or default_weights()
        names = ("saliency",) if options.detector_only else ("saliency", "squeezesam")
        self._versions = {name: load_manifest(weights / name).version for name in names}

    def command(self, name: str, protocol: str, precision: str = "int8") -> str:
        """What is run, DATA being the folder of the test sets."""
        protocol, *flags = protocol.split(" ", 1)
        parts = [f"squeezesam evaluate --data DATA/{name} --protocol {protocol}", *flags]
        if precision == "paper":
            parts.append("--checkpoint PAPER")
        elif precision != "int8":
            parts.append(f"--precision {precision}")
        if self._options.limit is not None:
            parts.append(f"--limit {self._options.limit}")
        if self._options.weights is not None:
            parts.append("--detector WEIGHTS/saliency")
            if protocol not in DETECTOR_ONLY:
                parts.append("--model WEIGHTS/squeezesam")
        return " ".join(parts)

    def get(self, name: str, protocol: str, precision: str = "int8") -> Result:
        """The kept result, empty if there is none."""
        return self._kept.get(self._key(name, protocol, precision), {})

    def run(self, name: str, protocol: str, precision: str = "int8") -> None:
        """Make sure that the result is there, and keep it; a command that fails leaves a dash on the page."""
        key = self._key(name, protocol, precision)
        if key in self._kept:
            return
        command = self.command(name, protocol, precision)
        sys.stderr.write(f"{command}\n")
        places = {"DATA": self._options.data, "WEIGHTS": self._options.weights, "PAPER": self._options.paper}
        arguments = [self._placed(part, places) for part in command.split()[1:]]
        done = subprocess.run(
            [sys.executable, "-m", "backend.cli", *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode != 0:  # its own message stands on standard error; a set may hold nothing for a protocol
            return
        self._kept[key] = json.loads(done.stdout)
        self._options.cache.parent.mkdir(parents=True, exist_ok=True)
        written = self._options.cache.with_suffix(".new")
        written.write_text(json.dumps(self._kept, indent=1) + "\n", encoding="utf-8")
        os.replace(written, self._options.cache)

    @staticmethod
    def _placed(part: str, places: dict[str, Path | None]) -> str:
        head, slash, rest = part.partition("/")
        return str(places[head] if not slash else f"{places[head]}/{rest}") if head in places else part

    def _key(self, name: str, protocol: str, precision: str) -> str:
        needed = ("saliency",) if protocol in DETECTOR_ONLY else ("saliency", "squeezesam")
        versions = [self._versions.get(one, "") for one in needed]
        return " ".join([*versions, self.command(name, protocol, precision)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder whose folders are the test sets")
    parser.add_argument("--sets", default=",".join(SETS), help="those to run; the page shows all that are known")
    parser.add_argument("--limit", type=int, help="only so many photos of each set, the first by name")
    parser.add_argument("--weights", type=Path, help="a folder with squeezesam/ and saliency/; default those that ship")
    parser.add_argument("--cache", type=Path, default=PAGE.parents[1] / ".cache" / "quality.json")
    parser.add_argument("--paper", type=Path, help="a checkpoint of the paper's preset, for a table of its own")
    parser.add_argument("--detector-only", action="store_true", help="a table of the detector on standard output")
    options = parser.parse_args()
    results, names = Cache(options), options.sets.split(",")
    if options.detector_only:
        for name in names:
            for protocol in DETECTOR_ONLY:
                results.run(name, protocol)
        sys.stdout.write("\n".join(table(names, DETECTOR[:4], results.get)) + "\n")
        return
    for name in names:
        for protocol, precision in runs(name, options.paper is not None):
            results.run(name, protocol, precision)
        PAGE.write_text(page(results, options.limit), encoding="utf-8")


def runs(name: str, paper: bool) -> Iterator[tuple[str, str]]:
    """The protocols of a set with their precisions; "paper": the paper's preset in fp32."""
    yield from ((protocol, "int8") for protocol in EVERYWHERE)
    yield from ((protocol, "int8") for protocol, sets in SOMEWHERE.items() if name in sets)
    yield from ((protocol, "fp32") for protocol in COMPARED)
    if paper:
        yield from ((protocol, "paper") for protocol in PAPERS)


if __name__ == "__main__":
    main()
