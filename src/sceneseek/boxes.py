"""Boxes as ``(N, 4)`` arrays of ``x1, y1, x2, y2`` in absolute pixels: pure NumPy functions.

Torch code uses ``torchvision.ops`` for the same ideas; ``tests/parity`` holds the two against each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sceneseek.errors import BoxError

Boxes = NDArray[Any]


def _rows(boxes: ArrayLike) -> Boxes:
    rows = np.asarray(boxes)
    if not np.issubdtype(rows.dtype, np.floating):
        # uint16 corners (CUHK-SYSU) and uint8 would overflow silently in the sums below.
        rows = rows.astype(np.float64)
    if rows.size == 0:
        return rows.reshape(0, 4)
    if rows.ndim != 2 or rows.shape[1] != 4:
        raise BoxError(f"boxes must have shape (N, 4); found {rows.shape}.")
    return rows


def from_xywh(boxes: ArrayLike) -> Boxes:
    """Convert ``x, y, width, height`` to corners.

    Args:
        boxes: ``(N, 4)``.

    Returns:
        ``(N, 4)`` ``xyxy``, floating point.

    Example:
        >>> from_xywh([[10, 20, 30, 40]]).tolist()
        [[10.0, 20.0, 40.0, 60.0]]
    """
    rows = _rows(boxes).copy()
    rows[:, 2:] += rows[:, :2]
    return rows


def to_xywh(boxes: ArrayLike) -> Boxes:
    """Convert corners, ``(N, 4)``, to ``x, y, width, height``."""
    rows = _rows(boxes).copy()
    rows[:, 2:] -= rows[:, :2]
    return rows


def area(boxes: ArrayLike) -> NDArray[Any]:
    """Areas in square pixels, ``(N,)``; a box turned inside out has none."""
    rows = _rows(boxes)
    sides = np.clip(rows[:, 2:] - rows[:, :2], 0, None)
    areas: NDArray[Any] = sides[:, 0] * sides[:, 1]
    return areas


def clip(boxes: ArrayLike, width: int, height: int) -> Boxes:
    """Clip ``(N, 4)`` boxes to an image of ``width`` x ``height`` pixels; those outside become empty."""
    rows = _rows(boxes).copy()
    rows[:, 0::2] = rows[:, 0::2].clip(0, width)
    rows[:, 1::2] = rows[:, 1::2].clip(0, height)
    return rows


def valid_mask(boxes: ArrayLike, min_side: float = 0.0) -> NDArray[np.bool_]:
    """Which of ``(N, 4)`` boxes have both sides longer than ``min_side`` pixels, ``(N,)`` bool."""
    rows = _rows(boxes)
    long_enough = np.all((rows[:, 2:] - rows[:, :2]) > min_side, axis=1)
    return np.asarray(long_enough & np.all(np.isfinite(rows), axis=1), np.bool_)


def intersection(a: ArrayLike, b: ArrayLike) -> NDArray[Any]:
    """Intersection areas of every pair, ``(N, M)`` for ``(N, 4)`` and ``(M, 4)``."""
    a, b = _rows(a), _rows(b)
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = (bottom_right - top_left).clip(0, None)
    areas: NDArray[Any] = sides[..., 0] * sides[..., 1]
    return areas


def iou(a: ArrayLike, b: ArrayLike) -> NDArray[Any]:
    """Intersection over union of every pair. Widths carry no "+1"; two empty boxes have IoU 0.

    Args:
        a: ``(N, 4)``.
        b: ``(M, 4)``.

    Returns:
        ``(N, M)`` in [0, 1].

    Example:
        >>> iou([[0, 0, 2, 2]], [[1, 0, 3, 2], [5, 5, 6, 6]]).round(3).tolist()
        [[0.333, 0.0]]
    """
    inter = intersection(a, b)
    union = area(a)[:, None] + area(b)[None, :] - inter
    overlaps: NDArray[Any] = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)
    return overlaps


def iou_of_pairs(a: ArrayLike, b: ArrayLike) -> NDArray[Any]:
    """Intersection over union row by row: the entries of ``iou`` for boxes that belong together, bit for bit.

    Args:
        a: ``(N, 4)``.
        b: ``(N, 4)``.

    Returns:
        ``(N,)`` in [0, 1].

    Example:
        >>> iou_of_pairs([[0, 0, 2, 2], [0, 0, 2, 2]], [[0, 0, 2, 1], [5, 5, 6, 6]]).tolist()
        [0.5, 0.0]
    """
    a, b = _rows(a), _rows(b)
    sides = (np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])).clip(0, None)
    inter = sides[:, 0] * sides[:, 1]
    union = area(a) + area(b) - inter
    overlaps: NDArray[Any] = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)
    return overlaps


def match_threshold(boxes: ArrayLike) -> NDArray[np.float64]:
    """The field's IoU threshold for calling a detection a match: ``min(0.5, wh / ((w + 10)(h + 10)))``.

    Small people get a lower threshold, because an error of a few pixels costs them more overlap
    (Xiao et al., 2017, evaluation code).

    Args:
        boxes: Ground truth, ``(N, 4)``.

    Returns:
        ``(N,)`` float64.
    """
    rows = _rows(boxes).astype(np.float64)
    w, h = rows[:, 2] - rows[:, 0], rows[:, 3] - rows[:, 1]
    return np.minimum(0.5, (w * h) / ((w + 10.0) * (h + 10.0)))
