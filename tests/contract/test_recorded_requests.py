"""Requests as Label Studio 1.23.2 sent them, replayed against the app with networks of the test's own."""

import json
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from backend import events, regions
from backend.annotator import Annotator
from backend.app import web_app
from backend.cache import ByteCache
from backend.events import Event
from backend.images import Photo
from backend.labeling_config import check, parse
from backend.settings import Settings
from squeezesam_core import rle

RECORDED = {path.stem: json.loads(path.read_text()) for path in sorted(Path(__file__).with_name("recorded").glob("*"))}
PHOTOS = {
    "/data/upload/1/cae2954d-a_1024x768.jpg": (1024, 768),
    "http://127.0.0.1:8085/data/local-files/?d=set1/a_1024x768.jpg": (1024, 768),
    "http://127.0.0.1:8085/data/local-files/?d=set1/b_800x600.jpg": (800, 600),
    "http://127.0.0.1:8085/data/local-files/?d=set1/c_exif6_800x600.jpg": (600, 800),
    "http://127.0.0.1:8085/data/local-files/?d=set1/d_4000x3000.jpg": (4000, 3000),
    "http://127.0.0.1:8085/data/local-files/?d=set1/e_640x480.png": (640, 480),
    "http://127.0.0.1:9292/b_800x600.jpg": (800, 600),
    "http://127.0.0.1:9292/x_640x480.png": (640, 480),
}


def named(part):
    return [name for name in RECORDED if part in name]


def is_interactive(name):
    return bool(RECORDED[name]["body"]["params"]["context"])


@pytest.fixture
def replay(annotator, photos):
    photos.update(PHOTOS)
    client = TestClient(web_app(Settings(), annotator))

    def send(name):
        request = RECORDED[name]
        content = None if request["body"] is None else json.dumps(request["body"])
        response = client.request(request["method"], request["path"], headers=request["headers"], content=content)
        assert response.status_code == 200, response.text
        return response.json()

    return send


@pytest.mark.parametrize("name", named("health") + named("setup") + named("versions"))
def test_the_version_is_told(replay, service, name):
    reply = replay(name)
    assert (reply.get("model_version") or reply["versions"][0]) == service.model_version


@pytest.mark.parametrize("name", named("setup"))
def test_the_recorded_configuration_has_what_is_needed(name):
    assert check(RECORDED[name]["body"]["schema"]).outputs[0].labels == ("Object",)


@pytest.mark.parametrize("name", named("predict"))
def test_each_task_has_masks_of_the_photos_size(replay, service, name):
    results = replay(name)["results"]
    tasks = RECORDED[name]["body"]["tasks"]
    assert len(results) == len(tasks)
    for result, task in zip(results, tasks, strict=True):
        assert set(result) == {"result", "score", "model_version"}
        assert result["model_version"] == service.model_version
        assert 0 < result["score"] <= 1
        region = result["result"][0]
        width, height = PHOTOS[task["data"]["image"]]
        assert (region["original_width"], region["original_height"], region["image_rotation"]) == (width, height, 0)
        assert (region["type"], region["from_name"], region["to_name"]) == ("brushlabels", "brush", "image")
        assert region["value"]["brushlabels"] == ["Object"]
        assert rle.decode(region["value"]["rle"], (width, height)).any()


@pytest.mark.parametrize("name", [name for name in named("predict") if not is_interactive(name)])
def test_predicted_ids_are_those_of_task_brush_and_label(replay, name):
    body = RECORDED[name]["body"]
    config = parse(body["label_config"])
    ids = [result["result"][0]["id"] for result in replay(name)["results"]]
    assert ids == [regions.region_id(task["id"], config.outputs[0].name, "Object") for task in body["tasks"]]


CLICKS = {
    "ui_alt_click_negative.1.POST_predict": ([1, 1], True),
    "ui_alt_click_negative.2.POST_predict": ([1, 1, 0], True),
    "ui_click3_background_label.1.POST_predict": ([0], True),
    "ui_click_outside.1.POST_predict": ([1], False),
    "ui_ctrl_alt_click_negative_over_mask.1.POST_predict": ([1, 1, 0, 1, 0], True),
    "ui_ctrl_click_over_mask.3.POST_predict": ([1], True),
    "ui_exif_click.3.POST_predict": ([1], False),
    "ui_maskid.3.POST_predict": ([1], False),
    "ui_maskid.4.POST_predict": ([1], False),
    "ui_rect.3.POST_predict": ([2, 3], False),
}
"""Labels of the network's points in its last run, and whether any edit the mask on screen. 1 adds, 0 removes, 2 and 3
are the corners of a box. A click in the far corner begins an object of its own."""


def test_every_interactive_request_is_in_the_table():
    assert set(CLICKS) == {name for name in named("predict") if is_interactive(name)}


