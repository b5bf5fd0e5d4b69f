import asyncio
import logging
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from backend.annotator import Annotator
from backend.app import web_app
from backend.auth import basic_authorization
from backend.cache import ByteCache
from backend.images import Photo
from backend.settings import Settings

CONFIG = """<View><Image name="image" value="$image"/>
<BrushLabels name="brush" toName="image"><Label value="Object"/></BrushLabels>
<KeyPointLabels name="kp" toName="image" smart="true"><Label value="Object"/></KeyPointLabels>
<RectangleLabels name="box" toName="image" smart="true"><Label value="Object"/></RectangleLabels></View>"""
VERSION = "squeezesam-0123456789ab"


@pytest.fixture
def client(annotator):
    return lambda **settings: TestClient(web_app(Settings(**settings), annotator), raise_server_exceptions=False)


def body(*tasks, context=None, config=CONFIG):
    return {"tasks": tasks, "label_config": config, "project": "1.1", "params": {"context": context}}


def task(number=1, url="a"):
    return {"id": number, "data": {"image": url}}


def click(**more):
    value = {"x": 20, "y": 20, "width": 0.2, "keypointlabels": ["Object"]}
    frame = {"original_width": 80, "original_height": 60, "image_rotation": 0}
    return {"result": [{**frame, "type": "keypointlabels", "id": "k", "from_name": "kp", "value": value, **more}]}


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
    assert service.detector.calls == 2, "the photo and its mirror image, once"


def test_a_task_that_fails_costs_the_others_nothing(client, photos):
    photos["a"] = (80, 60)
    app = client()
    reply = app.post("/predict", json=body(task(1), task(2, ""), task(3, "bug"), task(4))).json()
    assert [bool(result["result"]) for result in reply["results"]] == [True, False, False, True]
    problems = app.get("/status").json()["problems"]
    assert [problem["doing"] for problem in problems] == ["Pre-annotating task 3", "Pre-annotating task 2"]
    assert 'field "image"' in problems[1]["cause"]
    assert problems[0]["cause"] == "Internal error (KeyError)."


@pytest.mark.parametrize(
    ("json", "status", "cause"),
    [
        (body(task(), context=click(image_rotation=90)), 422, "turned by 90"),
        (body(task(), context=click(original_width=81)), 422, "81x60"),
        (body(task(url=""), context=click()), 422, 'field "image"'),
        (body(task(url="bug"), context=click()), 500, "Internal error"),
        (body(task(), config="<View/>"), 422, "lacks <Image>"),
    ],
    ids=["turned", "other-size", "no-url", "bug", "configuration"],
)
def test_failures_reach_reply_log_and_status(client, photos, caplog, json, status, cause):
    photos["a"] = (80, 60)
    app = client()
    response = app.post("/predict", json=json)
    assert response.status_code == status
    assert set(response.json()) == {"cause", "remedy"}
    assert cause in response.json()["cause"]
    problem = app.get("/status").json()["problems"][0]
    assert (problem["cause"], problem["remedy"]) == (response.json()["cause"], response.json()["remedy"])
    assert problem["request"] == response.headers["x-request-id"]
    assert "POST /predict failed" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/predict", "{", 422),
        ("POST", "/predict", '{"tasks": []}', 422),
        ("POST", "/webhook", "{}", 422),
        ("GET", "/nowhere", None, 404),
        ("POST", "/versions", None, 405),
        ("POST", "/predict", "x" * 2000, 413),
        ("POST", "/predict", [b"x" * 600] * 2, 413),
        ("POST", "/predict", [b"{}"], 422),
        ("POST", "/predict", "[" * 900, 422),
        ("POST", "/webhook", '{"action": "\\ud800", "project": {"id": 1}}', 422),
        ("GET", "/" + "a" * 3000, None, 414),
    ],
    ids=[
        *("not-json", "no-tasks", "not-an-event", "no-route", "no-method", "too-large", "too-large-in-chunks"),
        *("in-chunks", "nested", "half-a-surrogate-pair", "long-address"),
    ],
)
def test_every_error_has_cause_remedy_and_request_id(client, method, path, content, status):
    chunks = iter(content) if isinstance(content, list) else content
    response = client(max_body_bytes=1000).request(method, path, content=chunks)
    assert response.status_code == status
    assert set(response.json()) == {"cause", "remedy"}
    assert len(response.headers["x-request-id"]) == 16


@pytest.mark.parametrize(
    "path", ["/setup", "/predict", "/webhook", "/versions", "/status", "/status.json", "/metrics", "/openapi.json"]
)
@pytest.mark.parametrize(
    "header",
    [None, "Basic", "Basic !!!", "Bearer abc", basic_authorization("us", "wrong"), basic_authorization("us", "")],
    ids=["none", "empty", "not-base64", "bearer", "wrong", "no-password"],
)
def test_authentication_covers_everything_but_health(client, path, header):
    app = client(basic_auth_user="us", basic_auth_password="pässword")
    headers = {} if header is None else {"Authorization": header}
    refused = app.get(path, headers=headers)
    assert refused.status_code == 401
    assert "x-request-id" in refused.headers
    assert app.get("/health", headers=headers).status_code == 200


