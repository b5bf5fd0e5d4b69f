"""Photos ahead in the stream, prepared before their task is opened, so that the first click there is a warm one.

Label Studio does not tell a backend which task comes next. Where a project is labelled in the order of its tasks (the
stream's default, and the usual way through the data manager), the next ones are those of higher number that nobody has
annotated. They are asked for when a task is clicked or submitted, on a thread of its own, never within an annotator's
request, and prepared while no request is being answered.
"""

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlencode

from backend.annotator import image_url
from backend.events import Event
from backend.labeling_config import LabelingConfig, parse
from squeezesam_core.errors import SqueezeSAMError

log = logging.getLogger(__name__)

AHEAD = 3
"""Photos prepared ahead of each open task."""
ASLEEP = 19
"""The thread's nice value: it gets what no request wants."""

Call = Callable[[str, str], Any]
"""Method and path of Label Studio's API -> its JSON."""


class Ahead:
    """Prepares photos on one thread. Of requests that come while it is busy, the last counts.

    call: asks Label Studio; raises LabelStudioError. prepare: given the address of a photo; raises SqueezeSAMError.
    """

    def __init__(self, call: Call, prepare: Callable[[str], object]) -> None:
        self._call = call
        self._prepare = prepare
        self._changed = threading.Condition()
        self._wanted: tuple[Mapping[str, Any], LabelingConfig] | None = None
        self._requests = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)
        self._thread.start()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While a request is being answered nothing is begun here."""
        with self._changed:
            self._requests += 1
        try:
            yield
        finally:
            with self._changed:
                self._requests -= 1
                self._changed.notify_all()

    def opened(self, task: Mapping[str, Any], config: LabelingConfig) -> None:
        """An annotator works on a task: prepare those after it."""
        with self._changed:
            self._wanted = (task, config)
            self._changed.notify_all()

    def submitted(self, event: Event, project: Mapping[str, Any]) -> None:
        """An annotation was made, or a task skipped: its annotator goes on to those after it, clicks or not.

        project: as the event's webhook describes it.
        """
        if event.action == "ANNOTATION_CREATED" and event.tasks:
            with suppress(SqueezeSAMError):  # whoever opens a task of a wrong configuration is told
                config = parse(str(project.get("label_config")))
                self.opened({"id": event.tasks[0], "project": event.project}, config)

    def close(self) -> None:
        """End after the photo at hand."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        with suppress(OSError, AttributeError):  # on Linux a priority belongs to a thread; elsewhere it stays as it is
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), ASLEEP)
        done: tuple[Any, Any] | None = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or (self._wanted is not None and not self._requests))
                if self._closed or self._wanted is None:
                    return
                (task, config), self._wanted = self._wanted, None
            about = (task.get("project"), task.get("id"))
            if about != done:
                self._prepare_after(task, config)
                done = about

    def _prepare_after(self, task: Mapping[str, Any], config: LabelingConfig) -> None:
        try:
            following = self._call("GET", _following(task["project"], task["id"]))["tasks"]
        except (SqueezeSAMError, LookupError, TypeError) as error:
            log.info("Photos after task %s are not prepared: %s", task.get("id"), error)
            return
        for one in following[:AHEAD]:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or not self._requests)
                if self._closed or self._wanted is not None:
                    return
            with suppress(SqueezeSAMError):  # whoever opens that task is told
                self._prepare(image_url(one, config))


def _following(project: object, task: object) -> str:
    """The API's path for the next tasks without annotations, in order."""
    conditions = [("id", "greater", task), ("total_annotations", "equal", 0)]
    items = [
        {"filter": f"filter:tasks:{column}", "operator": operator, "type": "Number", "value": value}
        for column, operator, value in conditions
    ]
    query = json.dumps({"filters": {"conjunction": "and", "items": items}, "ordering": ["tasks:id"]})
    # addresses as they stand in the tasks, unresolved: so they come with a request as well
    parameters = {"project": project, "page_size": AHEAD, "fields": "task_only", "resolve_uri": "false", "query": query}
    return f"/api/tasks/?{urlencode(parameters)}"
