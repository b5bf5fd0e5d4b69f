"""Request bodies parsed so that nobody else waits for it: small ones at once, large ones on a thread."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request, Response
from fastapi.routing import APIRoute

Parsed = TypeVar("Parsed")
Text = TypeVar("Text", bytes, str)

INLINE_BYTES = 256 * 2**10
"""Larger bodies are parsed on a thread: megabytes take up to seconds, in which the event loop would answer nobody. Most
clicks are smaller, and parsed sooner than a thread of a busy machine gets its turn."""


async def parsed(parse: Callable[[Text], Parsed], body: Text, limiter: CapacityLimiter | None = None) -> Parsed:
    """parse(body), and what it raises.

    limiter: of large bodies parsed at once. Python runs one thread at a time, so the loop has to wait for each of them.
    """
    if len(body) <= INLINE_BYTES:
        return parse(body)
    return await to_thread.run_sync(parse, body, limiter=limiter)


class JSONRoute(APIRoute):
    """A route whose JSON body is parsed in this way, one large one at a time; what FastAPI makes of it and of errors
    stays as it is."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler, limiter = super().get_route_handler(), CapacityLimiter(1)

        class ParsedRequest(Request):
            async def json(self) -> Any:
                return await parsed(parse_json, await self.body(), limiter)

        async def handle(request: Request) -> Response:
            return await handler(ParsedRequest(request.scope, request.receive))

        return handle


def parse_json(body: bytes) -> Any:
    """json.loads alone lets no other thread run before its end; a call for each object does."""
    return json.loads(body, object_hook=lambda entry: entry)