def test_the_right_password_is_let_in(client):
    app = client(basic_auth_user="us", basic_auth_password="pässword")
    assert app.get("/versions", headers={"Authorization": basic_authorization("us", "pässword")}).status_code == 200


@pytest.mark.parametrize(
    ("path", "accept"), [("/status", "*/*"), ("/status", "application/json"), ("/status.json", "text/html")]
)
def test_status_tells_programs_what_serves(client, path, accept):
    response = client().get(path, headers={"Accept": accept})
    assert response.json()["model_version"] == VERSION
    assert response.json()["segmenter"] == {"precision": "int8", "self_check": "passed"}
    assert response.headers["cache-control"] == "no-store"


def test_status_is_a_page_for_browsers(client):
    response = client().get("/status", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert VERSION in response.text


def test_metrics_tell_of_a_click(client, photos):
    photos["a"] = (80, 60)
    app = client()
    app.post("/predict", json=body(task(), context=click()))
    app.get("/nowhere/7")
    found = app.get("/metrics").text
    assert 'squeezesam_requests_total{outcome="ok",route="/predict"} 1.0' in found
    assert 'squeezesam_requests_total{outcome="refused",route="other"} 1.0' in found
    assert 'squeezesam_prediction_seconds_count{kind="click"} 1.0' in found
    for stage in ("detect", "segment", "encode"):
        assert f'squeezesam_stage_seconds_count{{stage="{stage}"}} 1.0' in found


@pytest.mark.parametrize(
    ("json", "variable"),
    [
        (body(task(1), task(2), task(3)), "SQUEEZESAM_MAX_TASKS"),
        (body(task(), context={"result": click()["result"] * 3}), "SQUEEZESAM_MAX_PROMPTS"),
    ],
    ids=["tasks", "prompts"],
)
def test_more_than_the_settings_allow_is_refused(client, photos, json, variable):
    photos["a"] = (80, 60)
    response = client(max_tasks=2, max_prompts=2).post("/predict", json=json)
    assert response.status_code == 422
    assert variable in response.json()["remedy"]


def test_long_headers_are_refused(client):
    assert client().get("/versions", headers={"X-Long": "a" * 20_000}).status_code == 431


@pytest.mark.parametrize("length", ["-1", "many", "1" * 40])
def test_a_wrong_length_is_refused(client, length):
    response = client().post("/predict", content=b"{}", headers={"Content-Length": length})
    assert response.status_code in (400, 413)


def test_a_slow_body_is_given_up(annotator, monkeypatch):
    monkeypatch.setattr("backend.middleware.BODY_SECONDS", 0.05)
    sent = []

    async def never():
        await asyncio.sleep(10)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "raw_path": b"/predict",
        "query_string": b"",
        "headers": [],
    }
    asyncio.run(web_app(Settings(), annotator)(scope, never, send))
    assert sent[0]["status"] == 408


def test_a_line_break_in_the_address_forges_no_log_line(client, caplog):
    caplog.set_level(logging.INFO)
    client().get("/a%0aFORGED")
    assert not any("\n" in message for message in caplog.messages if "FORGED" in message)


def test_status_answers_while_predictions_take_all_threads(service):
    begun, release = threading.Event(), threading.Event()

    def slow(url):
        begun.set()
        release.wait(60)
        return Photo.of(np.zeros((60, 80, 3), np.uint8))

    app = web_app(Settings(concurrency=1), Annotator(service, slow, ByteCache(2**24)))
    with TestClient(app) as client, ThreadPoolExecutor(1) as pool:
        prediction = pool.submit(client.post, "/predict", json=body(task()))
        assert begun.wait(60)
        assert client.get("/status").status_code == 200
        assert client.get("/metrics").status_code == 200
        release.set()
        assert prediction.result().status_code == 200


def test_log_lines_carry_the_request_id(client, caplog):
    caplog.set_level(logging.INFO)
    client().get("/health")
    assert any("GET /health -> 200" in message for message in caplog.messages)


def test_predictions_at_once_are_bounded_and_health_answers_meanwhile(service):
    busy, most, lock = 0, 0, threading.Lock()
    two, release = threading.Event(), threading.Event()

    def slow(url):
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
            if busy == 2:
                two.set()
        release.wait(60)
        with lock:
            busy -= 1
        return Photo.of(np.zeros((60, 80, 3), np.uint8))

    app = web_app(Settings(concurrency=2), Annotator(service, slow, ByteCache(2**24)))
    with TestClient(app) as client, ThreadPoolExecutor(5) as pool:
        replies = [pool.submit(client.post, "/predict", json=body(task(n, f"photo {n}"))) for n in range(5)]
        assert two.wait(60)
        time.sleep(0.5)  # the others would start if nothing held them back
        assert client.get("/health").status_code == 200
        release.set()
        assert all(reply.result().json()["results"][0]["result"] for reply in replies)
    assert most == 2


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
