"""Recipes: read, changed, refused, and those that ship."""

from collections.abc import Callable
from pathlib import Path

import pytest

from squeezesam_core.errors import InvalidDatasetError
from training.recipe import Recipe, read_recipe


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("preset = 1", "preset"),
        ('preset = "serving"\nside = 64\n', "stage"),
        ('preset = "serving"\nside = 64\n[[stage]]\nsize = 65\nbatch = 2\nsteps = 1\n[[source]]\n', "size"),
        ("preset =", "recipe"),
    ],
    ids=["wrong type", "missing part", "size off the stride", "no TOML"],
)
def test_bad_recipe_names_the_field(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(InvalidDatasetError, match=named) as caught:
        read_recipe(path)
    assert str(path) in caught.value.cause


@pytest.mark.parametrize(
    ("change", "read"),
    [
        ("learning_rate=2e-4", lambda plan: plan.learning_rate == 2e-4),
        ("switches.channels=5", lambda plan: plan.switches == {"channels": 5}),
        ("augmentation.mask_merging=true", lambda plan: plan.augmentation.mask_merging),
        ("stage=[{size=64, batch=2, steps=3}]", lambda plan: plan.steps == 3),
    ],
    ids=["plain", "new table", "one of a table", "stages"],
)
def test_changes_of_a_recipe(change: str, read: Callable[[Recipe], bool]) -> None:
    path = Path("training/recipes/ablation.toml")
    assert not read(read_recipe(path))
    changed = read_recipe(path, ["augmentation.centre_crop=0.25", change])
    assert read(changed)
    assert changed.augmentation.centre_crop == 0.25


@pytest.mark.parametrize(
    ("change", "named"),
    [("steps", "steps"), ("augmentation.typo=1", "typo"), ("masks_per_photo=7", "multiple of masks_per_photo")],
    ids=["no TOML", "unknown field", "photos across batches"],
)
def test_a_bad_change_is_named(change: str, named: str) -> None:
    with pytest.raises(InvalidDatasetError, match=named):
        read_recipe(Path("training/recipes/ablation.toml"), [change])


def test_without_teachers_their_sources_are_left_out() -> None:
    path = Path("training/recipes/ablation.toml")
    with_teachers, without = read_recipe(path), read_recipe(path, ["teachers=false"])
    assert any(source.get("teacher") for source in with_teachers.sources)
    assert without.sources == [source for source in with_teachers.sources if not source.get("teacher")]


def test_the_papers_recipe_has_the_papers_numbers() -> None:
    plan = read_recipe(Path("training/recipes/paper-sa1b.toml"))
    (stage,) = plan.stage
    assert (plan.preset, plan.side, stage.size, plan.masks_per_photo, plan.iterative) == ("paper", 1024, 1024, 8, 0)
    assert stage.batch // plan.masks_per_photo == 4  # photos a GPU
    assert stage.batch // plan.masks_per_photo * stage.accumulate * 8 == 256  # photos a step, on 8 GPUs
    assert plan.learning_rate == 5e-4
    assert plan.rate_at(plan.steps // 2) == pytest.approx(0.5)  # linear decay


@pytest.mark.parametrize("path", sorted(Path("training/recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    plan = read_recipe(path)
    assert plan.rate_at(0) < plan.rate_at(plan.warmup)
    assert plan.rate_at(plan.steps) == 0
    assert isinstance(plan, Recipe)


def test_recipes_share_a_corpus_and_add_to_it(tmp_path: Path) -> None:
    (tmp_path / "shared.toml").write_text('[[source]]\ndirectory = "a"\n')
    recipe = 'preset = "serving"\nside = 64\ncorpus = "shared.toml"\n[[stage]]\nsize = 64\nbatch = 2\nsteps = 1\n'
    (tmp_path / "recipe.toml").write_text(recipe + '[[source]]\ndirectory = "b"\n')
    (tmp_path / "other.toml").write_text('[[source]]\ndirectory = "d"\n')
    for changes, expected in (
        ([], ["a", "b"]),
        (['source=[{directory="c"}]'], ["a", "c"]),
        (['corpus="other.toml"'], ["d", "b"]),
    ):
        plan = read_recipe(tmp_path / "recipe.toml", changes)
        assert [source["directory"] for source in plan.source] == expected
    (tmp_path / "shared.toml").unlink()
    with pytest.raises(InvalidDatasetError, match=r"shared\.toml"):
        read_recipe(tmp_path / "recipe.toml")
