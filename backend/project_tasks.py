"""The tasks of a project, listed so that memory does not grow with it, and what is said of one that was skipped.

Plain HTTP calls rather than label-studio-sdk: a few routes are used, and the SDK installs 71 distributions, 366 MB.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from backend.label_studio import LabelStudio

PAGE = 100
"""Tasks of one request; without the masks they hold, so some kilobytes."""
_ANY_VERSIONS = {
    "filter": "filter:tasks:predictions_model_versions",
    "operator": "not_contains",
    "type": "List",
    "value": ["no version has this name"],
}
"""True of every task; but Label Studio lists the columns that are filtered by, and this one without the masks."""


@dataclass(frozen=True)
class Failure:
    """A task that was skipped, and why."""

    task: int
    cause: str
    remedy: str


def pages(project: int, label_studio: LabelStudio) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """Every task by number, a page at a time, with how many tasks there are in all; the last page is empty.

    A page begins after the last number of the one before, so tasks that come or go meanwhile shift nothing.
    Raises LabelStudioError.
    """
    last = listed = 0
    while True:
        after = {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": last}
        query = {"filters": {"conjunction": "and", "items": [after, _ANY_VERSIONS]}, "ordering": ["tasks:id"]}
        parameters = urlencode({"project": project, "page": 1, "page_size": PAGE, "query": json.dumps(query)})
        page = label_studio.call("GET", f"/api/tasks?{parameters}")
        yield page["tasks"], listed + page["total"]
        if not page["tasks"]:
            return
        last, listed = page["tasks"][-1]["id"], listed + len(page["tasks"])
