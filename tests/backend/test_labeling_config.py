import pytest

from backend.labeling_config import ConfigurationError, Control, LabelingConfig, check, mend, parse

FULL = """<View>
  <Image name="image" value="$photo"/>
  <BrushLabels name="brush" toName="image"><Label value="Cat"/><Label value="Dog"/></BrushLabels>
  <KeyPointLabels name="kp" toName="image" smart="true"><Label value="Cat"/><Label value="Background"/></KeyPointLabels>
  <RectangleLabels name="box" toName="image" smart="true"><Label value="Dog"/></RectangleLabels>
</View>"""
BRUSH = """<View>
  <Image name="image" value="$x"/>
  <BrushLabels name="b" toName="image"><Label value="Cat"/></BrushLabels>
</View>"""


def test_a_full_configuration():
    assert check(FULL) == LabelingConfig(
        "image",
        "photo",
        (Control("brush", ("Cat", "Dog"), "brushlabels"),),
        Control("kp", ("Cat", "Background"), "keypointlabels"),
        Control("box", ("Dog",), "rectanglelabels"),
    )


def test_prompts_may_be_missing_when_only_pre_annotating():
    config = parse(BRUSH)
    assert (config.keypoint, config.rectangle) == (None, None)


@pytest.mark.parametrize(
    ("xml", "cause"),
    [
        ("", "XML"),
        ("<View>", "XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><View>&a;</View>', "XML"),
        ("<View/>", "<Image>"),
        ('<View><Image name="image" value="$image"/></View>', "BrushLabels"),
        ('<View><Image name="a" value="$a"/><BrushLabels name="b" toName="text"/></View>', "BrushLabels"),
        (BRUSH, "KeyPointLabels"),
        (FULL.replace('name="kp" toName="image" smart="true"', 'name="kp" toName="image"'), "KeyPointLabels"),
        (FULL.replace('name="box" toName="image" smart="true"', 'name="box" toName="image"'), "RectangleLabels"),
        (FULL.replace('smart="true"><Label value="Dog"/>', 'smart="true"><Label value="Cow"/>'), "Cow"),
    ],
    ids=["empty", "broken", "entity", "image", "brush", "not-on-image", "prompts", "not-smart", "box", "label"],
)
def test_what_is_missing_is_named_and_mended(xml, cause):
    with pytest.raises(ConfigurationError, match=cause) as raised:
        check(xml)
    assert mend(xml) in raised.value.remedy or cause == "XML"
    check(mend(xml))


def test_mending_keeps_labels_and_the_rest():
    mended = mend(FULL.replace("<KeyPointLabels", '<Choices name="kind" toName="image"/><KeyPointLabels', 1))
    assert '<Choices name="kind"' in mended
    assert check(mended).outputs[0].labels == ("Cat", "Dog")


def test_mending_gives_prompts_the_labels_of_the_brush():
    assert check(mend(BRUSH)).keypoint.labels == ("Cat",)


TWO = """<View>
  <Image name="left" value="$a"/><Image name="plain" value="$c"/><Image name="right" value="$b"/>
  <PolygonLabels name="poly" toName="right"><Label value="Cat"/></PolygonLabels>
  <BrushLabels name="brush" toName="left"><Label value="Cat"/></BrushLabels>
  <PolygonLabels name="poly2" toName="left"><Label value="Cat"/><Label value="Dog"/></PolygonLabels>
</View>"""


def test_two_images_and_two_outputs():
    config = parse(TWO)
    assert (config.image, config.data_key, [one.image for one in config.others]) == ("left", "a", ["right"])
    assert [output.name for output in config.outputs] == ["brush", "poly2"]
    assert config.of_image("right").data_key == "b"
    assert config.of_image("nowhere") is config


@pytest.mark.parametrize(("label", "name"), [("Cat", "brush"), ("Dog", "poly2"), (None, "brush"), ("Cow", None)])
def test_the_first_output_with_the_label_answers(label, name):
    output = parse(TWO).output(label)
    assert (output and output.name) == name


def test_every_image_is_mended():
    mended = check(mend(TWO))
    assert mended.keypoint.labels == ("Cat", "Dog")
    assert mended.others[0].rectangle.labels == ("Cat",)
    assert mend(TWO).count("KeyPointLabels") == 4
