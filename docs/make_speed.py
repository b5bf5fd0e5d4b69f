"""Write the tables of docs/export.md: what clicks and training cost on this machine, and what int8 settings cost.

    python docs/make_speed.py                                    # core and training
    python docs/make_speed.py --suites core --repeats 10
    python docs/make_speed.py --suites int8 --calibration DIR …  # photos with masks, never test data

A suite that is not named keeps its table. For figures to be quoted, run it on a machine that does nothing else.
"""

import argparse
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measured import bench, write_part

if TYPE_CHECKING:
    from squeezesam_core.registry import Manifest

PAGE = Path(__file__).with_name("export.md")
SUITES = ("core", "training", "int8")
ITEMS, HELD_OUT = 64, 32
"""Of the int8 tables: inputs to calibrate on, inputs to compare on."""
PHONES = "the one that serves in ONNX Runtime's format, for phones"


_EARLY, _LATE = range(7), range(14, 18)
FLOAT_WAYS = ((*range(4),), (*_EARLY,), (*range(4), *_LATE), (*_EARLY, *_LATE), (*range(18),))
"""Of the int8 tables: blocks of MobileNetV2 that stay in fp32."""


@dataclass(frozen=True)
class Setting:
    """One way to make the int8 file; keep_float finds the nodes that stay in fp32."""

    name: str
    keep_float: re.Pattern[str] | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", default="core,training", help=f"of {', '.join(SUITES)}")
    parser.add_argument("--repeats", type=int, default=30, help="runs of each step")
    parser.add_argument("--calibration", type=Path, nargs="+", default=[], help="folders, for int8")
    options = parser.parse_args()
    writers: dict[str, Callable[[], list[str]]] = {
        "core": partial(core, options.repeats),
        "training": partial(training, options.repeats),
        "int8": partial(int8, options.calibration, options.repeats),
    }
    for suite in options.suites.split(","):
        write_part(PAGE, suite, __file__, writers[suite]())


def core(repeats: int) -> list[str]:
    result = bench("core", "--repeats", str(repeats))
    return [*header(result, f"squeezesam bench --suite core --repeats {repeats}"), *table(result["rows"])]


def training(repeats: int) -> list[str]:
    result = bench("training", "--repeats", str(repeats))
    lines = [
        "| row | images/s | time an image, to the first row's |",
        "|---|---|---|",
        *(f"| {row['name']} | {measured(row, 'images_per_second')} | {cell(row['ratio'])} |" for row in result["rows"]),
    ]
    return [*header(result, f"squeezesam bench --suite training --repeats {repeats}"), *lines]


def header(result: dict[str, Any], command: str) -> list[str]:
    machine = result["machine"]
    vnni = "with" if machine["vnni"] else "without"
    about = f"{machine['cpu']}, {machine['cores']} cores, {vnni} VNNI, ONNX Runtime {machine['onnxruntime']}"
    return [f"`{command}` on {about}:", ""]


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = ["| row | p50 ms | p95 ms | ratio | to |", "|---|---|---|---|---|"]
    for row in rows:
        shown = measured(row, "p50_ms"), cell(row["p95_ms"]), cell(row["ratio"]), row["ratio_to"] or ""
        lines.append(f"| {row['name']} | " + " | ".join(shown) + " |")
    return lines


def measured(row: dict[str, Any], key: str) -> str:
    """A row's figure, or why it has none."""
    return f"not measured: {row['reason']}" if row["reason"] else cell(row[key])


def cell(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def int8(calibration: Sequence[Path], repeats: int) -> list[str]:
    """Both networks, as they ship, made int8 in each setting and compared with their fp32 graph."""
    from squeezesam_core.registry import default_weights, load_manifest

    if not calibration:
        raise SystemExit("int8 needs --calibration DIR …: photos with masks.")
    segmenter, detector = (load_manifest(default_weights() / name) for name in ("squeezesam", "saliency"))
    return [*int8_of(segmenter, calibration, repeats), "", *int8_of(detector, calibration, repeats)]


def int8_of(manifest: "Manifest", calibration: Sequence[Path], repeats: int) -> list[str]:
    """One network's table. The last row is the file that phones get."""
    from export.calibrate import realistic_feeds
    from export.float_blocks import FLOAT_BLOCKS, layers_of
    from export.onnx import to_onnx
    from export.parity import compare, of_onnx
    from export.phone import to_ort
    from export.quantize import quantize
    from squeezesam_core.benchmark import measure
    from squeezesam_core.model.torch_session import load_checkpoint_session

    network: Any = load_checkpoint_session(manifest.path("checkpoint")).network
    observed = realistic_feeds(calibration, manifest.spec, ITEMS, seed=0)
    others = realistic_feeds(calibration, manifest.spec, HELD_OUT, seed=1)
    serves = FLOAT_BLOCKS[manifest.name]
    ways = [way for way in FLOAT_WAYS if way != tuple(serves)]
    settings = [
        Setting("int8, all convolutions and linear layers", None),
        *(Setting(f"int8, {blocks_named(way)} in fp32", layers_of(way)) for way in ways),
        Setting(f"int8, {blocks_named(serves)} in fp32 (serves)", layers_of(serves)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        fp32 = Path(folder, "fp32.onnx")
        to_onnx(network, fp32)
        files = {"fp32": fp32}
        for number, setting in enumerate(settings):
            files[setting.name] = Path(folder, f"{number}.onnx")
            quantize(fp32, files[setting.name], observed, keep_float=setting.keep_float)
        files[PHONES] = Path(folder, "phones.ort")
        to_ort(files[settings[-1].name], files[PHONES])
        rows = measure({name: partial(runner, path, others[0]) for name, path in files.items()}, repeats, "fp32")
        reference = of_onnx(files.pop("fp32"))
        parities = {name: compare(reference, of_onnx(path), others) for name, path in files.items()}
        sizes = {name: path.stat().st_size / 1e6 for name, path in (("fp32", fp32), *files.items())}
    lines = [
        "`python docs/make_speed.py --suites int8 --calibration DIR …`:",
        f"`{manifest.version}` at {manifest.spec.side} px, calibrated on {ITEMS} inputs,",
        f"against fp32 on {HELD_OUT} others, one thread:",
        "",
        "| | SNR | pixels on the same side | IoU of the masks | p50 | ratio | file |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        parity = parities.get(row.name)
        close = (
            ("", "", "")
            if parity is None
            else (f"{parity.snr_db:.1f} dB", f"{parity.same_side:.1%}", f"{parity.iou:.3f}")
        )
        shown = *close, f"{row.p50_ms:.1f} ms", cell(row.ratio), f"{sizes[row.name]:.1f} MB"
        lines.append(f"| {row.name} | " + " | ".join(shown) + " |")
    return lines


def blocks_named(blocks: Sequence[int]) -> str:
    """As in "blocks 0 to 6, 14 to 17"."""
    starts = [block for block in blocks if block - 1 not in blocks]
    ends = [block for block in blocks if block + 1 not in blocks]
    return "blocks " + ", ".join(f"{start} to {end}" for start, end in zip(starts, ends, strict=True))


def runner(path: Path, feeds: dict[str, Any]) -> Callable[[], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return partial(session.run, None, feeds)


if __name__ == "__main__":
    main()
