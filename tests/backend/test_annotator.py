"""Refinement as the annotator sees it, with networks of the test's own: what the reply holds after what was drawn."""

from dataclasses import replace

import numpy as np
import pytest

from backend.annotator import Annotator
from backend.cache import ByteCache
from backend.images import Photo
from backend.labeling_config import parse
from backend.regions import read_region
from squeezesam_core.errors import InvalidPromptError

CONFIG = parse("""<View><Image name="image" value="$image"/>
<BrushLabels name="brush" toName="image"><Label value="Cat"/><Label value="Dog"/></BrushLabels>
<PolygonLabels name="poly" toName="image"><Label value="Cow"/></PolygonLabels>
<KeyPointLabels name="kp" toName="image" smart="true"><Label value="Cat"/><Label value="Background"/></KeyPointLabels>
<RectangleLabels name="box" toName="image" smart="true"><Label value="Cat"/></RectangleLabels></View>""")
WIDTH, HEIGHT = 320, 320
FRAME = {"to_name": "image", "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}


def click(identifier, x, y, label="Cat", positive=True):
    value = {"x": x, "y": y, "width": 0.2, "keypointlabels": [label]}
    return {
        **FRAME,
        "type": "keypointlabels",
        "from_name": "kp",
        "id": identifier,
        "value": value,
        "is_positive": positive,
    }


def box(identifier, x, y, width, height):
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": ["Cat"]}
    return {**FRAME, "type": "rectanglelabels", "from_name": "box", "id": identifier, "value": value}


@pytest.fixture(autouse=True)
def photo(photos):
    photos["a"] = photos["b"] = (WIDTH, HEIGHT)


@pytest.fixture
def predicted(annotator):
    """A task whose salient object, the square in the middle, was predicted."""
    task = {"id": 1, "data": {"image": "a"}}
    return {**task, "predictions": [{"result": annotator.pre_annotate(task, CONFIG).result}]}


def fresh(service):
    """The backend after a restart."""
    return Annotator(service, lambda url: Photo.of(np.zeros((HEIGHT, WIDTH, 3), np.uint8)), ByteCache(2**24))


def at(prediction, x, y):
    """Ids of the regions that hold a place, in percent."""
    regions = [read_region(result, CONFIG) for result in prediction.result]
    return [r.id for r in regions if r.shape.mask()[int(y * HEIGHT / 100), int(x * WIDTH / 100)]]


ADD, MORE, REMOVE = click("a", 80, 50), click("m", 20, 50), click("r", 30, 30, positive=False)
BACKGROUND = click("g", 30, 30, "Background")
BOX = box("x", 20, 20, 62, 62)


def test_a_click_adds_to_the_predicted_mask_and_keeps_its_id(annotator, predicted):
    [known] = predicted["predictions"][0]["result"]
    reply = annotator.refine(predicted, [ADD], CONFIG)
    assert [region["id"] for region in reply.result] == [known["id"]]
    assert at(reply, 80, 50) and at(reply, 50, 50) and not at(reply, 20, 50)


@pytest.mark.parametrize("mark", [REMOVE, BACKGROUND], ids=["Alt+click", "Background"])
def test_a_lone_negative_click_removes_there(annotator, predicted, service, mark):
    reply = annotator.refine(predicted, [mark], CONFIG)
    assert at(reply, 50, 50) and not at(reply, 30, 30)
    assert at(fresh(service).refine(predicted, [ADD], CONFIG), 30, 30), "only the mark did it"


@pytest.mark.parametrize(
    ("contexts", "holds", "lacks"),
    [
        ([[ADD], [ADD, MORE]], [(80, 50), (20, 50), (50, 50)], []),
        ([[ADD], [ADD, REMOVE]], [(80, 50), (50, 50)], [(30, 30)]),
        ([[ADD], [BACKGROUND]], [(80, 50), (50, 50)], [(30, 30)]),
        ([[BACKGROUND], [ADD]], [(80, 50), (50, 50)], [(30, 30)]),
        ([[ADD], [BACKGROUND], [ADD, MORE]], [(80, 50), (20, 50)], [(30, 30)]),
        ([[BOX], [BACKGROUND]], [(80, 80), (50, 50)], [(30, 30), (10, 10)]),
        ([[BOX], [ADD, REMOVE]], [(80, 80), (80, 50)], [(30, 30)]),
    ],
    ids=[
        "two clicks",
        "click, Alt+click",
        "click, Background",
        "Background, click",
        "Background in between",
        "box, Background",
        "box, clicks",
    ],
)
def test_prompts_add_up_though_the_page_sends_one_kind_at_a_time(annotator, predicted, contexts, holds, lacks):
    for context in contexts:
        reply = annotator.refine(predicted, context, CONFIG)
    assert [region["id"] for region in reply.result] == [predicted["predictions"][0]["result"][0]["id"]]
    assert all(at(reply, *place) for place in holds)
    assert not any(at(reply, *place) for place in lacks)


def test_taking_back_a_prompt_gives_the_earlier_masks_exactly(annotator, predicted, service):
    beside = click("b", 88, 50)
    contexts = [[BOX], [beside], [beside, REMOVE], [beside, REMOVE, MORE]]
    replies = [annotator.refine(predicted, context, CONFIG) for context in contexts]
    assert annotator.refine(predicted, contexts[2], CONFIG) == replies[2]
    assert annotator.refine(predicted, contexts[1], CONFIG) == replies[1]
    assert annotator.refine(predicted, [], CONFIG) == replies[0]
    assert annotator.refine(predicted, [], CONFIG).result == []
    assert len({str(reply.result) for reply in replies}) == 4


def test_a_restart_replays_the_clicks_of_the_request(annotator, predicted, service):
    annotator.refine(predicted, [ADD], CONFIG)
    before = annotator.refine(predicted, [ADD, REMOVE], CONFIG)
    assert fresh(service).refine(predicted, [ADD, REMOVE], CONFIG) == before


def test_a_restart_finds_the_other_prompts_in_the_draft(annotator, predicted, service):
    annotator.refine(predicted, [BOX], CONFIG)
    before = annotator.refine(predicted, [ADD], CONFIG)
    regions = predicted["predictions"][0]["result"]
    draft = {"id": 1, "user": "ann", "updated_at": "2026", "result": [*regions, BOX, ADD]}
    assert fresh(service).refine({**predicted, "drafts": [draft]}, [ADD], CONFIG) == before


def test_a_dialogue_goes_on_when_another_version_serves(annotator, predicted, service):
    annotator.refine(predicted, [ADD], CONFIG)
    newer = annotator.with_service(replace(service, model_version="newer"))
    reply = newer.refine(predicted, [BACKGROUND], CONFIG)
    assert at(reply, 80, 50) and not at(reply, 30, 30)


def test_a_click_after_accepting_starts_from_what_was_accepted(annotator, predicted):
    accepted = annotator.refine(predicted, [ADD], CONFIG)
    next_click = annotator.refine(predicted, [REMOVE], CONFIG)
    assert at(next_click, 80, 50) and not at(next_click, 30, 30)
    saved = {**predicted, "drafts": [{"id": 1, "user": "ann", "updated_at": "2026", "result": accepted.result}]}
    assert annotator.refine(saved, [REMOVE], CONFIG) == next_click, "the draft has caught up"


def test_an_edited_region_is_where_corrections_start(one_look, annotator, predicted):
    [region] = annotator.refine(predicted, [click("other", 50, 50)], CONFIG).result
    [edited] = annotator.refine(predicted, [REMOVE], CONFIG).result
    drafts = [{"id": 1, "user": "ann", "updated_at": "2026", "result": [edited]}]
    reply = annotator.refine({**predicted, "drafts": drafts}, [click("late", 80, 50)], CONFIG)
    assert [result["id"] for result in reply.result] == [region["id"]]
    assert at(reply, 80, 50) and not at(reply, 30, 30)


def test_a_click_far_from_all_begins_an_object_and_the_next_one_finds_it(annotator, predicted):
    [known] = predicted["predictions"][0]["result"]
    far = [click("far", 97, 97)]
    [new] = annotator.refine(predicted, far, CONFIG).result
    assert new["id"] != known["id"]
    both = annotator.refine(predicted, [*far, ADD], CONFIG)
    assert [region["id"] for region in both.result] == [new["id"], known["id"]]
    assert at(both, 97, 97) == [new["id"]] and at(both, 80, 50) == [known["id"]]
    screen = {**predicted, "drafts": [{"id": 1, "updated_at": "1", "user": "ann", "result": [known, new]}]}
    again = annotator.refine(screen, [click("again", 97, 96)], CONFIG)
    assert [region["id"] for region in again.result] == [new["id"]]


@pytest.mark.parametrize(
    ("label", "control", "kind"),
    [("Cat", "brush", "brushlabels"), ("Dog", "brush", "brushlabels"), ("Cow", "poly", "polygonlabels")],
)
def test_the_reply_has_the_class_of_the_label_and_its_output(annotator, predicted, label, control, kind):
    [region] = annotator.refine(predicted, [click("k", 50, 50, label)], CONFIG).result
    assert (region["from_name"], region["type"], region["value"][kind]) == (control, kind, [label])
    known = predicted["predictions"][0]["result"][0]["id"]
    assert (region["id"] == known) is (label == "Cat"), "a click of another class leaves the mask alone"


def test_a_polygon_is_refined_in_place(annotator, predicted):
    [cow] = annotator.refine(predicted, [click("k", 50, 50, "Cow")], CONFIG).result
    drawn = annotator.refine(predicted, [click("k", 50, 50, "Cow"), click("l", 56, 50, "Cow")], CONFIG)
    screen = {**predicted, "drafts": [{"id": 1, "user": "ann", "updated_at": "1", "result": drawn.result}]}
    reply = annotator.refine(screen, [click("m", 50, 54, "Cow")], CONFIG)
    assert [(region["id"], region["type"]) for region in reply.result] == [(cow["id"], "polygonlabels")]
    assert at(reply, 50, 54) and at(reply, 50, 50)


def test_two_annotators_do_not_meet(annotator, predicted, service):
    """Prompts of two people on one task, in turns: each gets what they would get alone."""
    ann = [[BOX], [BACKGROUND], [BACKGROUND, click("g2", 60, 30, "Background")]]
    bob = [[click("b", 3, 3)], [click("b", 3, 3), click("b2", 5, 3)], [click("b", 3, 3)]]
    tasks = [
        {
            **predicted,
            "drafts": [{"id": n, "user": user, "updated_at": "1", "result": predicted["predictions"][0]["result"]}],
        }
        for n, user in enumerate(("ann", "bob"))
    ]
    mixed = [
        (annotator.refine(tasks[0], a, CONFIG), annotator.refine(tasks[1], b, CONFIG))
        for a, b in zip(ann, bob, strict=True)
    ]
    alone_ann, alone_bob = fresh(service), fresh(service)
    assert [a for a, _ in mixed] == [alone_ann.refine(tasks[0], context, CONFIG) for context in ann]
    assert [b for _, b in mixed] == [alone_bob.refine(tasks[1], context, CONFIG) for context in bob]


def test_nothing_is_left_of_a_mask_that_is_clicked_away(annotator):
    task = {"id": 1, "data": {"image": "a"}}
    assert annotator.refine(task, [click("g", 50, 50, "Background")], CONFIG).result == []
    reply = annotator.refine(task, [click("k", 80, 50)], CONFIG)
    assert at(reply, 80, 50) and not at(reply, 50, 50), "the background click counts for the new object"


def test_too_many_prompts_are_refused(annotator, predicted):
    many = [click(str(n), 50, 50) for n in range(65)]
    with pytest.raises(InvalidPromptError, match="65"):
        annotator.refine(predicted, many, CONFIG)


def test_two_images_answer_for_themselves(annotator, photos):
    config = parse("""<View><Image name="one" value="$a"/><Image name="two" value="$b"/>
    <BrushLabels name="first" toName="one"><Label value="Cat"/></BrushLabels>
    <PolygonLabels name="second" toName="two"><Label value="Cat"/></PolygonLabels></View>""")
    task = {"id": 1, "data": {"a": "a", "b": "b"}}
    predicted = annotator.pre_annotate(task, config).result
    assert [(r["from_name"], r["to_name"]) for r in predicted] == [("first", "one"), ("second", "two")]
    task["predictions"] = [{"result": predicted}]
    [region] = annotator.refine(task, [{**ADD, "to_name": "two"}], config).result
    assert (region["id"], region["type"]) == (predicted[1]["id"], "polygonlabels")
