"""A network as an ExecuTorch program (.pte) in int8, which XNNPACK runs on the CPUs of phones.

XNNPACK takes one free dimension at most: it is the number of points, and the photo is stretched to the network's side.
"""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)
from executorch.exir import to_edge_transform_and_lower
from executorch.runtime import Runtime
from torch import Tensor
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from export.calibrate import Feeds
from export.fold import fold
from export.onnx import Map
from export.parity import Run
from squeezesam_core.model.saliency_net import SaliencyNet
from squeezesam_core.model.squeezesam import SqueezeSAM

MOST_POINTS = 64
INPUTS = ("image", "points", "labels")


class _Quantizer(XNNPACKQuantizer):  # type: ignore[misc]
    """XNNPACK's, but a number in the graph stays one: made a float tensor, the labels would index nothing."""

    def transform_for_annotation(self, model: torch.fx.GraphModule) -> torch.fx.GraphModule:
        return model


def to_program(
    network: SqueezeSAM | SaliencyNet, path: Path, feeds: Sequence[Feeds], keep_float: re.Pattern[str]
) -> None:
    """Write `path`: inputs image (1, C, side, side), points (1, N, 2), labels (1, N), N from 1 to MOST_POINTS, and
    outputs logits (1, 4, side/4, side/4), iou (1, 4); or input image and output map, of a detector.

    feeds: calibrate.realistic_feeds of side x side. Modules whose name keep_float finds stay in fp32.
    """
    folded = fold(network)
    graph = Map(folded) if isinstance(folded, SaliencyNet) else folded
    inputs = [_tensors(feed) for feed in feeds]
    image, *prompt = inputs[0]
    example = (image, *(torch.cat([tensor, tensor], dim=1) for tensor in prompt))  # one point would count as fixed
    free = ({}, *({1: torch.export.Dim("points", max=MOST_POINTS)} for _ in example[1:]))
    with torch.no_grad():
        exported = torch.export.export(graph, example, dynamic_shapes=free)
        quantizer = _Quantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
        prepared = prepare_pt2e(exported.module(), quantizer.set_filter_function(partial(_in_int8, keep_float)))
        for tensors in inputs:
            prepared(*tensors)
        quantized = torch.export.export(convert_pt2e(prepared), example, dynamic_shapes=free)
    program = to_edge_transform_and_lower(quantized, partitioner=[XnnpackPartitioner()]).to_executorch()
    path.write_bytes(program.buffer)


def run_of(path: Path) -> Run:
    """The program's first output of a feed, on this machine's CPU."""
    method = Runtime.get().load_program(path).load_method("forward")
    return lambda feed: np.asarray(method.execute(_tensors(feed))[0].numpy())


def _tensors(feed: Feeds) -> tuple[Tensor, ...]:
    """Copies: an axis of one may have any stride in NumPy, and ExecuTorch takes none of 0."""
    return tuple(torch.from_numpy(feed[name].copy()) for name in INPUTS if name in feed)


def _in_int8(keep_float: re.Pattern[str], node: torch.fx.Node) -> bool:
    value = node.meta.get("val")
    modules = node.meta.get("nn_module_stack", {}).values()
    is_float = isinstance(value, Tensor) and value.dtype == torch.float32
    return is_float and not any(keep_float.search(name) for name, _ in modules)
