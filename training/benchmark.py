"""How fast training is on this machine, by image size, threads and processes: `squeezesam bench --suite training`.

Each row is a short run of the real command on photos made up here, in a process of its own; what it logs is the figure.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from squeezesam_core.benchmark import PHOTOS, Row, photograph

PHOTO_COUNT = 8
BATCH = 8
RECIPE = """
preset = "{preset}"
side = {size}
stage = [{{ size = {size}, batch = {batch}, steps = {steps} }}]
source = [{{ directory = "photos" }}]
"""


@dataclass(frozen=True)
class Case:
    """A preset at an image size, on so many threads of so many processes (torchrun), on the GPU or the CPU; `workers`
    beside each process draw its batches ahead."""

    preset: str
    size: int
    threads: int = 1
    processes: int = 1
    gpu: bool = False
    workers: int = 0

    @property
    def name(self) -> str:
        where = "gpu" if self.gpu else f"{self.threads}t" if self.processes == 1 else f"{self.processes}p"
        return f"train_{self.preset}_{self.size}_{where}" + (f"_{self.workers}w" if self.workers else "")


FREE_CORES = max(1, (os.cpu_count() or 2) - 2)
REFERENCE = Case("serving", 128)
CASES = (
    REFERENCE,
    Case("serving", 256),
    Case("serving", 384),
    Case("serving", 128, threads=2),
    Case("serving", 128, processes=2),
    Case("serving", 128, workers=1),
    Case("paper", 128),
    Case("paper", 256),
    Case("serving", 256, gpu=True),
    Case("serving", 256, gpu=True, workers=FREE_CORES),
    Case("paper", 256, gpu=True, workers=FREE_CORES),
)


def training(command: Sequence[str], repeats: int) -> Iterator[Row]:
    """Images per second of each case; p50_ms is the time an image takes, ratio that time by REFERENCE's.

    command: that of the shell which `squeezesam` stands for, as Python's arguments (-m, a module); repeats: steps.
    """
    with TemporaryDirectory() as folder:
        root = Path(folder)
        write_photos(root / "photos")
        reference: float | None = None
        for case in CASES:
            row = _measure(case, command, repeats, root)
            if case == REFERENCE:
                reference = row.p50_ms
            yield _compared(row, reference)


def write_photos(folder: Path) -> None:
    """PHOTO_COUNT photos of a disc, of a web photo's size, with their masks, as a training source has them."""
    size = PHOTOS["1mpx"]
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    mask = cv2.circle(np.zeros(size[::-1], np.uint8), (size[0] // 2, size[1] // 2), min(size) // 4, 255, cv2.FILLED)
    for index in range(PHOTO_COUNT):
        photo = cv2.cvtColor(photograph(size, seed=index), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / "images" / f"{index}.jpg"), photo)
        cv2.imwrite(str(folder / "masks" / f"{index}.png"), mask)


def _measure(case: Case, command: Sequence[str], steps: int, root: Path) -> Row:
    if case.gpu and not _has_gpu():
        return Row(case.name, reason="There is no CUDA device.")
    recipe, out = root / f"{case.name}.toml", root / case.name
    recipe.write_text(RECIPE.format(preset=case.preset, size=case.size, batch=BATCH, steps=steps), encoding="utf-8")
    launcher = [] if case.processes == 1 else _torchrun(case.processes)
    arguments = ["train", str(recipe), "--out", str(out), "--root", str(root)]
    arguments += ["--threads", str(case.threads), "--workers", str(case.workers)]
    run = subprocess.run(
        [sys.executable, *launcher, *command, *arguments],
        env=os.environ | {"OMP_NUM_THREADS": str(case.threads)} | ({} if case.gpu else {"CUDA_VISIBLE_DEVICES": ""}),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        return Row(case.name, reason=" ".join(run.stderr.strip().splitlines()[-2:]))
    last = json.loads((out / "log.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    if last["images"] != steps * BATCH * case.processes:  # each process would have trained a network of its own
        return Row(case.name, reason=f"{case.processes} processes did not share one run.")
    rate = float(last["images_per_second"])
    return Row(case.name, p50_ms=round(1000 / rate, 2), images_per_second=round(rate, 2))


def _compared(row: Row, reference: float | None) -> Row:
    if row.p50_ms is None or reference is None:
        return row
    return replace(row, ratio=round(row.p50_ms / reference, 3), ratio_to=REFERENCE.name)


def _torchrun(processes: int) -> list[str]:
    return ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]


def _has_gpu() -> bool:
    try:
        import torch
    except ModuleNotFoundError:
        return False
    return torch.cuda.is_available()
