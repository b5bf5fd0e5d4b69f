"""Which waiting click is overtaken by which newer one."""

import pytest

from backend.latest import Latest


@pytest.mark.parametrize(
    ("older", "newer", "same_task", "overtaken"),
    [
        ("a", "ab", True, True),
        ("a", "a", True, True),
        ("ab", "a", True, False),
        ("a", "b", True, False),
        ("ab", "ac", True, False),
        ("", "a", True, False),
        ("a", "ab", False, False),
    ],
    ids=["next click", "click moved", "undo", "another page", "another page, restored", "emptied", "another task"],
)
def test_a_request_is_overtaken_by_one_that_holds_all_its_prompts(older, newer, same_task, overtaken):
    latest = Latest()
    other = 1 if same_task else 2
    with latest.arrived(1, frozenset(older)) as first, latest.arrived(other, frozenset(newer)) as second:
        assert latest.overtaken(1, first) is overtaken
        assert not latest.overtaken(other, second)


def test_a_request_that_was_answered_overtakes_nobody():
    latest = Latest()
    with latest.arrived(1, frozenset("a")) as first:
        with latest.arrived(1, frozenset("ab")):
            pass
        assert not latest.overtaken(1, first)
