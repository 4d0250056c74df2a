"""Hide people in a picture that is handed on, so that nobody can bring them back.

A Gaussian blur or small mosaic tiles can be undone well enough to recognise somebody: the pixels still say much about
what was there. Here a person becomes a handful of coarse cells, about one for a head; each keeps thirty-two steps of
the mean colour and nothing else, and what is drawn is made from these cells alone. Two pictures whose cells agree give
the same result to the last bit, so what is not in the cells is gone. What stays is that somebody stood there, about how
tall, and roughly how light or dark they were dressed.

Only people who were found can be hidden one by one. ``blur_surroundings`` hides everything but one person, also those
whom the detector missed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from sceneseek.errors import BoxError
from sceneseek.structures import BoolArray, ImageArray

_CELLS_ACROSS = 4
_MOST_CELLS_DOWN = 8
_LEAST_CELL_SIDE = 8
_COLOUR_STEP = 8


def blur_people(
    image: ImageArray, boxes: ArrayLike, keep: ArrayLike | None = None, *, margin: float = 0.08
) -> ImageArray:
    """Hide the people in ``boxes``.

    Args:
        image: ``(H, W, 3)`` uint8.
        boxes: ``(N, 4)`` ``xyxy`` in pixels: those to hide. Parts outside the picture do not matter.
        keep: ``(4,)``, the one to show. Where somebody else's box overlaps this one, a pixel is shown when it lies
            nearer to the middle of the one shown, in half widths and half heights of the two boxes.
        margin: How much to hide around each box, as a share of its width and height: boxes are seldom tight.

    Returns:
        ``(H, W, 3)`` uint8, a new array.

    Raises:
        BoxError: A box is not four finite numbers in order.

    Example:
        >>> scene = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
        >>> hidden = blur_people(scene, [[10, 10, 50, 80]])
        >>> len(np.unique(hidden[20:70, 20:40].reshape(-1, 3), axis=0)) < len(np.unique(scene.reshape(-1, 3), axis=0))
        True
    """
    rows = _checked(boxes)
    shown = None if keep is None else _checked(keep)[0]
    result = image.copy()
    for row in rows:
        area = _pixels(_grown(row, margin), image.shape)
        if area is None:
            continue
        hidden = _coarse(image[area])
        mask: BoolArray = np.ones(hidden.shape[:2], np.bool_)
        if shown is not None:
            to_shown, to_hidden = _distances(shown, area), _distances(row, area)
            mask = ~((to_shown <= 1) & (to_shown <= to_hidden))
        # From the original for each of them: where two overlap, the later must not show what the earlier hid.
        result[area][mask] = hidden[mask]
    return result


def blur_surroundings(image: ImageArray, keep: ArrayLike, *, margin: float = 0.02) -> ImageArray:
    """Hide everything but one person: also people whom no detector found.

    Who stands within the shown person's own box is shown with it; ``blur_people`` hides those who were found.

    Args:
        image: ``(H, W, 3)`` uint8.
        keep: ``(4,)`` ``xyxy`` in pixels, the one to show.
        margin: How much to show around the box, as a share of its width and height.

    Returns:
        ``(H, W, 3)`` uint8, a new array.

    Raises:
        BoxError: The box is not four finite numbers in order.
    """
    row = _checked(keep)[0]
    # Cells the size of those that would hide the person shown: as coarse for people beside as for one of their size.
    height, width = row[3] - row[1], row[2] - row[0]
    side = max(_LEAST_CELL_SIDE, min(width, height) / _CELLS_ACROSS, max(width, height) / _MOST_CELLS_DOWN)
    result = _from_cells(image, max(1, round(image.shape[1] / side)), max(1, round(image.shape[0] / side)))
    area = _pixels(_grown(row, margin), image.shape)
    if area is not None:
        result[area] = image[area]
    return result


def _coarse(region: ImageArray) -> ImageArray:
    """A person as a handful of cells."""
    height, width = region.shape[:2]
    side = max(_LEAST_CELL_SIDE, min(width, height) / _CELLS_ACROSS)
    across, down = (max(1, min(_MOST_CELLS_DOWN, round(length / side))) for length in (width, height))
    return _from_cells(region, across, down)


def _from_cells(region: ImageArray, across: int, down: int) -> ImageArray:
    """Mean colours of ``down x across`` cells, in coarse steps, drawn smoothly: made from these numbers alone."""
    height, width = region.shape[:2]
    across, down = min(across, width), min(down, height)
    columns = np.linspace(0, width, across + 1).round().astype(int)
    rows = np.linspace(0, height, down + 1).round().astype(int)
    sums = np.add.reduceat(np.add.reduceat(region.astype(np.float64), rows[:-1], axis=0), columns[:-1], axis=1)
    areas = np.outer(np.diff(rows), np.diff(columns))[:, :, None]
    steps = np.clip(np.round(sums / areas / _COLOUR_STEP) * _COLOUR_STEP, 0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(steps).resize((width, height), Image.Resampling.BICUBIC)).copy()


def _checked(boxes: ArrayLike) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    rows = np.asarray(boxes, np.float64).reshape(-1, 4)
    bad = ~np.isfinite(rows).all(axis=1) | (rows[:, 2] <= rows[:, 0]) | (rows[:, 3] <= rows[:, 1])
    if bad.any():
        raise BoxError(f"box is {rows[bad][0].tolist()}; expected four finite numbers x1 < x2, y1 < y2 in pixels.")
    return rows


def _grown(box: np.ndarray, margin: float) -> np.ndarray:
    x1, y1, x2, y2 = box
    dx, dy = margin * (x2 - x1), margin * (y2 - y1)
    return np.array([x1 - dx, y1 - dy, x2 + dx, y2 + dy])


def _pixels(box: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """The pixels that a box touches, or ``None`` when it lies outside the picture."""
    left, top = np.maximum(np.floor(box[:2]), 0).astype(int)
    right, bottom = np.minimum(np.ceil(box[2:]), [shape[1], shape[0]]).astype(int)
    return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None


def _distances(box: np.ndarray, area: tuple[slice, slice]) -> np.ndarray:
    """How far an area's pixels lie from the middle of a box, ``(h, w)``: 1 on its edges."""
    y = np.arange(area[0].start, area[0].stop)[:, None] + 0.5
    x = np.arange(area[1].start, area[1].stop)[None, :] + 0.5
    middle, half = (box[2:] + box[:2]) / 2, (box[2:] - box[:2]) / 2
    across, down = np.abs(x - middle[0]) / half[0], np.abs(y - middle[1]) / half[1]
    return np.asarray(np.maximum(across, down))
