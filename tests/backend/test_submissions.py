import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from backend.label_studio import LabelStudioError
from backend.metrics import Metrics
from backend.status import Problems
from backend.submissions import WAITING, ClickCounter, Submissions, ious
from squeezesam_core import rle

RECORDED = Path(__file__).parents[1] / "contract/recorded"
PIXELS = 10_000_000


def recorded(name):
    return json.loads((RECORDED / f"{name}.1.POST_webhook.json").read_text())["body"]


def brush(left, right, identifier="a", **more):
    mask = np.zeros((10, 20), bool)
    mask[:, left:right] = True
    value = {"format": "rle", "rle": rle.encode(mask), "brushlabels": ["Object"]}
    frame = {"original_width": 20, "original_height": 10}
    return {"id": identifier, "type": "brushlabels", **frame, "value": value, **more}


def polygon(left, right, identifier="a"):
    points = [[5 * left, 0], [5 * right - 5, 0], [5 * right - 5, 90], [5 * left, 90]]
    frame = {"original_width": 20, "original_height": 10}
    return {"id": identifier, "type": "polygonlabels", **frame, "value": {"points": points}}


@pytest.mark.parametrize(
    ("predicted", "submitted", "expected"),
    [
        ([brush(0, 10)], [brush(0, 10)], [1.0]),
        ([brush(0, 10)], [brush(0, 5)], [0.5]),
        ([brush(0, 10)], [brush(15, 20), brush(0, 10, "b")], [0.0]),
        ([brush(0, 10, "gone")], [brush(15, 20), brush(0, 10, "b")], [1.0]),
        ([brush(0, 10)], [], [0.0]),
        ([brush(0, 10), brush(10, 20, "b")], [brush(0, 10)], [1.0, 0.0]),
        ([polygon(0, 10)], [brush(0, 10)], [1.0]),
        ([], [brush(0, 10)], []),
        ([{**brush(0, 10), "original_width": 10**6, "original_height": 10**6}], [brush(0, 10)], []),
        ([{**brush(0, 10), "value": {"rle": 10**12}}], [brush(0, 10)], []),
        ([{"type": "brushlabels"}], [brush(0, 10)], []),
        ([brush(0, 10)], [{**brush(0, 10), "original_width": 40, "original_height": 5}], [0.0]),
    ],
    ids=[
        *(
            "untouched",
            "halved",
            "same-id-counts",
            "redrawn",
            "deleted",
            "one-of-two-kept",
            "polygon",
            "none-predicted",
        ),
        *("too-large", "rle-is-a-number", "no-frame", "other-size"),
    ],
)
def test_iou_of_predicted_masks_with_what_took_their_place(predicted, submitted, expected):
    assert ious(predicted, submitted, PIXELS) == pytest.approx(expected)


def run(body, fetch=None, clicks=()):
    metrics, problems = Metrics(), Problems()
    submissions = Submissions(metrics, problems, fetch, PIXELS)
    for task, identifier in clicks:
        submissions.clicks.prompted(task, [{"id": identifier, "type": "keypointlabels"}])
    submissions.received(body)
    submissions._thread.shutdown()
    return metrics.history, problems.latest_first()


def test_what_label_studio_really_sends_holds_no_prediction_so_it_is_fetched():
    body, asked = recorded("ui_submit_maskid"), []
    assert body["annotation"]["prediction"] == {}

    def fetch(number):
        asked.append(number)
        return body["annotation"]["result"]

    history, problems = run(body, fetch, clicks=[(6, "k1"), (6, "k1"), (6, "k2"), (7, "other task")])
    assert (asked, list(history.ious), list(history.clicks_per_mask), problems) == ([6], [1.0], [2.0], [])


@pytest.mark.parametrize("name", ["skip_api", "annotation_delete_api", "task_created", "project_updated_config"])
def test_other_events_count_for_nothing(name):
    history, problems = run(recorded(name), lambda number: pytest.fail("fetched"))
    assert (list(history.ious), list(history.clicks_per_mask), problems) == ([], [], [])


def test_a_mask_drawn_by_hand_is_not_the_models():
    history, _ = run(recorded("annotation_create_api"))
    assert list(history.clicks_per_mask) == []


def test_a_prediction_that_cannot_be_had_is_a_problem_with_its_remedy():
    def fetch(number):
        raise LabelStudioError("Refused.", "Set LABEL_STUDIO_API_KEY.")

    _, [problem] = run(recorded("ui_submit_maskid"), fetch)
    assert problem.remedy == "Set LABEL_STUDIO_API_KEY."


@pytest.mark.parametrize("annotation", [None, [], {"result": 5}, {"result": [5]}, {"result": [], "task": [1]}], ids=str)
def test_a_body_of_another_form_is_left_alone(annotation):
    history, problems = run({"action": "ANNOTATION_CREATED", "annotation": annotation})
    assert (list(history.ious), problems) == ([], [])


def test_a_webhook_never_waits_for_label_studio_and_a_flood_is_left_out():
    release, asked = threading.Event(), []

    def fetch(number):
        asked.append(number)
        release.wait(10)
        return []

    submissions = Submissions(Metrics(), Problems(), fetch, PIXELS)
    started = time.monotonic()
    for _ in range(3 * WAITING):
        submissions.received(recorded("ui_submit_maskid"))
    assert time.monotonic() - started < 5
    release.set()
    submissions._thread.shutdown()
    assert len(asked) == WAITING


def test_clicks_are_kept_for_a_bounded_number_of_tasks():
    counter = ClickCounter()
    for task in range(2000):
        counter.prompted(task, [{"id": "k"}])
    assert (counter.submitted(0), counter.submitted(1999), counter.submitted(1999)) == (0, 1, 0)
