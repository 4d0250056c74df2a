"""Places where tattoos are photographed: rooms, gardens, streets, beaches, studios; cluttered, out of focus."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from sceneseek.data.synthetic.tattoo_texture import cut, shade_by
from sceneseek.structures import FloatArray

Rng = np.random.Generator

_SHARP_BELOW = 0.8


def draw_backdrop(rng: Rng, width: int, height: int, clutter: float) -> FloatArray:
    """Paint a place.

    Args:
        rng: Source of randomness.
        width: Pixels.
        height: Pixels.
        clutter: 0 for tidy, 1 for crowded.

    Returns:
        ``(height, width, 3)`` float32 RGB, about 0 to 1.
    """
    place = PLACES[int(rng.integers(len(PLACES)))]
    blur = float(rng.choice([0.0, rng.uniform(0.8, 2.5), rng.uniform(2.5, 8.0)], p=[0.25, 0.4, 0.35]))
    # What will be blurred need not be painted in full.
    scale = 1 if blur < _SHARP_BELOW else 2
    canvas = place(rng, width // scale, height // scale, clutter)
    if blur >= _SHARP_BELOW:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), blur / scale), np.float32)
    if scale > 1 or canvas.shape[:2] != (height, width):
        canvas = np.asarray(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    return np.ascontiguousarray(np.clip(canvas, 0.0, 1.1), np.float32)


def _colour(rng: Rng, low: float = 0.1, high: float = 0.9, chroma: float = 0.35) -> FloatArray:
    value = rng.uniform(low, high)
    hue = np.cos(rng.uniform(0, 2 * np.pi) + np.array([0.0, 2.1, 4.2]))
    return np.asarray(np.clip(value * (1 + chroma * rng.random() ** 1.5 * hue), 0.02, 1.0), np.float32)


def _plain(height: int, width: int, colour: FloatArray) -> FloatArray:
    return np.full((height, width, 3), colour, np.float32)


def _ramped(canvas: FloatArray, rng: Rng, strength: float) -> FloatArray:
    """Let light fall off across a picture; changes it and returns it."""
    height, width = canvas.shape[:2]
    x, y = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    a = rng.uniform(0, 2 * np.pi)
    shade_by(canvas, 1 + np.float32(strength) * (x * np.float32(np.cos(a)) + y * np.float32(np.sin(a))))
    return canvas


def _box(canvas: FloatArray, left: float, top: float, right: float, bottom: float, colour: FloatArray) -> None:
    corners = (round(left), round(top)), (round(right), round(bottom))
    cv2.rectangle(canvas, *corners, tuple(map(float, colour)), -1)


def _speckled(canvas: FloatArray, rng: Rng, kind: str, strength: float, zoom: float = 1.0) -> FloatArray:
    height, width = canvas.shape[:2]
    shade_by(canvas, 1 + np.float32(strength) * cut(kind, rng, height, width, zoom))
    return canvas


def _things(canvas: FloatArray, rng: Rng, floor: float, count: int) -> None:
    """Furniture, boxes, bottles, lamps: upright shapes that stand at ``floor``."""
    height, width = canvas.shape[:2]
    for _ in range(count):
        w, h = rng.uniform(0.03, 0.22) * width, rng.uniform(0.08, 0.5) * height
        x, foot = rng.uniform(-0.1, 1.0) * width, floor * height + rng.uniform(-0.05, 0.25) * height
        colour = _colour(rng, 0.05, 0.95, 0.5)
        kind = int(rng.integers(4))
        if kind == 0:
            _box(canvas, x, foot - h, x + w, foot, colour)
            _box(canvas, x + 0.8 * w, foot - h, x + w, foot, colour * 0.65)
        elif kind == 1:
            cv2.ellipse(
                canvas,
                (round(x), round(foot - h / 2)),
                (round(w / 2), round(h / 2)),
                0,
                0,
                360,
                tuple(map(float, colour)),
                -1,
                cv2.LINE_AA,
            )
            cv2.ellipse(
                canvas,
                (round(x - w / 8), round(foot - h * 0.6)),
                (round(w / 5), round(h / 6)),
                0,
                0,
                360,
                tuple(map(float, colour * 1.25)),
                -1,
            )
        elif kind == 2:
            _box(canvas, x, foot - h, x + w * 0.35, foot, colour)
            _box(canvas, x + w * 0.1, foot - h * 1.25, x + w * 0.25, foot - h, colour * 0.8)
        else:
            for i in range(int(rng.integers(2, 6))):
                _box(
                    canvas, x, foot - h + i * h / 5, x + w, foot - h + (i + 0.7) * h / 5, _colour(rng, 0.1, 0.95, 0.55)
                )


def _poster(canvas: FloatArray, rng: Rng) -> None:
    """A framed sheet with lines of text and simple shapes: printed marks that are no tattoo."""
    height, width = canvas.shape[:2]
    w, h = rng.uniform(0.1, 0.25) * width, rng.uniform(0.18, 0.45) * height
    x, y = rng.uniform(0, 0.9) * width, rng.uniform(0, 0.5) * height
    paper, print_ = _colour(rng, 0.55, 1.0, 0.3), _colour(rng, 0.03, 0.5, 0.8)
    _box(canvas, x - 3, y - 3, x + w + 3, y + h + 3, _colour(rng, 0.02, 0.5))
    _box(canvas, x, y, x + w, y + h, paper)
    colour = tuple(map(float, print_))
    if rng.random() < 0.6:
        for i in range(int(rng.integers(3, 9))):
            ly = y + h * (0.12 + 0.1 * i)
            if ly < y + h * 0.95:
                cv2.line(
                    canvas,
                    (round(x + 0.1 * w), round(ly)),
                    (round(x + rng.uniform(0.4, 0.9) * w), round(ly)),
                    colour,
                    max(1, round(h / 40)),
                )
    for _ in range(int(rng.integers(0, 4))):
        at = (round(x + rng.uniform(0.2, 0.8) * w), round(y + rng.uniform(0.2, 0.8) * h))
        thick = int(rng.choice([-1, 1, 2]))
        cv2.circle(canvas, at, round(rng.uniform(0.05, 0.2) * min(w, h)), colour, thick, cv2.LINE_AA)


def _room(rng: Rng, width: int, height: int, clutter: float) -> FloatArray:
    canvas = _plain(height, width, _colour(rng, 0.35, 0.95, 0.3))
    floor = rng.uniform(0.55, 0.95)
    _box(canvas, 0, floor * height, width, height, _colour(rng, 0.12, 0.6, 0.4))
    _box(canvas, 0, floor * height - 3, width, floor * height, _colour(rng, 0.5, 1.0, 0.1))
    if rng.random() < 0.4:
        x, w = rng.uniform(0, 0.7) * width, rng.uniform(0.15, 0.35) * width
        _box(canvas, x - 5, 0.05 * height, x + w + 5, 0.5 * height, _colour(rng, 0.6, 1.0, 0.1))
        _box(canvas, x, 0.07 * height, x + w, 0.48 * height, np.array([0.95, 0.98, 1.05], np.float32))
        _box(canvas, x + w / 2 - 2, 0.07 * height, x + w / 2 + 2, 0.48 * height, _colour(rng, 0.6, 1.0, 0.1))
    for _ in range(int(rng.integers(0, 1 + round(3 * clutter)))):
        _poster(canvas, rng)
    _things(canvas, rng, floor, int(rng.integers(1, 3 + round(8 * clutter))))
    return _speckled(_ramped(canvas, rng, 0.3), rng, "blotches", 0.05, 2.0)


def _garden(rng: Rng, width: int, height: int, clutter: float) -> FloatArray:
    green = np.array([rng.uniform(0.15, 0.4), rng.uniform(0.35, 0.6), rng.uniform(0.08, 0.22)], np.float32)
    canvas = _plain(height, width, green)
    canvas = _ramped(_speckled(canvas, rng, "blotches", 0.4, 1.5), rng, 0.3)
    for _ in range(round(30 + 80 * clutter)):
        at = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (2 + round(rng.uniform(0, 0.05) * width), 2 + round(rng.uniform(0, 0.03) * width))
        colour = green * rng.uniform(0.3, 1.9) if rng.random() < 0.85 else _colour(rng, 0.4, 1.0, 1.2)
        cv2.ellipse(canvas, at, axes, float(rng.uniform(0, 180)), 0, 360, tuple(map(float, colour)), -1)
    if rng.random() < 0.5:
        _box(
            canvas,
            0,
            0,
            width,
            rng.uniform(0.1, 0.4) * height,
            np.array([0.75, 0.87, 1.0], np.float32) * rng.uniform(0.7, 1.0),
        )
    return np.asarray(canvas, np.float32)


def _street(rng: Rng, width: int, height: int, clutter: float) -> FloatArray:
    canvas = _plain(height, width, np.array([0.7, 0.8, 0.92], np.float32) * rng.uniform(0.6, 1.05))
    floor, x = rng.uniform(0.6, 0.8), -rng.uniform(0, 60)
    while x < width:
        w, top = rng.uniform(0.12, 0.35) * width, rng.uniform(-0.3, 0.25) * height
        wall = _colour(rng, 0.2, 0.85, 0.4)
        _box(canvas, x, top, x + w, floor * height, wall)
        pane, gx, gy = wall * rng.uniform(0.3, 1.4), rng.uniform(10, 26), rng.uniform(14, 34)
        for wx in np.arange(x + 5, x + w - gx * 0.6, gx):
            for wy in np.arange(max(top, -20) + 6, floor * height - gy, gy):
                _box(canvas, wx, wy, wx + gx * 0.55, wy + gy * 0.6, pane)
        x += w
    _box(canvas, 0, floor * height, width, height, _colour(rng, 0.25, 0.55, 0.1))
    _things(canvas, rng, floor, round(2 + 7 * clutter))
    if rng.random() < 0.4:
        for _ in range(25):
            at = (int(rng.integers(width)), int(rng.integers(round(floor * height))))
            cv2.circle(
                canvas, at, round(rng.uniform(2, 9)), tuple(map(float, _colour(rng, 0.7, 1.1, 0.8))), -1, cv2.LINE_AA
            )
    return _speckled(canvas, rng, "blotches", 0.05)


def _beach(rng: Rng, width: int, height: int, clutter: float) -> FloatArray:
    sky, sea, sand = np.array([0.55, 0.75, 0.95]), np.array([0.12, 0.4, 0.5]), np.array([0.82, 0.71, 0.52])
    y = np.linspace(0, 1, height)[:, None]
    horizon, shore = rng.uniform(0.15, 0.45), rng.uniform(0.5, 0.75)
    rows = np.where(y < horizon, sky * (1.15 - 0.4 * y), np.where(y < shore, sea * (1 + 0.6 * y), sand))
    canvas = np.repeat(rows[:, None].astype(np.float32), width, axis=1) * np.float32(rng.uniform(0.75, 1.1))
    canvas = _speckled(canvas, rng, "folds", 0.06)
    canvas[round(shore * height) :] = _speckled(canvas[round(shore * height) :], rng, "pores", 0.06)
    _things(canvas, rng, shore, round(5 * clutter))
    return canvas


def _fabric(rng: Rng, width: int, height: int, clutter: float) -> FloatArray:
    colour = _colour(rng, 0.08, 0.95, 0.35)
    canvas = _speckled(_plain(height, width, colour), rng, "folds", rng.uniform(0.08, 0.22), rng.uniform(1.0, 2.5))
    if rng.random() < 0.4:
        period, other = rng.uniform(12, 50), _colour(rng, 0.1, 0.95, 0.4)
        x = (
            np.arange(width, dtype=np.float32)[None] * np.float32(rng.uniform(0.3, 1))
            + np.arange(height, dtype=np.float32)[:, None]
        )
        stripes = np.sin(x * np.float32(6.28 / period)) > rng.uniform(-0.3, 0.7)
        canvas[stripes] = canvas[stripes] * 0.3 + other * 0.7
    if rng.random() < clutter:
        _things(canvas, rng, rng.uniform(0.3, 0.9), int(rng.integers(1, 4)))
    return _ramped(canvas, rng, 0.25)


def _studio(rng: Rng, width: int, height: int, clutter: float) -> FloatArray:
    canvas = _plain(height, width, _colour(rng, 0.03, 0.97, 0.2))
    if rng.random() < clutter * 0.6:
        _poster(canvas, rng)
    return _speckled(_ramped(canvas, rng, rng.uniform(0.1, 0.45)), rng, "muscles", 0.08, 2.0)


def _shelf(canvas: FloatArray, rng: Rng, clutter: float) -> None:
    """A row of bottles."""
    height, width = canvas.shape[:2]
    y = rng.uniform(0.2, 0.7) * height
    _box(canvas, 0, y, width, y + 0.03 * height, _colour(rng, 0.1, 0.6, 0.4))
    for x in np.arange(rng.uniform(0, 20), width, rng.uniform(10, 30)):
        if rng.random() < 0.4 + 0.5 * clutter:
            w, h = rng.uniform(5, 13), rng.uniform(14, 45)
            _box(canvas, x, y - h, x + w, y, _colour(rng, 0.1, 1.0, 0.9))
            _box(canvas, x + 0.3 * w, y - h - 5, x + 0.7 * w, y - h, _colour(rng, 0.02, 1.0))


def _tiles(rng: Rng, width: int, height: int, clutter: float) -> FloatArray:
    """A parlour: tiles or bricks, with bottles of ink on a shelf."""
    canvas = _plain(height, width, _colour(rng, 0.25, 0.95, 0.35))
    step, joint = round(rng.uniform(14, 48)), tuple(map(float, _colour(rng, 0.2, 0.95, 0.1)))
    brick = rng.random() < 0.5
    for row, y in enumerate(range(0, height, step)):
        canvas[y : y + step] *= np.float32(rng.uniform(0.94, 1.06))
        cv2.line(canvas, (0, y), (width, y), joint, 1 + step // 24)
        offset = step if brick and row % 2 else 0
        for x in range(offset - step, width, step * 2 if brick else step):
            cv2.line(canvas, (x, y), (x, y + step), joint, 1 + step // 24)
    if rng.random() < 0.7:
        _shelf(canvas, rng, clutter)
    for _ in range(int(rng.integers(0, 1 + round(3 * clutter)))):
        _poster(canvas, rng)
    return _speckled(_ramped(canvas, rng, 0.25), rng, "blotches", 0.05)


PLACES: tuple[Callable[[Rng, int, int, float], FloatArray], ...] = (
    _room, _room, _garden, _street, _beach, _fabric, _studio, _tiles
)  # fmt: skip
"""All places; rooms twice."""
