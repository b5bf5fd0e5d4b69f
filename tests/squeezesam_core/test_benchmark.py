"""The benchmark's rows: figures where a step ran, the reason where it could not."""

import pytest

from squeezesam_core.benchmark import Row, core, measure, report
from squeezesam_core.errors import ModelFileError


@pytest.mark.parametrize(
    ("times", "reference", "row"),
    [
        ([1.0, 2.0, 3.0], (), Row("r", 2.0, 2.9)),
        ([1.0, 2.0, 3.0], [4.0, 4.0], Row("r", 2.0, 2.9, 0.5, "fp32")),
        ([5.0], [5.0], Row("r", 5.0, 5.0, 1.0, "fp32")),
    ],
    ids=["alone", "half-of-fp32", "fp32-itself"],
)
def test_row(times, reference, row):
    assert Row.of("r", times, reference, "fp32") == row


def broken():
    raise ModelFileError("It is missing.", "Export it.")


def uninstalled():
    raise ModuleNotFoundError("No module named 'torch'", name="torch")


def test_a_step_that_cannot_be_made_has_its_reason():
    runs = []
    rows = measure({"a": lambda: lambda: runs.append(1), "b": broken, "c": uninstalled}, 4, reference="b")
    assert [(row.name, row.ratio, row.reason) for row in rows] == [
        ("a", None, None),
        ("b", None, "It is missing."),
        ("c", None, "torch is not installed."),
    ]
    assert len(runs) > 4  # some to warm up


def test_every_row_is_there_without_weights(tmp_path):
    rows = list(core(tmp_path, 1))
    assert [row.name for row in rows] == [
        *("segment_int8", "segment_fp32", "detect_int8", "detect_fp32"),
        *("prepare_1mpx", "prepare_12mpx", "fuse_1mpx", "fuse_12mpx", "upsample_1mpx", "upsample_12mpx"),
    ]
    assert all(row.p50_ms is None and str(tmp_path) in row.reason for row in rows)


def test_report_names_the_machine():
    document = report("core", [Row("a", 1.0, 2.0)])
    assert set(document) == {"suite", "machine", "rows"}
    assert {"cpu", "cores", "vnni", "onnxruntime"} <= set(document["machine"])
    (row,) = document["rows"]
    assert {name: value for name, value in row.items() if value is not None} == {
        "name": "a",
        "p50_ms": 1.0,
        "p95_ms": 2.0,
    }
