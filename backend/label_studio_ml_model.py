"""The two use cases as a LabelStudioMLBase subclass, one for the packages label-studio-ml 1.0.9 and 2.x.

For teams whose models share one server of that package; docs/label_studio_ml.md says when to use which. The settings
are the same environment variables as those of `squeezesam serve`.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from label_studio_ml.model import LabelStudioMLBase

from backend import events
from backend.annotator import EMPTY, Prediction
from backend.app import build_annotator, networks_of
from backend.labeling_config import parse
from backend.serving import Serving
from backend.settings import load_settings
from backend.status import Problems

log = logging.getLogger(__name__)


@cache
def _serving() -> Serving:
    """One for the process: 1.0.9 builds its model at every /setup, 2.x at every request."""
    settings = load_settings()
    serving = Serving(build_annotator(settings)[0], networks_of(settings))
    serving.start()
    return serving


class SqueezeSAM(LabelStudioMLBase):
    """Whole-object masks before the first click, refined by clicks and boxes."""

    def __init__(self, project_id: str | None = None, label_config: str | None = None, **more: Any) -> None:
        """2.x passes project_id; 1.0.9 passes train_output, hostname and access_token, of which none is needed."""
        super().__init__(project_id=project_id, label_config=label_config, **more)
        self._config = label_config
        self._problems = Problems()
        _serving()  # wrong settings and damaged weights show when the model is built

    def predict(
        self, tasks: Sequence[Mapping[str, Any]], context: Mapping[str, Any] | None = None, **_: Any
    ) -> list[dict[str, Any]]:
        """One prediction for each task, in order; for a prompt in the page, the mask that it asks for.

        A failure is logged with cause and remedy and gives an empty prediction: both packages would show the client a
        traceback, and Label Studio drops a whole batch that lacks one result.
        """
        prompts = (context or {}).get("result") or []
        return [self._reply(task, prompts) for task in (tasks[:1] if prompts else tasks)]

    def fit(self, *arguments: Any, **more: Any) -> None:
        """Note an event: 2.x passes event and data by position, 1.0.9 by name.

        It returns None because 1.0.9 would take anything else for a newly trained model.
        """
        event, data = more.get("event"), more.get("data")
        if event is None and len(arguments) >= 2:
            event, data = arguments[:2]
        log.info("Event %s", events.parse({**(data or {}), "action": event}))

    def _reply(self, task: Mapping[str, Any], prompts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        annotator = _serving().annotator
        prediction: Prediction = EMPTY
        try:
            config = parse(self._config or "")
            prediction = annotator.refine(task, prompts, config) if prompts else annotator.pre_annotate(task, config)
        except Exception as error:  # the packages know one answer to any: a traceback to the client
            self._problems.record(f"Predicting task {task.get('id')}", error)
        version = annotator.service.model_version
        return {"result": prediction.result, "score": prediction.score, "model_version": version}
