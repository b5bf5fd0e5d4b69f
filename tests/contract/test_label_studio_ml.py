"""The same use cases under the real label-studio-ml 1.0.9, in a virtual environment of its own, as the page sets it up.

SQUEEZESAM_LABEL_STUDIO_ML names the folder of that environment; .demo/label-studio-ml-venv unless it is set.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from backend.demo.ports import free_port
from backend.demo.processes import Child, start, wait_until_healthy
from squeezesam_core import rle

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
RECORDED = REPOSITORY / "tests" / "contract" / "recorded"
PACKAGES = ["label-studio-ml==1.0.9", "redis", "rq"]
VENV = Path(os.environ.get("SQUEEZESAM_LABEL_STUDIO_ML", REPOSITORY / ".demo" / "label-studio-ml-venv"))
(WSGI,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "label_studio_ml.md").read_text(), re.DOTALL)
PHOTO = "set1/a_1024x768.jpg"


@pytest.fixture(scope="module")
def environment() -> Path:
    """The virtual environment, made once; what an interrupted installation left is cleared."""
    marker = VENV / "installation-finished"
    wanted = " ".join(PACKAGES)
    if not marker.exists() or marker.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, *PACKAGES, str(REPOSITORY)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{wanted} cannot be installed: {done.stderr.strip()[-300:]}")
        marker.write_text(wanted)
    return VENV


@pytest.fixture(scope="module")
def server(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("ml")
    # 1.0.9 leaves a folder for each event where it runs
    (folder / "_wsgi.py").write_text(f"import os\nos.chdir({str(folder)!r})\n{WSGI}")
    pixels = np.full((768, 1024, 3), 200, np.uint8)
    pixels[250:600, 300:650] = (180, 30, 30)
    (folder / "photos" / "set1").mkdir(parents=True)
    Image.fromarray(pixels).save(folder / "photos" / PHOTO)
    port = free_port(9391)
    env = {
        "PYTHONPATH": f"{REPOSITORY}:{folder}",  # this code, not the copy that brought the dependencies
        "FLASK_APP": "_wsgi",
        "LABEL_STUDIO_URL": "http://127.0.0.1:9",
        "SQUEEZESAM_LOCAL_FILES_ROOT": str(folder / "photos"),
    }
    argv = [str(environment / "bin" / "python"), "-m", "flask", "run", "--port", str(port)]
    child: Child = start("label-studio-ml", argv, env, folder / "log")
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_healthy(child, f"{url}/health", 120)
        yield url
    finally:
        child.stop()


def recorded(name: str) -> dict:
    return json.loads((RECORDED / f"{name}.json").read_text())["body"]


def post(server: str, path: str, body: dict) -> dict:
    reply = httpx.post(f"{server}{path}", json=body, timeout=60, trust_env=False)
    assert reply.status_code == 200, reply.text[:500]
    return reply.json()


@pytest.fixture(scope="module")
def ready(server: str) -> str:
    """1.0.9 answers no prediction before /setup."""
    assert post(server, "/setup", recorded("list_ml_backends.2.POST_setup"))["model_version"]
    return server


def test_a_task_is_pre_annotated(ready: str) -> None:
    body = recorded("open_task_api.3.POST_predict")
    body["tasks"][0]["data"]["image"] = f"/data/local-files/?d={PHOTO}"
    (prediction,) = post(ready, "/predict", body)["results"]
    assert re.fullmatch(r"squeezesam-[0-9a-f]{12}\+saliency-[0-9a-f]{12}", prediction["model_version"])
    (region,) = prediction["result"]
    mask = rle.decode(region["value"]["rle"], (1024, 768))
    assert mask[425, 475] and not mask[50, 50]
    assert 0 < prediction["score"] <= 1


def test_every_task_has_a_result_in_order(ready: str) -> None:
    body = recorded("retrieve_predictions_2tasks.3.POST_predict")
    good, bad = body["tasks"][:2]
    good["data"]["image"], bad["data"]["image"] = f"/data/local-files/?d={PHOTO}", "/data/local-files/?d=gone.jpg"
    results = post(ready, "/predict", {**body, "tasks": [bad, good, bad]})["results"]
    assert [bool(result["result"]) for result in results] == [False, True, False]


@pytest.mark.parametrize(
    "name", ["ui_click_outside.1.POST_predict", "ui_rect.3.POST_predict", "ui_alt_click_negative.2.POST_predict"]
)
def test_recorded_prompts_are_answered(ready: str, name: str) -> None:
    body = recorded(name)
    body["tasks"] = body["tasks"][:1]
    body["tasks"][0]["data"]["image"] = f"/data/local-files/?d={PHOTO}"
    for result in body["params"]["context"]["result"]:
        result["original_width"], result["original_height"] = 1024, 768
        if result["type"] == "rectanglelabels":  # around this photo's object
            result["value"].update(x=27, y=30, width=39, height=51)
    (prediction,) = post(ready, "/predict", body)["results"]
    (region,) = prediction["result"]
    assert (region["type"], region["original_width"], region["original_height"]) == ("brushlabels", 1024, 768)


def test_a_failure_is_an_empty_prediction_without_a_traceback(ready: str) -> None:
    body = recorded("ui_click_outside.1.POST_predict")
    body["tasks"][0]["data"]["image"] = "/data/local-files/?d=gone.jpg"
    answer = post(ready, "/predict", body)
    assert answer["results"][0]["result"] == []
    assert "Traceback" not in json.dumps(answer)


def test_an_event_starts_no_training(ready: str) -> None:
    reply = httpx.post(f"{ready}/webhook", json=recorded("ui_submit.1.POST_webhook"), timeout=60, trust_env=False)
    assert reply.status_code == 201
    assert post(ready, "/setup", recorded("list_ml_backends.2.POST_setup"))["model_version"] == "INITIAL"
