"""Pre-annotation against the real Label Studio: an import by the queue, a project with a personal access token."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.demo import ports
from tests.e2e.running_demo import SQUEEZESAM, RunningDemo

pytestmark = pytest.mark.e2e

PHOTO = sorted((Path(ports.__file__).parent / "photos").glob("*.jpg"))[0]
STALE = "squeezesam-ba9876543210+saliency-ba9876543210"


@pytest.fixture(scope="module")
def demo(again: Callable[..., RunningDemo]) -> RunningDemo:
    return again()


def call(demo: RunningDemo, method: str, path: str, **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Token {demo.login['token']}"}
    return httpx.request(method, f"{demo.address}{path}", headers=headers, timeout=60, **options).raise_for_status()


def versions(demo: RunningDemo, task: int) -> list[str]:
    return sorted(p["model_version"] for p in call(demo, "GET", f"/api/predictions/?task={task}").json())


def test_an_imported_photo_is_pre_annotated_by_the_queue(demo: RunningDemo) -> None:
    before = {task["id"] for task in demo.tasks()}
    call(demo, "POST", f"/api/projects/{demo.project}/import", files={PHOTO.name: (PHOTO.name, PHOTO.read_bytes())})
    (new,) = {task["id"] for task in demo.tasks()} - before
    deadline = time.monotonic() + 180
    while not versions(demo, new):
        assert time.monotonic() < deadline, "nobody pre-annotated it"
        time.sleep(0.5)
    assert len(versions(demo, new)) == 1


def personal_access_token(demo: RunningDemo) -> str:
    with httpx.Client(base_url=demo.address, timeout=60, follow_redirects=True) as browser:
        browser.get("/user/login/")
        login = {"email": demo.login["email"], "password": demo.login["password"]}
        form = {**login, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        browser.post("/user/login/", data=form, headers={"Referer": demo.address})
        headers = {"X-CSRFToken": browser.cookies["csrftoken"], "Referer": demo.address}
        token: str = browser.post("/api/token/", headers=headers).raise_for_status().json()["token"]
        return token


def test_a_project_is_brought_up_to_date_with_a_personal_access_token(demo: RunningDemo) -> None:
    """One task is stale and has another model's prediction, one has two of ours, one has none."""
    stale, doubled, missing = (task["id"] for task in demo.tasks()[:3])
    (current,) = versions(demo, doubled)
    for task in (stale, missing):
        (prediction,) = call(demo, "GET", f"/api/predictions/?task={task}").json()
        call(demo, "DELETE", f"/api/predictions/{prediction['id']}/")
    for task, version in ((stale, STALE), (stale, "yolo"), (doubled, current)):
        body = {"task": task, "project": demo.project, "result": [], "score": 0.1, "model_version": version}
        call(demo, "POST", "/api/predictions/", json=body)
    env = {
        **os.environ,
        "LABEL_STUDIO_URL": demo.address,
        "LABEL_STUDIO_API_KEY": personal_access_token(demo),
    }
    argv = [str(SQUEEZESAM), "preannotate", "--project", str(demo.project), "--json"]

    def run(*options: str) -> tuple[int, dict[str, Any]]:
        done = subprocess.run([*argv, *options], env=env, capture_output=True, text=True, timeout=300, check=False)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    assert run("--only", "stale")[1]["written"] == 2
    assert (versions(demo, stale), versions(demo, doubled), versions(demo, missing)) == (
        [current, "yolo"],
        [current],
        [],
    )
    assert run("--only", "missing")[1]["written"] == 1
    assert versions(demo, missing) == [current]
    status, summary = run()
    assert (status, summary["written"], summary["seen"]) == (0, 0, len(demo.tasks()))
