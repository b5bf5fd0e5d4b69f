"""One round of fine-tuning: from a version in service and a snapshot of labels to a candidate.

What a project's labels are few of, the version knows from everything before: so the steps are few and small, and the
candidate is the mean of the weights before and after (Wortsman et al. 2022, robust fine-tuning), which keeps what the
labels say nothing about.
"""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import torch
from pydantic import ValidationError

from squeezesam_core.detector import detect
from squeezesam_core.errors import InvalidDatasetError, ModelFileError
from squeezesam_core.model import checkpoint
from squeezesam_core.model.presets import build
from squeezesam_core.records import PhotoFolder
from squeezesam_core.session import DetectorSession
from training.average import average
from training.datasets.corpus import read_corpus
from training.datasets.problems import Tally
from training.datasets.snapshot import TRAIN, Snapshot
from training.datasets.teach import teach_maps
from training.loop import train
from training.recipe import Recipe, changed
from training.start import initialise
from training.tasks import make_task

log = logging.getLogger(__name__)

VIEWS = 24
"""How often each object is seen, on average, within LEAST_VIEWS and MOST_VIEWS in all."""
LEAST_VIEWS, MOST_VIEWS = 1_200, 36_000
BATCH = 8
SIZE = 192
"""Area of the views is SIZE x SIZE pixels, or the version's own if that is less."""
LEARNING_RATE = 3e-4
SHARE = 0.5
"""Of the weights after the round in the candidate."""
MAPS = "maps"


def plan(version: Path, objects: int, changes: Iterable[str] = ()) -> Recipe:
    """The recipe of a round that starts from the checkpoint `version` and learns from so many objects.

    changes: KEY=VALUE in TOML, as in recipe.read_recipe. Raises ModelFileError if the checkpoint cannot be read,
    InvalidDatasetError that names a wrong change.
    """
    start = checkpoint.load(version)
    steps = round(min(max(VIEWS * objects, LEAST_VIEWS), MOST_VIEWS) / BATCH)
    recipe: dict[str, Any] = {
        "preset": start["preset"],
        "switches": start.get("switches", {}),
        "start": str(version),
        "side": start["side"],
        "learning_rate": LEARNING_RATE,
        "warmup": max(1, steps // 20),
        "stage": [{"size": min(SIZE, start["side"]), "batch": BATCH, "steps": steps}],
        "source": [{"directory": TRAIN, "maps": f"{TRAIN}/{MAPS}"}],
    }
    try:
        return Recipe.model_validate(changed(recipe, changes))
    except ValidationError as error:
        raise InvalidDatasetError(f"The round cannot be changed so: {error}.", "See docs/fine-tuning.md.") from error


def fine_tune(
    recipe: Recipe,
    snapshot: Snapshot,
    detector: DetectorSession,
    out: Path,
    report: Callable[[int], bool] = lambda _: True,
) -> Path | None:
    """Run a recipe on a snapshot's training part; the candidate's checkpoint out/candidate.pt, or None if the run was
    told to stop: the same call goes on with it.

    detector: draws the maps that a first click starts from in the service. report: as loop.train's.
    Raises InvalidDatasetError or ModelFileError.
    """
    candidate = out / "candidate.pt"
    if candidate.is_file():
        return candidate
    cv2.setNumThreads(1)
    part = snapshot.directory / TRAIN
    tally = Tally()
    for _ in teach_maps(lambda image: detect(detector, image), PhotoFolder(part / "images", tally), part / MAPS, tally):
        pass
    torch.manual_seed(recipe.seed)
    network = build(recipe.preset, recipe.side, recipe.switches)
    initialise(network, recipe.start)
    corpus = read_corpus(recipe.sources, snapshot.directory, masks_only=True)
    train(make_task(network, corpus, recipe), recipe, out, report=report)
    last = checkpoint.load(out / "last.pt")
    if last["step"] < recipe.steps:
        log.info("stopped at step %d of %d; the same command goes on", last["step"], recipe.steps)
        return None
    before = checkpoint.load(Path(recipe.start))
    if before["preset"] != recipe.preset:
        raise ModelFileError(f"{recipe.start} is no {recipe.preset}.", "Delete the round's folder and start again.")
    checkpoint.save(candidate, average(before, last, SHARE))
    return candidate
