"""Large bodies: parsed while others are answered, clicks in the order in which they came, refused as small ones are."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from backend.annotator import EMPTY, Annotator
from backend.app import web_app
from backend.parsing import INLINE_BYTES, parse_json, parsed
from backend.settings import Settings
from tests.backend.bodies import body, click, task
from tests.backend.label_studio_server import CONFIG

MARK = "held until the test lets go"
EVENT = {"action": "PROJECT_UPDATED", "project": {"id": 1}}
MOVED = {"x": 30, "y": 20, "width": 0.2, "keypointlabels": ["Object"]}
OTHERS = [("GET", "/health", None), ("POST", "/webhook", EVENT), ("POST", "/predict", body(task()))]
CLICK = ("POST", "/predict", body(task(), context=click()))


class Gate:
    """Holds whoever parses a text with MARK until it is opened, but not for ever."""

    def __init__(self):
        self.reached, self.opened, self.in_time = threading.Event(), threading.Event(), True
        self._loads = json.loads

    def loads(self, text, **more):
        if (MARK.encode() if isinstance(text, bytes) else MARK) in text:
            self.reached.set()
            self.in_time = self.opened.wait(10)
        return self._loads(text, **more)


@pytest.fixture
def gate(monkeypatch):
    gate = Gate()
    monkeypatch.setattr("json.loads", gate.loads)
    return gate


@pytest.fixture
def app(annotator, photos):
    photos["a"] = (80, 60)
    with TestClient(web_app(Settings(concurrency=1, max_tasks=2), annotator)) as client:
        yield client


def large(sent):
    return {**sent, "mark": MARK, "padding": "x" * INLINE_BYTES}


@pytest.mark.parametrize(
    ("path", "sent", "others"),
    [
        ("/predict", body(task(1), task(2)), [*OTHERS, CLICK]),
        ("/predict", body(task(), context=click()), OTHERS),
        ("/webhook", EVENT, [*OTHERS, CLICK]),
        ("/setup", {"schema": CONFIG}, [*OTHERS, CLICK]),
    ],
    ids=["batch", "click", "webhook", "setup"],
)
def test_others_are_answered_while_a_large_body_is_parsed(app, gate, path, sent, others):
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(app.post, path, json=large(sent))
        assert gate.reached.wait(10)
        assert [app.request(method, url, json=json).status_code for method, url, json in others] == [200] * len(others)
        gate.opened.set()
        assert held.result().status_code == 200
    assert gate.in_time


@pytest.mark.parametrize(
    "newer",
    [click(value=MOVED), {"result": [*click()["result"], *click(id="l")["result"]]}],
    ids=["click-moved", "next-click"],
)
def test_a_small_click_never_overtakes_a_large_one_that_came_before_it(app, gate, monkeypatch, newer):
    answered = []

    def refine(self, task, context, config, overtaken):
        answered.append((context, overtaken()))
        return EMPTY

    monkeypatch.setattr(Annotator, "refine", refine)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(app.post, "/predict", json=large(body(task(), context=click())))
        assert gate.reached.wait(10)
        second = pool.submit(app.post, "/predict", json=body(task(), context=newer))
        time.sleep(0.3)  # it would be answered if nothing held it back
        assert not second.done()
        gate.opened.set()
        assert (first.result().status_code, second.result().status_code) == (200, 200)
    assert [context for context, _ in answered] == [click()["result"], newer["result"]]
    assert not answered[1][1]


@pytest.mark.parametrize(
    ("path", "content", "status", "cause"),
    [
        ("/predict", b"{]", 422, "The request's body is no JSON (JSONDecodeError)."),
        ("/predict", b"[]", 422, "body: Input should be a valid dictionary"),
        ("/predict", b'{"tasks": [], "label_config": ""}', 422, "body.tasks: List should have at least 1 item"),
        ("/predict", json.dumps(body(*map(task, range(3)))).encode(), 422, "3 tasks, more than 2"),
        ("/predict", json.dumps(body(task(), config="<View/>")).encode(), 422, "lacks <Image>"),
        ("/predict", json.dumps(body(task(), config="<View/>", context=click())).encode(), 422, "lacks <Image>"),
        ("/webhook", b"{]", 422, "body.1: JSON decode error."),
        ("/webhook", b"[]", 422, "body: Input should be a valid dictionary"),
        ("/webhook", b"{}", 422, "The webhook body has no action."),
        ("/webhook", b"\xff", 400, "There was an error parsing the body"),
        ("/webhook", b"[" * 100_000, 400, "There was an error parsing the body"),
    ],
    ids=[
        *("predict-not-json", "predict-list", "no-tasks", "many-tasks", "configuration", "configuration-of-a-click"),
        *("webhook-not-json", "webhook-list", "no-action", "not-utf8", "nested"),
    ],
)
def test_a_large_body_is_refused_as_a_small_one(app, path, content, status, cause):
    def reply(content):
        response = app.post(path, content=content, headers={"Content-Type": "application/json"})
        return response.status_code, response.json()

    refused = reply(content + b" " * INLINE_BYTES)
    assert refused[0] == status and cause in refused[1]["cause"]
    assert refused == reply(content)


def test_the_loop_has_its_turns_while_a_thread_parses():
    """json.loads by itself keeps every other thread waiting."""
    event = json.dumps({"annotation": {"result": [{"value": {"rle": list(range(256)) * 8}}] * 1000}}).encode()

    async def turns():
        parsing, count = asyncio.create_task(parsed(parse_json, event)), 0
        while not parsing.done():
            await asyncio.sleep(0.005)
            count += 1
        return count

    assert asyncio.run(turns()) >= 5
