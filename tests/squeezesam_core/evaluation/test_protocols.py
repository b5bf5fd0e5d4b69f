"""The protocols that ask for each object."""

import numpy as np
import pytest

from squeezesam_core.errors import InvalidDatasetError, SqueezeSAMError
from squeezesam_core.evaluation.case import Plan
from squeezesam_core.evaluation.model import Answer
from squeezesam_core.evaluation.protocols import PROTOCOLS
from squeezesam_core.evaluation.protocols.jittered_clicks import jitter
from squeezesam_core.evaluation.protocols.noc import above_threshold
from squeezesam_core.evaluation.run import evaluate
from squeezesam_core.evaluation.scene import Models, Scene
from squeezesam_core.fusion import PREVIOUS
from squeezesam_core.prompts import Point, Prompt
from squeezesam_core.saliency import Blob
from squeezesam_core.samples import Mask

SIDE = 128


def square(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[rows, columns] = True
    return mask


CENTRE = square(slice(32, 96), slice(32, 96))
"""What the detector of tests/conftest.py finds."""
CORNER = square(slice(0, 20), slice(0, 20))


@pytest.mark.parametrize("protocol", ["saliency", "detector"])
def test_map_protocols_find_what_stands_out_and_no_more(ask, protocol: str) -> None:
    found, missed = ask(protocol, CENTRE, CORNER)
    assert found.outcome.ious[0] > 0.9
    assert missed.outcome.ious == {0: 0.0}


@pytest.mark.parametrize("protocol", ["saliency", "detector"])
def test_no_salient_object_is_an_empty_mask(ask, service, protocol: str) -> None:
    service.detector.salient = False
    (case,) = ask(protocol, CENTRE)
    assert case.outcome.ious == {0: 0.0}
    assert not service.segmenter.calls


def test_box_is_the_true_one(ask, service) -> None:
    (case,) = ask("box", CORNER)
    assert case.outcome.ious[0] > 0.99
    assert service.segmenter.calls[0][2].tolist() == [2, 3]
    assert np.allclose(service.segmenter.calls[0][1], [[0, 0], [20 / SIDE, 20 / SIDE]])


def test_random_clicks_come_at_once_on_a_new_mask(ask, service) -> None:
    ask("random-clicks", CORNER, plan=Plan((1, 3, 5)))
    assert [len(labels) for _, _, labels in service.segmenter.calls] == [1, 3, 5]
    assert all(fused[PREVIOUS].max() == 0 for fused, *_ in service.segmenter.calls)


@pytest.mark.parametrize("protocol", ["random-clicks", "jittered-clicks", "flawed-mask"])
def test_an_objects_chance_does_not_depend_on_the_others(ask, protocol: str) -> None:
    alone = ask(protocol, CORNER)[0]
    among = ask(protocol, CORNER, CENTRE)[0]
    other = ask(protocol, CORNER, plan=Plan(seed=1))[0]
    assert alone.shown == among.shown
    assert alone.outcome.ious == among.outcome.ious
    assert alone.shown != other.shown


def test_error_clicks_start_from_the_centre_and_from_the_mask_before(ask, service) -> None:
    (case,) = ask("error-clicks", CORNER, plan=Plan((1, 3)))
    (first, points, _), (second, more, labels), *_ = service.segmenter.calls
    assert np.allclose(points[0] * SIDE, 9.5, atol=1)
    assert first[PREVIOUS].max() == 0
    assert second[PREVIOUS].max() > 0.9
    assert np.array_equal(more[0], points[0])
    assert labels.tolist() == [1, 1]
    ious = case.outcome.ious
    assert sorted(ious) == [1, 2, 3]
    assert ious[1] < ious[2] < ious[3]


@pytest.mark.parametrize(("detector", "starts"), [(True, True), (False, False)], ids=["map", "no map"])
def test_first_click_on_the_salient_area_starts_from_the_map(ask, service, detector: bool, starts: bool) -> None:
    ask("error-clicks", CENTRE, plan=Plan((1,)), detector=detector)
    assert (service.segmenter.calls[0][0][PREVIOUS].sum() > 1000) == starts


class Peer:
    """A model that takes no map and remembers what it was asked."""

    name = "peer"
    takes_map = False

    def __init__(self) -> None:
        self.asked: list[tuple[Prompt, np.ndarray | None, np.ndarray | None]] = []

    def open(self, image: np.ndarray) -> "Peer":
        self.shape = image.shape[:2]
        return self

    def answer(self, prompt: Prompt, previous: np.ndarray | None, saliency: np.ndarray | None) -> Answer:
        self.asked.append((prompt, previous, saliency))
        mask = np.zeros(self.shape, bool)
        mask[int(prompt.points[-1].y), int(prompt.points[-1].x)] = True
        return Answer(mask, np.full((8, 8), 0.25, np.float32), 0.5)

    def whole_object(self, blob: Blob, _saliency: np.ndarray) -> Answer:
        return self.answer(blob.prompt(self.shape[::-1]), None, None)


def test_a_peer_gets_the_clicks_and_its_own_answers_but_never_the_map(service, sample) -> None:
    peer = Peer()
    models = Models(peer, service.detector)
    list(evaluate(models, [sample(CENTRE)], PROTOCOLS["error-clicks"], Plan((2,))))
    list(evaluate(models, [sample(CENTRE)], PROTOCOLS["saliency"], Plan()))
    (first, before, _), (second, own, _), (salient, unprompted, _) = peer.asked
    assert [saliency for *_, saliency in peer.asked] == [None] * 3
    assert (len(first.points), before) == (1, None)
    assert len(second.points) == 2
    assert np.array_equal(own, np.full((8, 8), 0.25))
    assert (len(salient.points), unprompted) == (5, None)


def test_from_mask_mends_the_saliency_mask_and_its_clicks_add_up(ask, service) -> None:
    truth = CENTRE | square(slice(32, 64), slice(96, 120)) | square(slice(100, 116), slice(40, 60))
    (case,) = ask("from-mask", truth, plan=Plan((1, 2)))
    assert sorted(case.outcome.ious)[:3] == [0, 1, 2]
    (fused, first, labels), (again, both, more) = service.segmenter.calls[1:3]
    assert np.allclose(first[-1] * SIDE, [case.shown.points[0].x, case.shown.points[0].y], atol=1e-3)
    assert np.allclose(both[-2:] * SIDE, [[p.x, p.y] for p in case.shown.points[:2]], atol=1e-3)
    assert (labels.tolist(), more.tolist()) == ([1] * 6, [1] * 7), "five clicks stand for the mask"
    assert set(np.unique(fused[PREVIOUS])) == {0, 1}, "people see a mask, not probabilities"
    assert set(np.unique(again[PREVIOUS])) != {0, 1}, "then the network goes on from its own answer"


def test_flawed_mask_starts_near_the_truth(ask) -> None:
    (case,) = ask("flawed-mask", CENTRE, plan=Plan((1,)))
    assert 0.7 < case.outcome.ious[0] < 0.87
    assert len(case.outcome.seconds) == 1, "the given mask took no time of the model's"


def test_clicking_ends_where_nothing_is_left(ask) -> None:
    disc = CORNER
    for _ in range(4):  # until the click at the centre of what the network drew draws the same again
        disc = ask("error-clicks", disc, plan=Plan((1,)), detector=False)[0].mask
    (case,) = ask("error-clicks", disc, plan=Plan(noc=True), detector=False)
    assert case.outcome.ious == {1: 1.0}
    assert case.outcome.after(20) == 1


def test_noc_goes_on_to_20_clicks_and_stops_at_90_percent(ask) -> None:
    large = square(slice(4, 124), slice(4, 124))
    (never,) = ask("noc", large, plan=Plan((1,)), detector=False)
    assert max(never.outcome.ious) == 20
    assert never.outcome.last < 0.9
    (found,) = ask("noc", CENTRE, plan=Plan((1,)))
    assert max(found.outcome.ious) == 1
    assert PROTOCOLS["noc"].figures([never.outcome, found.outcome], Plan((1,)))["noc90"] == 10.5


@pytest.mark.parametrize(("probability", "inside"), [(0.485, False), (0.495, True), (0, False), (1, True)])
def test_nocs_threshold_is_ritms(probability: float, inside: bool) -> None:
    answer = Answer(np.zeros((4, 6), bool), np.full((2, 3), probability, np.float32), 0.5)
    mask = above_threshold(answer, Scene(Models(None, None), "photo", np.zeros((4, 6, 3), np.uint8)))
    assert mask.shape == (4, 6)
    assert mask.all() == mask.any() == inside


@pytest.mark.parametrize("seed", range(10))
def test_a_jittered_click_stays_on_its_error_and_near_its_centre(seed: int) -> None:
    truth = Mask.of(CENTRE | CORNER)
    nothing = np.zeros_like(CENTRE)
    click = jitter(Point(64.5, 64.5), nothing, truth, nothing, np.random.default_rng(seed))
    assert np.hypot(click.x - 64.5, click.y - 64.5) <= 0.1 * np.sqrt(64 * 64 + 400)
    assert click.positive
    near_edge = jitter(Point(9.5, 9.5), nothing, truth, nothing, np.random.default_rng(seed))
    assert CORNER[int(near_edge.y), int(near_edge.x)]


def test_person_is_the_largest_mask_by_one_click_and_without(ask) -> None:
    (case,) = ask("person", CORNER, CENTRE)
    assert case.outcome.number == 1
    assert sorted(case.outcome.ious) == [0, 1]
    figures = PROTOCOLS["person"].figures([case.outcome], Plan())
    assert set(figures) == {"miou", "biou", "iou@1", "biou@1"}


@pytest.mark.parametrize(
    ("mask", "named"),
    [(np.zeros((SIDE, SIDE), bool), "empty"), (np.ones((5, 9), bool), "9x5")],
    ids=["empty", "other size"],
)
def test_bad_masks_are_named(ask, mask: np.ndarray, named: str) -> None:
    with pytest.raises(InvalidDatasetError, match=f"photo.png.*{named}|{named}"):
        ask("box", mask)


@pytest.mark.parametrize("protocol", [p.name for p in PROTOCOLS.values() if p.needs_detector])
def test_protocols_that_need_a_detector_say_so(ask, protocol: str) -> None:
    with pytest.raises(SqueezeSAMError, match="--detector"):
        ask(protocol, CORNER, detector=False)


def test_a_protocol_that_needs_boxes_says_so(ask) -> None:
    with pytest.raises(SqueezeSAMError, match="--detections"):
        ask("detections", CENTRE)
