"""Inference on the drawing network of tests/conftest.py."""

import cv2
import numpy as np
import pytest

from squeezesam_core import masks, segmenter, zoom
from squeezesam_core.errors import InvalidPromptError
from squeezesam_core.fusion import PREVIOUS, prepare
from squeezesam_core.geometry import NetworkInput, Window
from squeezesam_core.prompts import Box, Point, Prompt
from squeezesam_core.segmenter import Segmentation, choose, segment

PHOTO = np.zeros((200, 400, 3), np.uint8)
WHOLE = Window(0, 0, 400, 200)
IOU = np.array([0.9, 0.1, 0.3, 0.2], np.float32)
CLICK, BACKGROUND = Point(100, 50), Point(100, 50, positive=False)
MASK = np.zeros((20, 40), np.float32)
MASK[5:15, 10:30] = 1


@pytest.mark.parametrize(
    ("prompt", "has_previous", "chosen"),
    [
        (Prompt((CLICK,)), False, 2),
        (Prompt((CLICK,)), True, 0),
        (Prompt((CLICK, CLICK)), False, 0),
        (Prompt((CLICK,), Box(0, 0, 9, 9)), False, 0),
        (Prompt(box=Box(0, 0, 9, 9)), False, 0),
        (Prompt(), True, 0),
    ],
    ids=["one click", "one click on a mask", "two clicks", "click and box", "box", "mask alone"],
)
def test_choose_follows_sam(prompt: Prompt, has_previous: bool, chosen: int) -> None:
    assert choose(IOU, prompt, has_previous) == chosen


def ask(service, prompt: Prompt, previous: np.ndarray | None = None):
    return segment(service.segmenter, prepare(PHOTO, service.segmenter.spec), prompt, previous)


def test_mask_is_of_the_photos_size_and_place(service) -> None:
    result = ask(service, Prompt(box=Box(100, 50, 300, 150)))
    truth = np.zeros((200, 400), bool)
    truth[50:150, 100:300] = True
    assert result.mask.shape == truth.shape
    assert (result.mask == truth).mean() > 0.96
    assert result.iou == 0.75


