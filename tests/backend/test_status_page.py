"""The page at /status: what it says, and how it looks in a real browser."""

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import uvicorn

from backend.app import web_app
from backend.history import History
from backend.pages import status_page
from backend.pages.plots import Bar, Series, histogram, line_plot
from backend.settings import Settings
from backend.status import QUEUE_ON, JobRecord, JobsOverview, Problem, Status
from tests.backend.bodies import VERSION

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
REPOSITORY = Path(__file__).parents[2]
SCREENSHOTS = Path(os.environ.get("SQUEEZESAM_SCREENSHOTS", REPOSITORY / "out" / "screenshots"))


RECORD = JobRecord("preannotate-3", "preannotate", 3, "running", "2026-11-25T20:02:51+00:00", progress=0.41)


class Queue:
    """A queue that works for ever."""

    def request(self, kind: str, project: int) -> None:
        raise AssertionError("the page asks for nothing")

    def overview(self) -> JobsOverview:
        return JobsOverview(QUEUE_ON, [RECORD, replace(RECORD, state="finished", progress=1.0)])


@pytest.fixture
def quiet(service):
    return Status(service, time.monotonic(), History(), [], JobsOverview(), None)


def test_a_fresh_start_says_how_figures_come_about(quiet):
    page = status_page.render(quiet)
    for sentence in (
        status_page.NO_CLICK,
        status_page.NO_IOU,
        status_page.NO_MASK,
        status_page.NO_PROBLEM,
        status_page.NO_QUEUE,
        "LABEL_STUDIO_URL is not set",
    ):
        assert sentence in page


@pytest.mark.parametrize(
    ("precision", "says"),
    [("int8", "passed"), ("fp32", "serves, slower than it could"), ("as given", "none")],
    ids=["int8", "fp32", "by-path"],
)
def test_the_self_check_is_shown(quiet, precision, says):
    assert says in status_page.render(replace(quiet, service=replace(quiet.service, segmenter_precision=precision)))


@pytest.mark.parametrize(
    ("overview", "says"),
    [
        (JobsOverview("off: REDIS_URL is not set"), status_page.NO_QUEUE),
        (JobsOverview("Redis does not answer. Start it."), "Redis does not answer. Start it."),
        (JobsOverview(QUEUE_ON), status_page.NO_JOB),
        (JobsOverview(QUEUE_ON, [RECORD]), "running, 41%"),
        (JobsOverview(QUEUE_ON, [replace(RECORD, state="failed", message="No key.")]), "No key."),
    ],
    ids=["off", "down", "empty", "running", "failed"],
)
def test_jobs_or_why_there_are_none(quiet, overview, says):
    assert says in status_page.render(replace(quiet, overview=overview))


def test_nothing_that_a_request_says_becomes_markup(quiet):
    evil = "<script>alert(1)</script>\n</pre><img src=x onerror=alert(1)>"
    problem = Problem("2026-11-25T20:02:51+00:00", evil, evil, evil, evil)
    page = status_page.render(
        replace(quiet, problems=[problem], overview=JobsOverview(QUEUE_ON, [replace(RECORD, message=evil)]))
    )
    assert "<script" not in page
    assert "<img" not in page


def test_every_mask_is_in_one_bar(quiet):
    quiet.history.ious.extend([0.0, 0.5, 0.949, 0.95, 0.99, 1.0])
    quiet.history.clicks_per_mask.extend([0.0, 0.5, 1.5, 30.0])
    page = status_page.render(quiet)
    assert "IoU 0.99 to 1: 2 of 6 masks" in page
    assert "IoU 0.9 to 0.95: 1 of 6 masks" in page
    assert "6 or more: 1 of 4 masks" in page
    assert ">67%<" in page  # 4 of 6 are below 0.99


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [(0.0, ["0"]), (93, ["0", "50", "100"]), (105, ["0", "50", "150"]), (275, ["0", "100", "300"]), (4200, ["2000"])],
    ids=str,
)
def test_axes_have_round_ticks_and_hold_every_value(highest, ticks):
    plot = line_plot([Series("median", "first", [(0.0, highest)])], "ms")
    assert all(f">{tick}</text>" in plot for tick in ticks)
    assert 'cy="-' not in plot


def test_minutes_without_a_click_are_a_gap():
    plot = line_plot([Series("median", "first", [(9.0, 1.0), (8.0, 1.0), (3.0, 1.0), (2.0, 1.0)])], "ms")
    assert plot.count("<polyline") == 2


def test_counts_of_one_have_whole_ticks():
    assert ">0.5<" not in histogram([Bar("a", 1, ""), Bar("b", 0, "")], "masks")


@pytest.fixture
def address(annotator, photos):
    """The app on a port of its own, after a click, a failure and a comparison."""
    app = web_app(Settings(), annotator, jobs=Queue())
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.mark.browser
def test_the_page_in_a_browser(address):
    playwright = pytest.importorskip("playwright.sync_api")
    config = '<View><Image name="i" value="$image"/></View>'
    httpx.post(f"{address}/setup", json={"schema": config})
    [problem] = httpx.get(f"{address}/status.json").json()["problems"]
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
            asked, said = [], []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("console", lambda message, said=said: said.append(message.text))
            page.goto(f"{address}/status")
            page.get_by_text("Show it").click()
            assert page.get_by_text('smart="true" smartOnly="true"').first.is_visible()
            assert page.get_by_text(problem["request"]).is_visible()
            assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
            background = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
            assert (sum(map(int, background[4:-1].split(","))) > 380) == (scheme == "light")
            assert (asked, said) == ([f"{address}/status"], [])
            page.screenshot(path=SCREENSHOTS / f"status-{scheme}.png", full_page=True)
        browser.close()


@pytest.mark.parametrize(
    ("path", "accept"), [("/status", "*/*"), ("/status", "application/json"), ("/status.json", "text/html")]
)
def test_status_tells_programs_what_serves(client, path, accept):
    response = client().get(path, headers={"Accept": accept})
    assert response.json()["model_version"] == VERSION
    assert response.json()["segmenter"] == {"precision": "int8", "self_check": "passed"}
    assert response.headers["cache-control"] == "no-store"


def test_status_is_a_page_for_browsers(client):
    response = client().get("/status", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert VERSION in response.text
