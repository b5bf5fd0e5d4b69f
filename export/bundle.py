"""A version's folder: int8, fp32, half-precision checkpoint, golden input, phone files and manifest, moved into place
whole."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from export.calibrate import Feeds, realistic_feeds
from export.exchange import replace_folder
from export.float_blocks import float_layers
from export.onnx import check_graph, to_onnx
from export.parity import Parity, compare, of_onnx, threshold_of
from export.phone import Format, write_phone_file
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
    photos: Sequence[Path],
    items: int,
    held_out: int,
    phone: Sequence[Format],
    facts: Mapping[str, Any],
) -> tuple[Manifest, Parity]:
    """Export `network` and replace the folder `out` by the new version.

    photos: folders of photos with masks (samples.read_folder), never test data: `items` inputs of them calibrate,
    `held_out` others measure parity, and one of these is the golden input. phone: formats of files for phones that the
    version carries; facts["phone"] says what they are. Raises ParityError, and leaves `out` as it was, if the graph
    differs from torch's outputs, or int8 or a phone file is too far from fp32.
    """
    name = "saliency" if isinstance(network, SaliencyNet) else "squeezesam"
    others = realistic_feeds(photos, network.spec, held_out, seed=1)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as folder:
        work = Path(folder, "version")
        work.mkdir()
        fp32, int8 = work / f"{name}.fp32.onnx", work / f"{name}.int8.onnx"
        to_onnx(network, fp32)
        check_graph(network, fp32, others[:GRAPH_CHECKS])
        quantize(fp32, int8, realistic_feeds(photos, network.spec, items, seed=0), keep_float=float_layers(name))
        parity = compare(of_onnx(fp32), of_onnx(int8), others)
        parity.check(f"{name} in int8")
        content = {"network": checkpoint.half(network.state_dict()), "preset": preset, "side": network.spec.side}
        checkpoint.save(work / f"{name}.half.pt", content | {"switches": dict(network.switches)})
        _write_golden(fp32, others[0], work / "golden.npz")
        kinds = {
            "int8": int8,
            "fp32": fp32,
            "checkpoint": work / f"{name}.half.pt",
            "golden": work / "golden.npz",
        }
        files = {kind: File.of(path) for kind, path in kinds.items()}
        told: dict[str, Any] = {}
        for form in phone:
            files[form], told[form] = write_phone_file(
                form, work, network, fp32, int8, photos, items=items, held_out=held_out
            )
        known = {**facts, "parity": asdict(parity), "phone": told}
        manifest = Manifest(work, name, preset, network.spec, files, known)
        manifest.write()
        work.chmod(0o755)
        replace_folder(work, out)
    return manifest, parity


def _write_golden(fp32: Path, feed: Feeds, path: Path) -> None:
    content: dict[str, Any] = {**feed, "answer": of_onnx(fp32)(feed), "threshold": np.float32(threshold_of(feed))}
    np.savez_compressed(path, **content)
