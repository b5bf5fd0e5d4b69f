"""Photos after the open task are prepared in the background, and never while a request is being answered."""

import threading
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from backend import events
from backend.ahead import AHEAD, Ahead
from backend.benchmarks.bodies import CONFIG
from backend.cache import ByteCache
from backend.images import Photo
from backend.label_studio import LabelStudioError
from backend.labeling_config import parse
from backend.scenes import Scenes

OPEN = {"id": 7, "project": 3, "data": {"image": "seven"}}
NEXT = [{"id": number, "data": {"image": f"photo {number}"}} for number in range(8, 20)]


class Studio:
    """Answers with tasks, or fails; remembers what was asked."""

    def __init__(self, tasks=NEXT):
        self.tasks = tasks
        self.asked = []

    def __call__(self, method, path):
        self.asked.append(path)
        if self.tasks is None:
            raise LabelStudioError("Label Studio is away.", "Start it.")
        return {"tasks": self.tasks}


@pytest.fixture
def loaded():
    return []


@pytest.fixture
def prepare(service, loaded):
    """Studio -> Ahead; closed at the end."""
    opened, enough = [], threading.Event()

    def load(url):
        loaded.append(url)
        if len(loaded) == AHEAD:
            enough.set()
        return Photo.of(np.zeros((60, 80, 3), np.uint8))

    def start(studio):
        scenes = Scenes(load, service.segmenter.spec, service.detector, service.model_version, ByteCache(2**24))
        opened.append(Ahead(studio, scenes.get))
        return opened[-1], enough

    yield start
    for one in opened:
        one.close()


def test_the_next_tasks_without_annotations_are_asked_for_and_prepared(prepare, loaded):
    studio = Studio()
    ahead, enough = prepare(studio)
    ahead.opened(OPEN, parse(CONFIG))
    assert enough.wait(10)
    assert loaded == [f"photo {number}" for number in range(8, 8 + AHEAD)]
    query = parse_qs(urlsplit(studio.asked[0]).query)
    assert query["project"] == ["3"]
    assert '"filter:tasks:id", "operator": "greater", "type": "Number", "value": 7' in query["query"][0]


@pytest.mark.parametrize(
    ("body", "prepares"),
    [
        ({"action": "ANNOTATION_CREATED", "task": {"id": 7}, "project": {"id": 3, "label_config": CONFIG}}, True),
        ({"action": "ANNOTATION_UPDATED", "task": {"id": 7}, "project": {"id": 3, "label_config": CONFIG}}, False),
        ({"action": "ANNOTATION_CREATED", "task": {"id": 7}, "project": {"id": 3}}, False),
        ({"action": "ANNOTATION_CREATED", "project": {"id": 3, "label_config": CONFIG}}, False),
    ],
    ids=["submitted", "changed later", "without a configuration", "without a task"],
)
def test_a_submitted_task_has_those_after_it_prepared(prepare, body, prepares):
    studio = Studio()
    ahead, enough = prepare(studio)
    ahead.submitted(events.parse(body), body["project"])
    assert enough.wait(10 if prepares else 0.2) is prepares
    assert len(studio.asked) == prepares


def test_nothing_is_begun_while_a_request_is_answered(prepare, loaded):
    ahead, enough = prepare(Studio())
    with ahead.answering():
        ahead.opened(OPEN, parse(CONFIG))
        assert not enough.wait(0.2)
        assert loaded == []
    assert enough.wait(10)


@pytest.mark.parametrize("tasks", [None, [], [{"id": 8}], [{"id": 8, "data": {"image": 5}}]], ids=str)
def test_whatever_fails_there_the_next_task_is_served(prepare, loaded, tasks):
    studio = Studio(tasks)
    ahead, enough = prepare(studio)
    ahead.opened(OPEN, parse(CONFIG))
    deadline = threading.Event()
    while not studio.asked:
        deadline.wait(0.01)
    studio.tasks = NEXT
    ahead.opened({**OPEN, "id": 8}, parse(CONFIG))
    assert enough.wait(10)
