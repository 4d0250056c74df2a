"""Boxes that are formally right and still wrong, because the file means something else by its four numbers.

A box is ``x, y, width, height`` in pixels of its picture. Other programs write shares of the picture, per cent, two
corners, the centre, or rows before columns. One such box cannot be told from a right one; a whole file of them can:
read as it says, boxes are smaller than a pixel or stick out of their pictures, and read the other way all of them lie
inside.

What leaves no doubt is an error, since a network would be trained on other places than were drawn: shares, and
corners. What is only likely is a note.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sceneseek.data.problems import OnProblem, Place, Problem

UNLIKELY_BOXES = "unlikely boxes"

STICKS_OUT = 1.0
"""Pixels by which a box may stick out of its picture without a remark: rounding does as much."""

_Rows = NDArray[np.float64]

_ENOUGH = 3
"""Boxes from which on corners are an error: one or two may be close-ups that stick out."""
_MANY = 10
"""Boxes from which on a likelihood is spoken of."""
_OFTEN = 0.2
"""The share of boxes that must contradict the file's own reading."""
_MOSTLY = 0.5
_ROUNDING = 1.0
_SMALLEST_PICTURE = 8
_CORNER_OF_PICTURE = 0.35
_LYING = 0.9


@dataclass
class Boxes:
    """The boxes of a data set as its file has them, gathered while it is read.

    Attributes:
        xywh: ``x, y, width, height`` of each box, as in the file.
        sizes: Width and height of its picture.
    """

    xywh: list[Sequence[float]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    _clipped: list[Problem] = field(default_factory=list)

    def add(self, xywh: Sequence[float], width: int, height: int) -> None:
        """Add a box of a picture of ``width`` x ``height`` pixels."""
        self.xywh.append(xywh)
        self.sizes.append((width, height))

    def clipped(self, place: Place, found: Sequence[float], name: str, width: int, height: int) -> None:
        """Remember that a box was clipped to its picture: said one by one, unless they look wrong as a whole."""
        box = ", ".join(f"{value:g}" for value in found)
        message = f"the box [{box}] sticks out of its picture {name} of {width}x{height} pixels; it is clipped."
        self._clipped.append(Problem("box clipped to its picture", place, message, "note"))

    def check(self, place: Place, on_problem: OnProblem, *, of_people: bool = True) -> None:
        """Say what the boxes as a whole look like; where they look right, which of them stick out of their pictures.

        Args:
            place: The file.
            on_problem: Told.
            of_people: Whether they are people, who are mostly taller than wide.
        """
        looks = self._looks(of_people)
        if looks is not None:
            message, is_certain = looks
            on_problem(Problem(UNLIKELY_BOXES, place, message, "error" if is_certain else "note"))
            return
        for problem in self._clipped:
            on_problem(problem)

    def _looks(self, of_people: bool) -> tuple[str, bool] | None:
        if not self.xywh:
            return None
        rows, sizes = np.asarray(self.xywh, np.float64).reshape(-1, 4), np.asarray(self.sizes, np.float64)
        good = np.isfinite(rows).all(axis=1)
        rows, sizes = rows[good], sizes[good]
        found = (look(rows, sizes, of_people) for look in _LOOKS) if len(rows) else iter(())
        return next((words for words in found if words is not None), None)


_Look = Callable[[_Rows, _Rows, bool], tuple[str, bool] | None]
"""What boxes look like, in words, and whether there is no doubt; ``None`` where they look like what they are."""


def _like_shares(rows: _Rows, sizes: _Rows, of_people: bool) -> tuple[str, bool] | None:
    tiny = np.asarray((np.abs(rows) <= 1).all(axis=1) & (sizes >= _SMALLEST_PICTURE).all(axis=1), np.bool_)
    if tiny.mean() < _MOSTLY:
        return None
    return (
        f"{_counted(tiny)} are smaller than a pixel, the first is {_shown(rows[tiny][0])}: they look like shares of "
        "the picture. Multiply x and width by the picture's width, y and height by its height.",
        True,
    )


def _like_corners(rows: _Rows, sizes: _Rows, of_people: bool) -> tuple[str, bool] | None:
    out = ~_inside(_corners(rows), sizes)
    if not _boxes_inside(rows, sizes) or out.mean() < _OFTEN:
        return None
    return (
        f"{_counted(out)} end outside of their pictures, and every one fits as x1, y1, x2, y2, the first is "
        f"{_shown(rows[0])}: they look like corners. Expected x, y, width, height: subtract x1 and y1 from x2 and y2.",
        len(rows) >= _ENOUGH,
    )


def _like_another_order(rows: _Rows, sizes: _Rows, of_people: bool) -> tuple[str, bool] | None:
    out = ~_inside(_corners(rows), sizes)
    if len(rows) < _ENOUGH or out.mean() < _OFTEN:
        return None
    halves, swapped = rows[:, 2:] / 2, rows[:, [1, 0, 3, 2]]
    orders = {
        "the centre, width and height": np.hstack([rows[:, :2] - halves, rows[:, :2] + halves]),
        "y, x, height and width": _corners(swapped),
        "y1, x1, y2 and x2": swapped,
    }
    fitting = [name for name, corners in orders.items() if _boxes_inside(corners, sizes)]
    if not fitting:
        return None
    return (
        f"{_counted(out)} end outside of their pictures, the first box is {_shown(rows[0])}, and every one fits as "
        f"{', or as '.join(fitting)}. Expected x, y, width, height, x and y being the upper left corner.",
        False,
    )


def _outside(rows: _Rows, sizes: _Rows, of_people: bool) -> tuple[str, bool] | None:
    out = ~_inside(_corners(rows), sizes)
    if len(rows) < _ENOUGH or out.mean() <= 1 - _OFTEN:
        return None
    return (
        f"{_counted(out)} end outside of their pictures, the first is {_shown(rows[0])} in {sizes[0, 0]:.0f}x"
        f"{sizes[0, 1]:.0f} pixels. Expected x, y, width, height in pixels of the picture as it is stored.",
        False,
    )


def _in_a_corner(rows: _Rows, sizes: _Rows, of_people: bool) -> tuple[str, bool] | None:
    ends = _corners(rows)[:, 2:]
    whole = ends.max(axis=0) <= _CORNER_OF_PICTURE * sizes.min(axis=0)
    if len(rows) < _MANY or not whole.all():
        return None
    return (
        f"all {len(rows):,} boxes lie at the upper left, within {ends[:, 0].max():.0f}x{ends[:, 1].max():.0f} pixels "
        f"of pictures of {sizes[:, 0].min():.0f}x{sizes[:, 1].min():.0f} or more: were they drawn on smaller pictures, "
        "or are they per cent?",
        False,
    )


def _lying(rows: _Rows, sizes: _Rows, of_people: bool) -> tuple[str, bool] | None:
    wide = rows[:, 2] > rows[:, 3]
    if not of_people or len(rows) < _MANY or wide.mean() < _LYING:
        return None
    return (
        f"{_counted(wide)} are wider than tall, which people seldom are: are x and y, or width and height, in the "
        "wrong order, or are the pictures turned?",
        False,
    )


_LOOKS: tuple[_Look, ...] = (
    _like_shares, _like_corners, _like_another_order, _outside, _in_a_corner, _lying,
)  # fmt: skip


def _corners(rows: _Rows) -> _Rows:
    return np.hstack([rows[:, :2], rows[:, :2] + rows[:, 2:]])


def _inside(corners: _Rows, sizes: _Rows) -> NDArray[np.bool_]:
    return np.asarray(
        (corners[:, :2] >= -_ROUNDING).all(axis=1) & (corners[:, 2:] <= sizes + _ROUNDING).all(axis=1), np.bool_
    )


def _boxes_inside(corners: _Rows, sizes: _Rows) -> bool:
    return bool(((corners[:, 2:] > corners[:, :2]).all(axis=1) & _inside(corners, sizes)).all())


def _counted(chosen: NDArray[np.bool_]) -> str:
    return f"{int(chosen.sum()):,} of {len(chosen):,} boxes"


def _shown(row: _Rows) -> str:
    return f"[{', '.join(f'{value:g}' for value in row)}]"
