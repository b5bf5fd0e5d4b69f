"""The window of the second look, and what is seen through it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezesam_core import zoom
from squeezesam_core.fusion import prepare
from squeezesam_core.geometry import NetworkInput, Window
from squeezesam_core.prompts import Box, Point, Prompt

SPEC = NetworkInput(64)
IMAGE = (400, 200)
EMPTY = np.zeros((20, 40), np.bool_)
SMALL = EMPTY.copy()
SMALL[8:12, 18:22] = True
LARGE = ~EMPTY
CLICK = Prompt((Point(200, 100),))
BACKGROUND = Prompt((Point(20, 20, positive=False),))
NEAR = [(192, 96), (128, 64), (84, 42), (60, 30)]


@pytest.mark.parametrize(
    ("mask", "prompt", "window"),
    [
        (EMPTY, BACKGROUND, None),
        (LARGE, CLICK, None),
        (SMALL, BACKGROUND, Window(168, 68, 232, 132)),
        (SMALL, Prompt((Point(300, 100),)), Window(160, 68, 320, 132 + 16)),
        (LARGE, Prompt(box=Box(180, 80, 220, 120)), Window(172, 72, 228, 128)),
        (EMPTY, Prompt((Point(0, 0),)), Window(0, 0, 32, 16)),
        (SMALL, Prompt(box=Box(0, 0, 400, 200)), None),
    ],
    ids=[
        "nothing to look at",
        "object fills the photo",
        "around the mask",
        "mask and a click beside it",
        "box beats the mask",
        "a click in the corner",
        "box of the whole photo",
    ],
)
def test_window(mask: np.ndarray, prompt: Prompt, window: Window | None) -> None:
    found = zoom.window_around(mask, prompt, IMAGE)
    if window is None or found is None:
        assert found is window
        return
    edges = np.array([[w.x0, w.y0, w.x1, w.y1] for w in (found, window)])
    assert np.abs(edges[0] - edges[1]).max() <= 20
    assert 0 <= found.x0 < found.x1 <= IMAGE[0]
    assert 0 <= found.y0 < found.y1 <= IMAGE[1]


@pytest.mark.parametrize(
    ("prompt", "sizes"),
    [
        (CLICK, []),
        (BACKGROUND, []),
        (Prompt((Point(200, 100), Point(220, 100))), []),
        (Prompt((Point(200, 100), Point(220, 105), Point(205, 110))), NEAR),
        (Prompt((Point(200, 100), Point(220, 105), Point(205, 110), Point(1, 1, positive=False))), NEAR),
        (Prompt((Point(10, 10), Point(390, 190), Point(200, 100))), [(400, 200)]),
        (Prompt((Point(200, 100),), Box(180, 80, 220, 120)), []),
    ],
    ids=["one click", "background", "two clicks", "three", "three and background", "all over the photo", "box"],
)
def test_windows_near(prompt: Prompt, sizes: list[tuple[int, int]]) -> None:
    windows = zoom.windows_near(prompt, IMAGE)
    assert [window.size for window in windows] == sizes
    for window in windows:
        assert 0 <= window.x0 < window.x1 <= IMAGE[0]
        assert 0 <= window.y0 < window.y1 <= IMAGE[1]
        assert all(window.x0 <= p.x <= window.x1 and window.y0 <= p.y <= window.y1 for p in prompt.positive)


ON, OFF = Point(100, 100), Point(200, 100, positive=False)


@pytest.mark.parametrize(
    ("prompt", "window"),
    [
        (Prompt((ON, OFF)), Window(40, 40, 160, 160)),
        (Prompt((ON, Point(150, 100), OFF)), Window(70, 70, 180, 130)),
        (Prompt((ON, OFF, Point(190, 190, positive=False))), None),
        (Prompt((ON, OFF, Point(150, 100))), None),
        (Prompt((ON,)), None),
        (Prompt((OFF,)), None),
        (Prompt((ON, OFF), Box(50, 50, 180, 180)), None),
        (Prompt((Point(20, 100), Point(120, 100, positive=False))), Window(0, 40, 120, 160)),
        (Prompt((Point(20, 100), Point(390, 20), Point(200, 199, positive=False))), None),
    ],
    ids=[
        "as far as the background click allows",
        "as the nearest click on the object allows",
        "a second background click",
        "a click on the object since",
        "no background click",
        "nothing but background",
        "a box",
        "moved into the photo",
        "most of the photo",
    ],
)
def test_window_clear_of_the_background_click(prompt: Prompt, window: Window | None) -> None:
    assert zoom.window_clear(prompt, IMAGE) == window


@pytest.mark.parametrize(
    ("window", "rows", "columns", "cut"),
    [
        (Window(100, 50, 300, 150), slice(2, 8), slice(2, 18), False),
        (Window(100, 50, 300, 150), slice(0, 10), slice(0, 18), True),
        (Window(100, 50, 300, 150), slice(9, 10), slice(9, 11), False),
        (Window(0, 0, 200, 100), slice(0, 8), slice(0, 18), False),
        (Window(0, 0, 400, 200), slice(0, 10), slice(0, 20), False),
    ],
    ids=["inside", "over an edge", "a hair over it", "the photo's own edges", "the whole photo"],
)
def test_cut_off(window: Window, rows: slice, columns: slice, cut: bool) -> None:
    mask = np.zeros((10, 20), np.bool_)
    mask[rows, columns] = True
    assert zoom.cut_off(mask, window, IMAGE) == cut


@given(
    st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
)
def test_a_window_holds_the_box_and_stays_in_the_photo(
    image: tuple[int, int], edges: tuple[float, float, float, float]
) -> None:
    (x0, x1), (y0, y1) = sorted(edges[:2]), sorted(edges[2:])
    box = Box(x0 * image[0], y0 * image[1], x1 * image[0], y1 * image[1])
    window = zoom.window_around(np.zeros((4, 4), np.bool_), Prompt(box=box), image)
    if window is not None:
        assert 0 <= window.x0 < window.x1 <= image[0]
        assert 0 <= window.y0 < window.y1 <= image[1]
        assert window.x0 <= box.x0 + 1
        assert window.x1 >= box.x1 - 1
        assert window.y0 <= box.y0 + 1
        assert window.y1 >= box.y1 - 1


def test_what_the_window_shows_is_that_part_of_the_photo() -> None:
    photo = np.zeros((2000, 4000, 3), np.uint8)
    photo[500:1000, 1000:2000] = 255
    near = zoom.zoom_in(prepare(photo, SPEC), Window(1000, 500, 2000, 1000), SPEC)
    assert near.frame.image == (1000, 500)
    assert near.pixels[:, 1:-1, 1:-1].min() > 2
    assert near.nbytes < 10_000_000


def test_prompt_moves_with_the_window_and_loses_what_lies_outside() -> None:
    prompt = Prompt((Point(150, 60), Point(10, 10, positive=False)), Box(90, 40, 350, 90))
    seen = zoom.prompt_in(prompt, Window(100, 50, 300, 150))
    assert seen.points == (Point(50, 10),)
    assert seen.box == Box(0, 0, 200, 40)


@pytest.mark.parametrize("shape", [(20, 40), (200, 400), (7, 9)], ids=["coarse", "the photo's size", "odd"])
def test_part_of_a_map_lies_where_it_lay(shape: tuple[int, int]) -> None:
    ramp = np.tile((np.arange(shape[1], dtype=np.float32) + 0.5) / shape[1], (shape[0], 1))
    part = zoom.part_of(ramp, Window(100, 50, 300, 150), IMAGE, (64, 32))
    expected = 0.25 + 0.5 * (np.arange(64) + 0.5) / 64
    assert part.shape == (32, 64)
    assert np.abs(part - expected).max() < 0.02
