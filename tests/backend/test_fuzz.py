"""Whatever is sent to any route, the reply is never a 500 and names cause and remedy if refused."""

import json
import logging

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.app import web_app
from backend.settings import Settings
from tests.backend.test_app import CONFIG, body, click, task

ROUTES = (
    "/health",
    "/setup",
    "/predict",
    "/versions",
    "/webhook",
    "/status",
    "/status.json",
    "/metrics",
    "/openapi.json",
)
KINDS = ("brushlabels", "polygonlabels", "keypointlabels", "rectanglelabels", "relation", "", None, 7)

numbers = st.integers() | st.floats() | st.sampled_from([0, -1, 50, 100, 10**9, 2**64, float("nan"), float("inf")])
words = st.text(max_size=8) | st.sampled_from(
    ["Object", "Background", "brush", "kp", "box", "image", "rle", "\ud800", "a"]
)
anything = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=8,
)


def wrong_now_and_then(right):
    """Mostly what is expected, so that the code behind the first check is reached too."""
    return right | right | right | anything


def record(**fields):
    return st.fixed_dictionaries({}, optional={name: wrong_now_and_then(value) for name, value in fields.items()})


labels = st.lists(wrong_now_and_then(st.sampled_from(["Object", "Background", "Else"])), max_size=2)
percents = st.floats(0, 100)
value = record(
    x=percents | numbers,
    y=percents | numbers,
    width=percents | numbers,
    height=percents | numbers,
    rotation=numbers,
    points=st.lists(st.lists(percents | numbers, max_size=3), max_size=5),
    rle=st.lists(st.integers(0, 255), max_size=20),
    format=st.just("rle"),
    brushlabels=labels,
    polygonlabels=labels,
    keypointlabels=labels,
    rectanglelabels=labels,
)
result = record(
    id=words | st.integers(0, 9),
    type=st.sampled_from(KINDS),
    from_name=st.sampled_from(["brush", "kp", "box", "else"]),
    to_name=st.just("image"),
    original_width=st.sampled_from([80, 80, 80, 0, 10**9]),
    original_height=st.sampled_from([60, 60, 60, 0, 10**9]),
    image_rotation=st.sampled_from([0, 0, 0, 90]),
    is_positive=st.booleans(),
    value=value,
    score=percents,
)
results = st.lists(wrong_now_and_then(result), max_size=3)
annotation = record(
    result=results, updated_at=words, was_cancelled=st.booleans(), id=st.integers(), task=st.integers(0, 3)
)
tasks = st.lists(
    wrong_now_and_then(
        record(
            id=st.integers(0, 3),
            data=st.fixed_dictionaries({"image": st.sampled_from(["a", "a", "a", "b", "", "\ud800"]) | anything}),
            annotations=st.lists(annotation, max_size=2),
            drafts=st.lists(annotation, max_size=2),
            predictions=st.lists(annotation, max_size=2),
        )
    ),
    max_size=2,
)
configs = (
    st.sampled_from([CONFIG, CONFIG, CONFIG, "<View/>", "", "<", "<!DOCTYPE x [<!ENTITY a 'b'>]><View>&a;</View>"])
    | words
)
bodies = {
    "/predict": record(tasks=tasks, label_config=configs, params=record(context=record(result=results))),
    "/setup": record(schema=configs, project=words),
    "/webhook": record(
        action=st.sampled_from(["ANNOTATION_CREATED", "ANNOTATION_UPDATED", "TASKS_CREATED"]) | words,
        project=record(id=st.integers()),
        annotation=annotation,
        task=record(id=st.integers()),
        tasks=st.lists(anything, max_size=3),
    ),
}
FUZZ = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def app(annotator, photos, caplog):
    caplog.set_level(logging.CRITICAL)
    photos["a"] = (80, 60)
    with TestClient(web_app(Settings(), annotator), raise_server_exceptions=False) as client:
        yield client


def answered(response):
    """Checks a reply."""
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert set(response.json()) == {"cause", "remedy"}
    assert "Traceback" not in response.text


@pytest.mark.parametrize("path", bodies)
def test_bodies_of_nearly_the_right_form(app, path):
    @FUZZ
    @given(bodies[path])
    def fuzz(sent):
        answered(app.post(path, content=json.dumps(sent), headers={"Content-Type": "application/json"}))

    fuzz()


def test_prompts_of_nearly_the_right_form(app):
    @FUZZ
    @given(st.lists(result, min_size=1, max_size=3), st.lists(annotation, max_size=2))
    def fuzz(context, drawn):
        asked = [{**click()["result"][0], **one} for one in context]
        sent = body({**task(), "annotations": drawn}, context={"result": asked})
        answered(app.post("/predict", content=json.dumps(sent)))

    fuzz()


def test_any_method_path_header_and_bytes(app):
    characters = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#\\")
    paths = st.sampled_from(ROUTES) | st.text(characters, max_size=20).map("/".__add__)
    headers = st.dictionaries(
        st.sampled_from(["Accept", "Authorization", "Content-Type", "X-Request-ID", "Host", "Range"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
    )
    methods = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "X"])

    @FUZZ
    @given(methods, paths, headers, st.binary(max_size=60))
    def fuzz(method, path, headers, content):
        response = app.request(method, path, headers=headers, content=content)
        assert response.status_code < 500, response.text
        assert "x-request-id" in response.headers

    fuzz()
