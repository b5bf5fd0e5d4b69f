"""The quality page names protocols that exist, and says rightly what a figure reaches."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from squeezesam_core.evaluation.protocols import PROTOCOLS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def quality() -> ModuleType:
    """docs/quality_page.py, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("quality_page", DOCS / "quality_page.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["quality_page"] = module
    spec.loader.exec_module(module)
    return module


FIGURES = {
    ("ecssd", "error-clicks"): {"n": 60, "iou@1": 0.755, "iou@3": 0.884, "iou@5": 0.913, "model": "squeezesam-1"},
    ("grabcut", "noc"): {"n": 50, "noc85": 2.0, "noc90": 3.0, "noc_failures": 1, "model": "squeezesam-1"},
}


class Known:
    """Results of two sets; the others were not measured."""

    def get(self, name: str, protocol: str, precision: str = "int8") -> dict:
        return FIGURES.get((name, protocol), {}) if precision == "int8" else {}

    def command(self, name: str, protocol: str, precision: str = "int8") -> str:
        return f"evaluate {name} {protocol} {precision}"


def test_page(quality: ModuleType) -> None:
    page = quality.page(Known(), 60)
    assert "`squeezesam-1`" in page
    assert "| 1 click | ecssd | 75.5 | 85 | 78 | neither | `evaluate ecssd error-clicks int8` |" in page
    assert "| 3 clicks | ecssd | 88.4 | 92 | 87 | floor | `evaluate ecssd error-clicks int8` |" in page
    assert "| NoC@90 | grabcut | 3 | 2 | 3.5 | floor | `evaluate grabcut noc int8` |" in page
    assert "| ecssd | 75.5 | 88.4 | 12.9 | goal |" in page
    assert "| NoC@90 | berkeley | - | 2.7 | 5 | - |" in page
    assert "int8 against fp32" not in page, "nothing was measured in fp32"


def test_a_figure_over_every_set_counts_each_crop_once(quality: ModuleType) -> None:
    figures = [(600, 0.0), (100, 0.1), (100, 0.0), (100, 0.5), (50, 0.2), (25, 0.0), (25, 0.4)]
    crops = dict(zip(quality.SETS, figures, strict=True))

    class Measured(Known):
        def get(self, name: str, protocol: str, precision: str = "int8") -> dict:
            n, given = crops[name]
            return {"n": n, "given": given, "model": "squeezesam-1"}

    lines = quality.goals(Measured())
    assert "| masks on empty crops | every set | 8.0 | 2 | 10 | floor | `evaluate SET empty-crops int8` |" in lines
    assert "| masks on empty crops | coco_single_person | 50.0 | 2 | 10 | neither |" in "\n".join(lines)
    assert "| masks on empty crops | every set | - | 2 | 10 | - |" in "\n".join(quality.goals(Known())), "sets lack"


@pytest.mark.parametrize(
    ("value", "goal", "floor", "reached"),
    [
        (90, 90, 85, "goal"),
        (89.9, 90, 85, "floor"),
        (84.9, 90, 85, "neither"),
        (2, 2, 10, "goal"),
        (9, 2, 10, "floor"),
        (11, 2, 10, "neither"),
        (None, 2, 10, "-"),
    ],
)
def test_verdict(quality: ModuleType, value: float | None, goal: float, floor: float, reached: str) -> None:
    assert quality.verdict(value, goal, floor) == reached


def test_every_protocol_on_the_page_exists(quality: ModuleType) -> None:
    columns = (*quality.CLICKS, *quality.SIZES, *quality.MENDING, *quality.MORE, *quality.DETECTOR)
    named = {column.protocol.split()[0] for column in columns} | set(quality.COMPARED)
    assert named <= set(PROTOCOLS)
    assert set(PROTOCOLS) - named == {"detections"}, "it needs boxes that no set has"


@pytest.mark.parametrize(
    ("fp32", "mean", "worst", "reached"),
    [
        (0.80, "+0.0", "+0.0", "goal"),
        (0.807, "-0.1", "-0.7", "floor"),
        (0.793, "+0.1", "+0.7", "floor"),
        (0.82, "-0.3", "-2.0", "neither"),
    ],
)
def test_int8_is_judged_by_its_worst_set(quality: ModuleType, fp32: float, mean: str, worst: str, reached: str) -> None:
    class Measured(Known):
        def get(self, name: str, protocol: str, precision: str = "int8") -> dict:
            value = fp32 if precision == "fp32" and name == "grabcut" else 0.8
            return {"n": 5, "iou@1": value, "model": "squeezesam-1"} if protocol == "error-clicks" else {}

    dashes = " | ".join(["-"] * 7)
    lines = quality.page(Measured(), None).splitlines()
    for name, cell in (("mean", mean), ("worst", worst), ("reached", reached)):
        assert f"| {name} | | {cell} | {dashes} |" in lines


def test_without_every_set_int8_is_not_judged(quality: ModuleType) -> None:
    class Measured(Known):
        def get(self, name: str, protocol: str, precision: str = "int8") -> dict:
            return {"n": 5, "iou@1": 0.8, "model": "squeezesam-1"} if name == "pets" and "error" in protocol else {}

    assert f"| reached | | {' | '.join(['-'] * 8)} |" in quality.page(Measured(), None).splitlines()
