"""What is remembered of an annotator's prompts: tables of single steps."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.dialogues import GUESS_SECONDS, MOST_AT_ONCE, Asked, Dialogue, Dialogues, Known, Mark, follow
from squeezesam_core.prompts import Point
from tests.backend.dialogue_marks import MASK, box, click, region

A, B, C, REMOVE, BACK, BOX = click("a"), click("b"), click("c"), click("r", positive=False), click("g", None), box("x")


def after(*requests, seconds=1.0):
    """The state after requests a second apart; each reply is one region that is called after its last mark."""
    known = Known()
    for number, asked in enumerate(requests):
        known = follow(known, asked, seconds * number)
        last = known.dialogues[-1]
        answer = (region(f"answer to {last.marks[-1].id}"),) if last.marks else ()
        known = replace(known, dialogues=(*known.dialogues[:-1], replace(last, answer=answer)))
    return known


@pytest.mark.parametrize(
    ("requests", "marks", "accepted"),
    [
        ([Asked((A,))], "a", []),
        ([Asked((A,)), Asked((A, B))], "ab", []),
        ([Asked((A,)), Asked((A, REMOVE))], "ar", []),
        ([Asked((A,)), Asked((A, B)), Asked((A,))], "a", []),
        ([Asked((A,)), Asked((A, B)), Asked((B,))], "b", []),
        ([Asked((A,)), Asked(())], "", []),
        ([Asked((BOX,)), Asked((A,))], "xa", []),
        ([Asked((BOX,)), Asked((A,)), Asked((A, B))], "xab", []),
        ([Asked((BOX,)), Asked((A,)), Asked(())], "x", []),
        ([Asked((A,)), Asked((BACK,)), Asked((A, B))], "agb", []),
        ([Asked((A,)), Asked((B,))], "b", ["answer to a"]),
        ([Asked((BOX,)), Asked((A,)), Asked((B,))], "b", ["answer to a"]),
        ([Asked((A,)), Asked((B,)), Asked((B, C))], "bc", ["answer to a"]),
        ([Asked((A,)), Asked((B,)), Asked((B,), stamp="saved")], "b", []),
        ([Asked((A,)), Asked((B,)), Asked((B,), stamp="saved", saved=(A,))], "b", ["answer to a"]),
        ([Asked((A,)), Asked((B,), stamp="saved")], "b", []),
        ([Asked((A,)), Asked((BACK,), stamp="saved")], "g", []),
        ([Asked((A,)), Asked((BACK,), stamp="saved", saved=(A,))], "ag", []),
        ([Asked((BACK,), saved=(BOX, A))], "xag", []),
        ([Asked((A, B), saved=(BOX, A, C))], "xab", []),
        ([Asked((BOX,)), Asked((), saved=(BOX,)), Asked((A,), saved=(BOX,))], "a", []),
        ([Asked((A,), user="ann"), Asked((BOX,), user="bob")], "x", []),
        ([Asked((A,), user="ann"), Asked((BOX,))], "x", []),
    ],
    ids=[
        "first",
        "clicks add up",
        "signs add up",
        "the last taken back",
        "the first taken back",
        "all taken back",
        "box, then a click",
        "box, then clicks",
        "the click after a box taken back",
        "background label between clicks",
        "a click after accepting",
        "accepting ends all groups",
        "clicks after accepting",
        "the draft has what was accepted",
        "the draft is older than the accepting",
        "the draft has it at once",
        "the draft says that the click is gone",
        "the draft says that the click is still there",
        "the state was lost",
        "a lost state, and a click taken back since the draft",
        "a box that was taken back is still in the draft",
        "somebody else's draft",
        "no draft where there was one",
    ],
)
def test_what_stands_in_the_page(requests, marks, accepted):
    last = after(*requests).dialogues[-1]
    assert "".join(mark.id for mark in last.marks) == marks
    assert [region.id for region in last.accepted] == accepted


def test_after_a_while_only_evidence_counts():
    slow = 2 * GUESS_SECONDS
    assert [m.id for m in after(Asked((BOX,)), Asked((A,)), seconds=slow).dialogues[-1].marks] == ["a"]
    linked = after(Asked((BOX,)), Asked((A,), saved=(BOX,), stamp="saved"), seconds=slow)
    assert [m.id for m in linked.dialogues[-1].marks] == ["x", "a"]


@pytest.mark.parametrize(
    ("moments", "marks"),
    [((0.0, 14.0), "xa"), ((0.0, 16.0), "a"), ((0.0, 8.0, 16.0), "g"), ((0.0, 8.0, 14.0), "xag")],
    ids=["before a draft is due", "a draft is due", "due since the first prompt", "not yet due"],
)
def test_a_guess_ends_when_the_first_prompts_page_must_have_saved(moments, marks):
    known = Known()
    for moment, mark in zip(moments, (BOX, A, BACK), strict=False):
        known = follow(known, Asked((mark,)), moment)
    assert "".join(mark.id for mark in known.dialogues[-1].marks) == marks


def test_a_known_annotators_dialogue_is_continued_for_as_long_after_each_prompt():
    known = Known()
    for number, mark in enumerate((BOX, A, BACK)):
        known = follow(known, Asked((mark,), "ann"), 10.0 * number)
    assert known.dialogues[-1].marks == (BOX, A, BACK)


@pytest.mark.parametrize(
    ("windows", "marks"),
    [((0.23, 0.23), "ga"), ((0.23, 0.19), "a"), ((0.23, None), "ga"), ((None, 0.23), "ga")],
    ids=["the same", "another", "a request that does not tell", "a dialogue that does not tell"],
)
def test_points_of_another_window_are_another_annotators(windows, marks):
    requests = (Asked((replace(mark, window=window),)) for mark, window in zip((BACK, A), windows, strict=True))
    assert "".join(mark.id for mark in after(*requests).dialogues[-1].marks) == marks


def test_a_draft_of_somebody_ends_the_guess_about_nobody():
    assert [mark.id for mark in after(Asked((BOX,)), Asked((A,), "bob")).dialogues[-1].marks] == ["a"]


def test_a_moved_prompt_is_where_it_is_now():
    moved = replace(A, drawn=Point(9, 9))
    assert after(Asked((A, B)), Asked((moved, B))).dialogues[-1].marks == (moved, B)


@pytest.mark.parametrize(
    ("signed", "positive"), [(False, False), (True, True)], ids=["the page forgot it", "the page tells it"]
)
def test_a_sign_that_the_page_forgot_is_remembered(signed, positive):
    known = after(Asked((REMOVE,)), Asked((click("r", signed=signed),)))
    assert known.dialogues[-1].marks[0].drawn.positive is positive


def test_a_wrong_guess_is_taken_back_and_never_made_again():
    """Two people at once, neither with a draft: the second was taken for the first, who had accepted."""
    known = after(Asked((A,)), Asked((B,)), Asked((A, C)))
    assert known.contested
    assert [mark.id for mark in known.dialogues[-1].marks] == ["a", "c"]
    second = follow(known, Asked((B, BACK)), 3.0).dialogues[-1]
    assert (second.accepted, [mark.id for mark in second.marks]) == ((), ["b", "g"])
    third = follow(known, Asked((BOX,)), 3.0).dialogues[-1]
    assert [mark.id for mark in third.marks] == ["x"]


def test_dialogues_on_a_task_are_bounded():
    known = Known()
    for number in range(3 * MOST_AT_ONCE):
        known = follow(known, Asked((click(str(number)),)), 1000.0 * number)
    assert len(known.dialogues) == MOST_AT_ONCE


@given(
    st.lists(st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from(["click", "background", "box"])), max_size=12)
)
def test_two_people_whose_drafts_are_known_never_meet(turns):
    """In any order, each has what they would have alone."""
    together, alone = Known(), {"ann": Known(), "bob": Known()}
    drawn: dict[str, list[Mark]] = {"ann": [], "bob": []}
    for number, (who, kind) in enumerate(turns):
        name = f"{who} {number}"
        mark = {"click": click(name), "background": click(name, None), "box": box(name)}[kind]
        drawn[who].append(mark)
        context = tuple(other for other in drawn[who] if other.group == mark.group)
        asked = Asked(context, who, stamp=who)
        together, alone[who] = follow(together, asked, number), follow(alone[who], asked, number)
        assert together.dialogues[-1] == alone[who].dialogues[-1]
    assert not together.contested


class TestStore:
    def test_tasks_do_not_meet(self):
        store = Dialogues(clock=lambda: 0.0)
        store.follow(1, Asked((BOX,)))
        assert store.follow(2, Asked((A,))).marks == (A,)
        assert store.follow(1, Asked((A,))).marks == (BOX, A)

    @pytest.mark.parametrize(
        ("bounds", "kept"),
        [({"count": 2}, 2), ({"limit": 1500}, 3), ({"seconds": 5.0}, 5), ({}, 9)],
        ids=["count", "bytes", "time", "room for all"],
    )
    def test_it_forgets_the_least_recently_used(self, bounds, kept):
        now = [0.0]
        store = Dialogues(clock=lambda: now[0], **bounds)
        for task in range(9):
            now[0] += 1.1
            store.follow(task, Asked((A,)))
        assert len(store) == kept
        assert store.follow(8, Asked((A, B))).marks == (A, B)

    def test_bytes_are_counted_with_the_answers(self):
        store = Dialogues(limit=600)
        store.follow(1, Asked((A,)))
        before = store.nbytes
        store.answered(1, (A,), (region("r"),))
        assert store.nbytes == before + MASK.nbytes
        store.answered(1, (A,), (region("r"),) * 9)
        assert (len(store), store.nbytes) == (0, 0)
        store.answered(1, (A,), (region("r"),))
        assert len(store) == 0

    def test_it_expires(self):
        now = [0.0]
        store = Dialogues(seconds=100.0, clock=lambda: now[0])
        store.follow(1, Asked((A,)))
        now[0] = 101.0
        assert store.follow(1, Asked((BOX,))) == Dialogue((BOX,), began=101.0, at=101.0)
