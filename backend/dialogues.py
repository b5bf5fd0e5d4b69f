"""What an annotator has drawn so far and not accepted yet: the state behind "clicks add up".

Label Studio's page sends, with each new prompt, only the prompts of the same type and label: never points and a box
together, never positive points with those of a "Background" label. It does not say when a suggestion was accepted, and
the task holds what is on screen only once the page has saved its draft, five seconds later. So what was sent is
remembered here, per task and annotator, until the task itself tells better.

Nothing in a request names the annotator but their draft. A request belongs to a dialogue if it or its draft holds one
of the dialogue's prompts (their ids are random). Only while a page cannot have saved yet, for GUESS_SECONDS from the
first prompt on, does a request without such a link continue the last dialogue of the task; not if its points were drawn
in a window of another size, and never again on a task where that has proved wrong.

`follow` is the whole logic, a pure function; `Dialogues` keeps its states, within bounds. Losing a state costs nothing
but these memories: the prompts in the request and its draft give the same masks again.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from time import monotonic

from squeezesam_core.prompts import Box, Point
from squeezesam_core.shapes import Shape

GUESS_SECONDS = 15.0
"""Label Studio saves a draft five seconds after the first change, and every five while changes go on; the rest is
margin for a slow page."""
MOST_AT_ONCE = 8
"""Dialogues kept on one task."""


@dataclass(frozen=True)
class Mark:
    """A prompt as drawn in the page.

    id: the page's; type: "keypointlabels" or "rectanglelabels"; control: the smart control; label: of the object, None
    for the background; signed: whether the request told a click's sign; window: a point's own width in percent of the
    photo, two pixels of a screen, which tells how wide that page shows the photo; stamp: the task's state when the mark
    was first sent.
    """

    id: str
    type: str
    control: str
    label: str | None
    drawn: Point | Box
    signed: bool = field(default=True, compare=False)
    window: float | None = field(default=None, compare=False)
    stamp: Hashable = field(default=None, compare=False)

    @property
    def group(self) -> Hashable:
        """The page sends marks of one group together."""
        return self.type, self.control, self.label


@dataclass(frozen=True)
class Region:
    """A brush or polygon region: its id, its label, the name of its control, and its mask."""

    id: str
    label: str
    control: str
    shape: Shape

    @property
    def nbytes(self) -> int:
        return self.shape.nbytes


@dataclass(frozen=True)
class Asked:
    """A request. marks: its context, all of one group, none after the last of a group was deleted.

    user: whose draft the task holds, None without a draft; saved: the prompts in that draft; stamp: changes whenever
    the draft or an annotation of the task is saved.
    """

    marks: tuple[Mark, ...]
    user: str | None = None
    saved: tuple[Mark, ...] = ()
    stamp: Hashable = None

    def has_not_seen_the_end_of(self, mark: Mark) -> bool:
        """Whether the task may be older than the moment when a mark left the page, or the mark still be there."""
        return mark.stamp == self.stamp or any(saved.id == mark.id for saved in self.saved)


@dataclass(frozen=True)
class Dialogue:
    """One annotator's prompts on a task that are not accepted yet.

    marks: in the order drawn; answer: the regions last replied with. accepted: regions that were suggested and then
    accepted, which the task does not hold yet, and spent: the marks they came from. deleted: marks that were taken
    back, which the task may still hold. carried: ids of marks that were taken over by a guess. user: None until a draft
    told; began, at: seconds, of the first and the last request.
    """

    marks: tuple[Mark, ...] = ()
    answer: tuple[Region, ...] = ()
    accepted: tuple[Region, ...] = ()
    spent: tuple[Mark, ...] = ()
    deleted: tuple[Mark, ...] = ()
    carried: frozenset[str] = frozenset()
    user: str | None = None
    began: float = 0.0
    at: float = 0.0

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(mark.id for mark in self.marks)


@dataclass(frozen=True)
class Known:
    """The dialogues on a task, the latest last. contested: a guess was wrong: several people work on it at once."""

    dialogues: tuple[Dialogue, ...] = ()
    contested: bool = False

    @property
    def at(self) -> float:
        """Seconds, of the last request."""
        return max((d.at for d in self.dialogues), default=0.0)

    @property
    def nbytes(self) -> int:
        regions = [region for d in self.dialogues for region in (*d.answer, *d.accepted)]
        marks = sum(len(d.marks) + len(d.spent) + len(d.deleted) for d in self.dialogues)
        return 500 * marks + sum(r.shape.nbytes for r in regions)


def follow(known: Known, asked: Asked, now: float) -> Known:
    """The state after a request; its last dialogue is the one that the request belongs to."""
    linked = _linked(known, asked)
    found = linked or _guessed(known, asked, now)
    dialogue = _continue(found or Dialogue(began=now), asked, now, guess=linked is None)
    others = [other for other in known.dialogues if other is not linked]
    contested = known.contested
    if linked is not None:  # whoever was taken to have gone on with these marks was somebody else
        sent = frozenset(mark.id for mark in asked.marks) & linked.ids - linked.carried
        contested = contested or any(other.carried & sent for other in others)
        others = [_without_guess(other) if other.carried & sent else other for other in others]
    return Known((*others, dialogue)[-MOST_AT_ONCE:], contested)


def answered(known: Known, marks: tuple[Mark, ...], answer: tuple[Region, ...]) -> Known:
    """The state after a reply to the dialogue that holds these marks."""
    dialogues = (replace(d, answer=answer) if d.marks == marks else d for d in known.dialogues)
    return replace(known, dialogues=tuple(dialogues))


def _linked(known: Known, asked: Asked) -> Dialogue | None:
    """The dialogue that has most of the request's marks, else most of its draft's; the later of equals."""
    for marks in (asked.marks, asked.saved):
        ids = {mark.id for mark in marks}
        shared = [len(ids & (d.ids if marks is asked.marks else d.ids - d.carried)) for d in known.dialogues]
        best = max(range(len(shared)), key=lambda index: (shared[index], index), default=0)
        if shared and shared[best]:
            return known.dialogues[best]
    return None


def _guessed(known: Known, asked: Asked, now: float) -> Dialogue | None:
    """The last dialogue, of those that may be the same person's."""
    theirs = [d for d in known.dialogues if _may_be_of_one_page(d, asked, now)]
    return theirs[-1] if theirs and not known.contested else None


