"""Composition root of the web process: settings -> networks, image source, cache -> FastAPI app."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import cv2
import httpx
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from backend.addresses import AddressPolicy
from backend.ahead import Ahead
from backend.annotator import Annotator, Service
from backend.auth import BasicAuthMiddleware
from backend.cache import ByteCache
from backend.images import ImageLimits, ImageSource
from backend.label_studio import LabelStudio
from backend.metrics import CacheStatistics, Metrics
from backend.middleware import LimitMiddleware, RequestMiddleware, described_request
from backend.outbox import Jobs, NoJobs, Outbox
from backend.replies import AsciiJSONResponse, refusal
from backend.routes import routes
from backend.settings import Settings
from backend.status import Problems, Status, waiting
from backend.submissions import Submissions
from squeezesam_core.errors import SqueezeSAMError
from squeezesam_core.ort_session import load_detector, load_segmenter
from squeezesam_core.registry import default_weights
from squeezesam_core.store import DETECTOR, SEGMENTER, locate

FETCH_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
"""Seconds; Label Studio waits 100 s for a prediction."""

MOST_SAID = 500
"""Characters of a cause that repeats names out of the request."""


def create_app(settings: Settings) -> FastAPI:
    """The app that serves. Raises ModelFileError if the weights are missing or damaged."""
    annotator, label_studio = build_annotator(settings)
    jobs: Jobs = NoJobs()
    if settings.redis_url is not None:
        from backend.jobs import redis_jobs  # RQ is installed with the extra `queue`

        jobs = redis_jobs(settings)
    ahead = None
    if label_studio is not None and settings.label_studio_api_key is not None:
        ahead = Ahead(label_studio.call, annotator.scenes)
    return web_app(settings, annotator, label_studio=label_studio, jobs=jobs, caches=annotator.caches, ahead=ahead)


def build_annotator(settings: Settings) -> tuple[Annotator, LabelStudio | None]:
    """What answers tasks, and the Label Studio that it reads images from. Raises ModelFileError."""
    cv2.setNumThreads(settings.threads)  # else every resize of every request takes all cores
    label_studio, client = access(settings)
    images = image_source(settings, label_studio, client)
    return Annotator(load_service(settings), images.load, ByteCache(settings.cache_bytes)), label_studio


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


def load_service(settings: Settings) -> Service:
    """Load both networks. A prediction depends on both, so the version that Label Studio stores names both."""
    weights = settings.weights or default_weights()
    segmenter = load_segmenter(locate(weights, SEGMENTER), settings.threads)
    detector = load_detector(settings.detector or locate(weights, DETECTOR), settings.threads)
    version = f"{segmenter.version}+{detector.version}"
    return Service(segmenter, detector, version, segmenter.precision, detector.precision)


def web_app(
    settings: Settings,
    annotator: Annotator,
    *,
    label_studio: LabelStudio | None = None,
    jobs: Jobs | None = None,
    caches: Mapping[str, CacheStatistics] | None = None,
    ahead: Ahead | None = None,
) -> FastAPI:
    """The web part around an annotator: routes, authentication, limits, errors as {cause, remedy}.

    label_studio: asked for predictions to compare annotations with. jobs: where work is asked for, None without a
    queue; caches: by name, for /metrics. ahead: prepares the photos that come next.
    """
    problems, metrics, started = Problems(), Metrics(), time.monotonic()
    outbox = Outbox(jobs or NoJobs(), problems)
    fetch = None if label_studio is None or settings.label_studio_api_key is None else label_studio.prediction
    submissions = Submissions(metrics, problems, fetch, settings.max_image_pixels)
    metrics.watch_queue(lambda: waiting(outbox.overview()))
    for name, cache in (caches or {}).items():
        metrics.watch_cache(name, cache)

    def status() -> Status:
        latest = problems.latest_first()
        return Status(annotator.service, started, metrics.history, latest, outbox.overview(), settings.label_studio_url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        outbox.start()
        yield
        outbox.stop()
        submissions.close()
        if ahead is not None:
            ahead.close()

    # FastAPI's own pages load scripts from elsewhere
    app = FastAPI(title="SqueezeSAM for Label Studio", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.include_router(routes(annotator, settings, problems, metrics, submissions, outbox, status, ahead))

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
