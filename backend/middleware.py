"""What wraps every request: an id, a log line, figures, limits on what is read, and no traceback to the client."""

import asyncio
import logging
import time
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.logs import request_id
from backend.metrics import Metrics
from backend.replies import AsciiJSONResponse, refusal
from backend.stages import described, recording
from backend.status import Problems

log = logging.getLogger(__name__)

MAX_URL_BYTES = 2048
MAX_HEADER_BYTES = 16 * 2**10
BODY_SECONDS = 60.0
"""A client that sends its body slower than this is refused: it would hold a connection for ever."""

OTHER_ROUTE = "other"


class RequestMiddleware:
    """Gives each request an id (X-Request-ID of the reply), one log line, and 500 as JSON if the app fails."""

    def __init__(self, app: ASGIApp, problems: Problems, metrics: Metrics) -> None:
        self.app = app
        self.problems = problems
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        token = request_id.set(uuid4().hex[:16])
        request, started, status = described_request(scope), time.perf_counter(), None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id.get()
            await send(message)

        with recording() as times:
            try:
                await self.app(scope, receive, send_with_id)
            except Exception as error:  # the last place that can answer with the request's id
                problem = self.problems.record(request, error)
                if status is not None:
                    raise
                await refusal(problem.cause, problem.remedy, 500)(scope, receive, send_with_id)
            finally:
                took = 1000 * (time.perf_counter() - started)
                log.info("%s -> %s in %.0f ms %s", request, status, took, described(times))
                self.metrics.request(getattr(scope.get("route"), "path", OTHER_ROUTE), status or 500, times)
                request_id.reset(token)


class LimitMiddleware:
    """Refuses a request with more than is ever sent: 414 a long address, 431 long headers, 413 a large body, 408 a slow
    one. A body is counted while it is read, so that one which does not say its length (chunked) is bounded too.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = _refused_head(scope) or self._refused_length(Headers(scope=scope))
        if refused is not None:
            await refused(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await self._read(receive)
        except TimeoutError:
            cause = f"The request's body did not arrive within {BODY_SECONDS:.0f} s."
            await refusal(cause, "Check the network between Label Studio and the backend.", 408)(scope, receive, send)
            return
        if body is None:
            await self._too_large()(scope, receive, send)
            return
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, replay, send)

    def _refused_length(self, headers: Headers) -> AsciiJSONResponse | None:
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            return refusal("The request's Content-Length is not a number.", "Send the body's length in bytes.", 400)
        return self._too_large() if int(length[:20]) > self.limit else None

    async def _read(self, receive: Receive) -> bytes | None:
        """The body; None if it is too large or the client has gone."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            if len(body) > self.limit:
                return None
            if not message.get("more_body", False):
                return bytes(body)

    def _too_large(self) -> AsciiJSONResponse:
        return refusal(f"The request is larger than {self.limit} bytes.", "Raise SQUEEZESAM_MAX_BODY_BYTES.", 413)


def described_request(scope: Scope) -> str:
    """Method and path for the log, as they came over the wire: a decoded path could hold a line break."""
    path: bytes = scope.get("raw_path") or scope["path"].encode(errors="backslashreplace")
    return f"{scope['method']} {path[:MAX_URL_BYTES].decode('ascii', 'backslashreplace')}"


def _refused_head(scope: Scope) -> AsciiJSONResponse | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_URL_BYTES:
        return refusal(f"The address is longer than {MAX_URL_BYTES} bytes.", "See docs/backend.md for the routes.", 414)
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADER_BYTES:
        return refusal(f"The headers are longer than {MAX_HEADER_BYTES} bytes.", "Send what Label Studio sends.", 431)
    return None
