"""What each step of a click costs on this machine, one thread each: `squeezesam bench --suite core`. No torch.

The suite goes on with export.benchmark: the networks at other sizes, on more threads, in torch, and beside MobileSAM.
"""

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from squeezesam_core import masks
from squeezesam_core.errors import ModelFileError, SqueezeSAMError
from squeezesam_core.fusion import fuse, prepare
from squeezesam_core.geometry import Size
from squeezesam_core.ort_session import load_detector, load_segmenter
from squeezesam_core.prompts import Point, Prompt
from squeezesam_core.registry import load_manifest

PHOTOS: Mapping[str, Size] = {"1mpx": (1152, 864), "12mpx": (4032, 3024)}
PRECISIONS = ("int8", "fp32")
WARM_UP = 3

Step = Callable[[], object]
"""One run of what is measured."""


@dataclass(frozen=True)
class Row:
    """One line of a benchmark: median and 95th percentile of wall time in ms.

    ratio: p50 by that of the row `ratio_to`, which ran in turns with this one. images_per_second: of training. A step
    that could not be measured has `reason` and no figures.
    """

    name: str
    p50_ms: float | None = None
    p95_ms: float | None = None
    ratio: float | None = None
    ratio_to: str | None = None
    images_per_second: float | None = None
    reason: str | None = None

    @classmethod
    def of(
        cls, name: str, times_ms: Sequence[float], reference_ms: Sequence[float] = (), reference: str | None = None
    ) -> "Row":
        """The row of measured times; reference_ms, reference: the times and the name of the row it is compared with."""
        p50, p95 = np.percentile(times_ms, [50, 95])
        row = cls(name, round(float(p50), 2), round(float(p95), 2))
        if not len(reference_ms):
            return row
        return replace(row, ratio=round(float(p50 / np.median(reference_ms)), 3), ratio_to=reference)


def measure(makers: Mapping[str, Callable[[], Step]], repeats: int, reference: str | None = None) -> list[Row]:
    """A row for each maker of a step, in order. The steps take turns, so that a busy machine slows all of them alike.

    A maker that raises SqueezeSAMError gives a row with its cause, one that needs a package that is not installed a row
    that names it. reference: the step that all are compared with.
    """
    steps: dict[str, Step] = {}
    reasons: dict[str, str] = {}
    for name, make in makers.items():
        try:
            steps[name] = make()
        except SqueezeSAMError as error:
            reasons[name] = error.cause
        except ModuleNotFoundError as error:
            reasons[name] = f"{error.name} is not installed."
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(WARM_UP + repeats):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if turn >= WARM_UP:
                times[name].append(1000 * (time.perf_counter() - start))
    of_reference = times.get(reference, []) if reference else []
    return [
        Row.of(name, times[name], of_reference, reference) if name in times else Row(name, reason=reasons[name])
        for name in makers
    ]


def core(weights: Path, repeats: int) -> Iterator[Row]:
    """Both networks in both precisions, and the work on the photo around them.

    weights: a folder with the versions squeezesam/ and saliency/.
    """
    cv2.setNumThreads(1)
    segmenter, detector = weights / "squeezesam", weights / "saliency"
    yield from measure(
        {f"segment_{p}": partial(_segment, segmenter, p) for p in PRECISIONS}, repeats, reference="segment_fp32"
    )
    yield from measure(
        {f"detect_{p}": partial(_detect, detector, p) for p in PRECISIONS}, repeats, reference="detect_fp32"
    )
    for name, make in (("prepare", _prepare), ("fuse", _fuse), ("upsample", _upsample)):
        for size_name, size in PHOTOS.items():
            yield from measure({f"{name}_{size_name}": partial(make, segmenter, size)}, repeats)


def report(suite: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The benchmark as one JSON object."""
    return {"suite": suite, "machine": machine(), "rows": [asdict(row) for row in rows]}


def machine() -> dict[str, Any]:
    """What the figures depend on: processor, its instructions for int8, system, ONNX Runtime."""
    cpu, flags = platform.processor() or platform.machine(), ""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        fields = dict(line.split(":", 1) for line in path.read_text(encoding="utf-8").splitlines() if ":" in line)
        named = {key.strip(): value.strip() for key, value in fields.items()}
        cpu, flags = named.get("model name", cpu), named.get("flags", "")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "vnni": "vnni" in flags,
        "system": platform.platform(),
        "onnxruntime": onnxruntime.__version__,
    }


def photograph(size: Size, seed: int = 0) -> NDArray[np.uint8]:
    """A stand-in for a photo, (height, width, 3) uint8 RGB: soft noise around one bright disc."""
    width, height = size
    coarse = np.random.default_rng(seed).integers(0, 120, (9, 12, 3), np.uint8)
    image = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return cv2.circle(image, (width // 2, height // 2), min(size) // 4, (235, 180, 60), cv2.FILLED)


def click(size: Size) -> Prompt:
    """A click on photograph()'s disc."""
    return Prompt((Point(size[0] / 2, size[1] / 2),))


def _segment(folder: Path, precision: str) -> Step:
    session = load_segmenter(folder, precision=precision)
    check_precision(session.precision, precision, folder)
    size = PHOTOS["1mpx"]
    prepared = prepare(photograph(size), session.spec)
    fused = fuse(prepared, click(size), session.spec)
    points, labels = prepared.frame.to_unit(click(size).coordinates()), click(size).labels()
    return lambda: session.run(fused, points, labels)


def _detect(folder: Path, precision: str) -> Step:
    session = load_detector(folder, precision=precision)
    check_precision(session.precision, precision, folder)
    pixels = prepare(photograph(PHOTOS["1mpx"]), session.spec).pixels
    return lambda: session.run(pixels)


def check_precision(loaded: str, wanted: str, folder: Path) -> None:
    """Raise ModelFileError where the self-check chose fp32: its time must not stand in int8's row."""
    if loaded != wanted:
        raise ModelFileError(f"{folder} computes wrongly in {wanted} on this CPU.", "It serves in fp32.")


def _prepare(folder: Path, size: Size) -> Step:
    spec, photo = load_manifest(folder).spec, photograph(size)
    return lambda: prepare(photo, spec)


def _fuse(folder: Path, size: Size) -> Step:
    spec = load_manifest(folder).spec
    prepared = prepare(photograph(size), spec)
    return lambda: fuse(prepared, click(size), spec)


def _upsample(folder: Path, size: Size) -> Step:
    prepared = prepare(photograph(size), load_manifest(folder).spec)
    height, width = (length // 4 for length in prepared.pixels.shape[1:])
    logits = photograph((width, height))[..., 0].astype(np.float32) - 128
    return lambda: masks.upsample(logits, size)
