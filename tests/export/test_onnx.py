"""The graph computes what torch computes, at every size and number of points."""

import numpy as np
import onnx
import pytest

from export.onnx import check_graph, to_onnx
from squeezesam_core.errors import ModelFileError


@pytest.fixture(scope="module")
def graph(tiny, tmp_path_factory):
    def make(kind):
        path = tmp_path_factory.mktemp(kind) / "fp32.onnx"
        to_onnx(tiny(kind), path)
        return path

    return make


def feed(network, height, width, count):
    """Random inputs by name; `count` points of every label, none for a detector."""
    rng = np.random.default_rng(height + width)
    image = rng.standard_normal((1, network.spec.channels, height, width)).astype(np.float32)
    if count == 0:
        return {"image": image}
    points = rng.random((1, count, 2)).astype(np.float32)
    return {"image": image, "points": points, "labels": np.arange(count)[None] % 5 - 1}


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("segmenter", [(64, 64, 1), (48, 96, 3), (96, 32, 12)]),
        ("square", [(64, 64, 1), (64, 64, 5)]),
        ("detector", [(64, 64, 0), (48, 96, 0)]),
    ],
    ids=["segmenter", "square", "detector"],
)
def test_graph_equals_torch(graph, tiny, kind, sizes):
    network, path = tiny(kind), graph(kind)
    check_graph(network, path, [feed(network, *size) for size in sizes])


def test_another_networks_graph_is_refused(graph, tiny):
    network = tiny("detector")
    next(network.parameters()).data.add_(0.1)
    with pytest.raises(ModelFileError, match="map differs from torch"):
        check_graph(network, graph("detector"), [feed(network, 64, 64, 0)])


def test_graph_is_one_file_that_upsamples_by_depth_to_space(graph):
    path = graph("segmenter")
    model = onnx.load(str(path))
    assert [entry.name for entry in path.parent.iterdir()] == ["fp32.onnx"]
    assert [entry.name for entry in model.graph.input] == ["image", "points", "labels"]
    assert [entry.name for entry in model.graph.output] == ["logits", "iou"]
    modes = [n.attribute for n in model.graph.node if n.op_type == "DepthToSpace"]
    assert modes
    assert all(any(a.name == "mode" and a.s == b"CRD" for a in attributes) for attributes in modes)
    assert not any(node.op_type in ("BatchNormalization", "ConvTranspose") for node in model.graph.node)
