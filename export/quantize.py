"""An fp32 ONNX file as int8: static QDQ, weights per channel in 7 bits.

7 bits (reduce_range), because 8-bit weights saturate the 16-bit sums of CPUs without VNNI and draw wrong masks there,
silently (docs/export.md has the figures).
"""

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from export.calibrate import Feeds

OPERATORS = ("Conv", "Gemm", "MatMul", "Add", "Concat", "MaxPool", "Clip", "Relu", "DepthToSpace")
"""Operators that run in int8. MatMuls of two activations (attention, the product of mask head and pixels) stay in
fp32: they are small, and what they compute decides every pixel."""


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feeds: Sequence[Feeds]) -> None:
        self._feeds: Iterator[Feeds] = iter(feeds)

    def get_next(self) -> Feeds | None:
        return next(self._feeds, None)


def quantize(
    fp32: Path,
    int8: Path,
    feeds: Sequence[Feeds],
    *,
    keep_float: re.Pattern[str] | None,
    operators: Sequence[str] = OPERATORS,
    every_cpu: bool = True,
) -> None:
    """Write `int8` from `fp32`, with ranges observed on `feeds`; nodes whose name `keep_float` finds stay in fp32.

    keep_float: float_blocks.float_layers of the network; None: all in int8.
    every_cpu: weights in 7 bits; else in 8, for CPUs with VNNI alone.
    """
    with tempfile.TemporaryDirectory(dir=int8.parent) as folder:  # goes with the export's own if it is killed
        prepared = Path(folder, "prepared.onnx")
        quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
        nodes = [node.name for node in onnx.load(str(prepared)).graph.node]
        exclude = [] if keep_float is None else [name for name in nodes if keep_float.search(name)]
        quantize_static(
            str(prepared),
            str(int8),
            _Reader(feeds),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(operators),
            per_channel=True,
            reduce_range=every_cpu,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=exclude,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"MatMulConstBOnly": True},
        )
