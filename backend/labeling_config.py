"""Which controls a project's labeling configuration has, and how to mend one that lacks what SqueezeSAM needs."""

import copy
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from squeezesam_core.errors import SqueezeSAMError

BACKGROUND_LABEL = "background"
"""A smart label of this name (any case) marks what does not belong to the object, as Alt+click does."""

SMART_TAGS = ("KeyPointLabels", "RectangleLabels")
OUTPUT_TAGS = ("BrushLabels", "PolygonLabels")
FALLBACK_LABEL = "Object"
_TAGS = {tag.lower(): tag for tag in OUTPUT_TAGS}


class ConfigurationError(SqueezeSAMError):
    """A labeling configuration that SqueezeSAM cannot work with."""


@dataclass(frozen=True)
class Control:
    """A labelling tool: its name (Label Studio's from_name), its labels, and the type of the regions it makes."""

    name: str
    labels: tuple[str, ...]
    type: str


@dataclass(frozen=True)
class LabelingConfig:
    """The controls used on one image, and on the others of the configuration.

    image: name of the Image control (Label Studio's to_name); data_key: the task's field that holds its URL.
    outputs: the brush and polygon controls that masks go to, in the configuration's order; never empty.
    keypoint, rectangle: smart prompts, None if the image has none.
    others: the same for each further image that has outputs.
    """

    image: str
    data_key: str
    outputs: tuple[Control, ...]
    keypoint: Control | None
    rectangle: Control | None
    others: tuple["LabelingConfig", ...] = ()

    def of_image(self, name: object) -> "LabelingConfig":
        """The controls of the Image called `name` (a region's to_name); those of the first image if there is none."""
        return next((config for config in (self, *self.others) if config.image == name), self)

    def output(self, label: str | None) -> Control | None:
        """The output that a new mask of a label goes to: the first that has the label; the first of all for None."""
        return next((output for output in self.outputs if label is None or label in output.labels), None)


def parse(xml: str) -> LabelingConfig:
    """Read a labeling configuration.

    Takes every Image that BrushLabels or PolygonLabels point at. Raises ConfigurationError, with the mended
    configuration as its remedy, if the text is not XML or has no Image or no such output on an image.
    """
    root = _tree(xml)
    images = [image for image in root.iter("Image") if image.get("name")]
    if not images:
        raise _lacks("<Image>", xml)
    found = [_on_image(root, image) for image in images if _outputs(root, image.get("name"))]
    if not found:
        raise _lacks("<BrushLabels> or <PolygonLabels> on its image", xml)
    return replace(found[0], others=tuple(found[1:]))


def check(xml: str) -> LabelingConfig:
    """parse, and raise ConfigurationError too if smart prompts are missing or have a label that no output has."""
    config = parse(xml)
    for one in (config, *config.others):
        labels = {label for output in one.outputs for label in output.labels}
        for tag, control in zip(SMART_TAGS, (one.keypoint, one.rectangle), strict=True):
            if control is None:
                raise _lacks(f'<{tag} smart="true" toName="{one.image}">', xml)
            for label in control.labels:
                if label not in labels and label.casefold() != BACKGROUND_LABEL:
                    output = one.outputs[0]
                    raise _lacks(f'a <Label value="{label}"> in <{_TAGS[output.type]} name="{output.name}">', xml)
    return config


def mend(xml: str) -> str:
    """The configuration with what is missing added and everything else kept; a fresh one if `xml` is not XML."""
    try:
        root = copy.deepcopy(_tree(xml))
    except ConfigurationError:
        root = Element("View")
    images = [image for image in root.iter("Image") if image.get("name")]
    if not images:
        images = [SubElement(root, "Image", name=_free_name(root, "image"), value="$image", zoom="true")]
    for image in [image for image in images if _outputs(root, image.get("name"))] or images[:1]:
        _mend_image(root, image.get("name", ""))
    indent(root)
    return tostring(root, encoding="unicode")


def _mend_image(root: Element, name: str) -> None:
    outputs = _outputs(root, name) or [SubElement(root, "BrushLabels", name=_free_name(root, "brush"), toName=name)]
    smart = [_smart(root, tag, name) for tag in SMART_TAGS]
    wanted = [label for control in smart if control is not None for label in _labels(control)]
    wanted = [label for label in wanted if label.casefold() != BACKGROUND_LABEL]
    known = [label for output in outputs for label in _labels(output)]
    _add_labels(outputs[0], [label for label in wanted if label not in known])
    if not wanted and not known:
        _add_labels(outputs[0], [FALLBACK_LABEL])
    labels = [label for output in outputs for label in _labels(output)]
    for tag, control in zip(SMART_TAGS, smart, strict=True):
        if control is None:
            free = _free_name(root, tag.removesuffix("Labels").lower())
            added = SubElement(root, tag, name=free, toName=name, smart="true", smartOnly="true")
            _add_labels(added, labels, smart="true")


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


def _outputs(root: Element, image: str | None) -> list[Element]:
    """The brush and polygon controls on an image, in document order."""
    return [control for control in root.iter() if control.tag in OUTPUT_TAGS and control.get("toName") == image]


def _on_image(root: Element, image: Element) -> LabelingConfig:
    name = image.get("name", "")
    keypoint, rectangle = (_smart(root, tag, name) for tag in SMART_TAGS)
    return LabelingConfig(
        image=name,
        data_key=image.get("value", "").removeprefix("$"),
        outputs=tuple(_control(output) for output in _outputs(root, name)),
        keypoint=None if keypoint is None else _control(keypoint),
        rectangle=None if rectangle is None else _control(rectangle),
    )


def _labels(control: Element) -> list[str]:
    return [label.get("value", "") for label in control.iter("Label")]


def _control(element: Element) -> Control:
    return Control(element.get("name", ""), tuple(_labels(element)), element.tag.lower())


def _add_labels(control: Element, labels: list[str], **attributes: str) -> None:
    for label in dict.fromkeys(labels):
        if label not in _labels(control):
            SubElement(control, "Label", {"value": label, **attributes})


def _free_name(root: Element, name: str) -> str:
    taken = {element.get("name") for element in root.iter()}
    return next(c for c in (name, *(f"{name}{n}" for n in range(2, len(taken) + 3))) if c not in taken)
