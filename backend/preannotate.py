"""A whole project brought up to date: one current prediction for each task (issue 6, item 6)."""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from backend.annotator import Annotator
from backend.label_studio import LabelStudio
from backend.labeling_config import LabelingConfig, check
from backend.project_tasks import Failure, pages
from squeezesam_core.errors import SqueezeSAMError

Only = Literal["missing", "stale", "all"]
"""Which tasks: without a prediction of ours, with one of another version, or both."""

KEPT_FAILURES = 1000

OURS = re.compile(r"squeezesam-[0-9a-f]{12}(\+|$)")
"""How a model_version of this backend begins (backend.networks.model_version)."""


@dataclass
class Summary:
    """What a run did: tasks of the project, of those looked at, brought up to date, failed; and the first failures."""

    tasks: int = 0
    seen: int = 0
    written: int = 0
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)


def pre_annotate(
    project: int,
    label_studio: LabelStudio,
    annotator: Annotator,
    *,
    only: Only = "all",
    workers: int = 2,
    report: Callable[[Summary], bool] = lambda _: True,
) -> Summary:
    """Give each task of the project that wants it one prediction of the version in service.

    Older predictions of ours are deleted after the new one is there; those of others, and annotations, are not touched.
    What has a current prediction is skipped, so a run that was killed goes on where it was. A task that fails is noted
    and keeps what it had. workers: tasks at once; memory does not grow with the project.
    report: called after each task; the run ends early when it returns False.
    Raises ConfigurationError, or LabelStudioError if the tasks cannot be listed.
    """
    config = check(label_studio.project(project)["label_config"])
    renewal = _Renewal(project, label_studio, annotator, config)
    summary = Summary()
    waiting: deque[tuple[int, Future[None]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for task in _tasks(project, label_studio, summary):
            if not _wanted(task, annotator.service.model_version, only):
                summary.seen += 1
            else:
                waiting.append((task["id"], pool.submit(renewal.renew, task)))
            while len(waiting) > 2 * workers:
                _finish(waiting, summary)
            if not report(summary):
                for _, future in waiting:
                    future.cancel()  # what is in work is finished
                break
        while waiting:
            _finish(waiting, summary)
            report(summary)
    return summary


@dataclass(frozen=True)
class _Renewal:
    project: int
    label_studio: LabelStudio
    annotator: Annotator
    config: LabelingConfig

    def renew(self, task: Mapping[str, Any]) -> None:
        """Give the task one current prediction, unless it has one, and delete every other one of ours."""
        version = self.annotator.service.model_version
        ours = [p for p in self._predictions(task["id"]) if OURS.match(p["model_version"] or "")]
        current = max((p["id"] for p in ours if p["model_version"] == version), default=None)
        if current is None:
            prediction = self.annotator.pre_annotate(task, self.config)
            body = {"task": task["id"], "project": self.project, "model_version": version}
            self.label_studio.call(
                "POST", "/api/predictions/", {**body, "result": prediction.result, "score": prediction.score}
            )
        for old in ours:
            if old["id"] != current:
                self.label_studio.call("DELETE", f"/api/predictions/{old['id']}/")

    def _predictions(self, task: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.label_studio.call("GET", f"/api/predictions/?task={task}")
        return found


def _tasks(project: int, label_studio: LabelStudio, summary: Summary) -> Iterator[dict[str, Any]]:
    for tasks, total in pages(project, label_studio):
        summary.tasks = total
        yield from tasks


def _wanted(task: Mapping[str, Any], version: str, only: Only) -> bool:
    """Whether a listed task needs work: a new prediction, or one of several of ours taken away."""
    versions = [name for name in re.split(r",\s*", task["predictions_model_versions"] or "") if name]
    ours = [name for name in versions if OURS.match(name)]
    if not ours:
        return only != "stale"
    if ours == [version] and task["total_predictions"] == len(versions):
        return False  # the list holds each version once, so a second prediction of ours would show in the count
    return only != "missing" or version in ours


def _finish(waiting: "deque[tuple[int, Future[None]]]", summary: Summary) -> None:
    """Wait for the oldest task and note how it went."""
    task, future = waiting.popleft()
    if future.cancelled():
        return
    summary.seen += 1
    try:
        future.result()
    except SqueezeSAMError as error:
        _fail(summary, Failure(task, error.cause, error.remedy))
    except Exception as error:  # a bug in one task must not cost the others
        _fail(summary, Failure(task, f"Internal error ({error!r}).", "Report it, with the photo."))
    else:
        summary.written += 1


def _fail(summary: Summary, failure: Failure) -> None:
    summary.failed += 1
    if len(summary.failures) < KEPT_FAILURES:
        summary.failures.append(failure)
