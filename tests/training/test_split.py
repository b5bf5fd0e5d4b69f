"""Photos that are held out."""

from pathlib import Path

import numpy as np
import pytest

from training.datasets.corpus import read_corpus
from training.split import TrainingPart, is_held_out


def test_held_out_photos_are_never_drawn(corpus_root: Path) -> None:
    corpus = read_corpus([{"directory": "shapes", "maps": "maps"}], corpus_root, masks_only=True)
    out = {photo.path for photo in corpus.photos if is_held_out(photo.path, 0.5)}
    assert 0 < len(out) < len(corpus.photos)
    rng = np.random.default_rng(0)
    drawn = {TrainingPart(corpus, 0.5).draw(rng).path for _ in range(100)}
    assert drawn == {photo.path for photo in corpus.photos} - out


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
def test_the_held_out_share_holds_and_grows(share: float) -> None:
    names = [Path(f"{number:06d}.jpg") for number in range(4000)]
    out = {name for name in names if is_held_out(name, share)}
    assert len(out) / len(names) == pytest.approx(share, abs=0.03)
    assert out <= {name for name in names if is_held_out(name, share + 0.1)}
    assert is_held_out(Path("other/000001.png"), share) == is_held_out(Path("000001.jpg"), share)