def test_probabilities_are_what_the_next_call_starts_from(service, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask(service, Prompt(box=Box(100, 50, 300, 150)))
    probabilities = first.probabilities()
    shown = cv2.resize(probabilities, (400, 200), interpolation=cv2.INTER_LINEAR) > 0.5
    assert (shown == first.mask).mean() > 0.98
    monkeypatch.setattr(zoom, "window_around", lambda *_: None)
    again = ask(service, Prompt(), probabilities)
    # The network draws all of a pixel that the mask touches (tests/conftest.py), and the pixels of the window are not
    # those of the whole photo, which are 8 of its own wide: the mask grows by up to one of them, and does not move.
    assert (again.mask == first.mask).mean() > 0.96
    grown = edges(again.mask) - edges(first.mask)
    assert np.abs(grown).max() <= 8
    assert np.abs(grown[:2] + grown[2:]).max() <= 1


def edges(mask: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom."""
    x, y, width, height = masks.bounding_box(mask)
    return np.array([x, y, x + width, y + height])


class Scripted:
    """Finds, look by look, a centred rectangle: a share of the sides of what it is shown, and how sure it is."""

    spec = NetworkInput(side=128)

    def __init__(self, *answers: tuple[float, float]):
        self.answers = list(answers)

    def run(self, fused, points, labels):
        share, iou = self.answers.pop(0)
        height, width = fused.shape[1] // 4, fused.shape[2] // 4
        logits = np.full((4, height, width), -5, np.float32)
        across, down = round(width * (1 - share) / 2), round(height * (1 - share) / 2)
        logits[:, down : height - down, across : width - across] = 5
        return logits, np.full(4, iou, np.float32)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[Window]:
    """What is looked at, in turn; the mirror image is left out."""
    seen: list[Window] = []
    zoom_in = zoom.zoom_in
    monkeypatch.setattr(
        zoom, "zoom_in", lambda image, window, spec: seen.append(window) or zoom_in(image, window, spec)
    )
    monkeypatch.setattr("squeezesam_core.segmenter.mean_answer", lambda session, *inputs: session.run(*inputs))
    return seen


@pytest.mark.parametrize(
    ("shares", "looks"), [((1.0,), 1), ((0.3, 0.7), 2)], ids=["fills the photo", "is small, never a third look"]
)
def test_the_answer_is_looked_at_from_near(windows, shares: tuple[float, ...], looks: int) -> None:
    session = Scripted(*((share, 0.9) for share in shares))
    result = segment(session, prepare(PHOTO, session.spec), Prompt((Point(200, 100),)), MASK)
    assert len(windows) == looks
    assert windows[0] == WHOLE
    assert result.window == windows[-1]
    outside = result.mask
    outside[windows[-1].slices()] = False
    assert not outside.any()


SEVERAL = Prompt((Point(200, 100), Point(210, 104), Point(204, 108)))


@pytest.mark.parametrize(
    ("first", "near", "chosen"),
    [
        ((0.5, 0.5, 0.5, 0.5), (0.7, 0.6, 0.5, 0.4), 0),
        ((0.5, 0.5, 0.5, 0.5), (0.4, 0.6, 0.7, 0.5), 2),
        ((0.5, 0.5, 1.0, 1.0), (0.4, 0.6), 1),
        ((1.0, 1.0, 1.0, 1.0), (0.6,), 0),
    ],
    ids=["the largest window", "a smaller one", "not those that cut the object off", "all cut it off: the largest"],
)
def test_several_clicks_get_the_surest_of_their_answers(
    windows, first: tuple[float, ...], near: tuple[float, ...], chosen: int
) -> None:
    session = Scripted(*((share, 0.9) for share in first), *((0.9, iou) for iou in near))
    result = segment(session, prepare(PHOTO, session.spec), SEVERAL)
    sizes = [window.size for window in windows[: len(zoom.NEAR_MARGINS)]]
    assert sizes == sorted(sizes, reverse=True)
    assert len(windows) == len(first) + len(near)
    assert result.window == windows[len(first) + chosen]
    assert result.iou == pytest.approx(near[chosen])


TOP, BOTTOM, NOTHING = slice(0, 10), slice(10, 20), slice(0, 0)


def answer_of(rows: slice, iou: float) -> Segmentation:
    """A band of 20 rows of a photo, as sure as given."""
    logits = np.full((20, 40), -1, np.float32)
    logits[rows] = 1
    return Segmentation(logits, WHOLE, (400, 200), iou)


@pytest.mark.parametrize(
    ("rows", "ious", "best"),
    [
        ((BOTTOM, TOP, TOP), (0.75, 0.7, 0.7), 1),
        ((BOTTOM, TOP, TOP), (0.85, 0.7, 0.7), 0),
        ((BOTTOM, TOP), (0.7, 0.71), 1),
        ((TOP,), (0.2,), 0),
        ((NOTHING, NOTHING), (0.2, 0.3), 1),
    ],
    ids=["two agree", "one is much surer than two that agree", "two do not agree", "one look", "nothing found"],
)
def test_agreement_decides_between_looks_that_are_about_as_sure(
    rows: tuple[slice, ...], ious: tuple[float, ...], best: int
) -> None:
    found = [answer_of(each, iou) for each, iou in zip(rows, ious, strict=True)]
    assert int(np.argmax(segmenter._trust(found))) == best


@pytest.mark.parametrize(
    ("saliency", "starts"),
    [(np.ones((20, 40), np.float32), True), (np.zeros((20, 40), np.float32), False), (None, False)],
    ids=["the clicks fall on the map", "they do not", "no map"],
)
def test_several_clicks_are_seen_without_the_map_and_with_it(
    service, windows, saliency: np.ndarray | None, starts: bool
) -> None:
    segment(service.segmenter, prepare(PHOTO, service.segmenter.spec), SEVERAL, saliency=saliency)
    previous = [fused[PREVIOUS] for fused, *_ in service.segmenter.calls]
    assert sum(not mask.any() for mask in previous) == len(zoom.NEAR_MARGINS)
    assert any((mask == 1).all() for mask in previous) == starts


TOO_MUCH = Prompt((Point(200, 100), Point(250, 100, positive=False)))


@pytest.mark.parametrize(
    ("prompt", "previous", "answers", "chosen"),
    [
        (TOO_MUCH, MASK, ((1.0, 0.6), (0.5, 0.6), (0.9, 0.9)), 2),
        (TOO_MUCH, MASK, ((1.0, 0.7), (0.5, 0.6), (0.9, 0.9)), 0),
        (TOO_MUCH, MASK, ((1.0, 0.7), (1.0, 0.9)), 0),
        (TOO_MUCH, None, ((1.0, 0.7),), 0),
        (Prompt((Point(200, 100),)), MASK, ((1.0, 0.7),), 0),
    ],
    ids=[
        "much surer",
        "too little surer for what it leaves",
        "cut off",
        "no mask took anything",
        "no background click",
    ],
)
def test_the_first_background_click_gets_a_look_anew(
    windows, prompt: Prompt, previous: np.ndarray | None, answers: tuple[tuple[float, float], ...], chosen: int
) -> None:
    session = Scripted(*answers)
    result = segment(session, prepare(PHOTO, session.spec), prompt, previous)
    assert not session.answers
    assert result.window == windows[chosen]
    assert result.iou == pytest.approx(answers[chosen][1])


@pytest.mark.parametrize(
    ("left", "lead"), [(1.2, 0.06), (1.0, 0.06), (0.5, 0.16), (0.0, 0.26)], ids=["takes more", "all", "half", "nothing"]
)
def test_a_look_anew_must_be_the_surer_the_less_it_leaves(left: float, lead: float) -> None:
    before, rows = answer_of(TOP, 0.6), slice(round(10 * left))
    assert segmenter._clearly_surer(answer_of(rows, 0.6 + lead + 0.01), before)
    assert not segmenter._clearly_surer(answer_of(rows, 0.6 + lead - 0.01), before)


def test_a_look_anew_knows_nothing_of_the_mask(service, windows) -> None:
    segment(service.segmenter, prepare(PHOTO, service.segmenter.spec), TOO_MUCH, MASK)
    anew = windows.index(zoom.window_clear(TOO_MUCH, (400, 200)))
    previous = [fused[PREVIOUS] for fused, *_ in service.segmenter.calls]
    assert [mask.any() for mask in previous[: anew + 1]] == [True] * anew + [False]


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt((Point(100, 50),)),
        Prompt((Point(100, 50), Point(110, 54))),
        Prompt((Point(100, 50),), Box(90, 40, 250, 120)),
    ],
    ids=["a lone click", "two clicks", "a box"],
)
def test_every_look_is_one_at_the_mirror_image_too(service, prompt: Prompt) -> None:
    ask(service, prompt, MASK)
    clicked = [points[0, 0] for _, points, _ in service.segmenter.calls]
    assert clicked[0] == pytest.approx(0.25)
    assert len(clicked) == 4, "the whole photo and what is near"
    assert clicked[1::2] == pytest.approx([1 - x for x in clicked[::2]])


def test_background_click_takes_away(service) -> None:
    kept = ask(service, Prompt((Point(200, 100),)), MASK).mask
    cut = ask(service, Prompt((Point(200, 100, positive=False),)), MASK).mask
    taken = np.argwhere(kept & ~cut)
    assert len(taken) > 0
    assert np.abs(taken - [100, 200]).max() < 20


def test_without_a_token_sams_padding_goes_in(service) -> None:
    ask(service, Prompt(), MASK)
    _, points, labels = service.segmenter.calls[0]
    assert points.shape == (1, 2)
    assert labels.tolist() == [-1]


def test_bad_prompts_never_reach_the_network(service) -> None:
    with pytest.raises(InvalidPromptError):
        ask(service, Prompt((Point(401, 5),)))
    assert not service.segmenter.calls
