"""Replies as JSON that always can be written, and the one form of a refusal."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

NEVER_KEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII: a reply may repeat what the request said, and half a surrogate pair cannot be written as UTF-8."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def refusal(cause: str, remedy: str, status: int, headers: Mapping[str, str] | None = None) -> AsciiJSONResponse:
    """A reply that names cause and remedy, as every error of the backend does."""
    return AsciiJSONResponse({"cause": cause, "remedy": remedy}, status, headers)
