"""Zooming in: further looks at the part of the photo that holds the object, at the network's full resolution.

The paper's network sees the whole photo at once, so a small object gets a few of its pixels. So, as in RITM's and
FocalClick's inference, the network looks again at a window around its answer, which it starts from; and several clicks
that go on from no mask, which tell the object's size roughly, are looked at from near at once (docs/choices.md, zoom).
"""

from math import hypot

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.fusion import PreparedImage, normalise, resize
from squeezesam_core.geometry import Frame, NetworkInput, Size, Window
from squeezesam_core.prompts import Box, Point, Prompt

MARGIN, BOX_MARGIN = 1.6, 1.4
"""The window's sides, as multiples of those of what it is put around."""
MOST_OF_PHOTO = 0.85
"""A window that fills more of the photo than this shows little that the look before has not."""
NEAR_MARGINS = (4.8, 3.2, 2.1, 1.5)
"""Sides of the windows that several clicks are looked at through, as multiples of the object's, which are guessed from
the clicks' extent."""
CLEAR = 0.6
"""A look anew reaches this share of the distance to the background click beyond the clicks on the object."""
MOST_CUT_OFF = 0.1
"""An object that reaches over more of a window's edge than this is cut off by it."""
LEAST_ASPECT = 0.5
"""The window's shorter side is at least this share of the longer one."""
LEAST_SIDE = 0.08
"""The window's sides are at least this share of the photo's."""


def window_around(mask: NDArray[np.bool_], prompt: Prompt, image: Size) -> Window | None:
    """The window that the next look is taken through, None where there is nothing to gain.

    mask: (h, w) bool at any resolution, showing the whole photo: the answer so far. It is put around the mask and the
    positive clicks; around the box where there is one. image: (width, height) of the photo.
    """
    if prompt.box is not None:
        corners = [(prompt.box.x0, prompt.box.y0), (prompt.box.x1, prompt.box.y1)]
    else:
        corners = [(point.x, point.y) for point in prompt.positive]
        x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
        if width:
            across, down = image[0] / mask.shape[1], image[1] / mask.shape[0]
            corners += [(x * across, y * down), ((x + width) * across, (y + height) * down)]
    if not corners:
        return None
    return _small(_around(corners, MARGIN if prompt.box is None else BOX_MARGIN, image), image)


def windows_near(prompt: Prompt, image: Size) -> list[Window]:
    """What three clicks and more are looked at through, the largest window first; none for other prompts.

    The extent of n random points of an interval is (n - 1) / (n + 1) of it on average, so they tell roughly how large
    the object is, which fewer do not.
    """
    clicks = [(point.x, point.y) for point in prompt.positive]
    if prompt.box is not None or len(clicks) < 3:
        return []
    extent = (len(clicks) - 1) / (len(clicks) + 1)
    windows = [_small(_around(clicks, margin / extent, image), image) for margin in NEAR_MARGINS]
    return list(dict.fromkeys(window or Window(0, 0, *image) for window in windows))


def window_clear(prompt: Prompt, image: Size) -> Window | None:
    """What is looked at anew when the first background click, the last click so far, says that a mask takes too much:
    the clicks on the object and what is around them, clear of that click. None for other prompts (a click on the object
    after it says that too little is left), and where it would show most of the photo.
    """
    wanted = [(point.x, point.y) for point in prompt.positive]
    background = [(point.x, point.y) for point in prompt.points if not point.positive]
    if prompt.box is not None or not wanted or len(background) != 1 or prompt.points[-1].positive:
        return None
    reach = CLEAR * min(hypot(x - background[0][0], y - background[0][1]) for x, y in wanted)
    corners = [(x + dx, y + dy) for x, y in wanted for dx, dy in ((-reach, -reach), (reach, reach))]
    return _small(_around(corners, 1.0, image), image)


def cut_off(mask: NDArray[np.bool_], window: Window, image: Size) -> bool:
    """Whether the edge of a window, where it is not the photo's own, cuts the object off.

    mask: (h, w) bool at any resolution, showing the window.
    """
    edges = [
        (window.x0 > 0, mask[:, 0]),
        (window.y0 > 0, mask[0]),
        (window.x1 < image[0], mask[:, -1]),
        (window.y1 < image[1], mask[-1]),
    ]
    inner = [edge for is_inner, edge in edges if is_inner]
    return bool(inner) and float(np.concatenate(inner).mean()) > MOST_CUT_OFF


def zoom_in(prepared: PreparedImage, window: Window, spec: NetworkInput) -> PreparedImage:
    """What the network sees through a window; its image frame begins at the window's corner."""
    if window.size == prepared.frame.image:
        return prepared
    detail_size = (prepared.detail.shape[1], prepared.detail.shape[0])
    part = prepared.detail[window.scaled(prepared.frame.image, detail_size).slices()]
    frame = Frame.fit(window.size, spec)
    return PreparedImage(frame, normalise(resize(part, frame.network)), part)


def prompt_in(prompt: Prompt, window: Window) -> Prompt:
    """The prompt as seen through the window: clicks outside are left out, a box is cut off."""
    width, height = window.size
    points = [Point(p.x - window.x0, p.y - window.y0, p.positive) for p in prompt.points]
    inside = tuple(p for p in points if 0 <= p.x <= width and 0 <= p.y <= height)
    box = prompt.box
    if box is not None:
        box = Box(
            max(0.0, box.x0 - window.x0),
            max(0.0, box.y0 - window.y0),
            min(float(width), box.x1 - window.x0),
            min(float(height), box.y1 - window.y0),
        )
    return Prompt(inside, box)


def part_of(values: NDArray[np.float32], window: Window, image: Size, size: Size) -> NDArray[np.float32]:
    """What a map (h, w) of the whole photo shows in the window, bilinear, at `size` (width, height)."""
    height, width = values.shape
    across, down = width / image[0], height / image[1]
    scale = np.array([window.size[0] / size[0] * across, window.size[1] / size[1] * down])
    offset = (window.x0 * across, window.y0 * down) + 0.5 * scale - 0.5  # OpenCV warps between pixel centres
    matrix = np.array([[scale[0], 0, offset[0]], [0, scale[1], offset[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(values, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _around(corners: list[tuple[float, float]], margin: float, image: Size) -> Window:
    """The window around points of the image frame, `margin` times as large as their extent, not too thin or small."""
    (x0, y0), (x1, y1) = np.min(corners, axis=0), np.max(corners, axis=0)
    width, height = (x1 - x0) * margin, (y1 - y0) * margin
    width, height = max(width, LEAST_ASPECT * height), max(height, LEAST_ASPECT * width)
    width, height = max(width, LEAST_SIDE * image[0], 8), max(height, LEAST_SIDE * image[1], 8)
    return _placed_in(((x0 + x1) / 2, (y0 + y1) / 2), (width, height), image)


def _placed_in(centre: tuple[float, float], size: tuple[float, float], image: Size) -> Window:
    (left, right), (top, bottom) = (_placed(*interval) for interval in zip(centre, size, image, strict=True))
    return Window(left, top, right, bottom)


def _small(window: Window, image: Size) -> Window | None:
    return window if window.area <= MOST_OF_PHOTO * image[0] * image[1] else None


def _placed(centre: float, length: float, limit: int) -> tuple[int, int]:
    """The whole pixels of an interval that is moved into 0..limit."""
    length = min(length, limit)
    start = min(max(centre - length / 2, 0), limit - length)
    return round(start), min(limit, max(round(start) + 1, round(start + length)))
