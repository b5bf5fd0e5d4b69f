"""Prompts as the page sends them, and regions as it is answered, for the tests of dialogues."""

import numpy as np

from backend.dialogues import Mark, Region
from squeezesam_core.prompts import Box, Point
from squeezesam_core.shapes import Shape

MASK = Shape.of(np.ones((4, 4), bool))


def click(identifier, label="Cat", positive=True, **more):
    positive = positive and label is not None
    return Mark(identifier, "keypointlabels", "kp", label, Point(1, 1, positive), **more)


def box(identifier):
    return Mark(identifier, "rectanglelabels", "box", "Cat", Box(0, 0, 2, 2))


def region(identifier):
    return Region(identifier, "Cat", "brush", MASK)
