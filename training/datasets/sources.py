"""One source of photos and masks: its kind, found by its content unless it is named, and its reader.

    [[source]]
    directory = "train/pets"       # the folder; may be missing where images and maps or annotations are named
    kind = "folder"                # optional: folder, coco, lvis, sa1b or label-studio
    images = "photos/pets/images"  # optional: where the photos are, if not in directory/images (or in directory)
    annotations = "a/train.json"   # optional: the file of kind coco, lvis or label-studio, if not in the folder
    coco = "a/instances.json"      # optional, of kind lvis: the COCO file whose masks LVIS's are merged over
    maps = "saliency/pets"         # optional: a saliency map NAME.webp or NAME.png for each photo, grey, any size
    weight = 1.0                   # how often a photo of it is drawn, against 1 for the others
    salient = true                 # optional: its masks, taken together, are all that stands out in the photo
    photos_only = true             # optional: its annotations.json holds no masks (boxes, say)
    teacher = true                 # optional: it has no masks; take those that its maps are sure of

All paths are relative to the root that the command is given.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from squeezesam_core.coco import read_coco
from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.records import PhotoFolder, Report, Sample
from squeezesam_core.samples import COCO_FILES, MASK_FOLDERS, read_folder
from training.datasets import label_studio, lvis, sa1b

Kind = Literal["folder", "coco", "lvis", "sa1b", "label-studio"]
KINDS: tuple[Kind, ...] = ("folder", "coco", "lvis", "sa1b", "label-studio")
HEAD = 1024
"""Bytes of a JSON file that are read to see whether it is a list, as Label Studio's export is."""


class Source(BaseModel):
    """See the module; paths as they stand in the recipe."""

    model_config = ConfigDict(extra="forbid")

    directory: Path
    kind: Kind | None = None
    images: Path | None = None
    annotations: Path | None = None
    coco: Path | None = None
    maps: Path | None = None
    weight: float = Field(default=1.0, gt=0)
    salient: bool = False
    photos_only: bool = False
    teacher: bool = False

    @model_validator(mode="after")
    def _keys_go_together(self) -> "Source":
        if self.teacher and self.maps is None:
            raise ValueError("teacher takes its masks from maps, and none are named")
        if self.coco is not None and self.kind not in (None, "lvis"):
            raise ValueError("coco is a key of kind lvis")
        return self

    def under(self, root: Path) -> "Source":
        """The same with paths that can be opened."""
        paths = ("directory", "images", "annotations", "coco", "maps")
        found = {name: root / path for name in paths if (path := getattr(self, name)) is not None}
        return self.model_copy(update=found)


def parse(source: dict[str, Any]) -> Source:
    """A recipe's table. Raises InvalidDatasetError that names the source and the key."""
    try:
        return Source.model_validate(source)
    except ValidationError as error:
        wrong = "; ".join(": ".join([*map(str, entry["loc"]), entry["msg"]]) for entry in error.errors())
        raise InvalidDatasetError(
            f"Source {source.get('directory', '?')}: {wrong}.", f"Its keys are {', '.join(Source.model_fields)}."
        ) from error


def photo_folder(source: Source) -> Path:
    """Where a source's photos are."""
    beside = source.directory / "images"
    return source.images or (beside if beside.is_dir() else source.directory)


def detect(source: Source) -> Kind | None:
    """What a source with paths under its root is, by its content; None: photos without masks."""
    if source.kind is not None:
        return source.kind
    if source.annotations is None:
        if any((source.directory / name).is_dir() for name in MASK_FOLDERS):
            return "folder"
        if next(source.directory.glob(sa1b.PATTERN), None) is not None:
            return "sa1b"
    path = annotation_file(source)
    if path is None or (source.photos_only and path.name != "masks.json"):
        return None
    if _is_list(path):
        return "label-studio"
    return "coco" if source.coco is None else "lvis"  # an LVIS file alone is read as any other COCO file


def annotation_file(source: Source) -> Path | None:
    """The source's one annotation file, if it has one: that it names, or the first of masks.json, annotations.json and
    the only other JSON file of its folder."""
    if source.annotations is not None:
        return source.annotations
    for name in COCO_FILES:
        if (source.directory / name).is_file():
            return source.directory / name
    others = list(source.directory.glob("*.json"))
    return others[0] if len(others) == 1 else None


def read_source(source: Source, report: Report) -> Iterable[Sample]:
    """The photos of a source, with paths under its root, that have a mask.

    Bad records are reported and left out. Raises InvalidDatasetError if it cannot be read at all.
    """
    kind = detect(source)
    if kind == "folder":
        return read_folder(source.directory, source.images, report)
    photos = PhotoFolder(photo_folder(source), report)
    if kind is None:
        return ()
    if kind == "sa1b":
        return sa1b.read(source.directory, photos, report)
    path = annotation_file(source)
    if path is None:
        raise InvalidDatasetError(
            f"{source.directory} holds no annotation file of kind {kind}.", "Name it by the key annotations."
        )
    if kind == "coco":
        return read_coco(path, photos, report)
    if kind == "lvis":
        return lvis.read(path, photos, report, source.coco)
    return label_studio.read(path, photos, report)


def _is_list(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(HEAD).lstrip()[:1] == b"["
    except OSError as error:
        raise InvalidDatasetError(f"{path} cannot be read ({error}).", "Check the path.") from error
