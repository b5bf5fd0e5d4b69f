"""Masks drawn for the tests."""

import cv2
import numpy as np


def disc(height: int = 64, width: int = 64, radius: int = 16) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    cv2.circle(mask, (width // 2, height // 2), radius, 1, cv2.FILLED)
    return mask > 0
