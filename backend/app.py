"""Composition root of the web process: settings -> networks, image source, cache -> FastAPI app."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import cv2
import httpx
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from backend.addresses import AddressPolicy
from backend.ahead import Ahead
from backend.annotator import Annotator
from backend.auth import BasicAuthMiddleware
from backend.cache import ByteCache
from backend.images import ImageLimits, ImageSource
from backend.label_studio import LabelStudio
from backend.metrics import Metrics
from backend.middleware import LimitMiddleware, RequestMiddleware, described_request
from backend.networks import load_service, named_version
from backend.outbox import Jobs, NoJobs, Outbox
from backend.replies import AsciiJSONResponse, refusal
from backend.routes import routes
from backend.serving import BUCKET_LOOK_SECONDS, LOOK_SECONDS, Serving, Source
from backend.settings import Settings
from backend.status import Problems, Status, waiting
from backend.submissions import Submissions
from squeezesam_core.errors import SqueezeSAMError
from squeezesam_core.store import is_folder

FETCH_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
"""Seconds; Label Studio waits 100 s for a prediction."""

MOST_SAID = 500
"""Characters of a cause that repeats names out of the request."""


def create_app(settings: Settings) -> FastAPI:
    """The app that serves. Raises ModelFileError if the weights are missing or damaged."""
    annotator, label_studio = build_annotator(settings)
    source = networks_of(settings)
    jobs: Jobs = NoJobs()
    if settings.redis_url is not None:
        from backend.jobs import redis_jobs  # RQ is installed with the extra `queue`

        jobs = redis_jobs(settings)
    return web_app(settings, annotator, label_studio=label_studio, jobs=jobs, source=source, looks_ahead=True)


def build_annotator(settings: Settings) -> tuple[Annotator, LabelStudio | None]:
    """What answers tasks, and the Label Studio that it reads images from. Raises ModelFileError."""
    cv2.setNumThreads(settings.threads)  # else every resize of every request takes all cores
    label_studio, client = access(settings)
    images = image_source(settings, label_studio, client)
    return Annotator(load_service(settings), images.load, ByteCache(settings.cache_bytes)), label_studio


def networks_of(settings: Settings) -> Source:
    """Where newer networks come from."""
    near = settings.weights is None or is_folder(settings.weights)
    every = LOOK_SECONDS if near else BUCKET_LOOK_SECONDS
    return Source(partial(named_version, settings), partial(load_service, settings), every)


def access(settings: Settings) -> tuple[LabelStudio | None, httpx.Client]:
    """Label Studio, None if its address is not set, and the client for everything on the web."""
    if settings.label_studio_url is None:
        return None, httpx.Client(timeout=FETCH_TIMEOUT)
    direct = {f"all://{httpx.URL(settings.label_studio_url).host}": None}  # never through the machine's proxy
    client = httpx.Client(timeout=FETCH_TIMEOUT, mounts=direct)
    secret = settings.label_studio_api_key
    key = None if secret is None else secret.get_secret_value()
    return LabelStudio(settings.label_studio_url, key, client, host=settings.label_studio_host), client


def image_source(settings: Settings, label_studio: LabelStudio | None, client: httpx.Client) -> ImageSource:
    """Where tasks' images are read from, within the settings' limits."""
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    policy = AddressPolicy(settings.private_image_hosts)
    return ImageSource(client, limits, label_studio, settings.local_files_root, policy)


def web_app(
    settings: Settings,
    annotator: Annotator,
    *,
    label_studio: LabelStudio | None = None,
    jobs: Jobs | None = None,
    source: Source | None = None,
    looks_ahead: bool = False,
) -> FastAPI:
    """The web part around an annotator: routes, authentication, limits, errors as {cause, remedy}.

    label_studio: asked for predictions to compare annotations with. jobs: where work is asked for, None without a
    queue. source: of the networks that may take the place of the annotator's. looks_ahead: whether the photos that come
    next are prepared; Label Studio and its key are needed for it.
    """
    problems, metrics, started = Problems(), Metrics(), time.monotonic()
    serving = Serving(annotator, source)
    outbox = Outbox(jobs or NoJobs(), problems)
    asked = None if settings.label_studio_api_key is None else label_studio
    fetch = None if asked is None else asked.prediction
    submissions = Submissions(metrics, problems, fetch, settings.max_image_pixels)

    def prepare(url: str) -> None:
        serving.annotator.scenes.get(url)

    ahead = Ahead(asked.call, prepare) if asked is not None and looks_ahead else None
    metrics.watch_queue(lambda: waiting(outbox.overview()))
    for name, cache in annotator.caches.items():
        metrics.watch_cache(name, cache)

    def status() -> Status:
        return Status(
            serving.annotator.service,
            started,
            metrics.history,
            problems.latest_first(),
            outbox.overview(),
            settings.label_studio_url,
            serving.refusal,
        )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        outbox.start()
        serving.start()
        yield
        serving.stop()
        outbox.stop()
        submissions.close()
        if ahead is not None:
            ahead.close()

    # FastAPI's own pages load scripts from elsewhere
    app = FastAPI(title="SqueezeSAM for Label Studio", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.include_router(routes(serving, settings, problems, metrics, submissions, outbox, status, ahead))

    @app.exception_handler(SqueezeSAMError)
    async def known(request: Request, error: SqueezeSAMError) -> AsciiJSONResponse:
        problem = problems.record(f"{request.method} {request.url.path}", error)
        return refusal(problem.cause, problem.remedy, 422)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> AsciiJSONResponse:
        first = error.errors()[0]
        cause = f"{'.'.join(map(str, first['loc']))}: {first['msg']}."
        return refusal(cause[:MOST_SAID], "Send what Label Studio sends; see docs/backend.md.", 422)

    @app.exception_handler(HTTPException)
    async def no_such_route(request: Request, error: HTTPException) -> AsciiJSONResponse:
        cause = f"{described_request(request.scope)}: {error.detail}."
        return refusal(cause, "See docs/backend.md for the routes.", error.status_code, error.headers)

    app.add_middleware(LimitMiddleware, limit=settings.max_body_bytes)
    if settings.basic_auth_user is not None and settings.basic_auth_password is not None:
        password = settings.basic_auth_password.get_secret_value()
        app.add_middleware(BasicAuthMiddleware, user=settings.basic_auth_user, password=password)
    app.add_middleware(RequestMiddleware, problems=problems, metrics=metrics)
    return app
