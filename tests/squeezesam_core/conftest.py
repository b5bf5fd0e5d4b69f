"""Versions of the test's own, written as export writes them: one convolution that draws what the prompt says, and a
detector for which bright is salient."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from squeezesam_core.geometry import NetworkInput
from squeezesam_core.registry import File, Manifest

SIDE = 64


def _graph(path: Path, nodes: list, inputs: list, outputs: list, constants: dict[str, np.ndarray]) -> None:
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "test", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


def _segmenter(path: Path, sign: int) -> None:
    kernel = np.zeros((4, 7, 4, 4), np.float32)
    kernel[:, [3, 4, 6]] = sign * 10 / 16
    kernel[:, 5] = -sign * 10
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 7, "height", "width"])
    points = helper.make_tensor_value_info("points", TensorProto.FLOAT, [1, "n", 2])
    labels = helper.make_tensor_value_info("labels", TensorProto.INT64, [1, "n"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4, "h", "w"])
    iou = helper.make_tensor_value_info("iou", TensorProto.FLOAT, [1, 4])
    nodes = [
        helper.make_node("Conv", ["image", "kernel", "bias"], ["logits"], strides=[4, 4]),
        helper.make_node("Identity", ["estimate"], ["iou"]),
    ]
    constants = {
        "kernel": kernel,
        "bias": np.full(4, -5 * sign, np.float32),
        "estimate": np.array([[0.75, 0.1, 0.2, 0.3]], np.float32),
    }
    _graph(path, nodes, [image, points, labels], [logits, iou], constants)


def _detector(path: Path, sign: int) -> None:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "height", "width"])
    saliency = helper.make_tensor_value_info("saliency", TensorProto.FLOAT, [1, 1, "h", "w"])
    kernel = np.full((1, 3, 4, 4), sign / 16, np.float32)
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["logits"], strides=[4, 4]),
        helper.make_node("Sigmoid", ["logits"], ["saliency"]),
    ]
    _graph(path, nodes, [image], [saliency], {"kernel": kernel})


def _golden(path: Path, fp32: Path, channels: int) -> None:
    rng = np.random.default_rng(0)
    feeds = {"image": rng.standard_normal((1, channels, SIDE, SIDE)).astype(np.float32)}
    if channels == 7:
        feeds |= {"points": np.zeros((1, 1, 2), np.float32), "labels": np.ones((1, 1), np.int64)}
        feeds["image"][:, 3] = feeds["image"][:, 0] > 0
    answer = onnxruntime.InferenceSession(str(fp32), providers=["CPUExecutionProvider"]).run(None, feeds)[0]
    np.savez(path, answer=answer, threshold=0.0 if channels == 7 else 0.5, **feeds)


def write_version(directory: Path, channels: int, int8_is_right: bool) -> Manifest:
    directory.mkdir(parents=True)
    write = _segmenter if channels == 7 else _detector
    name = "squeezesam" if channels == 7 else "saliency"
    paths = {kind: directory / f"{name}.{kind}.onnx" for kind in ("fp32", "int8")}
    write(paths["fp32"], 1)
    write(paths["int8"], 1 if int8_is_right else -1)
    paths["golden"] = directory / "golden.npz"
    _golden(paths["golden"], paths["fp32"], channels)
    files = {kind: File.of(path) for kind, path in paths.items()}
    spec = NetworkInput(SIDE, channels=channels)
    manifest = Manifest(directory, name, "serving" if channels == 7 else "saliency", spec, files, {"note": "test"})
    manifest.write()
    return manifest


@pytest.fixture
def version(tmp_path: Path) -> Callable[..., Manifest]:
    """channels (7 segmenter, 3 detector), int8_is_right -> a version in a folder of its own."""

    def make(channels: int = 7, int8_is_right: bool = True) -> Manifest:
        name = "squeezesam" if channels == 7 else "saliency"
        return write_version(tmp_path / "weights" / name, channels, int8_is_right)

    return make