def _may_be_of_one_page(dialogue: Dialogue, asked: Asked, now: float) -> bool:
    """Whether nothing speaks against it: neither the draft, nor one that is missing though there was time to save it,
    nor the size of the window."""
    since = dialogue.began if dialogue.user is None else dialogue.at
    ours, theirs = ({mark.window for mark in marks} - {None} for marks in (dialogue.marks, asked.marks))
    same_window = not ours or not theirs or bool(ours & theirs)
    return dialogue.user == asked.user and now - since <= GUESS_SECONDS and same_window


def _continue(old: Dialogue, asked: Asked, now: float, guess: bool) -> Dialogue:
    spent, deleted = (tuple(filter(asked.has_not_seen_the_end_of, gone)) for gone in (old.spent, old.deleted))
    accepted = old.accepted if spent else ()
    gone = {mark.id for mark in (*spent, *deleted)}
    before = [mark for mark in old.marks if asked.has_not_seen_the_end_of(mark)]
    before += [replace(mark, stamp=asked.stamp) for mark in asked.saved if mark.id not in old.ids | gone]
    known = {mark.id: mark for mark in before}
    sent = {mark.id: _as_known(mark, known.get(mark.id), asked.stamp) for mark in asked.marks}
    if not sent:
        live = _without_last_group(before)
    elif not sent.keys() & known.keys() and any(mark.group == asked.marks[0].group for mark in before):
        # The page holds none of them any more: their suggestion was accepted, and that ends every group.
        accepted = (*(region for region in accepted if region.id not in {a.id for a in old.answer}), *old.answer)
        spent, before, live = (*spent, *before), [], tuple(sent.values())
    else:
        kept = [sent.get(mark.id, mark) for mark in before if mark.group != asked.marks[0].group or mark.id in sent]
        live = (*kept, *(mark for mark in sent.values() if mark.id not in known))
    alive = {mark.id for mark in live}
    deleted = tuple(mark for mark in (*deleted, *before) if mark.id not in alive)
    carried = (old.carried | old.ids if guess else old.carried) & (alive | {mark.id for mark in spent})
    return Dialogue(live, old.answer, accepted, spent, deleted, carried, asked.user or old.user, old.began, now)


def _as_known(mark: Mark, known: Mark | None, stamp: Hashable) -> Mark:
    """A sent mark, as the page shows it now; a sign that the page forgot comes from memory."""
    if known is None:
        return replace(mark, stamp=stamp)
    if not mark.signed and isinstance(mark.drawn, Point) and isinstance(known.drawn, Point):
        return replace(mark, drawn=replace(mark.drawn, positive=known.drawn.positive), stamp=known.stamp)
    return replace(mark, stamp=known.stamp)


def _without_last_group(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """Without the group that was emptied: a group of one mark, the last such."""
    groups = [mark.group for mark in marks]
    single = [group for group in groups if groups.count(group) == 1] or groups[-1:]
    return tuple(mark for mark in marks if mark.group not in single[-1:])


def _without_guess(dialogue: Dialogue) -> Dialogue:
    marks = tuple(mark for mark in dialogue.marks if mark.id not in dialogue.carried)
    return replace(dialogue, marks=marks, answer=(), accepted=(), spent=(), carried=frozenset())


class Dialogues:
    """The states of all tasks, safe to share between threads.

    At most `count` tasks and `limit` bytes; the least recently used goes first, and each after `seconds` of silence.
    """

    def __init__(
        self,
        count: int = 1000,
        limit: int = 2**25,
        seconds: float = 3600.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._count, self._limit, self._seconds, self._clock = count, limit, seconds, clock
        self._known: OrderedDict[Hashable, Known] = OrderedDict()
        self._lock = Lock()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._known)

    def follow(self, task: Hashable, asked: Asked) -> Dialogue:
        """The dialogue that a request on a task continues or begins."""
        with self._lock:
            now = self._clock()
            while self._known and now - next(iter(self._known.values())).at > self._seconds:
                self._forget_oldest()
            known = follow(self._known.get(task, Known()), asked, now)
            self._keep(task, known)
            return known.dialogues[-1]

    def shown(self, task: Hashable, asked: Asked) -> tuple[Region, ...]:
        """The regions last replied with in the dialogue that a request belongs to; changes nothing."""
        with self._lock:
            linked = _linked(self._known.get(task, Known()), asked)
            return () if linked is None else linked.answer

    def answered(self, task: Hashable, marks: tuple[Mark, ...], answer: tuple[Region, ...]) -> None:
        """Remember what was replied; nothing happens if the state is gone by now."""
        with self._lock:
            if task in self._known:
                self._keep(task, answered(self._known[task], marks, answer))

    def _keep(self, task: Hashable, known: Known) -> None:
        before = self._known.pop(task, Known())
        self._known[task] = known
        self.nbytes += known.nbytes - before.nbytes
        while self._known and (len(self._known) > self._count or self.nbytes > self._limit):
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        self.nbytes -= self._known.popitem(last=False)[1].nbytes
