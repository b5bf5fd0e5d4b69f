"""Parity: what counts as the same mask."""

import pytest

from export.calibrate import realistic_feeds
from export.onnx import to_onnx
from export.parity import Parity, compare, of_onnx
from squeezesam_core.errors import ModelFileError


@pytest.mark.parametrize("kind", ["segmenter", "detector"])
def test_a_file_equals_itself(kind, tiny, photos, tmp_path):
    network = tiny(kind)
    to_onnx(network, tmp_path / "a.onnx")
    feeds = realistic_feeds([photos], network.spec, 3)
    parity = compare(of_onnx(tmp_path / "a.onnx"), of_onnx(tmp_path / "a.onnx"), feeds)
    assert (parity.same_side, parity.iou, parity.n) == (1, 1, 3)
    assert parity.snr_db > 100


@pytest.mark.parametrize(
    ("same_side", "iou", "passes"),
    [(0.999, 0.99, True), (0.9, 0.99, False), (0.999, 0.8, False)],
    ids=["equal", "pixels-differ", "masks-differ"],
)
def test_check_fails_loudly(same_side, iou, passes):
    parity = Parity(30.0, same_side, iou, 64)
    if passes:
        parity.check("this")
    else:
        with pytest.raises(ModelFileError, match=r"this .*fp32"):
            parity.check("this")
