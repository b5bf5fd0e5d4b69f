"""Connect this backend to a project: check its configuration, add the backend, give the webhook its header."""

from typing import Any

from backend.auth import basic_authorization
from backend.label_studio import LabelStudio
from backend.labeling_config import check

TITLE = "SqueezeSAM"


def connect(
    label_studio: LabelStudio, project: int, backend_url: str, user: str | None = None, password: str | None = None
) -> dict[str, Any]:
    """Make a project use the backend at `backend_url` (as Label Studio reaches it); may be repeated.

    user, password: the backend's basic authentication. Label Studio sends it with predictions but not with webhooks,
    which would be refused and lost; so the webhook that it creates gets the header here.
    Returns Label Studio's description of the backend. Raises ConfigurationError with the mended configuration, or
    LabelStudioError.
    """
    check(label_studio.project(project)["label_config"])
    wanted: dict[str, Any] = {"url": backend_url, "project": project, "title": TITLE, "is_interactive": True}
    if user is not None and password is not None:
        wanted |= {"auth_method": "BASIC_AUTH", "basic_auth_user": user, "basic_auth_pass": password}
    known = [ml for ml in label_studio.call("GET", f"/api/ml?project={project}") if _same(ml["url"], backend_url)]
    path = f"/api/ml/{known[0]['id']}" if known else "/api/ml"
    backend: dict[str, Any] = label_studio.call("PATCH" if known else "POST", path, wanted)
    if user is not None and password is not None:
        headers = {"Authorization": basic_authorization(user, password)}
        for webhook in label_studio.call("GET", f"/api/webhooks/?project={project}"):
            if _same(webhook["url"], f"{backend_url.rstrip('/')}/webhook"):
                label_studio.call("PATCH", f"/api/webhooks/{webhook['id']}/", {"headers": headers})
    return backend


def _same(url: str, other: str) -> bool:
    return url.rstrip("/") == other.rstrip("/")
