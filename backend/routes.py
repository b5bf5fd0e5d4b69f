"""The protocol of Label Studio's machine learning backends, and /status for people."""

import logging
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from backend import events
from backend.annotator import EMPTY, Annotator, Prediction
from backend.labeling_config import LabelingConfig, check, parse
from backend.outbox import Outbox
from backend.status import Problems
from squeezesam_core.errors import SqueezeSAMError

log = logging.getLogger(__name__)

SELF_CHECKS = {"int8": "passed", "fp32": "failed"}


class Context(BaseModel):
    """The prompts drawn in the page."""

    result: list[dict[str, Any]] = []


class PredictParams(BaseModel):
    context: Context | None = None


class PredictRequest(BaseModel):
    """What Label Studio posts; fields that are not used are ignored."""

    tasks: list[dict[str, Any]] = Field(min_length=1)
    label_config: str
    params: PredictParams = PredictParams()


class SetupRequest(BaseModel):
    label_config: str = Field(alias="schema")


def routes(annotator: Annotator, problems: Problems, outbox: Outbox) -> APIRouter:
    """The routes. Those that compute are plain functions, so they run on threads; the others answer at once."""
    router = APIRouter()
    version = annotator.service.model_version

    def reply(prediction: Prediction) -> dict[str, Any]:
        return {"result": prediction.result, "score": prediction.score, "model_version": version}

    def one_of_many(task: dict[str, Any], config: LabelingConfig) -> Prediction:
        """Label Studio drops a whole batch unless each task has a result: a task that fails has an empty one."""
        try:
            return annotator.pre_annotate(task, config)
        except Exception as error:  # a bug in one task must not cost the others
            problems.record(f"Pre-annotating task {task.get('id')}", error)
            return EMPTY

    @router.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "UP", "model_version": version}

    @router.post("/setup")
    async def setup(request: SetupRequest) -> dict[str, str]:
        try:
            check(request.label_config)
        except SqueezeSAMError as error:
            problems.record("Reading the project's labeling configuration", error)
        return {"model_version": version}

    @router.get("/versions")
    async def versions() -> dict[str, list[str]]:
        return {"versions": [version]}

    @router.post("/predict")
    def predict(request: PredictRequest) -> dict[str, Any]:
        config = parse(request.label_config)
        if request.params.context is not None and request.params.context.result:
            return {"results": [reply(annotator.refine(request.tasks[0], request.params.context.result, config))]}
        return {"results": [reply(one_of_many(task, config)) for task in request.tasks]}

    @router.post("/webhook")
    async def webhook(body: dict[str, Any]) -> dict[str, str]:
        event = events.parse(body)
        log.info("Event %s", event)
        outbox.take(event)
        return {"action": event.action}

    @router.get("/status")
    def status() -> dict[str, Any]:  # the queue may take seconds not to answer
        service = annotator.service
        return {
            "model_version": version,
            "segmenter": _network(service.segmenter_precision),
            "detector": _network(service.detector_precision),
            **asdict(outbox.overview()),
            "problems": problems.latest_first(),
        }

    return router


def _network(precision: str) -> dict[str, str]:
    """int8 serves only after its self-check, fp32 where that failed; squeezesam_core.ort_session logs the details."""
    return {"precision": precision, "self_check": SELF_CHECKS.get(precision, "none")}
