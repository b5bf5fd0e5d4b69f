"""Training's figures come from the real command; here, of one short case and of one that cannot run."""

import pytest

from training import benchmark
from training.benchmark import Case

COMMAND = ("-m", "backend.cli")


@pytest.mark.slow
def test_images_a_second_of_a_short_run(monkeypatch):
    cases = (Case("serving", 32), Case("serving", 64, workers=1))
    monkeypatch.setattr(benchmark, "CASES", cases)
    monkeypatch.setattr(benchmark, "REFERENCE", cases[0])
    first, second = benchmark.training(COMMAND, 2)
    assert (first.name, first.ratio) == ("train_serving_32_1t", 1)
    assert second.images_per_second > 0
    assert second.p50_ms == pytest.approx(1000 / second.images_per_second, rel=0.01)
    assert second.ratio_to == first.name


def test_rows_say_why_they_could_not_be_measured(monkeypatch):
    monkeypatch.setattr(benchmark, "CASES", (Case("serving", 32), Case("serving", 32, gpu=True)))
    monkeypatch.setattr(benchmark, "_has_gpu", lambda: False)
    failed, without = benchmark.training(("-c", "raise SystemExit('No such recipe.')"), 1)
    assert (failed.name, failed.images_per_second, failed.reason) == ("train_serving_32_1t", None, "No such recipe.")
    assert (without.name, without.reason) == ("train_serving_32_gpu", "There is no CUDA device.")


@pytest.mark.parametrize(
    ("case", "name"),
    [
        (Case("paper", 256), "train_paper_256_1t"),
        (Case("serving", 128, threads=2), "train_serving_128_2t"),
        (Case("serving", 128, processes=2), "train_serving_128_2p"),
        (Case("serving", 128, gpu=True), "train_serving_128_gpu"),
        (Case("serving", 128, workers=3), "train_serving_128_1t_3w"),
    ],
)
def test_names_say_what_ran(case, name):
    assert case.name == name
