"""`squeezesam doctor` finds each fault on the real Label Studio, and the figures come from its real webhooks."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.connect import connect
from backend.doctor.examination import examine_label_studio
from backend.doctor.finding import Finding
from backend.label_studio import LabelStudio
from backend.settings import Settings
from tests.e2e.running_demo import RunningDemo

pytestmark = pytest.mark.e2e

SQUEEZESAM = Path(sys.executable).with_name("squeezesam")
NO_SMART = (
    '<View><Image name="image" value="$image"/><BrushLabels name="mask" toName="image"><Label value="Object"/>'
    "</BrushLabels></View>"
)


@pytest.fixture(scope="module")
def demo(again: Callable[..., RunningDemo]) -> RunningDemo:
    return again()


@pytest.fixture(scope="module")
def studio(demo: RunningDemo) -> Iterator[LabelStudio]:
    with httpx.Client(timeout=30.0) as client:
        yield LabelStudio(demo.address, demo.login["token"], client)


@pytest.fixture(scope="module")
def backend(demo: RunningDemo) -> str:
    (entry,) = demo.get(f"/api/ml?project={demo.project}")
    return str(entry["url"])


def examine(demo: RunningDemo, backend: str, **settings: Any) -> list[Finding]:
    access = {"label_studio_url": demo.address, "label_studio_api_key": demo.login["token"]}
    return list(examine_label_studio(Settings(**(access | settings)), demo.project, backend))


def test_the_demo_is_right(demo: RunningDemo, backend: str) -> None:
    env = os.environ | {"LABEL_STUDIO_URL": demo.address, "LABEL_STUDIO_API_KEY": demo.login["token"]}
    argv = [SQUEEZESAM, "doctor", "--project", str(demo.project), "--backend", backend, "--json"]
    run = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    report = json.loads(run.stdout)
    assert [finding for finding in report["findings"] if finding["state"] != "ok"] == []
    assert run.returncode == 0


@contextmanager
def changed(studio: LabelStudio, path: str, **values: Any) -> Iterator[None]:
    """Values of something in Label Studio, put back afterwards."""
    before = studio.call("GET", path)
    studio.call("PATCH", path, values)
    try:
        yield
    finally:
        studio.call("PATCH", path, {name: before[name] for name in values})


def one(findings: list[Finding], check: str) -> Finding:
    (finding,) = [finding for finding in findings if finding.check.startswith(check) and finding.state != "ok"]
    return finding


def test_keys(demo: RunningDemo, backend: str) -> None:
    wrong = one(examine(demo, backend, label_studio_api_key="0" * 40), "Label Studio accepts the key")
    personal = one(examine(demo, backend, label_studio_api_key="a.b.c"), "Label Studio accepts the key")
    assert "401" in wrong.says
    assert "personal access token" in personal.says
    assert "LABEL_STUDIO_API_KEY" in wrong.remedy


def test_labeling_configuration(demo: RunningDemo, studio: LabelStudio, backend: str) -> None:
    with changed(studio, f"/api/projects/{demo.project}/", label_config=NO_SMART):
        finding = one(examine(demo, backend), "labeling configuration")
    assert "KeyPointLabels" in finding.says
    assert 'smart="true"' in finding.remedy
    mended = finding.remedy[finding.remedy.index("<View>") :]
    studio.call(
        "POST", f"/api/projects/{demo.project}/validate/", {"label_config": mended}
    )  # raises if it is not valid


def test_backend_and_webhook(demo: RunningDemo, studio: LabelStudio, backend: str) -> None:
    (entry,) = studio.call("GET", f"/api/ml?project={demo.project}")
    (hook,) = studio.call("GET", f"/api/webhooks/?project={demo.project}")
    with changed(studio, f"/api/webhooks/{hook['id']}/", is_active=False):
        assert "turned off" in one(examine(demo, backend), "webhook").says
    password = {"basic_auth_user": "label-studio", "basic_auth_password": "secret"}
    assert "without" in one(examine(demo, backend, **password), "webhook").says
    studio.call("DELETE", f"/api/ml/{entry['id']}")
    hooks = studio.call("GET", f"/api/webhooks/?project={demo.project}")
    try:
        assert "no backend" in one(examine(demo, backend), "backend in the project").says
        refused = examine(demo, "http://10.1.2.3:9090")
        assert "USE_DEFAULT_BANNED_SUBNETS" in one(refused, "SSRF").remedy
        assert studio.call("GET", f"/api/ml?project={demo.project}") == []  # the guard was asked, nothing was made
        assert studio.call("GET", f"/api/webhooks/?project={demo.project}") == hooks
    finally:
        connect(studio, demo.project, backend)


@pytest.mark.parametrize(
    ("image", "settings", "cause"),
    [
        (None, {"max_image_pixels": 1000}, "more than 1000"),
        (None, {"max_image_bytes": 1000}, "larger than 1000 bytes"),
        ("/data/upload/none.jpg", {}, "/data/upload/none.jpg gave"),
        ("/static/images/logo.svg", {}, ""),
        ("", {}, 'field "image"'),
        ("http://169.254.169.254/latest/meta-data", {}, "own network"),
        ("http://labels.example/data/local-files/?d=a.jpg", {}, "HOST"),
    ],
    ids=["pixels", "bytes", "gone", "no-photo", "no-image", "metadata", "other-host"],
)
def test_images(
    demo: RunningDemo, studio: LabelStudio, backend: str, image: str | None, settings: dict[str, Any], cause: str
) -> None:
    task = demo.tasks()[0]
    data = task["data"] if image is None else {"image": image}
    with changed(studio, f"/api/tasks/{task['id']}/", data=data):
        finding = one(examine(demo, backend, **settings), f"image of task {task['id']}")
    assert cause in finding.says
    assert finding.remedy


def test_figures_come_from_a_real_webhook(demo: RunningDemo, studio: LabelStudio, backend: str) -> None:
    task = next(task for task in demo.tasks() if task["predictions"][0]["result"])
    (prediction,) = task["predictions"]
    accepted = {"result": prediction["result"], "parent_prediction": prediction["id"], "lead_time": 3}
    started = time.monotonic()
    studio.call("POST", f"/api/tasks/{task['id']}/annotations/", accepted)
    assert time.monotonic() - started < 10.0
    while not (status := httpx.get(f"{backend}/status.json").json())["masks_compared"]:
        assert time.monotonic() - started < 30.0, status
        time.sleep(0.2)
    assert (status["mean_iou"], status["corrected_share"], status["clicks_per_mask"]) == (1.0, 0.0, 0.0)
    assert "squeezesam_submitted_iou_count 1.0" in httpx.get(f"{backend}/metrics").text
