"""Which mask a first prompt starts from."""

import numpy as np
import pytest

from squeezesam_core.interaction import first_previous
from squeezesam_core.prompts import Box, Point, Prompt

IMAGE = (200, 100)
MAP = np.zeros((50, 50), np.float32)
MAP[10:30, 10:30] = 0.9
MAP[40:, 40:] = 0.4


@pytest.mark.parametrize(
    ("prompt", "starts"),
    [
        (Prompt((Point(60, 40),)), True),
        (Prompt((Point(10, 10),)), False),
        (Prompt((Point(190, 95),)), False),
        (Prompt((Point(60, 40), Point(10, 10))), False),
        (Prompt((Point(60, 40), Point(10, 10, positive=False))), True),
        (Prompt((Point(200, 100),)), False),
        (Prompt((Point(60, 40, positive=False),)), False),
        (Prompt(), False),
        (Prompt(box=Box(40, 20, 120, 60)), True),
        (Prompt(box=Box(100, 20, 200, 60)), True),
        (Prompt(box=Box(116, 20, 200, 100)), False),
        (Prompt(box=Box(-9, -9, 20, 15)), False),
        (Prompt((Point(10, 10),), Box(40, 20, 120, 60)), False),
    ],
    ids=[
        "on it",
        "beside it",
        "on a faint part",
        "one beside it",
        "background beside it",
        "far corner",
        "background only",
        "nothing",
        "box around it",
        "box over enough",
        "box over too little",
        "box elsewhere",
        "box and a click beside it",
    ],
)
def test_map_is_the_start_where_it_agrees(prompt: Prompt, starts: bool) -> None:
    assert first_previous(MAP, prompt, IMAGE) is (MAP if starts else None)


def test_no_map_no_start() -> None:
    assert first_previous(None, Prompt((Point(60, 40),)), IMAGE) is None
