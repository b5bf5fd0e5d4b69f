"""A version's folder: int8, fp32, half-precision checkpoint, golden input and manifest, moved into place whole."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from export.calibrate import Feeds
from export.exchange import replace_folder
from export.onnx import check_graph, to_onnx
from export.parity import Parity, compare, of_onnx, threshold_of
from export.quantize import quantize
from squeezesam_core.model import checkpoint
from squeezesam_core.model.saliency_net import SaliencyNet
from squeezesam_core.model.squeezesam import SqueezeSAM
from squeezesam_core.registry import File, Manifest

GRAPH_CHECKS = 4
"""Inputs on which the graph is compared with torch, of several sizes and prompts."""


def write_bundle(
    network: SqueezeSAM | SaliencyNet,
    preset: str,
    out: Path,
    *,
    calibration: Sequence[Feeds],
    held_out: Sequence[Feeds],
    facts: Mapping[str, Any],
) -> tuple[Manifest, Parity]:
    """Export `network` and replace the folder `out` by the new version.

    calibration and held_out: calibrate.realistic_feeds with different seeds; the second measures parity and gives the
    golden input. Raises ModelFileError, and leaves `out` as it was, if the graph differs from torch's outputs or int8
    is too far from fp32.
    """
    name = "saliency" if isinstance(network, SaliencyNet) else "squeezesam"
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as folder:
        work = Path(folder, "version")
        work.mkdir()
        fp32, int8 = work / f"{name}.fp32.onnx", work / f"{name}.int8.onnx"
        to_onnx(network, fp32)
        check_graph(network, fp32, held_out[:GRAPH_CHECKS])
        quantize(fp32, int8, calibration)
        parity = compare(of_onnx(fp32), of_onnx(int8), held_out)
        parity.check(f"{name} in int8")
        content = {"network": checkpoint.half(network.state_dict()), "preset": preset, "side": network.spec.side}
        checkpoint.save(work / f"{name}.half.pt", content | {"switches": dict(network.switches)})
        _write_golden(fp32, held_out[0], work / "golden.npz")
        kinds = {
            "int8": int8,
            "fp32": fp32,
            "checkpoint": work / f"{name}.half.pt",
            "golden": work / "golden.npz",
        }
        files = {kind: File.of(path) for kind, path in kinds.items()}
        manifest = Manifest(work, name, preset, network.spec, files, {**facts, "parity": asdict(parity)})
        manifest.write()
        work.chmod(0o755)
        replace_folder(work, out)
    return manifest, parity


def _write_golden(fp32: Path, feed: Feeds, path: Path) -> None:
    content: dict[str, Any] = {**feed, "answer": of_onnx(fp32)(feed), "threshold": np.float32(threshold_of(feed))}
    np.savez_compressed(path, **content)
