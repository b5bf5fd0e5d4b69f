"""The web app: what each route answers, and photos and clicks through it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.backend.bodies import VERSION, body, click, task
from tests.backend.label_studio_server import CONFIG


@pytest.mark.parametrize(
    ("method", "path", "json", "reply"),
    [
        ("GET", "/health", None, {"status": "UP", "model_version": VERSION}),
        ("POST", "/setup", {"schema": CONFIG, "project": "1.1"}, {"model_version": VERSION}),
        ("POST", "/setup", {"schema": "<View/>"}, {"model_version": VERSION}),
        ("GET", "/versions", None, {"versions": [VERSION]}),
        ("POST", "/webhook", {"action": "PROJECT_UPDATED", "project": {"id": 1}}, {"action": "PROJECT_UPDATED"}),
    ],
    ids=["health", "setup", "setup-of-a-wrong-config", "versions", "webhook"],
)
def test_routes_that_answer_at_once(client, method, path, json, reply):
    response = client().request(method, path, json=json)
    assert (response.status_code, response.json()) == (200, reply)


def test_a_task_without_clicks_gets_the_salient_object(client, photos, service):
    photos["a"] = (80, 60)
    reply = client().post("/predict", json=body(task())).json()
    [result] = reply["results"]
    assert result["model_version"] == VERSION
    assert 0.75 < result["score"] < 1, "sharper than the network itself expects"
    [region] = result["result"]
    assert (region["original_width"], region["original_height"], region["type"]) == (80, 60, "brushlabels")


def test_nothing_salient_is_an_empty_result_with_score_0(client, photos, service):
    photos["a"] = (80, 60)
    service.detector.salient = False
    reply = client().post("/predict", json=body(task())).json()
    assert reply == {"results": [{"result": [], "score": 0.0, "model_version": VERSION}]}


def test_a_click_answers_with_the_id_of_the_predicted_region(client, photos):
    photos["a"] = (80, 60)
    app = client()
    predicted = app.post("/predict", json=body(task())).json()["results"][0]
    on_screen = {**task(), "predictions": [predicted]}
    refined = app.post("/predict", json=body(on_screen, context=click())).json()["results"][0]
    assert refined["result"][0]["id"] == predicted["result"][0]["id"]
    assert refined["result"][0]["value"] != predicted["result"][0]["value"]


def test_the_last_prompt_taken_back_leaves_no_suggestion(client, photos):
    photos["a"] = (80, 60)
    app = client()
    clicked = app.post("/predict", json=body(task(), context=click())).json()["results"][0]
    emptied = app.post("/predict", json=body(task(), context={"result": []})).json()["results"][0]
    assert clicked["result"]
    assert (emptied["result"], emptied["score"]) == ([], 0.0)


def test_a_photo_is_read_and_looked_at_once(client, photos, service):
    photos["a"] = (80, 60)
    app = client()
    for context in (None, click(), click()):
        app.post("/predict", json=body(task(), context=context))
    assert service.detector.calls == 3, "the photo at three sizes, once"


def test_a_task_that_fails_costs_the_others_nothing(client, photos):
    photos["a"] = (80, 60)
    app = client()
    reply = app.post("/predict", json=body(task(1), task(2, ""), task(3, "bug"), task(4))).json()
    assert [bool(result["result"]) for result in reply["results"]] == [True, False, False, True]
    problems = app.get("/status").json()["problems"]
    assert [problem["doing"] for problem in problems] == ["Pre-annotating task 3", "Pre-annotating task 2"]
    assert 'field "image"' in problems[1]["cause"]
    assert problems[0]["cause"] == "Internal error (KeyError)."


SERVE_ONE_REQUEST = """
import runpy, sys
from fastapi.testclient import TestClient
import numpy as np
import backend.cli
from backend.annotator import Annotator, Service
from backend.app import web_app
from backend.cache import ByteCache
from backend.images import Photo
from backend.settings import Settings
fakes = runpy.run_path(sys.argv[1])
service = Service(fakes["DrawingSegmenter"](), fakes["CentreDetector"](), "v", "int8", "int8")
annotator = Annotator(service, lambda url: Photo.of(np.zeros((60, 80, 3), np.uint8)), ByteCache(2**20))
body = {"tasks": [{"id": 1, "data": {"image": "a"}}], "label_config": sys.argv[2]}
reply = TestClient(web_app(Settings(), annotator)).post("/predict", json=body)
assert reply.json()["results"][0]["result"], reply.text
assert "torch" not in sys.modules
"""


def test_the_web_process_never_imports_torch():
    fakes = Path(__file__).parents[1] / "conftest.py"
    run = subprocess.run(
        [sys.executable, "-c", SERVE_ONE_REQUEST, fakes, CONFIG],
        cwd=fakes.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
