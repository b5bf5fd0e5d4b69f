"""Composition root of the web process: settings -> networks, image source, cache -> FastAPI app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import cv2
import httpx
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from backend.annotator import Annotator, Service
from backend.auth import BasicAuthMiddleware
from backend.cache import ByteCache
from backend.images import ImageLimits, ImageSource
from backend.label_studio import LabelStudio
from backend.middleware import BodyLimitMiddleware, RequestMiddleware
from backend.outbox import Jobs, NoJobs, Outbox
from backend.routes import routes
from backend.settings import Settings
from backend.status import Problems
from squeezesam_core.errors import SqueezeSAMError
from squeezesam_core.ort_session import load_detector, load_segmenter
from squeezesam_core.registry import default_weights
from squeezesam_core.store import DETECTOR, SEGMENTER, locate

FETCH_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
"""Seconds; Label Studio waits 100 s for a prediction."""


def create_app(settings: Settings) -> FastAPI:
    """The app that serves. Raises ModelFileError if the weights are missing or damaged."""
    annotator, _ = build_annotator(settings)
    jobs: Jobs = NoJobs()
    if settings.redis_url is not None:
        from backend.jobs import redis_jobs  # RQ is installed with the extra `queue`

        jobs = redis_jobs(settings)
    return web_app(settings, annotator, jobs)


def build_annotator(settings: Settings) -> tuple[Annotator, LabelStudio | None]:
    """What answers tasks, and the Label Studio that it reads images from. Raises ModelFileError."""
    cv2.setNumThreads(settings.threads)  # else every resize of every request takes all cores
    client, label_studio = httpx.Client(timeout=FETCH_TIMEOUT), None
    if settings.label_studio_url is not None:
        direct = {f"all://{httpx.URL(settings.label_studio_url).host}": None}  # never through the machine's proxy
        client = httpx.Client(timeout=FETCH_TIMEOUT, mounts=direct)
        secret = settings.label_studio_api_key
        key = None if secret is None else secret.get_secret_value()
        label_studio = LabelStudio(settings.label_studio_url, key, client)
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
    images = ImageSource(client, limits, label_studio, settings.local_files_root)
    annotator = Annotator(load_service(settings), images.load, ByteCache(settings.cache_bytes))
    return annotator, label_studio


def load_service(settings: Settings) -> Service:
    """Load both networks. A prediction depends on both, so the version that Label Studio stores names both."""
    weights = settings.weights or default_weights()
    segmenter = load_segmenter(locate(weights, SEGMENTER), settings.threads)
    detector = load_detector(settings.detector or locate(weights, DETECTOR), settings.threads)
    version = f"{segmenter.version}+{detector.version}"
    return Service(segmenter, detector, version, segmenter.precision, detector.precision)


def web_app(settings: Settings, annotator: Annotator, jobs: Jobs | None = None) -> FastAPI:
    """The web part around an annotator: routes, authentication, limits, errors as {cause, remedy}."""
    problems = Problems()
    outbox = Outbox(jobs or NoJobs(), problems)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = settings.concurrency
        outbox.start()
        yield
        outbox.stop()

    app = FastAPI(title="SqueezeSAM for Label Studio", lifespan=lifespan)
    app.include_router(routes(annotator, problems, outbox))

    @app.exception_handler(SqueezeSAMError)
    async def known(request: Request, error: SqueezeSAMError) -> JSONResponse:
        problem = problems.record(f"{request.method} {request.url.path}", error)
        return JSONResponse({"cause": problem.cause, "remedy": problem.remedy}, 422)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        cause = f"{'.'.join(map(str, first['loc']))}: {first['msg']}."
        return JSONResponse({"cause": cause, "remedy": "Send what Label Studio sends; see docs/backend.md."}, 422)

    @app.exception_handler(HTTPException)
    async def no_such_route(request: Request, error: HTTPException) -> JSONResponse:
        cause = f"{request.method} {request.url.path}: {error.detail}."
        return JSONResponse({"cause": cause, "remedy": "See docs/backend.md for the routes."}, error.status_code)

    app.add_middleware(BodyLimitMiddleware, limit=settings.max_body_bytes)
    if settings.basic_auth_user is not None and settings.basic_auth_password is not None:
        password = settings.basic_auth_password.get_secret_value()
        app.add_middleware(BasicAuthMiddleware, user=settings.basic_auth_user, password=password)
    app.add_middleware(RequestMiddleware, problems=problems)
    return app