@pytest.mark.parametrize("name", CLICKS)
def test_clicks_keep_their_signs_and_places(replay, service, one_look, name):
    replay(name)
    _, _, labels = service.segmenter.calls[-1]
    expected, edits = CLICKS[name]
    stand_ins, asked = np.split(labels, [-len(expected)])
    assert asked.tolist() == expected
    assert (stand_ins == 1).all(), "clicks that stand for the mask on screen"
    assert len(stand_ins) <= (5 if edits else 0)
    value = RECORDED[name]["body"]["params"]["context"]["result"][-1]["value"]
    far = (value["x"] + value.get("width", 0), value["y"] + value.get("height", 0))
    last = far if 3 in labels else (value["x"], value["y"])
    looks = service.segmenter.calls[
        -2:
    ]  # a small object is looked at again through a window, where points lie elsewhere
    assert any(points[-1] * 100 == pytest.approx(last, abs=1e-3) for _, points, _ in looks)


OBJECT, BACKGROUND = "ui_click_outside.1.POST_predict", "ui_click3_background_label.1.POST_predict"
CTRL_CLICK, WITH_DRAFT = "ui_ctrl_click_over_mask.3.POST_predict", "ui_alt_click_negative.1.POST_predict"


def drawn_elsewhere(body, **change):
    """The request of somebody else: its points have ids of their own, and what else is changed."""
    points = [{**point, "id": f"other {point['id']}"} for point in body["params"]["context"]["result"]]
    points = [{**point, "value": {**point["value"], **change}} for point in points]
    return {**body, "params": {**body["params"], "context": {"result": points}}}


@pytest.mark.parametrize(
    ("first", "second", "continued"),
    [
        (RECORDED[OBJECT]["body"], RECORDED[BACKGROUND]["body"], True),
        (drawn_elsewhere(RECORDED[OBJECT]["body"], width=0.19), RECORDED[BACKGROUND]["body"], False),
        (drawn_elsewhere(RECORDED[CTRL_CLICK]["body"]), RECORDED[WITH_DRAFT]["body"], False),
    ],
    ids=["one page without a draft", "another window", "a draft without the click"],
)
def test_only_one_pages_prompts_add_up(service, first, second, continued):
    def backend():
        return Annotator(service, lambda url: Photo.of(np.zeros((*PHOTOS[url][::-1], 3), np.uint8)), ByteCache(2**24))

    def answer(annotator, body):
        return annotator.refine(body["tasks"][0], body["params"]["context"]["result"], parse(body["label_config"]))

    together, alone = backend(), backend()
    answer(together, first)
    assert (answer(together, second) != answer(alone, second)) is continued


@pytest.mark.parametrize("name", CLICKS)
def test_the_answer_replaces_the_mask_on_screen_or_is_a_new_one(replay, service, name):
    [result] = replay(name)["results"]
    task = RECORDED[name]["body"]["tasks"][0]
    on_screen = task["predictions"][0]["result"][0]
    ids = [region["id"] for region in result["result"]]
    assert (on_screen["id"] in ids) == CLICKS[name][1]
    assert len(set(ids)) == len(ids)
    if CLICKS[name][1]:
        fused, _, _ = service.segmenter.calls[0]
        shown = rle.decode(on_screen["value"]["rle"], PHOTOS[task["data"]["image"]])
        assert fused[6].mean() == pytest.approx(shown.mean(), abs=0.01)


@pytest.mark.parametrize("name", CLICKS)
def test_a_repeated_request_has_the_same_answer_at_no_cost(replay, service, name):
    first = replay(name)
    calls = len(service.segmenter.calls)
    assert replay(name) == first
    assert len(service.segmenter.calls) == calls


EVENTS = {
    "annotation_create_api.1.POST_webhook": Event("ANNOTATION_CREATED", 1, (1,), (1,)),
    "annotation_delete_api.1.POST_webhook": Event("ANNOTATIONS_DELETED", 1, (), (1,)),
    "annotation_update_api.1.POST_webhook": Event("ANNOTATION_UPDATED", 1, (1,), (1,)),
    "project_updated_config.1.POST_webhook": Event("PROJECT_UPDATED", 1),
    "skip_api.1.POST_webhook": Event("ANNOTATION_CREATED", 1, (1,), (2,), skipped=True),
    "task_created.1.POST_webhook": Event("TASKS_CREATED", 1, (8,)),
    "train_sdk.1.POST_webhook": Event("START_TRAINING", 1),
    "ui_start_training.1.POST_webhook": Event("START_TRAINING", 1),
    "ui_submit.1.POST_webhook": Event("ANNOTATION_CREATED", 1, (4,), (3,)),
    "ui_submit_maskid.1.POST_webhook": Event("ANNOTATION_CREATED", 1, (6,), (4,)),
}


def test_every_webhook_is_in_the_table():
    assert set(EVENTS) == set(named("webhook"))


@pytest.mark.parametrize("name", EVENTS)
def test_webhooks_are_understood(replay, name):
    assert replay(name) == {"action": EVENTS[name].action}
    assert events.parse(RECORDED[name]["body"]) == EVENTS[name]
