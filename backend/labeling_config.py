"""Which controls a project's labeling configuration has, and how to mend one that lacks what SqueezeSAM needs."""

import copy
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from squeezesam_core.errors import SqueezeSAMError

BACKGROUND_LABEL = "background"
"""A smart label of this name (any case) marks what does not belong to the object, as Alt+click does."""

SMART_TAGS = ("KeyPointLabels", "RectangleLabels")
FALLBACK_LABEL = "Object"


class ConfigurationError(SqueezeSAMError):
    """A labeling configuration that SqueezeSAM cannot work with."""


@dataclass(frozen=True)
class Control:
    """A labelling tool: its name (Label Studio's from_name) and labels."""

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class LabelingConfig:
    """The controls used, all on one image.

    image: name of the Image control (Label Studio's to_name); data_key: the task's field that holds its URL.
    keypoint, rectangle: smart prompts, None if the configuration has none.
    """

    image: str
    data_key: str
    brush: Control
    keypoint: Control | None
    rectangle: Control | None


def parse(xml: str) -> LabelingConfig:
    """Read a labeling configuration.

    Takes the first Image that BrushLabels point at. Raises ConfigurationError, with the mended configuration as its
    remedy, if the text is not XML or has no Image or no BrushLabels on an image.
    """
    root = _tree(xml)
    images = {image.get("name"): image for image in root.iter("Image")}
    if not images:
        raise _lacks("<Image>", xml)
    brush = next((brush for brush in root.iter("BrushLabels") if brush.get("toName") in images), None)
    if brush is None:
        raise _lacks("<BrushLabels> on its image", xml)
    image = images[brush.get("toName")]
    keypoint, rectangle = (_smart(root, tag, image.get("name")) for tag in SMART_TAGS)
    return LabelingConfig(
        image=image.get("name", ""),
        data_key=image.get("value", "").removeprefix("$"),
        brush=_control(brush),
        keypoint=None if keypoint is None else _control(keypoint),
        rectangle=None if rectangle is None else _control(rectangle),
    )


def check(xml: str) -> LabelingConfig:
    """parse, and raise ConfigurationError too if smart prompts are missing or have a label that the brush lacks."""
    config = parse(xml)
    for tag, control in zip(SMART_TAGS, (config.keypoint, config.rectangle), strict=True):
        if control is None:
            raise _lacks(f'<{tag} smart="true">', xml)
        for label in control.labels:
            if label not in config.brush.labels and label.casefold() != BACKGROUND_LABEL:
                raise _lacks(f'a <Label value="{label}"> in <BrushLabels name="{config.brush.name}">', xml)
    return config


def mend(xml: str) -> str:
    """The configuration with what is missing added and everything else kept; a fresh one if `xml` is not XML."""
    try:
        root = copy.deepcopy(_tree(xml))
    except ConfigurationError:
        root = Element("View")
    image = next((image for image in root.iter("Image") if image.get("name")), None)
    if image is None:
        image = SubElement(root, "Image", name=_free_name(root, "image"), value="$image", zoom="true")
    name = image.get("name", "")
    brush = next((brush for brush in root.iter("BrushLabels") if brush.get("toName") == name), None)
    if brush is None:
        brush = SubElement(root, "BrushLabels", name=_free_name(root, "brush"), toName=name)
    smart = [_smart(root, tag, name) for tag in SMART_TAGS]
    wanted = [label for control in smart if control is not None for label in _labels(control)]
    wanted = [label for label in wanted if label.casefold() != BACKGROUND_LABEL]
    _add_labels(brush, wanted if wanted or _labels(brush) else [FALLBACK_LABEL])
    for tag, control in zip(SMART_TAGS, smart, strict=True):
        if control is None:
            free = _free_name(root, tag.removesuffix("Labels").lower())
            added = SubElement(root, tag, name=free, toName=name, smart="true", smartOnly="true")
            _add_labels(added, _labels(brush), smart="true")
    indent(root)
    return tostring(root, encoding="unicode")


def _tree(xml: str) -> Element:
    try:
        tree: Element = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException) as error:
        remedy = "Paste a labeling configuration without DTD and entities in the project's settings."
        raise ConfigurationError(f"The labeling configuration is not usable XML: {error}.", remedy) from error
    return tree


def _lacks(what: str, xml: str) -> ConfigurationError:
    remedy = f"Set this one in the project's settings, Labeling Interface, Code:\n{mend(xml)}"
    return ConfigurationError(f"The labeling configuration lacks {what}.", remedy)


def _smart(root: Element, tag: str, image: str | None) -> Element | None:
    """The first control of a kind on the image that prompts the backend."""
    return next((c for c in root.iter(tag) if c.get("toName") == image and c.get("smart") == "true"), None)


def _labels(control: Element) -> list[str]:
    return [label.get("value", "") for label in control.iter("Label")]


def _control(element: Element) -> Control:
    return Control(element.get("name", ""), tuple(_labels(element)))


def _add_labels(control: Element, labels: list[str], **attributes: str) -> None:
    for label in dict.fromkeys(labels):
        if label not in _labels(control):
            SubElement(control, "Label", {"value": label, **attributes})


def _free_name(root: Element, name: str) -> str:
    taken = {element.get("name") for element in root.iter()}
    return next(c for c in (name, *(f"{name}{n}" for n in range(2, len(taken) + 3))) if c not in taken)
