"""A training recipe: a TOML file that names preset, start, schedule and sources, so that a run can be repeated."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from squeezesam_core.errors import InvalidDatasetError


class Stage(BaseModel):
    """Some steps at one image size; the view's area is size x size, its aspect varies from step to step.

    A step learns from batch x accumulate x processes items; BatchNorm sees batch x processes of them at a time.
    """

    model_config = ConfigDict(extra="forbid")

    size: int = Field(multiple_of=32, ge=32)
    batch: int = Field(ge=2, description="items a process takes at a time; BatchNorm needs at least two")
    accumulate: int = Field(default=1, ge=1, description="batches whose gradients are averaged in one step")
    steps: int = Field(ge=1)


class Augmentation(BaseModel):
    """What is done to photos and masks for whole objects (paper 1.4; training/whole_object.py)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mask_merging: bool = Field(default=False, description="a mask inside a larger one of its photo is not asked for")
    outlier_injection: bool = Field(default=True, description="a click of several misses the object now and then")
    centre_crop: float = Field(default=0.5, ge=0, le=1, description="share of the views that are cropped around it")
    cut_and_paste: float = Field(default=0.0, ge=0, le=1, description="share of the objects put on another photo")


class Recipe(BaseModel):
    """preset: squeezesam_core.model.presets. start: "imagenet", "scratch" or a checkpoint, equal parts of it."""

    model_config = ConfigDict(extra="forbid")

    preset: Literal["paper", "serving", "saliency"]
    switches: dict[str, int] = Field(default={}, description="channels, depth: presets.build")
    start: str = "scratch"
    side: int = Field(ge=32, description="side of the input the network is made for (geometry.NetworkInput)")
    learning_rate: float = Field(default=1e-3, gt=0)
    pretrained_rate: float = Field(default=0.3, gt=0, description="share of the rate for ImageNet's layers")
    frozen: int = Field(default=0, ge=0, description="the encoder's first blocks that are left as they start")
    weight_decay: float = 0.01
    warmup: int = 100
    seed: int = 0
    precision: Literal["fastest", "fp32", "bf16"] = Field(default="fastest", description="timed at the start")
    mask_loss: Literal["bce", "focal"] = Field(default="bce", description="what stands beside dice; focal as in SAM")
    masks_per_photo: int = Field(default=1, ge=1, description="items of one view of a photo (paper 1.3: 8)")
    iterative: float = Field(default=0.5, ge=0, le=1, description="share of the steps clicked on the network's mask")
    teachers: bool = Field(default=True, description="learn from sources whose masks a teacher drew (distillation)")
    held_out: float = Field(default=0.0, ge=0, lt=1, description="share of the photos never trained on (split.py)")
    augmentation: Augmentation = Augmentation()
    stage: list[Stage] = Field(min_length=1)
    source: list[dict[str, Any]] = Field(min_length=1)

    @model_validator(mode="after")
    def _photos_fit_batches(self) -> Self:
        if any(stage.batch % self.masks_per_photo for stage in self.stage):
            raise ValueError(f"batch must be a multiple of masks_per_photo = {self.masks_per_photo}")
        return self

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stage)

    @property
    def sources(self) -> list[dict[str, Any]]:
        """The sources that are learnt from: without the teachers' if the recipe says so."""
        return [source for source in self.source if self.teachers or not source.get("teacher", False)]

    def stage_at(self, step: int) -> Stage:
        for stage in self.stage:
            if step < stage.steps:
                return stage
            step -= stage.steps
        return self.stage[-1]

    def rate_at(self, step: int) -> float:
        """Share of the learning rate: a short warm-up, then linear decay (paper 1.3)."""
        return min(1.0, (step + 1) / self.warmup) * max(0.0, 1 - step / self.steps)


def read_recipe(path: Path, changes: Iterable[str] = ()) -> Recipe:
    """Read a recipe and change some of it: each change is KEY=VALUE in TOML, as in augmentation.mask_merging=true.

    `corpus = "corpora/NAME.toml"`, relative to the recipe, names a file of sources that recipes share; a recipe's own
    come after them.

    Raises InvalidDatasetError that names the file, or the change, and the field.
    """
    try:
        content = changed(tomllib.loads(path.read_text(encoding="utf-8")), changes)
        if "corpus" in content:
            shared = tomllib.loads((path.parent / content.pop("corpus")).read_text(encoding="utf-8"))
            content["source"] = [*shared["source"], *content.get("source", [])]
        return Recipe.model_validate(content)
    except FileNotFoundError as error:
        raise InvalidDatasetError(
            f"There is no recipe or corpus {error.filename}.", "See training/recipes/."
        ) from error
    except (tomllib.TOMLDecodeError, ValidationError, KeyError, TypeError) as error:
        raise InvalidDatasetError(f"{path} is not a recipe: {error}.", "See training/recipes/.") from error


def changed(content: dict[str, Any], changes: Iterable[str]) -> dict[str, Any]:
    """A recipe's fields with some of them changed, as in read_recipe. Raises InvalidDatasetError."""
    for change in changes:
        content = _merged(content, _parsed(change))
    return content


def _parsed(change: str) -> dict[str, Any]:
    try:
        return tomllib.loads(change)
    except tomllib.TOMLDecodeError as error:
        raise InvalidDatasetError(
            f"{change!r} is no change of a recipe: {error}.", "Write KEY=VALUE in TOML."
        ) from error


def _merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Tables are merged; anything else replaces what was there."""
    merged = dict(base)
    for key, value in change.items():
        old = base.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
