"""What the web app refuses, and that every refusal says why and what to do."""

import asyncio

import pytest

from backend.app import web_app
from backend.settings import Settings
from tests.backend.bodies import body, click, task


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
