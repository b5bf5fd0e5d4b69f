"""A version's int8 file for phones, beside the report that proves it.

OUT/squeezesam.int8.pte (or .ort)    the file
OUT/phone.json                       of which version it is, what it takes, and how close its masks are to fp32's
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version as release
from pathlib import Path
from typing import Literal

import onnxruntime

from export.calibrate import realistic_feeds
from export.exchange import replace_folder
from export.parity import Parity, compare, of_onnx
from squeezesam_core.geometry import NetworkInput
from squeezesam_core.model import checkpoint
from squeezesam_core.model.presets import rebuild
from squeezesam_core.registry import File, Manifest

Format = Literal["executorch", "ort"]
REPORT = "phone.json"


def export_phone(
    model: Manifest, form: Format, calibration: Sequence[Path], out: Path, *, items: int, held_out: int
) -> tuple[File, Parity]:
    """Replace the folder `out` by the version's file in this format, with its report.

    "executorch": a program for XNNPACK, quantized anew (executorch.py). "ort": the version's own int8 graph in ONNX
    Runtime's format, which its mobile builds read. calibration: folders of photos with masks, never test data; the
    parity is measured on others of them. Raises ModelFileError or InvalidDatasetError, and leaves `out` as it was.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    spec = replace(model.spec, square=True) if form == "executorch" else model.spec
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as folder:
        work = Path(folder, "phone")
        work.mkdir()
        if form == "executorch":
            from export import executorch

            path = work / f"{model.name}.int8.pte"
            network = rebuild(checkpoint.load(model.path("checkpoint")))
            executorch.to_program(network, path, realistic_feeds(calibration, spec, items, seed=0))
            run, maker = executorch.run_of(path), "executorch"
        else:
            path = work / f"{model.name}.int8.ort"
            to_ort(model.path("int8"), path)
            run, maker = of_onnx(path), "onnxruntime"
        parity = compare(of_onnx(model.path("fp32")), run, realistic_feeds(calibration, spec, held_out, seed=1))
        parity.check(f"{path.name} of {model.version}")
        file = File.of(path)
        report = {
            "version": model.version,
            "format": form,
            "made_with": f"{maker} {release(maker)}",
            "file": asdict(file),
            "inputs": inputs_of(spec),
            "parity": asdict(parity),
        }
        (work / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        work.chmod(0o755)
        replace_folder(work, out)
    return file, parity


def to_ort(onnx: Path, path: Path) -> None:
    """Write an ONNX file in ONNX Runtime's own format, with what is optimized on every CPU alike."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])


def inputs_of(spec: NetworkInput) -> dict[str, list[int | str]]:
    """Shapes by name; a free length says what it may be."""
    height, width = (spec.side, spec.side) if spec.square else (f"multiple of {spec.multiple}",) * 2
    shapes: dict[str, list[int | str]] = {"image": [1, spec.channels, height, width]}
    return shapes if spec.channels == 3 else shapes | {"points": [1, "points", 2], "labels": [1, "points"]}
