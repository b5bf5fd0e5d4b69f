"""What is remembered of an annotator's prompts, whatever they do: a machine that plays one."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from backend.dialogues import Asked, Dialogue, Dialogues, Mark
from tests.backend.dialogue_marks import box, click, region


class Annotator(RuleBasedStateMachine):
    """One annotator on one task: prompts, takes back, accepts; the page saves when it likes, the backend restarts.

    The page knows what stands in it; the backend must know the same from the requests.
    """

    @initialize()
    def open(self):
        self.store = Dialogues(clock=lambda: 0.0)
        self.page: list[Mark] = []
        self.draft: tuple[Mark, ...] = ()
        self.saves = 0
        self.drawn = 0
        self.last: Dialogue | None = None
        self.certain = True

    def _send(self, group):
        marks = tuple(mark for mark in self.page if mark.group == group)
        user = "ann" if self.saves else None
        self.last = self.store.follow(1, Asked(marks, user, self.draft, self.saves))
        self.store.answered(1, self.last.marks, (region("answer"),) if self.last.marks else ())

    @rule(kind=st.sampled_from(["click", "alt", "background", "box"]))
    def draw(self, kind):
        self.drawn += 1
        name = str(self.drawn)
        mark = {
            "click": lambda: click(name),
            "alt": lambda: click(name, positive=False),
            "background": lambda: click(name, None),
            "box": lambda: box(name),
        }[kind]()
        self.page.append(mark)
        self._send(mark.group)

    @precondition(lambda self: self.page)
    @rule()
    def take_back_the_last(self):
        mark = self.page.pop()
        same = [other for other in self.page if other.group == mark.group]
        groups = [other.group for other in self.page]
        if not same and any(groups.count(group) == 1 for group in groups):
            self.page.append(mark)  # the page does not say which group was emptied: not this machine's question
            return
        self._send(mark.group)

    @rule()
    def save(self):
        self.saves += 1
        self.draft = tuple(self.page)

    @precondition(lambda self: self.page)
    @rule()
    def accept_and_save(self):
        self.page = []
        self.save()

    @precondition(lambda self: self.page)
    @rule()
    def restart(self):
        self.store = Dialogues(clock=lambda: 0.0)
        self.save()

    @invariant()
    def the_backend_knows_what_stands_in_the_page(self):
        if self.last is not None and self.page:
            assert {mark.id for mark in self.last.marks} >= {mark.id for mark in self.page}
            assert {mark.id for mark in self.last.marks} <= {mark.id for mark in self.page}


Annotator.TestCase.settings = settings(max_examples=60, stateful_step_count=20)
TestAnnotator = Annotator.TestCase
