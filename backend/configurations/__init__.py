"""Labeling configurations that work as they are: one file each, its name is the configuration's."""

from pathlib import Path

from squeezesam_core.errors import SqueezeSAMError

ABOUT = {
    "object": "one class, brush: the whole salient object",
    "classes": "several classes and Background, brush: rename the classes in all three controls",
    "polygons": "one class and Background, polygons: for exports that need outlines",
    "people": "people, brush: one mask each, boxes first",
}


class UnknownConfigurationError(SqueezeSAMError):
    """No ready-made configuration has this name."""


def read(name: str) -> str:
    """The labeling configuration called `name`, as XML. Raises UnknownConfigurationError."""
    if name not in ABOUT:
        raise UnknownConfigurationError(
            f"There is no labeling configuration {name!r}.", f"Choose one of {', '.join(ABOUT)}."
        )
    return Path(__file__).with_name(f"{name}.xml").read_text(encoding="utf-8")
