"""What an evaluation found: the JSON of `squeezesam evaluate` and the same as a table for people."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from rich.table import Table

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.evaluation.case import Case, Outcome, Plan
from squeezesam_core.evaluation.protocols.protocol import Protocol

SHARES = ("miou", "iou", "biou", "ready", "given", "maxf", "sm", "ap")
"""How the names of figures begin that are shares of 1."""


class Report:
    """Adds up the cases of one evaluation; holds figures only.

    model: what was evaluated, as its version.
    """

    def __init__(self, protocol: Protocol, plan: Plan, model: str) -> None:
        self.protocol = protocol
        self.plan = plan
        self.model = model
        self.outcomes: list[Outcome] = []

    def add(self, case: Case) -> None:
        """Count one object."""
        self.outcomes.append(case.outcome)

    def summary(self) -> dict[str, Any]:
        """The keys of `evaluate --json`: protocol, n (objects), the protocol's own figures, and last

        ms_p50 and ms_p95 of one answer once its photo is taken in, ms_open of taking one in (median), and model.
        docs/evaluation.md lists the figures; common ones are miou (masks that took no click) and iou@K for each click
        count, as shares of 1; noc85, noc90 and noc_failures (objects that never reach 0.90 in 20 clicks) where they
        were asked for. Raises InvalidDatasetError if no object was seen.
        """
        if not self.outcomes:
            raise InvalidDatasetError("No object was evaluated.", "Check --data, --limit and the protocol's rules.")
        summary: dict[str, Any] = {"protocol": self.protocol.name, "n": len(self.outcomes)}
        summary |= self.protocol.figures(self.outcomes, self.plan)
        seconds = [second for outcome in self.outcomes for second in outcome.seconds] or [0.0]
        p50, p95 = np.percentile(1000 * np.array(seconds), [50, 95])
        opening = 1000 * median(outcome.opening for outcome in self.outcomes)
        return summary | {"ms_p50": float(p50), "ms_p95": float(p95), "ms_open": opening, "model": self.model}


def text(key: str, value: Any) -> str:
    """A figure for people: shares in per cent."""
    if isinstance(value, float):
        return f"{100 * value:.1f} %" if key.startswith(SHARES) else f"{value:.3f}" if key == "mae" else f"{value:.2f}"
    return str(value)


def table(summaries: Sequence[Mapping[str, Any]]) -> Table:
    """Summaries of one protocol side by side, for people."""
    table = Table("", *(str(summary["model"]) for summary in summaries))
    for key in summaries[0]:
        if key != "model":
            table.add_row(key, *(text(key, summary[key]) for summary in summaries))
    return table
