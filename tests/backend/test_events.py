import pytest

from backend.events import MOST_ID, Event, InvalidEventError, parse


@pytest.mark.parametrize(
    ("body", "event"),
    [
        ({"action": "PROJECT_UPDATED", "project": {"id": 1}}, Event("PROJECT_UPDATED", 1)),
        (
            {"action": "ANNOTATION_CREATED", "project": {"id": 1}, "task": {"id": 2}, "annotation": {"id": 3}},
            Event("ANNOTATION_CREATED", 1, (2,), (3,)),
        ),
        (
            {"action": "ANNOTATION_CREATED", "project": {"id": 1}, "annotation": {"id": 3, "was_cancelled": True}},
            Event("ANNOTATION_CREATED", 1, (), (3,), skipped=True),
        ),
        (
            {"action": "ANNOTATIONS_DELETED", "project": {"id": 1}, "annotations": [{"id": 3}, {"id": 4}]},
            Event("ANNOTATIONS_DELETED", 1, (), (3, 4)),
        ),
        (
            {"action": "TASKS_CREATED", "project": {"id": 1}, "tasks": [{"id": 5}, {"id": 6}]},
            Event("TASKS_CREATED", 1, (5, 6)),
        ),
        ({"action": "PROJECT_UPDATED", "project": {"id": MOST_ID}}, Event("PROJECT_UPDATED", MOST_ID)),
        (
            {"action": "TASKS_CREATED", "project": {"id": 1}, "tasks": [{"id": True}, {"id": 0}, {"id": 6}]},
            Event("TASKS_CREATED", 1, (6,)),
        ),
    ],
    ids=["project", "annotation", "skip", "deleted", "tasks", "largest", "wrong-tasks"],
)
def test_bodies_become_events(body, event):
    assert parse(body) == event


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action"),
        ({"action": "X"}, "project.id"),
        ({"action": "X", "project": 1}, "project.id"),
        *(({"action": "X", "project": {"id": wrong}}, "project.id") for wrong in (True, False, 0, -1, 1.0, "1", 2**63)),
    ],
    ids=[
        *("empty", "no-project", "project-is-a-number"),
        *("true", "false", "zero", "negative", "float", "text", "huge"),
    ],
)
def test_other_bodies_are_refused(body, field):
    with pytest.raises(InvalidEventError, match=field):
        parse(body)
