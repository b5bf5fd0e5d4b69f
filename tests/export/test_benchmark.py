"""Whole clicks at a size small enough for a test, with the weights that ship."""

from itertools import islice

import pytest

from export import benchmark
from squeezesam_core.registry import default_weights

RUNTIMES = ("torch", "ort_fp32", "ort_int8")


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    monkeypatch.setattr(benchmark, "SIDES", (64,))
    monkeypatch.setattr(benchmark, "THREADS", (1,))
    monkeypatch.setattr(benchmark, "REFERENCE", "click_serving_64_ort_fp32_1t")
    monkeypatch.setenv("SQUEEZESAM_PEERS", str(tmp_path / "nothing"))


def test_every_runtime_has_its_row_and_its_ratio():
    rows = {row.name: row for row in benchmark.clicks(default_weights(), 1)}
    clicks = [f"click_{preset}_64_{runtime}_1t" for preset in ("serving", "paper") for runtime in RUNTIMES]
    assert list(rows) == [*clicks, "mobilesam_encoder_1t", "mobilesam_decoder_1t"]
    assert all(rows[name].p50_ms > 0 and rows[name].ratio_to == benchmark.REFERENCE for name in clicks)
    assert rows[benchmark.REFERENCE].ratio == 1
    assert "not on this machine" in rows["mobilesam_encoder_1t"].reason


def test_without_weights_the_rows_say_so(tmp_path):
    for row in islice(benchmark.clicks(tmp_path, 1), len(RUNTIMES)):
        assert str(tmp_path) in row.reason
        assert row.ratio is None
