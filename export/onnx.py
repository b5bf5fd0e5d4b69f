"""A folded network as an fp32 ONNX file."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from export.calibrate import Feeds
from export.fold import fold
from squeezesam_core.errors import ParityError
from squeezesam_core.model.saliency_net import SaliencyNet
from squeezesam_core.model.squeezesam import SqueezeSAM

OPSET = 17
TOLERANCE = 1e-3
"""Largest difference of any output value from torch's; about 1e-4 was measured, on logits of about 10."""


class Map(nn.Module):
    """A detector whose output is the map in 0..1 rather than its logits."""

    def __init__(self, network: SaliencyNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.network(image))


def to_onnx(network: SqueezeSAM | SaliencyNet, path: Path) -> None:
    """Write `path`: inputs image, points, labels and outputs logits, iou; or input image and output map.

    Batch 1. Height and width are free (multiples of the network's stride) unless the network's input is square; the
    number of points is free and at least 1 (label -1 pads).
    """
    spec = network.spec
    folded = fold(network)
    image = torch.zeros(1, spec.channels, spec.side, spec.side if spec.square else spec.side + spec.multiple)
    free = {} if spec.square else {2: "height", 3: "width"}
    if isinstance(folded, SaliencyNet):
        _export(Map(folded), (image,), ["image"], ["map"], {"image": free, "map": dict(free)}, path)
        return
    inputs = (image, torch.full((1, 3, 2), 0.5), torch.ones(1, 3, dtype=torch.long))
    small = {} if spec.square else {2: "quarter_height", 3: "quarter_width"}
    axes = {"image": free, "points": {1: "points"}, "labels": {1: "points"}, "logits": small}
    _export(folded, inputs, ["image", "points", "labels"], ["logits", "iou"], axes, path)


def check_graph(network: SqueezeSAM | SaliencyNet, path: Path, feeds: Sequence[Feeds]) -> None:
    """Raise ParityError unless the graph at `path` computes on `feeds` what the unfolded network does in torch."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    reference = (Map(network) if isinstance(network, SaliencyNet) else network).eval()
    for feed in feeds:
        with torch.inference_mode():
            outputs = reference(*(torch.from_numpy(feed[entry.name]) for entry in session.get_inputs()))
        expected = [outputs] if isinstance(outputs, Tensor) else outputs
        for entry, got, wanted in zip(session.get_outputs(), session.run(None, feed), expected, strict=True):
            difference = float(np.abs(got - wanted.numpy()).max())
            if not difference <= TOLERANCE:  # NaN fails too
                raise ParityError(
                    f"{path.name}: {entry.name} differs from torch's by {difference:.2g} (at most {TOLERANCE:g}).",
                    "Folding or the graph's export is wrong for this network: report its preset and torch's version.",
                )


def _export(
    network: nn.Module,
    inputs: tuple[Tensor, ...],
    input_names: list[str],
    output_names: list[str],
    axes: dict[str, dict[int, str]],
    path: Path,
) -> None:
    with warnings.catch_warnings():
        # what tracing takes for constant is constant here; check_graph compares the graph at other sizes and prompts
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            inputs,
            str(path),
            input_names=input_names,
            output_names=output_names,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,  # traces the free sizes without a guard on each
        )
