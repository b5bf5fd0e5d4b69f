"""Clicks to an IoU, by hand."""

import pytest

from squeezesam_core.evaluation.metrics import clicks_to, failures, noc

NEVER = [0.5] * 20
AT_LAST = [0.5] * 19 + [0.9]
TOO_LATE = [0.5] * 20 + [0.9]


@pytest.mark.parametrize(
    ("ious", "clicks"),
    [
        ([0.9] * 20, 1),
        ([0.1, 0.95, 0.2, 0.99, *NEVER], 2),
        (AT_LAST, 20),
        (NEVER, None),
        (TOO_LATE, None),
        ([0.899999] * 20, None),
    ],
    ids=["at once", "first time counts", "the 20th counts", "never", "the 21st does not", "just below"],
)
def test_clicks_to(ious: list[float], clicks: int | None) -> None:
    assert clicks_to(ious, 0.9) == clicks


def test_noc_counts_20_for_a_failure_and_failures_only_those() -> None:
    curves = [[0.9] * 20, AT_LAST, NEVER, [0.1, 0.1, 0.92, *NEVER]]
    assert noc(curves, 0.9) == (1 + 20 + 20 + 3) / 4
    assert failures(curves, 0.9) == 1
    assert failures(curves, 0.5) == 0
