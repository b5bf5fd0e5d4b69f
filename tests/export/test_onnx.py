"""The graph computes what torch computes, at every size and number of points."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from export.onnx import to_onnx

TOLERANCE = 1e-4
"""Largest difference of an output's value."""


@pytest.fixture(scope="module")
def graph(tiny, tmp_path_factory):
    def make(kind):
        path = tmp_path_factory.mktemp(kind) / "fp32.onnx"
        to_onnx(tiny(kind), path)
        return path

    return make


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
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(1)
    for height, width, count in sizes:
        image = torch.randn(1, network.spec.channels, height, width, generator=generator)
        points = torch.rand(1, count, 2, generator=generator)
        labels = torch.arange(count)[None] % 5 - 1
        with torch.no_grad():
            expected = [network(image).sigmoid()] if count == 0 else network(image, points, labels)
        given = {"image": image, "points": points, "labels": labels}
        got = session.run(None, {entry.name: given[entry.name].numpy() for entry in session.get_inputs()})
        assert max(np.abs(g - e.numpy()).max() for g, e in zip(got, expected, strict=True)) < TOLERANCE


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
