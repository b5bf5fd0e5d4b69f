"""A version's int8 files for phones: what they are made of, and how close their masks are to fp32's."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version as release
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import onnxruntime

from export.calibrate import realistic_feeds
from export.exchange import replace_folder
from export.float_blocks import float_layers
from export.parity import compare, of_onnx
from squeezesam_core.geometry import NetworkInput
from squeezesam_core.model import checkpoint
from squeezesam_core.model.presets import rebuild
from squeezesam_core.model.saliency_net import SaliencyNet
from squeezesam_core.model.squeezesam import SqueezeSAM
from squeezesam_core.registry import File, Manifest

Format = Literal["executorch", "ort"]
REPORT = "phone.json"


def formats_at_hand() -> list[Format]:
    """Those whose packages are installed: ONNX Runtime's, and ExecuTorch's with the extra `phone`."""
    return ["ort", "executorch"] if find_spec("executorch") else ["ort"]


def write_phone_file(
    form: Format,
    folder: Path,
    network: SqueezeSAM | SaliencyNet,
    fp32: Path,
    int8: Path,
    photos: Sequence[Path],
    *,
    items: int,
    held_out: int,
) -> tuple[File, dict[str, Any]]:
    """Write NAME.int8.pte or NAME.int8.ort into `folder`; the file, and what is to be said of it: made_with, inputs
    (shapes by name), parity with the ONNX file `fp32`.

    "executorch": a program for XNNPACK, quantized anew (executorch.py). "ort": the graph of the ONNX file `int8` in
    ONNX Runtime's format, which its mobile builds read. photos: folders of photos with masks, never test data; the
    parity is measured on others of them. Raises ParityError if the file draws other masks than fp32.
    """
    spec = replace(network.spec, square=True) if form == "executorch" else network.spec
    name = int8.name.partition(".")[0]
    if form == "executorch":
        from export import executorch

        path = folder / f"{name}.int8.pte"
        executorch.to_program(network, path, realistic_feeds(photos, spec, items, seed=0), float_layers(name))
        run, maker = executorch.run_of(path), "executorch"
    else:
        path = folder / f"{name}.int8.ort"
        to_ort(int8, path)
        run, maker = of_onnx(path), "onnxruntime"
    parity = compare(of_onnx(fp32), run, realistic_feeds(photos, spec, held_out, seed=1))
    parity.check(path.name)
    said = {"made_with": f"{maker} {release(maker)}", "inputs": inputs_of(spec), "parity": asdict(parity)}
    return File.of(path), said


def export_phone(
    model: Manifest, form: Format, photos: Sequence[Path], out: Path, *, items: int, held_out: int
) -> dict[str, Any]:
    """Replace the folder `out` by the version's file in this format and phone.json, which is returned: of which version
    the file is, and what write_phone_file says of it.

    Raises ModelFileError or InvalidDatasetError, and leaves `out` as it was.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as folder:
        work = Path(folder, "phone")
        work.mkdir()
        network = rebuild(checkpoint.load(model.path("checkpoint")))
        files = (model.path("fp32"), model.path("int8"))
        file, said = write_phone_file(form, work, network, *files, photos, items=items, held_out=held_out)
        report = {"version": model.version, "format": form, "file": asdict(file), **said}
        (work / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        work.chmod(0o755)
        replace_folder(work, out)
    return report


def to_ort(onnx: Path, path: Path) -> None:
    """Write an ONNX file in ONNX Runtime's own format, with every optimization but those for x86 alone: a mobile build
    fuses nothing when it loads, so what is not fused to int8 here computes in fp32 there."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(
        str(onnx), options, providers=["CPUExecutionProvider"], disabled_optimizers=["NchwcTransformer"]
    )


def inputs_of(spec: NetworkInput) -> dict[str, list[int | str]]:
    """Shapes by name; a free length says what it may be."""
    height, width = (spec.side, spec.side) if spec.square else (f"multiple of {spec.multiple}",) * 2
    shapes: dict[str, list[int | str]] = {"image": [1, spec.channels, height, width]}
    return shapes if spec.channels == 3 else shapes | {"points": [1, "points", 2], "labels": [1, "points"]}
