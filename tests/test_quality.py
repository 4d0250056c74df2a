"""Quality flags: each is raised for its own reason and for no other."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sceneseek.errors import ValueRefused
from sceneseek.quality import FLAGS, LIMITS, flags, sharpness
from sceneseek.structures import ImageArray

WHOLE = (40, 30, 110, 190)


def picture(seed: int = 0, width: int = 320, height: int = 240) -> ImageArray:
    """Cloth-like patches with sharp edges, no two alike."""
    patches = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return patches.repeat(8, axis=0).repeat(8, axis=1)


def test_a_good_detection_has_no_flag() -> None:
    assert flags(picture(), [WHOLE], [0.9]) == [()]


@pytest.mark.parametrize(
    ("box", "score", "flag"),
    [
        ((40, 30, 80, 93), 0.9, "small"),
        ((40, 30, 59, 190), 0.9, "small"),
        ((40, 30, 110, 240), 0.9, "cut"),
        ((0, 30, 110, 190), 0.9, "cut"),
        ((250, 30, 319, 190), 0.9, "cut"),
        (WHOLE, 0.59, "unsure"),
    ],
)
def test_each_flag_has_its_reason(box: tuple[int, ...], score: float, flag: str) -> None:
    assert flags(picture(), [box], [score]) == [(flag,)]


def test_blur_is_seen_and_its_strength_orders() -> None:
    values = [float(sharpness(cv2.GaussianBlur(picture(), (0, 0), s), [WHOLE])[0]) for s in (0.5, 1, 2, 4, 8)]
    assert values == sorted(values, reverse=True)
    assert values[0] > LIMITS.sharpness > values[-1]
    assert flags(cv2.GaussianBlur(picture(), (0, 0), 8), [WHOLE], [1.0]) == [("blurred",)]


def test_blur_along_one_direction_is_enough() -> None:
    moved = cv2.blur(picture(), (25, 1))
    assert sharpness(moved, [WHOLE])[0] < 0.6 * sharpness(picture(), [WHOLE])[0]


def test_neither_brightness_nor_contrast_counts() -> None:
    dim = (picture() // 3 + 20).astype(np.uint8)
    assert sharpness(dim, [WHOLE])[0] == pytest.approx(float(sharpness(picture(), [WHOLE])[0]), abs=0.02)


def test_all_flags_at_once_keep_their_order() -> None:
    flat = np.full((60, 60, 3), 90, np.uint8)
    assert flags(flat, [(-5, -5, 9, 30)], [0.1]) == [FLAGS]


def test_a_box_that_a_person_drew_is_not_unsure() -> None:
    assert flags(picture(), [WHOLE], [np.nan]) == [()]


def test_nobody_has_no_flags() -> None:
    assert flags(picture(), np.zeros((0, 4)), np.zeros(0)) == []
    with pytest.raises(ValueRefused, match="2 scores were given for 1 boxes"):
        flags(picture(), [WHOLE], [0.5, 0.5])
