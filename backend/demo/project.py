"""The demo's project in Label Studio: made once, found again, connected to the backend and pre-annotated.

Every function may be called again at any time and changes nothing that is already as it should be.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from squeezesam_core.errors import SqueezeSAMError

TITLE = "SqueezeSAM demo"
_LABELING_CONFIG = Path(__file__).with_name("labeling_config.xml")
_PREDICT_SECONDS = 100.0  # Label Studio's own limit


class LabelStudioError(SqueezeSAMError):
    """Label Studio or the backend refused a request of the demo."""


def open_client(address: str, token: str) -> httpx.Client:
    """An HTTP client of Label Studio at `address` that raises LabelStudioError for every reply that is an error."""
    return httpx.Client(
        base_url=address,
        headers={"Authorization": f"Token {token}"},
        timeout=60.0,
        trust_env=False,
        event_hooks={"response": [_require_success]},
    )


def find_or_create(client: httpx.Client) -> int:
    """The id of the demo's project."""
    projects = client.get("/api/projects", params={"title": TITLE, "page_size": 1000}).json()["results"]
    for project in projects:
        if project["title"] == TITLE:
            return int(project["id"])
    project = {"title": TITLE, "label_config": _LABELING_CONFIG.read_text(), "show_collab_predictions": True}
    return int(client.post("/api/projects", json=project).json()["id"])


def import_photos(client: httpx.Client, project: int, photos: Iterable[Path]) -> None:
    """Upload `photos` as tasks, all in one request, unless the project has tasks."""
    if tasks(client, project):
        return
    with ExitStack() as files:
        parts = [("files", (p.name, files.enter_context(p.open("rb")), "image/jpeg")) for p in photos]
        client.post(f"/api/projects/{project}/import", files=parts)


def tasks(client: httpx.Client, project: int) -> list[dict[str, Any]]:
    """The project's tasks, each with its data and predictions."""
    reply = client.get("/api/tasks", params={"project": project, "fields": "all", "page_size": 1000})
    found: list[dict[str, Any]] = reply.json()["tasks"]
    return found


def connect(client: httpx.Client, project: int, backend: str) -> None:
    """Make the backend at `backend` the project's only one, with clicks on; drop those left from another port."""
    known = client.get("/api/ml", params={"project": project}).json()
    hooks = client.get("/api/webhooks/", params={"project": project}).json()
    for model in known:
        if model["url"] != backend:
            client.delete(f"/api/ml/{model['id']}")
    for hook in hooks:
        if hook["url"] != f"{backend}/webhook":
            client.delete(f"/api/webhooks/{hook['id']}/")
    if all(model["url"] != backend for model in known):
        model = {"project": project, "url": backend, "title": "SqueezeSAM", "is_interactive": True}
        client.post("/api/ml", json=model)


def pre_annotate(client: httpx.Client, project: int, backend: str) -> Iterator[tuple[int, int]]:
    """Give every task that has no prediction one from the backend; yields (done, all) before each and at the end.

    One request a task: Label Studio's own retrieval sends all in one, and loses all when one fails.
    """
    waiting = [task for task in tasks(client, project) if not task["predictions"]]
    label_config = _LABELING_CONFIG.read_text()
    for done, task in enumerate(waiting):
        yield done, len(waiting)
        question = {"tasks": [task], "project": str(project), "label_config": label_config, "params": {"context": None}}
        reply = httpx.post(f"{backend}/predict", json=question, timeout=_PREDICT_SECONDS, trust_env=False)
        _require_success(reply)
        (prediction,) = reply.json()["results"]
        client.post("/api/predictions", json={**prediction, "task": task["id"]})
    yield len(waiting), len(waiting)


def _require_success(response: httpx.Response) -> None:
    if response.is_error:
        response.read()
        raise LabelStudioError(
            f"{response.request.method} {response.request.url} was answered with {response.status_code}: "
            f"{response.text[:300]}",
            "The logs of Label Studio and the backend say more.",
        )
