"""The http suite starts the real command; without weights every row says so."""

from backend.benchmark import NAMES, http


def test_rows_say_why_the_backend_does_not_start(tmp_path):
    rows = http(tmp_path, 1)
    assert [row.name for row in rows] == list(NAMES)
    assert all(row.p50_ms is None and str(tmp_path) in row.reason for row in rows)
