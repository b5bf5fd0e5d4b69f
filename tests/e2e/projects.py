"""Projects on a running demo's Label Studio, with a labeling configuration of the test's choice."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from backend import configurations
from backend.demo import project as demo_project
from backend.label_studio import LabelStudio
from tests.e2e.running_demo import RunningDemo

PHOTOS = Path(demo_project.__file__).with_name("photos")


@dataclass(frozen=True)
class Project:
    """A project with one photo, pre-annotated by the demo's backend."""

    number: int
    task: int
    prediction: list[dict[str, Any]]


def create(demo: RunningDemo, configuration: str, photo: str) -> Project:
    """A project with a ready-made configuration; Label Studio refuses one that it cannot use."""
    config = configurations.read(configuration)
    with httpx.Client(timeout=100.0, trust_env=False) as client:
        label_studio = LabelStudio(demo.address, demo.login["token"], client)
        made = {"title": f"{configuration}, {photo}", "label_config": config}
        number = int(label_studio.call("POST", "/api/projects", made)["id"])
        demo_project.import_photos(label_studio, client, number, [PHOTOS / photo])
        backend = label_studio.call("GET", f"/api/ml?project={demo.project}")[0]["url"]
        demo_project.use_backend(label_studio, number, backend)
        [task] = label_studio.call("GET", f"/api/tasks?project={number}&fields=all")["tasks"]
        reply = client.post(f"{backend}/predict", json={"tasks": [task], "label_config": config}).raise_for_status()
        [prediction] = reply.json()["results"]
        label_studio.call("POST", "/api/predictions", {**prediction, "task": task["id"], "project": number})
    return Project(number, int(task["id"]), prediction["result"])
