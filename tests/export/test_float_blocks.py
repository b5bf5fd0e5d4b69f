"""Blocks kept in fp32: found by the names that ONNX graphs and torch modules give them, and run without a scale."""

import onnx
import pytest

from export.calibrate import realistic_feeds
from export.float_blocks import FLOAT_BLOCKS, float_layers, layers_of
from export.onnx import to_onnx
from export.quantize import quantize
from squeezesam_core.model.presets import build


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("/encoder/features.1/conv/conv.0/conv.0.0/Conv", True, id="node"),
        pytest.param("/network/encoder/features.1/Add", True, id="node-of-a-detector"),
        pytest.param("encoder.features.1.conv.2", True, id="module"),
        pytest.param("encoder.features.1", True, id="module-of-the-block"),
        pytest.param("/encoder/features.10/Add", False, id="number-begins-alike"),
        pytest.param("encoder.features.11.conv.1.0", False, id="inner-number"),
        pytest.param("/decoder/blocks.1/Concat", False, id="decoder"),
    ],
)
def test_blocks_are_found_by_number(name, found):
    assert bool(layers_of([1]).search(name)) is found


@pytest.mark.parametrize(("preset", "name"), [("serving", "squeezesam"), ("saliency", "saliency")])
def test_their_weights_stay_as_they_are(preset, name, photos, tmp_path):
    made = build(preset, side=64)
    feeds = realistic_feeds([photos], made.spec, 2)
    to_onnx(made, tmp_path / "fp32.onnx")
    quantize(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", feeds, keep_float=float_layers(name))
    graph = onnx.load(str(tmp_path / "int8.onnx")).graph
    makers = {node.output[0]: node.op_type for node in graph.node}
    convolutions = [node for node in graph.node if node.op_type == "Conv" and "/encoder/" in node.name]
    in_float = {node.name for node in convolutions if makers.get(node.input[1]) != "DequantizeLinear"}
    assert in_float == {node.name for node in convolutions if layers_of(FLOAT_BLOCKS[name]).search(node.name)}
    assert in_float
