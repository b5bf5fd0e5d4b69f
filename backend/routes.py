"""The protocol of Label Studio's machine learning backends, and /status and /metrics for people."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from anyio import CapacityLimiter, Lock, to_thread
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from backend import events
from backend.ahead import Ahead
from backend.annotator import EMPTY, Annotator, Prediction
from backend.labeling_config import LabelingConfig, check, parse
from backend.latest import Latest
from backend.metrics import CONTENT_TYPE, Metrics
from backend.outbox import Outbox
from backend.pages import status_page
from backend.parsing import JSONRoute, parsed
from backend.protocol import PredictRequest, SetupRequest, predict_request
from backend.replies import NEVER_KEPT, AsciiJSONResponse
from backend.serving import Serving
from backend.settings import Settings
from backend.status import Problems, Status
from backend.submissions import Submissions
from squeezesam_core.errors import SqueezeSAMError

log = logging.getLogger(__name__)

_PROMPTS = re.compile(rb'"context"\s*:\s*\{')
"""What the body of a smart request holds, and hardly ever that of another one."""


class TooMuchError(SqueezeSAMError):
    """More tasks or prompts in one request than the settings allow."""


def routes(
    serving: Serving,
    settings: Settings,
    problems: Problems,
    metrics: Metrics,
    submissions: Submissions,
    outbox: Outbox,
    status: Callable[[], Status],
    ahead: Ahead | None = None,
) -> APIRouter:
    """The routes. What computes runs on threads: what a person waits for on `settings.concurrency` of them, and
    requests of several tasks on one more, so that a whole project never holds up a click; the others answer at once.
    Each takes the annotator in service when its work begins, and stays with it.

    Large bodies are parsed on threads too. Smart requests, also small ones, are parsed in the order in which they came:
    backend.latest and backend.dialogues take a page's last one for its newest. Nothing else waits for them, nor they
    for anything else.

    status: reads the status; it may ask the queue, so it too runs on a thread. ahead: prepares the next photos.
    """
    router = APIRouter(route_class=JSONRoute)
    awaited, batches = CapacityLimiter(settings.concurrency), CapacityLimiter(1)
    latest, in_order = Latest(), Lock()
    parsing = CapacityLimiter(1)
    apart = CapacityLimiter(1)  # predictions that take all threads must not silence the status

    def version() -> str:
        return serving.annotator.service.model_version

    def reply(predictions: Sequence[Prediction], version: str) -> AsciiJSONResponse:
        fields = [{"result": p.result, "score": p.score, "model_version": version} for p in predictions]
        return AsciiJSONResponse({"results": fields})

    def one_of_many(annotator: Annotator, task: Any, config: LabelingConfig) -> Prediction:
        """Label Studio drops a whole batch unless each task has a result: a task that fails has an empty one."""
        started = time.perf_counter()
        try:
            prediction = annotator.pre_annotate(task, config)
        except Exception as error:  # a bug in one task must not cost the others
            problems.record(f"Pre-annotating task {task.get('id')}", error)
            return EMPTY
        metrics.predicted("photo", time.perf_counter() - started)
        return prediction

    def refined(task: Any, context: Sequence[Any], config: LabelingConfig, overtaken: Callable[[], bool]) -> Response:
        started, annotator = time.perf_counter(), serving.annotator
        submissions.clicks.prompted(task["id"], context)
        prediction = annotator.refine(task, context, config, overtaken)
        metrics.predicted("click", time.perf_counter() - started)
        return reply([prediction], annotator.service.model_version)

    @router.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "UP", "model_version": version()}

    @router.post("/setup")
    async def setup(request: SetupRequest) -> dict[str, str]:
        try:
            await parsed(check, request.label_config, parsing)
        except SqueezeSAMError as error:
            problems.record("Reading the project's labeling configuration", error)
        return {"model_version": version()}

    @router.get("/versions")
    async def versions() -> dict[str, list[str]]:
        return {"versions": [version()]}

    def pre_annotated(tasks: Sequence[Any], config: LabelingConfig) -> Response:
        annotator = serving.annotator
        predictions = [one_of_many(annotator, task, config) for task in tasks]
        return reply(predictions, annotator.service.model_version)

    def read(body: bytes) -> tuple[PredictRequest, LabelingConfig]:
        asked = predict_request(body)
        context = [] if asked.params.context is None else asked.params.context.result
        _require_at_most(len(asked.tasks), settings.max_tasks, "tasks", "SQUEEZESAM_MAX_TASKS")
        _require_at_most(len(context), settings.max_prompts, "clicks and boxes", "SQUEEZESAM_MAX_PROMPTS")
        return asked, parse(asked.label_config)

    @router.post("/predict")
    async def predict(request: Request) -> Response:
        body = await request.body()
        if _PROMPTS.search(body):
            async with in_order:  # the next one goes on only when this one awaits again, after latest.arrived
                asked, config = await parsed(read, body)
        else:
            asked, config = await parsed(read, body, parsing)
        task, context = asked.tasks[0], [] if asked.params.context is None else asked.params.context.result
        with nullcontext() if ahead is None else ahead.answering():
            if asked.params.context is None:
                limiter = awaited if len(asked.tasks) == 1 else batches
                response = await to_thread.run_sync(pre_annotated, asked.tasks, config, limiter=limiter)
            else:
                with latest.arrived(task["id"], frozenset(str(result.get("id")) for result in context)) as turn:
                    work = partial(refined, task, context, config, lambda: latest.overtaken(task["id"], turn))
                    response = await to_thread.run_sync(work, limiter=awaited)
        if ahead is not None and len(asked.tasks) == 1:
            ahead.opened(task, config)
        return response

    @router.post("/webhook")
    async def webhook(body: dict[str, Any]) -> Response:
        event = events.parse(body)
        log.info("Event %s", event)
        outbox.take(event)
        submissions.received(body)
        if ahead is not None:
            ahead.submitted(event, body["project"])
        return AsciiJSONResponse({"action": event.action})

    @router.get("/status")
    async def status_for_people(request: Request) -> Response:
        """A page for a browser, JSON for everybody else."""
        now = await to_thread.run_sync(status, limiter=apart)
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(status_page.render(now), headers=NEVER_KEPT | status_page.HEADERS)
        return AsciiJSONResponse(now.as_json(), headers=NEVER_KEPT)

    @router.get("/status.json")
    async def status_for_programs() -> Response:
        return AsciiJSONResponse((await to_thread.run_sync(status, limiter=apart)).as_json(), headers=NEVER_KEPT)

    @router.get("/metrics")
    async def metrics_for_prometheus() -> Response:
        body = await to_thread.run_sync(metrics.render, limiter=apart)
        return Response(body, headers=NEVER_KEPT, media_type=CONTENT_TYPE)

    return router


def _require_at_most(count: int, most: int, what: str, variable: str) -> None:
    if count > most:
        remedy = f"Select fewer, or raise {variable}; `squeezesam preannotate` takes a project of any size."
        raise TooMuchError(f"The request holds {count} {what}, more than {most}.", remedy)
