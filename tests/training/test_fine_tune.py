"""A round of fine-tuning: few steps from a version's checkpoint, the mean of before and after, stopped and gone on."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.geometry import NetworkInput
from squeezesam_core.model import checkpoint
from squeezesam_core.model.presets import build
from training.datasets.snapshot import HELD_OUT, TRAIN, Snapshot
from training.fine_tune import BATCH, LEAST_VIEWS, MOST_VIEWS, SHARE, fine_tune, plan
from training.recipe import Recipe

SHORT = ("stage = [{size = 64, batch = 2, steps = 2}]", "warmup = 1", 'precision = "fp32"')


class Bright:
    """A detector for which bright is salient."""

    spec = NetworkInput(64, multiple=32, channels=3)

    def run(self, image: np.ndarray) -> np.ndarray:
        return (image.mean(axis=0)[::4, ::4] > 0.5).astype(np.float32)


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A serving network at random, as a version keeps it."""
    torch.manual_seed(3)
    network = build("serving", 64)
    path = tmp_path_factory.mktemp("version") / "squeezesam.half.pt"
    checkpoint.save(path, {"network": checkpoint.half(network.state_dict()), "preset": "serving", "side": 64})
    return path


@pytest.fixture
def snapshot(corpus_root: Path, tmp_path: Path) -> Snapshot:
    (tmp_path / "data" / HELD_OUT).mkdir(parents=True)
    shutil.copytree(corpus_root / "shapes", tmp_path / "data" / TRAIN)
    return Snapshot(tmp_path / "data", {TRAIN: 6, HELD_OUT: 0}, {TRAIN: 6, HELD_OUT: 0})


def test_the_candidate_is_the_mean_of_before_and_after(version: Path, snapshot: Snapshot, tmp_path: Path) -> None:
    path = fine_tune(plan(version, 6, SHORT), snapshot, Bright(), tmp_path / "run")
    assert path is not None
    before, after, mean = (checkpoint.load(file)["network"] for file in (version, tmp_path / "run/last.pt", path))
    moved = 0
    for name, tensor in mean.items():
        if tensor.is_floating_point():
            expected = (1 - SHARE) * before[name].float() + SHARE * after[name].float()
            assert torch.allclose(tensor, expected)
            moved += not torch.allclose(before[name].float(), after[name].float())
    assert moved > 50, "it learnt"
    assert checkpoint.load(path)["preset"] == "serving"


def test_first_clicks_start_from_the_maps_of_the_detector_in_service(
    version: Path, snapshot: Snapshot, tmp_path: Path
) -> None:
    fine_tune(plan(version, 6, SHORT), snapshot, Bright(), tmp_path / "run")
    maps = sorted((snapshot.directory / TRAIN / "maps").iterdir())
    assert len(maps) == 6
    mask = cv2.imread(str(snapshot.directory / TRAIN / "masks" / f"{maps[0].stem}.png"), cv2.IMREAD_GRAYSCALE) > 0
    seen = cv2.resize(cv2.imread(str(maps[0]), cv2.IMREAD_GRAYSCALE), mask.shape[::-1]) > 127
    assert (seen & mask).sum() > 0.8 * mask.sum()


def test_a_round_that_was_stopped_goes_on(
    version: Path, snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = plan(version, 6, SHORT)
    straight = fine_tune(recipe, snapshot, Bright(), tmp_path / "straight")

    class Stopping(Bright):
        """Never asked again: the maps are there."""

        def run(self, image: np.ndarray) -> np.ndarray:
            raise AssertionError

    def one_step(task: object, recipe: Recipe, out: Path, report: object) -> None:
        checkpoint.save(out / "last.pt", checkpoint.load(tmp_path / "straight/last.pt") | {"step": 1})

    monkeypatch.setattr("training.fine_tune.train", one_step)
    assert fine_tune(recipe, snapshot, Stopping(), tmp_path / "halves") is None
    assert not (tmp_path / "halves/candidate.pt").exists()
    monkeypatch.undo()
    assert straight == fine_tune(recipe, snapshot, Stopping(), tmp_path / "straight"), "what is done is not done again"


@pytest.mark.parametrize(
    ("objects", "views"), [(1, LEAST_VIEWS), (100, 2400), (10**6, MOST_VIEWS)], ids=["few", "some", "many"]
)
def test_steps_grow_with_the_labels_within_bounds(version: Path, objects: int, views: int) -> None:
    recipe = plan(version, objects)
    assert recipe.steps * BATCH == views
    assert (recipe.preset, recipe.side, recipe.start) == ("serving", 64, str(version))


def test_a_wrong_change_is_named(version: Path) -> None:
    with pytest.raises(InvalidDatasetError, match="learning_rat"):
        plan(version, 5, ["learning_rat = 1"])
