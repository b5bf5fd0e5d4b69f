"""What an evaluation found: the JSON of `squeezesam evaluate` and the same as a table for people."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

import numpy as np
from rich.table import Table

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.evaluation import metrics
from squeezesam_core.evaluation.protocols import CLICK_BY_CLICK, Case, Plan

CLICKING = ("random-clicks", *CLICK_BY_CLICK)


class Report:
    """Adds up the cases of one evaluation; holds figures only.

    model: what was evaluated, as its version.
    """

    def __init__(self, protocol: str, plan: Plan, model: str) -> None:
        self._protocol = protocol
        self._plan = plan
        self._model = model
        self._curves: list[list[float]] = []
        self._seconds: list[float] = []

    def add(self, case: Case) -> None:
        """Count one object."""
        first = min(case.ious)
        self._curves.append([case.after(max(first, clicks)) for clicks in range(metrics.CLICK_LIMIT + 1)])
        self._seconds.extend(case.seconds)

    def summary(self) -> dict[str, Any]:
        """The keys of `evaluate --json`: protocol, n (objects), then

        miou (box, saliency, detector; of from-mask the start's) or iou@K for each click count, as shares of 1; noc85,
        noc90 and noc_failures (objects that never reach 0.90 in 20 clicks) if they were asked for; ms_p50 and ms_p95
        of one answer; model. Raises InvalidDatasetError if no object was seen.
        """
        if not self._curves:
            raise InvalidDatasetError("No object was evaluated.", "Check --data and --limit.")
        summary: dict[str, Any] = {"protocol": self._protocol, "n": len(self._curves)}
        if self._protocol not in ("random-clicks", "error-clicks"):
            summary["miou"] = self._mean(0)
        if self._protocol in CLICKING:
            summary |= {f"iou@{clicks}": self._mean(clicks) for clicks in self._plan.clicks}
        if self._plan.noc:
            curves = [curve[1:] for curve in self._curves]
            summary |= {f"noc{round(100 * target)}": metrics.noc(curves, target) for target in (0.85, 0.90)}
            summary["noc_failures"] = metrics.failures(curves, 0.90)
        p50, p95 = np.percentile(1000 * np.array(self._seconds), [50, 95])
        return summary | {"ms_p50": float(p50), "ms_p95": float(p95), "model": self._model}

    def _mean(self, clicks: int) -> float:
        return fmean(curve[clicks] for curve in self._curves)


def table(summary: Mapping[str, Any]) -> Table:
    """A summary for people: shares in per cent."""
    table = Table("", "", title=str(summary["model"]), show_header=False)
    for key, value in summary.items():
        share = key.startswith(("miou", "iou"))
        text = f"{100 * value:.1f} %" if share else f"{value:.2f}" if isinstance(value, float) else str(value)
        table.add_row(key, text)
    return table
