"""Webhook bodies of Label Studio as one Event."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from squeezesam_core.errors import SqueezeSAMError

MOST_ID = 2**63 - 1
"""The largest number that Label Studio's database gives."""


class InvalidEventError(SqueezeSAMError):
    """A webhook body that is not one of Label Studio's."""


@dataclass(frozen=True)
class Event:
    """What happened in a project.

    action: Label Studio's name, such as ANNOTATION_CREATED, PROJECT_UPDATED or START_TRAINING.
    tasks, annotations: ids, empty where the action names none. skipped: the annotation is a skip, it holds no labels.
    """

    action: str
    project: int
    tasks: tuple[int, ...] = ()
    annotations: tuple[int, ...] = ()
    skipped: bool = False


def parse(body: Mapping[str, Any]) -> Event:
    """Read a webhook body. Raises InvalidEventError if it names no action or no project."""
    action, project = body.get("action"), _id(body.get("project"))
    if not isinstance(action, str) or project is None:
        missing = "action" if not isinstance(action, str) else f"project.id from 1 to {MOST_ID}"
        raise InvalidEventError(f"The webhook body has no {missing}.", "Only Label Studio's webhooks belong here.")
    annotation = body.get("annotation")
    return Event(
        action=action,
        project=project,
        tasks=_ids(body, "task"),
        annotations=_ids(body, "annotation"),
        skipped=isinstance(annotation, Mapping) and bool(annotation.get("was_cancelled")),
    )


def _ids(body: Mapping[str, Any], noun: str) -> tuple[int, ...]:
    """Ids of body[noun] and of body[noun + "s"]: Label Studio sends one or many, by action."""
    many = body.get(f"{noun}s")
    candidates = [body.get(noun), *(many if isinstance(many, list) else [])]
    return tuple(found for found in map(_id, candidates) if found is not None)


def _id(item: Any) -> int | None:
    """The item's id; None if it has none, or one that Label Studio never gives."""
    number = item.get("id") if isinstance(item, Mapping) else None
    if not isinstance(number, int) or isinstance(number, bool):  # True is an int to Python
        return None
    return number if 0 < number <= MOST_ID else None
