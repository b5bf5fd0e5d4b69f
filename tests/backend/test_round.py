"""A round on the command line: from a data set to a verdict, and to a version that serves if it wins."""

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from backend import round as rounds
from backend.cli import app
from squeezesam_core.evaluation import contest as contests
from squeezesam_core.evaluation.contest import Verdict
from squeezesam_core.registry import File, Manifest, load_manifest, shipped
from squeezesam_core.store import SEGMENTER, history, in_service, locate, publish, rollback
from tests.squeezesam_core.conftest import write_version
from training.datasets.snapshot import HELD_OUT_SHARE
from training.split import is_held_out

SHORT = ["--set", "stage = [{size = 64, batch = 2, steps = 2}]", "--set", "warmup = 1"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Bright discs on dark noise: five photos on either side of the split."""
    rng = np.random.default_rng(0)
    for folder in ("set/images", "set/masks"):
        (tmp_path / folder).mkdir(parents=True)
    names = [f"photo{index}" for index in range(200)]
    held_out = [name for name in names if is_held_out(Path(name), HELD_OUT_SHARE)][:5]
    for name in [*held_out, *[name for name in names if not is_held_out(Path(name), HELD_OUT_SHARE)][:5]]:
        mask = np.zeros((96, 128), np.uint8)
        cv2.circle(mask, (int(rng.integers(40, 90)), int(rng.integers(40, 60))), 25, 255, cv2.FILLED)
        image = rng.integers(0, 60, (96, 128, 3), np.uint8)
        image[mask > 0] += 150
        cv2.imwrite(str(tmp_path / f"set/images/{name}.png"), image)
        cv2.imwrite(str(tmp_path / f"set/masks/{name}.png"), mask)
    return tmp_path / "set"


def test_a_round_from_labels_to_the_version_in_service(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, out = tmp_path / "store", tmp_path / "round"
    argv = ["fine-tune", "--data", str(data), "--out", str(out), "--store", str(store), "--json", *SHORT]
    asked: list[tuple[str, str]] = []

    def judge(wins: bool):
        def stand_in(serving, candidate, samples) -> Verdict:
            asked.append((serving.segmenter.name, candidate.segmenter.name))
            found = contest(serving, candidate, samples)
            assert (found.photos, found.objects) == (5, 5)
            return replace(found, wins=wins, why="So the test says.")

        return stand_in

    contest = contests.contest
    monkeypatch.setattr(contests, "contest", judge(wins=False))
    done = CliRunner().invoke(app, argv)
    result = json.loads(done.stdout)
    assert (done.exit_code, result["wins"], result["serves"], history(store, SEGMENTER)) == (3, False, False, [])
    (ships,) = (manifest for manifest in shipped() if manifest.name == SEGMENTER)
    assert asked == [(ships.version, result["version"])]
    candidate = load_manifest(out / "candidate")
    assert candidate.version == result["version"] != ships.version
    assert candidate.path("ort").stat().st_size < 13e6, "it goes to phones as well"
    assert candidate.facts["phone"]["ort"]["parity"]["iou"] > 0.9
    assert candidate.facts["fine_tuning"]["from"] == ships.version
    assert candidate.facts["fine_tuning"]["photos"] == {"train": 5, "held_out": 5}

    judged = json.loads((out / "verdict.json").read_text()) | {"from": "squeezesam-0123456789ab"}
    (out / "verdict.json").write_text(json.dumps(judged))  # another version serves by now: it is judged anew
    monkeypatch.setattr(contests, "contest", judge(wins=True))
    monkeypatch.setattr("training.loop.train", None)
    monkeypatch.setattr("export.version.write_bundle", None)
    done = CliRunner().invoke(app, [*argv, "--no-publish"])
    assert (done.exit_code, json.loads(done.stdout)["serves"], history(store, SEGMENTER)) == (0, False, [])
    done = CliRunner().invoke(app, argv)
    assert (done.exit_code, json.loads(done.stdout)["serves"]) == (0, True), done.output
    assert history(store, SEGMENTER) == [candidate.version, ships.version]
    assert load_manifest(locate(store, SEGMENTER)).version == candidate.version
    assert len(asked) == 2, "a verdict stands"
    shown = CliRunner().invoke(app, [argument for argument in argv if argument != "--json"])
    assert "So the test says. It serves." in shown.stdout


def test_a_folder_goes_on_with_its_own_round_only(data: Path, tmp_path: Path) -> None:
    """Another project's labels, or another recipe, must not end in this one's candidate."""
    of = {"labels": str(data), "changes": SHORT[1::2]}
    rounds._claim(tmp_path / "round", of)
    (tmp_path / "round/.export-killed").mkdir()
    rounds._claim(tmp_path / "round", of)
    assert [path.name for path in (tmp_path / "round").iterdir()] == ["round.json"], "what a killed step left is gone"
    argv = ["fine-tune", "--out", str(tmp_path / "round"), "--store", str(tmp_path / "store")]
    for options in (["--project", "1", *SHORT], ["--data", str(data)]):
        done = CliRunner().invoke(app, [*argv, *options])
        assert done.exit_code == 1
        assert isinstance(done.exception, rounds.ClaimedError)
        assert str(data) in done.exception.cause


@pytest.fixture
def versions(tmp_path: Path) -> dict[str, Manifest]:
    """Segmenters "a", "b" and "c", and the store "a" serves from."""
    made = {}
    for letter in "abc":
        manifest = write_version(tmp_path / letter, 7, True)
        (manifest.directory / "half.pt").write_text(letter)
        made[letter] = replace(
            manifest, files={**manifest.files, "checkpoint": File.of(manifest.directory / "half.pt")}
        )
        made[letter].write()
    publish(made["a"].directory, tmp_path / "store")
    return made


def test_a_round_keeps_a_copy_of_what_it_starts_from(tmp_path: Path, versions: dict[str, Manifest]) -> None:
    (tmp_path / "round").mkdir()
    started = rounds._start(tmp_path / "round", tmp_path / "store")
    publish(versions["b"].directory, tmp_path / "store")
    shutil.rmtree(tmp_path / "store/versions" / versions["a"].version)
    assert rounds._start(tmp_path / "round", tmp_path / "store") == started
    assert (started[0], started[1].read_text()) == (versions["a"].version, "a")


def test_a_candidate_is_compared_with_what_serves_when_it_is_published(
    tmp_path: Path, versions: dict[str, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody publishes "b" while "c" is compared with "a"; a rollback afterwards stands if the round is run again."""
    store, folder, asked = tmp_path / "store", tmp_path / "round", []
    folder.mkdir()

    def verdict(*_: object) -> dict:
        asked.append(in_service(store, SEGMENTER))
        if len(asked) == 1:
            publish(versions["b"].directory, store)
        return {"wins": True, "from": asked[-1]}

    monkeypatch.setattr(rounds, "_verdict", verdict)
    judge = partial(rounds._judge, folder, versions["c"], None, store, None)
    assert judge(publish=True) == {
        "wins": True,
        "from": versions["b"].version,
        "version": versions["c"].version,
        "serves": True,
    }
    assert asked == [versions["a"].version, versions["b"].version]
    rollback(store, SEGMENTER)
    judge(publish=True)
    assert in_service(store, SEGMENTER) == versions["b"].version


@pytest.mark.parametrize("options", [[], ["--project", "1", "--data", "set"]], ids=["neither", "both"])
def test_a_round_learns_from_one_thing(tmp_path: Path, options: list[str]) -> None:
    argv = ["fine-tune", "--out", str(tmp_path / "round"), "--store", str(tmp_path / "store"), *options]
    done = CliRunner().invoke(app, argv)
    assert done.exit_code == 1
    assert "one project or one data set" in str(done.exception)
    assert not (tmp_path / "round").exists()
