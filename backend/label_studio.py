"""Access to Label Studio's API and files with either kind of key."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Any

import httpx

from squeezesam_core.errors import SqueezeSAMError

ACCESS_TOKEN_SECONDS = 240.0
"""How long an access token is used; Label Studio's are valid for 300 s, and the rest is margin for a slow request."""

KEY_REMEDY = (
    "Set LABEL_STUDIO_API_KEY to a legacy token or personal access token, from Account & Settings in Label Studio "
    "(a legacy token must also be allowed in Organization, API Tokens Settings)."
)


class LabelStudioError(SqueezeSAMError):
    """Label Studio is not reachable, refuses the key, or answers with an error."""


class MissingError(LabelStudioError):
    """Label Studio has nothing at an address, or does not show it to the key's user."""


class MissingProjectError(LabelStudioError):
    """Label Studio has no such project, or does not show it to the key's user."""


class LabelStudio:
    """One Label Studio server and our key to it.

    A legacy token is sent as `Token`. A personal access token is a JWT refresh token: it is exchanged for an access
    token, which is sent as `Bearer` and kept until shortly before it expires.
    host: Label Studio's HOST, its address as browsers see it, if that is another one.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        client: httpx.Client,
        clock: Callable[[], float] = time.monotonic,
        host: str | None = None,
    ) -> None:
        self.url = httpx.URL(url)
        self._shown = None if host is None else httpx.URL(host)
        self._key = key
        self._client = client
        self._clock = clock
        self._access = ("", 0.0)
        self._lock = Lock()

    def address(self, path: str) -> httpx.URL:
        """The absolute URL of a path on this server; with its query, as it goes over the wire. Never another host's:
        joined as a link, a path that begins with // would name one. Raises httpx.InvalidURL."""
        return self.url.copy_with(raw_path=path.encode())

    def serves(self, url: httpx.URL) -> bool:
        """Whether a URL has this server's scheme, host and port: only such a URL ever gets the key."""
        return _origin(url) == _origin(self.url)

    def is_shown_as(self, url: httpx.URL) -> bool:
        """Whether a URL is at this server's HOST: it is asked at `url` instead, so no key goes there."""
        return self._shown is not None and _origin(url) == _origin(self._shown)

    def headers(self) -> dict[str, str]:
        """The Authorization header; empty without a key. Raises LabelStudioError if the key is refused."""
        if not self._key:
            return {}
        if self._key.count(".") != 2:
            return {"Authorization": f"Token {self._key}"}
        with self._lock:
            token, expires = self._access
            if self._clock() >= expires:
                token = self._refresh(self._key)
                self._access = (token, self._clock() + ACCESS_TOKEN_SECONDS)
        return {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, json: Any = None) -> Any:
        """Call the API; return its JSON. Raises LabelStudioError with what Label Studio said, MissingError for 404."""
        response = self._send(method, path, json, self.headers())
        if response.status_code == 401:
            raise LabelStudioError(f"Label Studio at {self.url} refuses the key (401 on {path}).", KEY_REMEDY)
        if response.is_error:
            kind = MissingError if response.status_code == 404 else LabelStudioError
            said = response.text[:500]
            raise kind(f"{method} {path} gave {response.status_code}: {said}", _remedy(response))
        return response.json() if response.content else None

    def project(self, number: int) -> dict[str, Any]:
        """A project's settings. Raises LabelStudioError, MissingProjectError if there is none of that number."""
        try:
            project: dict[str, Any] = self.call("GET", f"/api/projects/{number}/")
        except MissingError as error:
            cause = f"Label Studio at {self.url} has no project {number}, or does not show it to the key's user."
            raise MissingProjectError(cause, "Check the project's number, and whose key it is.") from error
        return project

    def prediction(self, number: int) -> list[dict[str, Any]]:
        """The regions ("result") of a prediction. Raises LabelStudioError."""
        result: list[dict[str, Any]] = self.call("GET", f"/api/predictions/{number}/")["result"]
        return result

    def _refresh(self, key: str) -> str:
        response = self._send("POST", "/api/token/refresh", {"refresh": key}, {})
        if response.is_error:
            cause = f"Label Studio at {self.url} refuses the personal access token ({response.status_code})."
            raise LabelStudioError(cause, KEY_REMEDY)
        return str(response.json()["access"])

    def _send(self, method: str, path: str, json: Any, headers: dict[str, str]) -> httpx.Response:
        try:
            return self._client.request(method, self.address(path), json=json, headers=headers)
        except httpx.HTTPError as error:
            cause = f"Label Studio at {self.url} cannot be reached: {error or type(error).__name__}."
            raise LabelStudioError(
                cause, "Set LABEL_STUDIO_URL to an address that this process can reach, not the browser's."
            ) from error


def require(label_studio: LabelStudio | None) -> LabelStudio:
    """The server with our key to it. Raises LabelStudioError if address or key are not set."""
    if label_studio is None or not label_studio.headers():
        raise LabelStudioError(
            "LABEL_STUDIO_URL or LABEL_STUDIO_API_KEY is not set.", "Set both; the key is in Account & Settings."
        )
    return label_studio


def _remedy(response: httpx.Response) -> str:
    if response.status_code == 403 and "reserved network address" in response.text:
        return (
            "Start Label Studio with USE_DEFAULT_BANNED_SUBNETS=false: it refuses backends and webhooks on private "
            "addresses by default."
        )
    return "Check the address, the project's number and the rights of the key's user."


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, _port(url)


def _port(url: httpx.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)
