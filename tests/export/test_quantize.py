"""int8 files: close to fp32, 7-bit weights, one scale a channel."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.calibrate import realistic_feeds
from export.onnx import to_onnx
from export.parity import compare, of_onnx
from export.quantize import quantize


@pytest.fixture(scope="module", params=["segmenter", "detector"])
def pair(request, tiny, photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    network = tiny(request.param)
    feeds = realistic_feeds([photos], network.spec, 8)
    to_onnx(network, folder / "fp32.onnx")
    quantize(folder / "fp32.onnx", folder / "int8.onnx", feeds, keep_float=None)
    return folder / "fp32.onnx", folder / "int8.onnx", feeds


def test_int8_is_close_to_fp32(pair):
    fp32, int8, feeds = pair
    assert compare(of_onnx(fp32), of_onnx(int8), feeds).snr_db > 15


def test_weights_have_seven_bits_and_a_scale_for_each_channel(pair):
    graph = onnx.load(str(pair[1])).graph
    values = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    made = {node.output[0]: node for node in graph.node}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert convolutions
    for node in convolutions:
        weight, scale = (values[name] for name in made[node.input[1]].input[:2])
        assert weight.dtype == np.int8
        assert np.abs(weight.astype(int)).max() <= 64
        assert scale.shape == (weight.shape[0],)
