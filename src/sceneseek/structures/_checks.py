"""The checks that run once, when a structure is born."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneseek.errors import BoxError, ValueRefused

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
ImageArray = NDArray[np.uint8]

UNIT_TOLERANCE = 1e-3

LARGEST_ID = 2**63 - 1
"""The largest id of an image, a person or a query: ids are kept as 64-bit numbers with a sign."""
_SHOWN_BITS = 200


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view of ``array``."""
    view = array.view()
    view.flags.writeable = False
    return view


def as_boxes(value: Any, owner: str) -> FloatArray:
    """Check boxes and return them as float32 ``(N, 4)`` ``xyxy``, read-only."""
    boxes = np.asarray(value, dtype=np.float32)
    if boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise BoxError(f"{owner}: boxes must have shape (N, 4) as x1, y1, x2, y2; found shape {boxes.shape}.")
    if not np.isfinite(boxes).all():
        row = int(np.flatnonzero(~np.isfinite(boxes).all(axis=1))[0])
        raise BoxError(f"{owner}: box {row} is {boxes[row].tolist()}; every coordinate must be finite.")
    bad = (boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1])
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise BoxError(
            f"{owner}: box {row} is {boxes[row].tolist()}; expected x1 < x2 and y1 < y2 in pixels. "
            "Boxes given as x, y, width, height must be converted with boxes.from_xywh first."
        )
    return frozen(np.ascontiguousarray(boxes))


def as_id(value: Any, owner: str, field: str) -> int:
    """Check an id and return it as a plain number."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueRefused(f"{owner}: {field} is {value!r}; expected a whole number.") from None
    if not -LARGEST_ID <= number <= LARGEST_ID:
        shown = str(number) if number.bit_length() <= _SHOWN_BITS else f"a number of {number.bit_length():,} bits"
        raise ValueRefused(f"{owner}: {field} is {shown}; the largest number that is taken is {LARGEST_ID}.")
    return number


def as_vector(value: Any, length: int, dtype: Any, owner: str, field: str) -> NDArray[Any]:
    """Check a one-dimensional field of ``length`` entries and return it read-only."""
    vector = np.asarray(value)
    if vector.size == 0:
        vector = vector.reshape(0)
    if vector.shape != (length,):
        raise ValueRefused(f"{owner}: {field} must have shape ({length},), one per box; found shape {vector.shape}.")
    if np.issubdtype(dtype, np.integer) and not (np.issubdtype(vector.dtype, np.integer) or vector.size == 0):
        raise ValueRefused(f"{owner}: {field} must be whole numbers; found dtype {vector.dtype}.")
    if np.issubdtype(dtype, np.integer) and np.issubdtype(vector.dtype, np.unsignedinteger) and vector.size:
        as_id(vector.max(), owner, field)
    vector = vector.astype(dtype)
    if np.issubdtype(dtype, np.floating) and not np.isfinite(vector).all():
        row = int(np.flatnonzero(~np.isfinite(vector))[0])
        raise ValueRefused(f"{owner}: {field}[{row}] is {vector[row]}; every value must be finite.")
    return frozen(vector)


def as_unit_rows(value: Any, length: int, owner: str, field: str = "embeddings") -> FloatArray:
    """Check that ``value`` is ``(length, D)`` with rows of norm one and return it as float32, read-only."""
    rows = np.asarray(value, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[0] != length:
        raise ValueRefused(f"{owner}: {field} must have shape ({length}, D), one row per box; found {rows.shape}.")
    norms = np.linalg.norm(rows.astype(np.float64), axis=1)
    bad = ~(np.abs(norms - 1.0) <= UNIT_TOLERANCE)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueRefused(
            f"{owner}: {field}[{row}] has norm {norms[row]:.6g}; every row must be a unit vector "
            "(similarity.normalise makes one)."
        )
    return frozen(np.ascontiguousarray(rows))
