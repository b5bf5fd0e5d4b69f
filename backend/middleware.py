"""What wraps every request: an id, a log line, a limit on the body, and no traceback to the client."""

import logging
import time
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.logs import request_id
from backend.status import Problems

log = logging.getLogger(__name__)


class RequestMiddleware:
    """Gives each request an id (X-Request-ID of the reply), one log line, and 500 as JSON if the app fails."""

    def __init__(self, app: ASGIApp, problems: Problems) -> None:
        self.app = app
        self.problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        token = request_id.set(uuid4().hex[:16])
        request, started, status = f"{scope['method']} {scope['path']}", time.perf_counter(), None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id.get()
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:  # the last place that can answer with the request's id
            problem = self.problems.record(request, error)
            if status is not None:
                raise
            reply = JSONResponse({"cause": problem.cause, "remedy": problem.remedy}, 500)
            await reply(scope, receive, send_with_id)
        finally:
            log.info("%s -> %s in %.0f ms", request, status, 1000 * (time.perf_counter() - started))
            request_id.reset(token)


class BodyLimitMiddleware:
    """Answers 413 to a body above the limit, before reading it, and 411 to one that does not say its length."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if "transfer-encoding" in headers:
            refusal = JSONResponse({"cause": "The request has no Content-Length.", "remedy": "Send one."}, 411)
            await refusal(scope, receive, send)
        elif int(headers.get("content-length") or 0) > self.limit:
            cause = f"The request is larger than {self.limit} bytes."
            refusal = JSONResponse({"cause": cause, "remedy": "Raise SQUEEZESAM_MAX_BODY_BYTES."}, 413)
            await refusal(scope, receive, send)
        else:
            await self.app(scope, receive, send)
