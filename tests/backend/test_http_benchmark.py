"""The http suite starts the real command; where that fails every row says so."""

import numpy as np

from backend.benchmarks.bodies import Photo, regions
from backend.benchmarks.http import PEER_ROWS, ROWS, memory_plot, rows_of
from backend.benchmarks.server import serving
from squeezesam_core import rle


def test_rows_say_why_the_backend_does_not_start(tmp_path):
    settings = {"SQUEEZESAM_THREADS": "0"}
    rows = list(rows_of(ROWS, lambda: serving("backend.cli", ["serve"], settings, 1), tmp_path, 1, 1))
    assert [row.name for row in rows] == list(ROWS)
    assert all(row.p50_ms is None and "threads" in row.reason for row in rows)


def test_regions_lie_apart_and_one_is_under_the_clicks():
    photo = Photo("a", (400, 300))
    for count in (1, 7):
        found = [rle.decode(region["value"]["rle"], photo.size) for region in regions(photo, count)]
        assert len(found) == count
        assert np.sum(found, axis=0).max() == 1
        assert np.sum(found) > 0.2 * 400 * 300 * count / 9
    assert found[4][150, 200]


def test_the_plot_shows_every_reading():
    plot = memory_plot((100.0, 120.0, 110.0), 300)
    assert plot.count(",") >= 3
    assert "120" in plot
    assert "300 clicks" in plot


def test_the_peer_has_the_rows_of_a_click():
    assert list(PEER_ROWS) == ["mobilesam_cold_click", "mobilesam_warm_click"]
