"""Reports: the JSON's keys, the worst cases, the page."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from squeezesam_core.errors import InvalidDatasetError, SqueezeSAMError
from squeezesam_core.evaluation.case import Case, Outcome, Plan
from squeezesam_core.evaluation.contact_sheet import CAPTION, COLUMNS, write_sheet
from squeezesam_core.evaluation.page import page, write_page
from squeezesam_core.evaluation.protocols import PROTOCOLS
from squeezesam_core.evaluation.report import Report
from squeezesam_core.evaluation.worst import TILE, Worst, draw, window
from squeezesam_core.prompts import Point, Prompt
from squeezesam_core.samples import Mask

PERFECT = dict.fromkeys(range(1, 21), 0.95)
SLOW = {clicks: 0.87 if clicks < 4 else 0.91 for clicks in range(1, 21)}
NEVER = dict.fromkeys(range(1, 21), 0.5)
STUCK = dict.fromkeys(range(1, 21), 0.87)


@pytest.mark.parametrize(
    ("protocol", "plan", "ious", "expected"),
    [
        ("box", Plan(), [{0: 0.5}, {0: 1.0}], {"miou": 0.75}),
        ("random-clicks", Plan((1, 3)), [{1: 0.2, 3: 0.4}, {1: 0.4, 3: 0.8}], {"iou@1": 0.3, "iou@3": 0.6}),
        ("error-clicks", Plan((1, 3)), [{1: 0.2, 2: 1.0}], {"iou@1": 0.2, "iou@3": 1.0}),
        (
            "error-clicks",
            Plan((1,), noc=True),
            [PERFECT, SLOW, NEVER, STUCK],
            {"iou@1": (0.95 + 0.87 + 0.5 + 0.87) / 4, "noc85": 23 / 4, "noc90": 45 / 4, "noc_failures": 2},
        ),
        ("noc", Plan((1,)), [PERFECT, NEVER], {"noc85": 10.5, "noc90": 10.5, "noc_failures": 1}),
        ("from-mask", Plan((1,)), [{0: 0.5, 1: 0.9}, {0: 1.0}], {"miou": 0.75, "iou@1": 0.95, "ready90": 0.5}),
    ],
    ids=["box", "random", "ended early", "noc", "noc without being asked", "from a mask, one already right"],
)
def test_report(case, protocol: str, plan: Plan, ious: list[dict[int, float]], expected: dict[str, float]) -> None:
    report = Report(PROTOCOLS[protocol], plan, "model-1")
    for one in ious:
        report.add(case(one))
    summary = report.summary()
    rest = {"protocol": protocol, "n": len(ious), "ms_p50": 10, "ms_p95": 10, "ms_open": 2, "model": "model-1"}
    assert {key: summary[key] for key in rest | expected} == pytest.approx(rest | expected)
    assert ("noc85" in summary) == (plan.noc or protocol == "noc")


def test_report_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidDatasetError, match="No object"):
        Report(PROTOCOLS["box"], Plan(), "model-1").summary()


def test_worst_first_and_no_more_than_asked_for(case) -> None:
    worst = Worst(count=2)
    for iou in (0.9, 0.3, 0.1, 0.5):
        worst.add(case({0: iou}))
    assert [picture.outcome.last for picture in worst.pictures] == [0.1, 0.3]


def test_a_picture_shows_mask_outline_and_clicks(case) -> None:
    pixels = draw(case({0: 0.5}))
    assert pixels.shape == (320, 480, 3), "the photo's aspect, as large as a tile"
    assert pixels[130, 200].tolist() == [132, 148, 227], "the mask is blue"
    colours = {tuple(colour) for colour in pixels.reshape(-1, 3).tolist()}
    assert (64, 255, 64) in colours, "outline"
    assert (32, 200, 32) in colours, "a click on the object"
    assert (230, 40, 40) in colours, "a click on the background"


def test_a_small_object_is_shown_with_its_surroundings_and_all_clicks() -> None:
    truth = np.zeros((400, 600), bool)
    truth[200:210, 300:320] = True
    outcome = Outcome("photo", 0, {0: 0.1}, {0: 0.1}, 200, 1, (0.01,), 0.0)
    nothing = np.zeros_like(truth)
    for clicks, shown in (((), (260, 155, 100, 100)), ((Point(500.5, 205.5),), (260, 155, 241, 100))):
        case = Case(outcome, np.zeros((400, 600, 3), np.uint8), Mask(truth, nothing), nothing, Prompt(clicks))
        assert window(case) == shown
        assert draw(case).shape[1 if clicks else 0] in TILE
    whole = Case(outcome, np.zeros((400, 600, 3), np.uint8), Mask(~nothing, nothing), nothing, Prompt())
    assert window(whole) == (0, 0, 600, 400)


def test_contact_sheet(case, tmp_path: Path) -> None:
    worst = Worst()
    for iou in (0.3, 0.1):
        worst.add(case({0: iou}))
    write_sheet(worst.pictures, tmp_path / "sheet.png")
    pixels = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert pixels.shape == (TILE[1] + CAPTION, COLUMNS * TILE[0], 3)
    assert pixels[:, : 2 * TILE[0]].any()
    assert not pixels[:, 2 * TILE[0] :].any()
    with pytest.raises(SqueezeSAMError, match=r"none/sheet\.png"):
        write_sheet(worst.pictures, tmp_path / "none" / "sheet.png")


def test_page_needs_nothing_else_and_holds_everything(case, tmp_path: Path) -> None:
    plan, worst = Plan((1, 3)), Worst()
    reports = [Report(PROTOCOLS["error-clicks"], plan, name) for name in ("ours", "a <peer>")]
    for iou in (0.25, 0.75):
        for report in reports:
            report.add(case({1: iou, 2: iou + 0.1, 3: iou + 0.2}, name="<script>"))
        worst.add(case({1: iou, 3: iou + 0.2}, name="<script>"))
    path = write_page(tmp_path / "made" / "here", "set", reports, worst.pictures)
    html = path.read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["'](?!data:)""", html), "no external asset"
    assert html.count("<script") == 0
    assert "a &lt;peer&gt;" in html
    assert html.count("data:image/jpeg") == 2
    assert html.count("<polyline") == 2
    assert "50.0 after 1" not in html
    assert "ours: 50.0 % after 1" in html
    assert "ours: 1 of 2 between 45 and 50 %" in html
    assert "<td>50.0 %</td>" in html


def test_page_without_clicks_has_no_curve(case) -> None:
    report = Report(PROTOCOLS["box"], Plan(), "ours")
    report.add(case({0: 0.5}))
    html = page("set", [report], [])
    assert "<polyline" not in html
    assert html.count("<svg") == 1


def test_page_that_cannot_be_written(case, tmp_path: Path) -> None:
    report = Report(PROTOCOLS["box"], Plan(), "ours")
    report.add(case({0: 0.5}))
    (tmp_path / "file").touch()
    with pytest.raises(SqueezeSAMError, match="file"):
        write_page(tmp_path / "file", "set", [report], [])
