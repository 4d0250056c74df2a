"""Marks: the lines and areas that a tattoo design is made of, in a square from -1 to 1 with y pointing down.

A design is drawn mark by mark, later ones over earlier ones, as ink on skin or as pencil on paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sceneseek.structures import FloatArray

Rng = np.random.Generator
Kind = Literal["line", "fill", "shade", "clear"]

Points = Any
"""Whatever NumPy reads as ``(n, 2)``: arrays, lists of pairs, lists of both."""

BLACK = 0
"""The first ink of every palette."""


@dataclass(frozen=True, eq=False)
class Mark:
    """One line or area.

    Attributes:
        points: ``(n, 2)`` float32.
        kind: ``line``; ``fill``, an area of ink; ``shade``, a soft grey area; ``clear``, an area without ink, which
            hides what was drawn before and so puts the next marks in front.
        ink: Which ink of the palette.
        width: Of a line, relative to the design's line weight.
        closed: Whether a line returns to its start.
    """

    points: FloatArray
    kind: Kind = "line"
    ink: int = BLACK
    width: float = 1.0
    closed: bool = False


Marks = list[Mark]


def line(points: Points, width: float = 1.0, *, closed: bool = False, ink: int = BLACK) -> Mark:
    """A line through points."""
    return Mark(np.asarray(points, np.float32).reshape(-1, 2), "line", ink, width, closed)


def area(points: Points, ink: int = BLACK, kind: Kind = "fill") -> Mark:
    """An area of ink, of shade, or without either."""
    return Mark(np.asarray(points, np.float32).reshape(-1, 2), kind, ink)


def shape(points: Points, ink: int | None = None, width: float = 1.0) -> Marks:
    """A closed outline in front of what was drawn before, filled with an ink or left clear."""
    inside = area(points, kind="clear") if ink is None else area(points, ink)
    return [inside, line(points, width, closed=True)]


def spline(knots: Points, *, closed: bool = False, steps: int = 10) -> FloatArray:
    """A smooth curve through knots (Catmull and Rom, 1974, uniform).

    Args:
        knots: ``(k, 2)``.
        closed: Whether the curve returns to its start.
        steps: Points for each knot.

    Returns:
        ``(n, 2)`` float32.

    Example:
        >>> spline([[0, 0], [1, 0], [2, 0]], steps=2).round(2).tolist()
        [[0.0, 0.0], [0.5, 0.0], [1.0, 0.0], [1.5, 0.0], [2.0, 0.0]]
    """
    k = np.asarray(knots, np.float32).reshape(-1, 2)
    before, after = (k[-1:], k[:2]) if closed else (2 * k[:1] - k[1:2], 2 * k[-1:] - k[-2:-1])
    p = np.concatenate([before, k, after])
    t = np.arange(steps, dtype=np.float32)[:, None] / steps
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    points = curve.reshape(-1, 2)
    return points.astype(np.float32) if closed else np.concatenate([points, k[-1:]]).astype(np.float32)


def circle(x: float = 0.0, y: float = 0.0, radius: float = 1.0, *, aspect: float = 1.0, sides: int = 36) -> FloatArray:
    """A circle or an ellipse (``aspect`` is height over width), ``(sides, 2)``."""
    return polygon(sides, radius, x=x, y=y, aspect=aspect)


def polygon(
    sides: int, radius: float = 1.0, *, x: float = 0.0, y: float = 0.0, turn: float = 0.0, aspect: float = 1.0
) -> FloatArray:
    """Corners of a regular polygon, the first one on top, ``(sides, 2)``."""
    angle = np.arange(sides) * (2 * np.pi / sides) - np.pi / 2 + turn
    return np.stack([x + radius * np.cos(angle), y + radius * aspect * np.sin(angle)], 1).astype(np.float32)


def arc(radius: float, start: float, stop: float, *, x: float = 0.0, y: float = 0.0, steps: int = 24) -> FloatArray:
    """Part of a circle between two angles in radians, ``(steps, 2)``."""
    angle = np.linspace(start, stop, steps)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1).astype(np.float32)


def polar(radius: Any, angle: Any) -> FloatArray:
    """Points from polar coordinates, ``(n, 2)``."""
    radius, angle = np.broadcast_arrays(radius, angle)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).astype(np.float32)


def blade(centre: Points, width: float, *, peak: float = 0.4, blunt: float = 0.0) -> FloatArray:
    """The outline of a stroke that swells and tapers, as tribal designs, leaves and feathers have.

    Args:
        centre: ``(n, 2)`` centre line.
        width: Largest half width.
        peak: Where along the line it is widest, 0 to 1.
        blunt: Half width at the start relative to the largest.

    Returns:
        ``(2n, 2)`` closed outline.
    """
    c = np.asarray(centre, np.float32)
    tangent = np.gradient(c, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-6
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    t = np.linspace(0, 1, len(c))
    rise = blunt + (1 - blunt) * np.sin(np.clip(t / peak, 0, 1) * np.pi / 2)
    half = width * np.where(t < peak, rise, np.cos(np.clip((t - peak) / (1 - peak), 0, 1) * np.pi / 2))
    side = (normal * half[:, None]).astype(np.float32)
    return np.concatenate([c + side, (c - side)[::-1]])


def mirrored(marks: Iterable[Mark]) -> Marks:
    """Marks and their mirror images about the vertical axis."""
    own = list(marks)
    return own + placed(own, flip=True)


def placed(
    marks: Iterable[Mark],
    scale: float = 1.0,
    angle: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    *,
    flip: bool = False,
) -> Marks:
    """Marks after mirroring, scaling, turning by ``angle`` radians and shifting, in this order."""
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    matrix = np.array([[c, s], [-s, c]], np.float32)
    if flip:
        matrix = np.diag([-1.0, 1.0]).astype(np.float32) @ matrix
    offset = np.array(shift, np.float32)
    return [Mark(mark.points @ matrix + offset, mark.kind, mark.ink, mark.width, mark.closed) for mark in marks]


def repeated(marks: Sequence[Mark], times: int, turn: float = 0.0) -> Marks:
    """Marks turned about the centre, ``times`` copies evenly."""
    copies = [placed(marks, angle=turn + i * 2 * np.pi / times) for i in range(times)]
    return [mark for copy in copies for mark in copy]


def hatching(outline: Points, angle: float, gap: float, width: float = 0.5) -> Marks:
    """Parallel lines inside a closed outline.

    Each line is cut where it crosses the outline: between its first and second crossing, third and fourth, and so on.
    """
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s], [s, c]], np.float32)
    p = np.asarray(outline, np.float32) @ turn
    q = np.roll(p, -1, axis=0)
    found: Marks = []
    for y in np.arange(p[:, 1].min() + gap / 2, p[:, 1].max(), gap):
        crosses = (p[:, 1] > y) != (q[:, 1] > y)
        a, b = p[crosses], q[crosses]
        xs = np.sort(a[:, 0] + (y - a[:, 1]) * (b[:, 0] - a[:, 0]) / (b[:, 1] - a[:, 1]))
        for left, right in zip(xs[0::2], xs[1::2], strict=False):
            found.append(line(np.array([[left, y], [right, y]]) @ turn.T, width))
    return found


def extent(marks: Iterable[Mark]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of everything drawn."""
    drawn = np.concatenate([mark.points for mark in marks if mark.kind != "clear"])
    (left, top), (right, bottom) = drawn.min(axis=0), drawn.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def centred(marks: Sequence[Mark]) -> Marks:
    """Marks shifted and scaled to fill the square from -1 to 1, proportions kept."""
    left, top, right, bottom = extent(marks)
    scale = 2.0 / max(right - left, bottom - top, 1e-6)
    return placed(marks, scale, shift=(-scale * (left + right) / 2, -scale * (top + bottom) / 2))
