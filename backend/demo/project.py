"""The demo's project in Label Studio: made once, found again, its backend where it listens now, and pre-annotated.

Every function may be called again at any time and changes nothing that is already as it should be.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from backend import configurations
from backend.connect import connect
from backend.jobs import WAITING, RedisJobs
from backend.label_studio import LabelStudio, LabelStudioError
from backend.outbox import PRE_ANNOTATION
from backend.status import JobRecord

TITLE = "SqueezeSAM demo"
_CONFIGURATION = "object"
_JOB_SECONDS = 600.0
_POLL_SECONDS = 0.3
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


def pre_annotate(label_studio: LabelStudio, jobs: RedisJobs, project: int, backend: str) -> Iterator[JobRecord]:
    """Have the queue's job pre-annotate the project unless it is up to date; yields the job a few times a second."""
    version = httpx.get(f"{backend}/health", trust_env=False).json()["model_version"]
    if all([p["model_version"] for p in task["predictions"]] == [version] for task in _tasks(label_studio, project)):
        return
    jobs.request(PRE_ANNOTATION, project)
    deadline = time.monotonic() + _JOB_SECONDS
    while time.monotonic() < deadline:
        job = next(job for job in jobs.overview().jobs if (job.kind, job.project) == (PRE_ANNOTATION, project))
        if job.state not in WAITING:
            return
        yield job
        time.sleep(_POLL_SECONDS)
    raise LabelStudioError(f"The photos were not pre-annotated within {_JOB_SECONDS:.0f} s.", _LOGS_REMEDY)


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
