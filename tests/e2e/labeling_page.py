"""The labelling page of Label Studio 1.23 as an annotator uses it: what is clicked, and what the page then holds."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, Response, sync_playwright

_STORE = "window.Htx.annotationStore.selected"
_REGIONS = f"() => {_STORE}.regions.map(r => ({{id: r.cleanId, type: r.type, origin: r.origin}}))"
_TOOL = f"() => {_STORE}.names.get('image').getToolsManager().findSelectedTool()?.fullName"
_IMAGE_ON_CANVAS = f"""() => {{
    const {{canvasSize, zoomScale, zoomingPositionX, zoomingPositionY}} = {_STORE}.names.get('image');
    return [zoomingPositionX, zoomingPositionY, canvasSize.width * zoomScale, canvasSize.height * zoomScale];
}}"""
_LABELS = f"""() => Array.from({_STORE}.names.values()).filter(control => control.type.endsWith('labels'))
    .flatMap(control => control.children.map(label => [control.name, label.value]))"""
_SUGGESTIONS = f"() => Array.from({_STORE}.suggestions.values()).map(r => r.cleanId)"
_CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
_SMART_TOOLS = {"click": "KeyPointTool-dynamic", "box": "RectangleTool-dynamic"}


@dataclass(frozen=True)
class LabelingPage:
    """A browser page logged in to Label Studio at `address`."""

    page: Page
    address: str

    def log_in(self, email: str, password: str) -> None:
        self.page.goto(f"{self.address}/user/login/")
        self.page.fill("input[name=email]", email)
        self.page.fill("input[name=password]", password)
        self.page.click("button[type=submit]")
        self.page.wait_for_url(lambda url: "/login" not in url)

    def open_task(self, project: int, task: int) -> None:
        """Open a task and wait for its image and its predicted mask."""
        self.page.goto(f"{self.address}/projects/{project}/data?task={task}")
        self._see_task()

    def open_stream(self, project: int) -> None:
        """Begin to label all tasks, one after the other: Label Studio chooses the first."""
        self.page.goto(f"{self.address}/projects/{project}/data?labeling=1")
        self._see_task()

    def next_in_stream(self) -> None:
        """Submit and wait for the task that Label Studio shows then."""
        before = self.task()
        self.submit()
        self.page.wait_for_function(f"() => window.Htx?.task?.id && window.Htx.task.id !== {before}")
        self._see_task()

    def task(self) -> int:
        """The number of the task on screen."""
        return int(self.page.evaluate("() => window.Htx.task.id"))

    def _see_task(self) -> None:
        self._canvas.wait_for()
        self.page.wait_for_function("() => window.Htx?.annotationStore?.selected?.regions?.length > 0")
        if not self.page.evaluate("() => window.Htx.autoAnnotation"):
            self.page.get_by_text("Auto-Annotation", exact=True).click()

    def choose(self, tool: str) -> None:
        """Choose the smart tool "click" or "box" and its label."""
        for _ in range(4):  # each press on the smart tool goes on to the next one
            if self.page.evaluate(_TOOL) == _SMART_TOOLS[tool]:
                break
            self.page.locator(".lsf-tool_smart").first.click()
            self.page.wait_for_timeout(200)
        assert self.page.evaluate(_TOOL) == _SMART_TOOLS[tool]

    def label(self, tool: str, value: str) -> None:
        """Choose a label of the smart tool, which Label Studio drops after each prompt."""
        selected = f"{_STORE}.names.get('{tool}').children.some(label => label.selected)"
        self.page.wait_for_function(f"() => !window.Htx.awaitingSuggestions && !{selected}")  # pressed again, it drops
        place = self.page.evaluate(_LABELS).index([tool, value])
        self.page.locator(".lsf-label_clickable").nth(place).click()
        self.page.wait_for_function(f"() => {selected}")

    def click(self, x: float, y: float, *modifiers: str, label: str = "Object") -> list[dict[str, Any]]:
        """Click at a share (0..1) of the image's width and height; returns the regions that are suggested then."""
        self.choose("click")
        self.label("click", label)
        px, py = self._position(x, y)
        for key in modifiers:
            self.page.keyboard.down(key)
        with self.page.expect_response(_is_prompt) as reply:
            self.page.mouse.click(px, py)
        for key in modifiers:
            self.page.keyboard.up(key)
        return self._answer(reply.value)

    def drag(self, x0: float, y0: float, x1: float, y1: float, label: str = "Object") -> list[dict[str, Any]]:
        """Drag a box between two corners given as shares (0..1) of the image; returns the regions suggested then."""
        self.choose("box")
        self.label("box", label)
        with self.page.expect_response(_is_prompt) as reply:
            self.page.mouse.move(*self._position(x0, y0))
            self.page.mouse.down()
            self.page.mouse.move(*self._position((x0 + x1) / 2, (y0 + y1) / 2), steps=4)
            self.page.mouse.move(*self._position(x1, y1), steps=4)
            self.page.mouse.up()
        return self._answer(reply.value)

    def undo(self) -> None:
        """Take the last prompt back. Label Studio tells nobody: the suggestion stays until the next prompt."""
        count = len(self.regions())
        self.page.keyboard.press("Control+z")
        self.page.wait_for_function(f"() => {_STORE}.regions.length === {count - 1}")

    def accept(self) -> None:
        self.page.click('[data-testid="bottombar-accept-suggestions-button"]')
        self.page.wait_for_function(f"() => {_STORE}.suggestions.size === 0")

    def submit(self) -> list[dict[str, Any]]:
        """Submit and return the regions that Label Studio has saved."""
        with self.page.expect_response(lambda r: "/annotations" in r.url and r.request.method == "POST") as reply:
            self.page.click('[data-testid="bottombar-submit-button"]')
        saved: list[dict[str, Any]] = reply.value.json()["result"]
        return saved

    def regions(self) -> list[dict[str, Any]]:
        """The regions of the annotation on screen: id, type, origin."""
        found: list[dict[str, Any]] = self.page.evaluate(_REGIONS)
        return found

    def screenshot(self, path: Path) -> None:
        self.page.screenshot(path=path)

    @property
    def _canvas(self) -> Locator:
        return self.page.locator(".konvajs-content canvas").first

    def _position(self, x: float, y: float) -> tuple[float, float]:
        """Share of the image -> pixel of the page; the canvas may be wider than a portrait on it, and zoomed."""
        canvas = self.page.locator(".konvajs-content").first.bounding_box()
        assert canvas is not None
        left, top, width, height = self.page.evaluate(_IMAGE_ON_CANVAS)
        return canvas["x"] + left + x * width, canvas["y"] + top + y * height

    def _answer(self, response: Response) -> list[dict[str, Any]]:
        """The regions in a reply, once the page shows them."""
        suggested: list[dict[str, Any]] = response.json()["data"]["result"]
        ids = json.dumps(sorted(region["id"] for region in suggested), separators=(",", ":"))
        self.page.wait_for_function(f"() => JSON.stringify(({_SUGGESTIONS})().sort()) === '{ids}'")
        return suggested


@contextmanager
def browsing(address: str, email: str, password: str) -> Iterator[LabelingPage]:
    """A browser that is logged in to Label Studio at `address`."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=_CHROMIUM)
        page = browser.new_context(viewport={"width": 1400, "height": 960}).new_page()
        page.set_default_timeout(60_000)
        labeling = LabelingPage(page, address)
        labeling.log_in(email, password)
        yield labeling
        browser.close()


def _is_prompt(response: Response) -> bool:
    return "interactive-annotating" in response.url
