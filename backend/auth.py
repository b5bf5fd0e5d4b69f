"""HTTP basic authentication of the backend's own routes; /health stays open for probes."""

import base64
import binascii
import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.replies import refusal

OPEN_PATHS = frozenset({"/health"})

CAUSE = "The request has no valid user and password."
REMEDY = (
    "Set SQUEEZESAM_BASIC_AUTH_USER and _PASSWORD of the backend as its basic authentication in Label Studio, and as "
    "the Authorization header of its webhook; `squeezesam connect --project N` does both."
)


class BasicAuthMiddleware:
    """Answers 401 to every request without the right `Authorization: Basic` header, except on OPEN_PATHS."""

    def __init__(self, app: ASGIApp, user: str, password: str) -> None:
        self.app = app
        self.expected = f"{user}:{password}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or self._admits(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        challenge = {"WWW-Authenticate": 'Basic realm="SqueezeSAM"'}
        await refusal(CAUSE, REMEDY, 401, challenge)(scope, receive, send)

    def _admits(self, headers: Headers) -> bool:
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(credentials, validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(given, self.expected)


def basic_authorization(user: str, password: str) -> str:
    """The value of the Authorization header that the middleware accepts."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
