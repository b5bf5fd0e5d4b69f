"""Photos that are held out."""

from pathlib import Path

import numpy as np
import pytest

from squeezesam_core.errors import InvalidDatasetError
from training.datasets.corpus import read_corpus
from training.split import OfAnyAspect, TrainingPart, is_held_out


def test_held_out_photos_are_never_drawn(corpus_root: Path) -> None:
    corpus = read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=True)
    out = {photo.path for photo in corpus.photos if is_held_out(photo.path, 0.5)}
    assert 0 < len(out) < len(corpus.photos)
    rng = np.random.default_rng(0)
    drawn = {TrainingPart(corpus, 0.5).draw(rng).path for _ in range(100)}
    assert drawn == {photo.path for photo in corpus.photos} - out


def test_where_all_photos_of_an_aspect_are_held_out_others_are_drawn(aspects_root: Path, monkeypatch) -> None:
    source = {"directory": "aspects", "photos_only": True, "maps": "maps"}
    part = TrainingPart(read_corpus([source], aspects_root, masks_only=False), 0.5)
    monkeypatch.setattr("training.split.is_held_out", lambda path, _share: path.stem == "0")
    rng = np.random.default_rng(0)
    assert {part.draw(rng, (80, 100)).path.stem for _ in range(50)} == {"1", "2", "3", "4", "5"}


def test_a_corpus_held_out_as_a_whole_ends_the_run(corpus_root: Path) -> None:
    part = TrainingPart(read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=True), 1.0)
    with pytest.raises(InvalidDatasetError, match="all are held out"):
        part.draw(np.random.default_rng(0))


def test_a_square_networks_photos_have_any_aspect(aspects_root: Path) -> None:
    source = {"directory": "aspects", "photos_only": True, "maps": "maps"}
    part = OfAnyAspect(read_corpus([source], aspects_root, masks_only=False))
    rng = np.random.default_rng(0)
    assert {part.draw(rng, (64, 64)).size for _ in range(50)} == {(100, 80), (80, 100)}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
def test_the_held_out_share_holds_and_grows(share: float) -> None:
    names = [Path(f"{number:06d}.jpg") for number in range(4000)]
    out = {name for name in names if is_held_out(name, share)}
    assert len(out) / len(names) == pytest.approx(share, abs=0.03)
    assert out <= {name for name in names if is_held_out(name, share + 0.1)}
    assert is_held_out(Path("other/000001.png"), share) == is_held_out(Path("000001.jpg"), share)
