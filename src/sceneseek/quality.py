"""What speaks against trusting a detection: too small, blurred, cut off by the picture's border, or hardly a person.

A match between two bad pictures of people is worth less than its similarity says. The flags are worked out once, when a
picture is indexed, and travel with the person.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from sceneseek.errors import ValueRefused
from sceneseek.structures import ImageArray

FLAGS = ("small", "blurred", "cut", "unsure")
"""All flags, in the order in which they are listed."""

_CROP_HEIGHT = 128
"""Networks look at people at about this height: detail beyond it cannot help, so sharpness is measured there."""
_BLUR_TAPS = 9
_FLAT = 1.0
"""Mean difference of neighbouring pixels, in grey levels, below which there is no edge to be sharp or unsharp."""


@dataclass(frozen=True)
class Limits:
    """From where on a detection is doubtful.

    Attributes:
        height: Least height of a person, pixels.
        width: Least width of a person, pixels.
        sharpness: Least sharpness, see ``sharpness``.
        score: Least confidence of the detector.
        border: A box that comes nearer than this to the picture's border is cut, pixels.
    """

    height: float = 64.0
    width: float = 20.0
    sharpness: float = 0.4
    score: float = 0.6
    border: float = 1.5


LIMITS = Limits()


def flags(image: ImageArray, boxes: ArrayLike, scores: ArrayLike, limits: Limits = LIMITS) -> list[tuple[str, ...]]:
    """Say what speaks against trusting each detection of one picture.

    ``"small"``: too few pixels to recognise anybody. ``"blurred"``: no fine detail, from motion, focus or compression.
    ``"cut"``: the picture ends before the person does. ``"unsure"``: the detector hardly took it for a person.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        boxes: ``(N, 4)`` ``xyxy`` in pixels.
        scores: ``(N,)`` the detector's confidence; NaN for a box that a person drew is never unsure.
        limits: From where on.

    Returns:
        ``N`` tuples out of ``FLAGS``, in its order; empty where nothing speaks against a detection.

    Raises:
        ValueRefused: There are not as many scores as boxes.

    Example:
        >>> picture = np.zeros((200, 100, 3), np.uint8)
        >>> flags(picture, [[0, 20, 40, 180], [50, 60, 62, 100]], [0.9, 0.3])
        [('blurred', 'cut'), ('small', 'blurred', 'unsure')]
    """
    rows = np.asarray(boxes, np.float64).reshape(-1, 4)
    sure = np.asarray(scores, np.float64).reshape(-1)
    if len(sure) != len(rows):
        raise ValueRefused(f"{len(sure)} scores were given for {len(rows)} boxes; expected one each.")
    height, width = image.shape[:2]
    x1, y1, x2, y2 = rows.T
    near = limits.border
    verdicts = {
        "small": (y2 - y1 < limits.height) | (x2 - x1 < limits.width),
        "blurred": sharpness(image, rows) < limits.sharpness,
        "cut": (x1 < near) | (y1 < near) | (x2 > width - near) | (y2 > height - near),
        "unsure": sure < limits.score,
    }
    return [tuple(flag for flag in FLAGS if verdicts[flag][i]) for i in range(len(rows))]


def sharpness(image: ImageArray, boxes: ArrayLike) -> NDArray[np.float32]:
    """How much fine detail each person shows, from 0 (none) towards 1.

    The person is blurred once more on purpose. Where neighbouring pixels lose much of their difference by that, there
    was fine detail; where they lose little, it had gone before. The share that is lost depends on neither contrast
    nor brightness. People higher than 128 pixels are made smaller first, because that is where networks look.

    Source: Crété-Roffet, Dolmière, Ladret and Nicolas, 2007, *The blur effect: perception and estimation with a new
    no-reference perceptual blur metric*; this is one minus their measure, in the worse of the two directions.

    Differs from the paper: measured on a person, not on a picture; where there is no contrast at all, it is 0.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        boxes: ``(N, 4)`` ``xyxy`` in pixels; what lies outside the picture is not looked at.

    Returns:
        ``(N,)`` float32; 0 where a box holds too few pixels to tell.
    """
    height, width = image.shape[:2]
    values = []
    for x1, y1, x2, y2 in np.asarray(boxes, np.float64).reshape(-1, 4):
        left, top = max(0, int(np.floor(x1))), max(0, int(np.floor(y1)))
        right, bottom = min(width, int(np.ceil(x2))), min(height, int(np.ceil(y2)))
        values.append(_sharpness(image[top:bottom, left:right]))
    return np.array(values, np.float32)


def _sharpness(person: ImageArray) -> float:
    if min(person.shape[:2]) < 2 * _BLUR_TAPS // 2:
        return 0.0
    grey = cv2.cvtColor(person, cv2.COLOR_RGB2GRAY)
    scale = _CROP_HEIGHT / grey.shape[0]
    if scale < 1:
        size = (max(_BLUR_TAPS, round(grey.shape[1] * scale)), _CROP_HEIGHT)
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    values = grey.astype(np.float32)
    return min(_lost(values, axis=0), _lost(values, axis=1))


def _lost(grey: NDArray[np.float32], axis: int) -> float:
    """The share of differences along ``axis`` that another blur takes away."""
    taps = (1, _BLUR_TAPS) if axis == 0 else (_BLUR_TAPS, 1)
    again = cv2.blur(grey, taps, borderType=cv2.BORDER_REFLECT_101)
    before, after = np.abs(np.diff(grey, axis=axis)), np.abs(np.diff(again, axis=axis))
    if before.mean() < _FLAT:
        return 0.0
    return float(np.maximum(before - after, 0.0).sum() / before.sum())
