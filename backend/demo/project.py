"""The demo's project in Label Studio: made once, found again, its backend where it listens now, and pre-annotated.

Every function may be called again at any time and changes nothing that is already as it should be.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from backend import configurations
from backend.connect import connect
from backend.label_studio import LabelStudio, LabelStudioError

TITLE = "SqueezeSAM demo"
_CONFIGURATION = "object"
_LOGS_REMEDY = "The logs of Label Studio and the backend, in the demo's data folder, say more."


def find_or_create(label_studio: LabelStudio) -> int:
    """The number of the demo's project."""
    for project in label_studio.call("GET", "/api/projects?page_size=1000")["results"]:
        if project["title"] == TITLE:
            return int(project["id"])
    project = {"title": TITLE, "label_config": configurations.read(_CONFIGURATION), "show_collab_predictions": True}
    return int(label_studio.call("POST", "/api/projects", project)["id"])


def import_photos(label_studio: LabelStudio, client: httpx.Client, project: int, photos: Sequence[Path]) -> None:
    """Upload `photos` as tasks unless the project has tasks; one request, so that they come all or not at all."""
    if _tasks(label_studio, project):
        return
    path = f"/api/projects/{project}/import"
    with ExitStack() as files:
        parts = {photo.name: (photo.name, files.enter_context(photo.open("rb")), "image/jpeg") for photo in photos}
        reply = client.post(label_studio.address(path), headers=label_studio.headers(), files=parts)
    _require_success(reply)


def use_backend(label_studio: LabelStudio, project: int, backend: str) -> None:
    """Connect the backend at `backend`; forget one that listened on another port at an earlier start."""
    for model in label_studio.call("GET", f"/api/ml?project={project}"):
        if model["url"] != backend:
            label_studio.call("DELETE", f"/api/ml/{model['id']}")
    for hook in label_studio.call("GET", f"/api/webhooks/?project={project}"):
        if hook["url"] != f"{backend}/webhook":
            label_studio.call("DELETE", f"/api/webhooks/{hook['id']}/")
    connect(label_studio, project, backend)


def pre_annotate(
    label_studio: LabelStudio, client: httpx.Client, project: int, backend: str
) -> Iterator[tuple[int, int]]:
    """Give every task that has no prediction one from the backend; yields (tasks done, tasks in all) before each.

    One request a task: Label Studio's own retrieval sends all in one, and loses all when one fails.
    """
    waiting = [task for task in _tasks(label_studio, project) if not task["predictions"]]
    label_config = configurations.read(_CONFIGURATION)
    for done, task in enumerate(waiting):
        yield done, len(waiting)
        reply = client.post(f"{backend}/predict", json={"tasks": [task], "label_config": label_config})
        _require_success(reply)
        (prediction,) = reply.json()["results"]
        label_studio.call("POST", "/api/predictions", {**prediction, "task": task["id"], "project": project})


def without_mask(label_studio: LabelStudio, project: int) -> int:
    """How many tasks have no prediction with a region in it."""
    return sum(not any(p["result"] for p in task["predictions"]) for task in _tasks(label_studio, project))


def _tasks(label_studio: LabelStudio, project: int) -> list[dict[str, Any]]:
    query = f"/api/tasks?project={project}&fields=all&page_size=1000"
    tasks: list[dict[str, Any]] = label_studio.call("GET", query)["tasks"]
    return tasks


def _require_success(response: httpx.Response) -> None:
    if response.is_error:
        request = response.request
        said = f"{request.method} {request.url} gave {response.status_code}: {response.text[:300]}"
        raise LabelStudioError(said, _LOGS_REMEDY)
