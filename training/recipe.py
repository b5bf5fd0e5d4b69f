"""A training recipe: a TOML file that names preset, start, schedule and sources, so that a run can be repeated."""

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from squeezesam_core.errors import InvalidDatasetError


class Stage(BaseModel):
    """Some steps at one image size; the view's area is size x size, its aspect varies from batch to batch."""

    model_config = ConfigDict(extra="forbid")

    size: int = Field(multiple_of=32, ge=32)
    batch: int = Field(ge=2, description="BatchNorm needs at least two")
    steps: int = Field(ge=1)


class Recipe(BaseModel):
    """preset: squeezesam_core.model.presets. start: "imagenet", "scratch" or a checkpoint, equal parts of it."""

    model_config = ConfigDict(extra="forbid")

    preset: Literal["paper", "serving", "saliency"]
    start: str = "scratch"
    side: int = Field(ge=32, description="side of the input the network is made for (geometry.NetworkInput)")
    learning_rate: float = Field(default=1e-3, gt=0)
    pretrained_rate: float = Field(default=0.3, gt=0, description="share of the rate for ImageNet's layers")
    frozen: int = Field(default=0, ge=0, description="the encoder's first blocks that are left as they start")
    weight_decay: float = 0.01
    warmup: int = 100
    seed: int = 0
    stage: list[Stage] = Field(min_length=1)
    source: list[dict[str, Any]] = Field(min_length=1)

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stage)

    def stage_at(self, step: int) -> Stage:
        for stage in self.stage:
            if step < stage.steps:
                return stage
            step -= stage.steps
        return self.stage[-1]

    def rate_at(self, step: int) -> float:
        """Share of the learning rate: a short warm-up, then linear decay (paper 1.3)."""
        return min(1.0, (step + 1) / self.warmup) * max(0.0, 1 - step / self.steps)


def read_recipe(path: Path) -> Recipe:
    """Raises InvalidDatasetError that names the file and the field."""
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise InvalidDatasetError(f"There is no recipe {path}.", "See training/recipes/.") from error
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise InvalidDatasetError(f"{path} is not a recipe: {error}.", "See training/recipes/.") from error
