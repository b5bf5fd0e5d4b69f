"""Who wins: better, more surely than by chance, and clearly worse at nothing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.evaluation.contest import FIGURES, LEAST_PHOTOS, as_json, contest, judged
from squeezesam_core.evaluation.model import SqueezeSAMModel
from squeezesam_core.evaluation.scene import Models
from squeezesam_core.samples import Sample
from tests.squeezesam_core.evaluation.conftest import SIDE, Truth


def scores(*gains: float, lost: dict[str, float] | None = None) -> dict[str, dict[str, list[float]]]:
    """One object a photo, at 0.5 and so much more."""
    return {
        figure: {f"{index:02}": [0.5 + gain - (lost or {}).get(figure, 0)] for index, gain in enumerate(gains)}
        for figure in FIGURES
    }


@pytest.mark.parametrize(
    ("after", "wins", "why"),
    [
        (scores(*[0.02] * 10), True, "gains 2.00 points"),
        (scores(*[0.0] * 10), False, "no better"),
        (scores(*[-0.004] * 10), False, "no better"),
        (scores(*[0.04] * 5, *[-0.035] * 5), False, "may be chance"),
        (scores(*[0.04] * 8, *[-0.01] * 2), True, "gains"),
        (scores(*[0.05] * 10, lost={"no click": 0.07}), False, "At no click it is 2.0 points worse"),
        (scores(*[0.05] * 10, lost={"no click": 0.055}), True, "gains"),
    ],
    ids=["better", "the-same", "worse", "chance", "mostly-better", "worse-at-one", "a-little-worse-at-one"],
)
def test_judged(after: dict, wins: bool, why: str) -> None:
    verdict = judged(scores(*[0.0] * 10), after)
    assert (verdict.wins, why in verdict.why) == (wins, True), verdict
    assert (verdict.photos, verdict.objects) == (10, 10)
    assert set(as_json(verdict)["candidate"]) == set(FIGURES)


@pytest.mark.parametrize(
    ("drawn", "wins"),
    [(0.93, True), (0.8, False)],
    ids=["as good as the mask that was taken over", "worse than it"],
)
def test_masks_that_were_taken_over_do_not_speak_for_who_drew_them(drawn: float, wins: bool) -> None:
    """Six of ten labels are the masks of the version in service; of the others the candidate knows more."""
    before = {figure: {f"{index}": [1.0 if index < 6 else 0.5] for index in range(10)} for figure in FIGURES}
    after = {figure: {f"{index}": [drawn if index < 6 else 0.6] for index in range(10)} for figure in FIGURES}
    verdict = judged(before, after)
    assert (verdict.wins, verdict.taken_over, verdict.objects) == (wins, 6, 10), verdict
    assert verdict.serving["no click"] == pytest.approx(0.6 * 0.9 + 0.4 * 0.5)


def test_a_photo_of_many_objects_counts_as_many() -> None:
    before = {figure: {"crowd": [0.5] * 9, "one": [0.5]} for figure in FIGURES}
    after = {figure: {"crowd": [0.6] * 9, "one": [0.1]} for figure in FIGURES}
    verdict = judged(before, after)
    assert (verdict.objects, round(verdict.gain, 6)) == (10, round((9 * 0.1 - 0.4) / 10, 6))
    assert verdict.doubt == pytest.approx(0.25, abs=0.03), "a quarter of the resamples hold the one photo twice"


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """The square that the test's detector sees in the middle of every photo."""
    square = np.zeros((SIDE, SIDE), bool)
    square[SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4] = True
    found = []
    for index in range(LEAST_PHOTOS):
        path = tmp_path / f"{index}.png"
        Image.new("RGB", (SIDE, SIDE)).save(path)
        found.append(Sample(path.stem, path, (Truth(square),)))
    return found


def test_contest_asks_both_about_every_object(service, samples: list[Sample]) -> None:
    ours = Models(SqueezeSAMModel(service.segmenter, "drawn"), service.detector)
    verdict = contest(ours, ours, samples)
    assert (verdict.wins, verdict.gain, verdict.photos) == (False, 0.0, LEAST_PHOTOS)
    assert verdict.serving == verdict.candidate
    assert verdict.serving["no click"] >= 0.9

    class Worse:
        spec = service.segmenter.spec

        def run(self, fused, points, labels):
            logits, iou = service.segmenter.run(fused, points, labels)
            return np.full_like(logits, -5.0), iou

    nothing = Models(SqueezeSAMModel(Worse(), "nothing"), service.detector)
    assert contest(nothing, ours, samples).wins
    lost = contest(ours, nothing, samples)
    assert (lost.wins, lost.gain < 0) == (False, True)


def test_too_few_photos_say_nothing(service, samples: list[Sample]) -> None:
    ours = Models(SqueezeSAMModel(service.segmenter, "drawn"), service.detector)
    with pytest.raises(InvalidDatasetError, match="too few"):
        contest(ours, ours, samples[1:])
