"""Skin-like surfaces: tapered, bent, cylinder-like parts of a body, shaded, with ink wrapped around them.

A part runs along an axis. ``along`` is the place on the axis, 0 to 1; ``across`` is the place between the two
silhouettes, -1 to 1; ``girth`` is the distance on the skin from the middle line, in pixels. Ink is laid out in
``along`` and ``girth``, so that it wraps around as it does on a real limb.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sceneseek.structures import FloatArray, ImageArray

Rng = np.random.Generator

_SAMPLES = 257  # odd, so that a section has a middle
_LEVELS = 256
_BRIGHTEST = 1.35


@dataclass(frozen=True)
class BodyPart:
    """The geometry of one part, in pixels of the scene.

    Attributes:
        origin: Where the axis begins.
        angle: Direction of the axis, radians; 0 points right, a quarter turn points down.
        length: Of the axis.
        half_width: Unit of ``profile``.
        profile: Half widths at even places along the axis.
        bend: How far the axis swings sideways, relative to the length.
        roundness: Exponent of the cross-section; 2 is round, more is flatter with steeper sides.
        depth: Thickness relative to width.
    """

    origin: tuple[float, float]
    angle: float
    length: float
    half_width: float
    profile: tuple[float, ...]
    bend: float = 0.0
    roundness: float = 2.0
    depth: float = 1.0

    @property
    def direction(self) -> tuple[float, float]:
        """Unit vector of the axis."""
        return float(np.cos(self.angle)), float(np.sin(self.angle))

    @cached_property
    def _widths(self) -> FloatArray:
        knots = np.linspace(0, 1, len(self.profile))
        table = np.interp(np.linspace(0, 1, _LEVELS), knots, self.profile).astype(np.float32)
        smooth = np.convolve(np.pad(table, 12, mode="edge"), np.hanning(25) / np.hanning(25).sum(), mode="valid")
        return (smooth * self.half_width).astype(np.float32)

    def half_width_at(self, along: Any) -> FloatArray:
        """Half width in pixels at places along the axis."""
        index = np.rint(np.clip(np.asarray(along) * (_LEVELS - 1), 0, _LEVELS - 1)).astype(np.int32)
        return np.asarray(self._widths[index], np.float32)

    def half_widths(self, along: FloatArray) -> FloatArray:
        """Half widths in pixels for a whole window: coarser than ``half_width_at``, and much faster."""
        return _looked_up(along, 0.0, 1.0, self._widths)

    def coordinates(self, left: int, top: int, width: int, height: int) -> tuple[FloatArray, FloatArray]:
        """``along`` and ``across`` of every pixel of a window, each ``(height, width)``."""
        dx, dy = self.direction
        x = np.arange(left, left + width, dtype=np.float32)[None] - np.float32(self.origin[0])
        y = np.arange(top, top + height, dtype=np.float32)[:, None] - np.float32(self.origin[1])
        along = (x * np.float32(dx / self.length)) + (y * np.float32(dy / self.length))
        side = (y * np.float32(dx)) - (x * np.float32(dy))
        if self.bend:
            side -= np.float32(4 * self.bend * self.length) * along * (1 - along)
        return np.asarray(along, np.float32), np.asarray(side / self.half_widths(along), np.float32)

    def to_image(self, along: Any, girth: Any) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Where places on the skin lie in the scene.

        Returns:
            ``(..., 2)`` x and y; and whether the place faces the camera.
        """
        across_table, girth_table, _ = _section(self.roundness, self.depth)
        along = np.asarray(along, np.float32)
        relative = np.asarray(girth, np.float32) / self.half_width_at(along)
        across = np.interp(relative, girth_table, across_table)
        facing = np.abs(relative) < girth_table[-1] * 0.97
        dx, dy = self.direction
        side = across * self.half_width_at(along) + 4 * self.bend * self.length * along * (1 - along)
        x = self.origin[0] + along * self.length * dx - side * dy
        y = self.origin[1] + along * self.length * dy + side * dx
        return np.stack([x, y], -1).astype(np.float32), facing & (along > 0) & (along < 1)

    def girth(self, along: FloatArray, across: FloatArray) -> FloatArray:
        """Distance on the skin from the middle line, in pixels."""
        across_table, girth_table, _ = _section(self.roundness, self.depth)
        return np.asarray(np.interp(across, across_table, girth_table) * self.half_width_at(along), np.float32)

    def slope(self, across: FloatArray) -> FloatArray:
        """Sideways component of the surface normal, -1 to 1."""
        across_table, _, normal_table = _section(self.roundness, self.depth)
        even = np.interp(np.linspace(-1, 1, _LEVELS), across_table, normal_table).astype(np.float32)
        return _looked_up(across, -1.0, 1.0, even)

    def contains(self, points: FloatArray, margin: float = 1.0) -> NDArray[np.bool_]:
        """Which of ``(..., 2)`` points lie on the part."""
        dx, dy = self.direction
        x, y = points[..., 0] - self.origin[0], points[..., 1] - self.origin[1]
        along = (x * dx + y * dy) / self.length
        side = y * dx - x * dy - 4 * self.bend * self.length * along * (1 - along)
        return np.asarray((np.abs(side) < margin * self.half_width_at(along)) & (along > 0) & (along < 1), np.bool_)


@dataclass(frozen=True)
class Light:
    """Where the light comes from.

    Attributes:
        direction: Unit vector in the scene: right, down, towards the camera.
        ambient: Share of the light that has no direction.
        colour: Red, green and blue.
    """

    direction: tuple[float, float, float]
    ambient: float
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class Skin:
    """One person's skin.

    Attributes:
        tone: Red, green and blue in even light, 0 to 1.
        gloss: Strength of highlights.
        hair: Body hairs for each 10,000 pixels.
        freckles: Spots for each 10,000 pixels.
        grain: Strength of the fine texture.
    """

    tone: tuple[float, float, float]
    gloss: float
    hair: float
    freckles: float
    grain: float


_TONES = (
    (0.96, 0.80, 0.71), (0.93, 0.74, 0.62), (0.88, 0.67, 0.53), (0.82, 0.60, 0.45),
    (0.72, 0.50, 0.36), (0.58, 0.38, 0.26), (0.44, 0.28, 0.19), (0.33, 0.21, 0.15),
)  # fmt: skip


def draw_skin(rng: Rng) -> Skin:
    """Draw a person's skin; light tones somewhat more often, because ink is then often photographed."""
    place = float(rng.beta(1.3, 1.7)) * (len(_TONES) - 1.001)
    low = int(place)
    tone = np.array(_TONES[low]) * (low + 1 - place) + np.array(_TONES[low + 1]) * (place - low)
    tone = np.clip(tone * rng.normal(1.0, 0.025, 3), 0.08, 1.0)
    return Skin(
        tone=(float(tone[0]), float(tone[1]), float(tone[2])),
        gloss=float(rng.uniform(0.0, 0.3)) * float(rng.random() < 0.7),
        hair=float(rng.choice([0.0, 0.0, rng.uniform(3, 14)])),
        freckles=float(rng.choice([0.2, 0.6, 4.0], p=[0.5, 0.35, 0.15])),
        grain=float(rng.uniform(0.008, 0.03)),
    )


def draw_light(rng: Rng) -> Light:
    """Draw the light of a scene."""
    side, down = rng.uniform(-0.8, 0.8), rng.uniform(-0.8, 0.25)
    front = np.sqrt(max(0.15, 1 - side**2 - down**2))
    norm = float(np.sqrt(side**2 + down**2 + front**2))
    warm = rng.normal(0, 0.05)
    level = rng.uniform(0.85, 1.1)
    return Light(
        direction=(float(side / norm), float(down / norm), float(front / norm)),
        ambient=float(rng.uniform(0.25, 0.6)),
        colour=(float(level * (1 + warm)), float(level), float(level * (1 - warm))),
    )


@dataclass(frozen=True)
class Placement:
    """Where ink lies on a part.

    Attributes:
        along: Centre on the axis.
        girth: Centre, in pixels from the middle line on the skin.
        turn: Radians, against the axis's sideways direction.
        width: Of the ink picture on the skin, in pixels.
        height: Of the ink picture on the skin, in pixels.
    """

    along: float
    girth: float
    turn: float
    width: float
    height: float

    def on_part(self, part: BodyPart, steps: int = 12) -> tuple[FloatArray, NDArray[np.bool_]]:
        """A grid of places on the ink, seen in the scene: ``(steps, steps, 2)`` points and whether they face us."""
        even = (np.arange(steps) + 0.5) / steps - 0.5
        x, y = np.meshgrid(even * self.width, even * self.height)
        c, s = np.cos(self.turn), np.sin(self.turn)
        return part.to_image(self.along + (x * s + y * c) / part.length, self.girth - x * c + y * s)


def warp_ink(
    ink: ImageArray, place: Placement, part: BodyPart, left: int, top: int, along: FloatArray, across: FloatArray
) -> tuple[tuple[slice, slice], ImageArray] | None:
    """Wrap an ink picture around a part.

    Args:
        ink: ``(h, w, 3)`` uint8, 255 for bare skin.
        place: Where it lies.
        part: On what.
        left: Left end of the window that ``along`` and ``across`` describe.
        top: Its upper end.
        along: ``(H, W)`` of the window.
        across: ``(H, W)`` of the window.

    Returns:
        The rows and columns of the window that were touched, and the ink there, ``(h, w, 3)`` uint8; ``None`` when
        nothing falls inside.
    """
    points, _ = place.on_part(part, 14)
    spread = 0.09 * max(place.width, place.height) + 3
    low = np.floor(points.reshape(-1, 2).min(axis=0) - spread).astype(int) - [left, top]
    high = np.ceil(points.reshape(-1, 2).max(axis=0) + spread).astype(int) - [left, top]
    rows = slice(max(0, int(low[1])), min(along.shape[0], int(high[1])))
    columns = slice(max(0, int(low[0])), min(along.shape[1], int(high[0])))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return None
    a, u = along[rows, columns], across[rows, columns]
    dx = np.float32(place.girth) - part.girth(a, u)  # with the axis pointing down, girth grows to the left
    dy = (a - np.float32(place.along)) * np.float32(part.length)
    c, s = np.float32(np.cos(place.turn)), np.float32(np.sin(place.turn))
    small = _shrunk(ink, place)
    h, w = small.shape[:2]
    map_x = (dx * c + dy * s) * np.float32(w / place.width) + np.float32(w / 2 - 0.5)
    map_y = (dy * c - dx * s) * np.float32(h / place.height) + np.float32(h / 2 - 0.5)
    outside = (255, 255, 255)
    warped = cv2.remap(small, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=outside)
    hidden = np.abs(u) > 1
    if hidden.any():
        warped[hidden] = 255
    return (rows, columns), np.asarray(warped, np.uint8)


def _shrunk(ink: ImageArray, place: Placement) -> ImageArray:
    """Scale ink down to the size it will be seen in, so that thin lines fade instead of flickering."""
    factor = max(place.width / ink.shape[1], place.height / ink.shape[0])
    if factor >= 1:
        return ink
    size = (max(2, round(ink.shape[1] * factor)), max(2, round(ink.shape[0] * factor)))
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), np.uint8)


def lit(part: BodyPart, light: Light, across: FloatArray, relief: FloatArray | None) -> FloatArray:
    """How much light each pixel of a window receives, ``(H, W)`` about 0 to 1.2.

    Args:
        part: The part.
        light: The light.
        across: ``(H, W)``; beyond the silhouettes the value at the silhouette is used.
        relief: ``(H, W)`` muscles and folds, or ``None``.
    """
    sideways = part.slope(across)
    dx, dy = part.direction
    lx, ly, lz = light.direction
    to_side = np.float32(-lx * dy + ly * dx)
    facing = np.sqrt(np.maximum(1 - sideways * sideways, 0))
    direct = np.maximum(sideways * to_side + facing * np.float32(lz), 0)
    shade = np.float32(light.ambient) * (np.float32(0.62) + np.float32(0.38) * facing)
    shade = shade + np.float32(1.12 * (1 - light.ambient)) * direct
    if relief is not None:
        shade = shade * (1 + relief)
    return np.asarray(shade, np.float32)


def skin_colours(skin: Skin, light: Light, shade: FloatArray) -> FloatArray:
    """Skin in a given light, ``(H, W, 3)`` float32: shadows are redder and more saturated than lit skin."""
    level = np.linspace(0, _BRIGHTEST, _LEVELS)[:, None]
    exponent = np.array([0.82, 1.08, 1.18])
    table = np.array(skin.tone) * level**exponent * np.array(light.colour)
    index = cv2.convertScaleAbs(shade, alpha=(_LEVELS - 1) / _BRIGHTEST)
    return np.asarray(cv2.LUT(cv2.merge([index] * 3), table.astype(np.float32)[None]), np.float32)


def highlights(part: BodyPart, light: Light, skin: Skin, across: FloatArray) -> FloatArray | None:
    """Light that the skin's surface mirrors, over the ink, ``(H, W)``; ``None`` for matt skin."""
    if skin.gloss <= 0:
        return None
    dx, dy = part.direction
    lx, ly, lz = light.direction
    half = np.array([-lx * dy + ly * dx, lz + 1.0])
    half /= np.linalg.norm(half)
    sideways = part.slope(across)
    facing = np.sqrt(np.maximum(1 - sideways * sideways, 0))
    return np.asarray(np.float32(skin.gloss) * np.maximum(sideways * half[0] + facing * half[1], 0) ** 24, np.float32)


def _looked_up(values: FloatArray, low: float, high: float, table: FloatArray) -> FloatArray:
    """Values of a table at the nearest of 256 places between ``low`` and ``high``; beyond them, at the ends."""
    scale = (_LEVELS - 1) / (high - low)
    index = cv2.convertScaleAbs(np.maximum(values, np.float32(low)), alpha=scale, beta=-low * scale)
    return np.asarray(cv2.LUT(index, table[None]), np.float32)


@lru_cache(maxsize=64)
def _section(roundness: float, depth: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The upper half of a superellipse: ``across``, ``girth`` and the normal's sideways part at samples along it."""
    t = np.linspace(-np.pi / 2, np.pi / 2, _SAMPLES)
    across = np.sign(np.sin(t)) * np.abs(np.sin(t)) ** (2 / roundness)
    height = depth * np.abs(np.cos(t)) ** (2 / roundness)
    steps = np.hypot(np.diff(across), np.diff(height))
    girth = np.concatenate([[0], np.cumsum(steps)])
    girth -= girth[_SAMPLES // 2]
    tangent = np.stack([np.gradient(across), np.gradient(height)])
    normal = -tangent[1] / (np.hypot(*tangent) + 1e-9)
    return across, girth, normal
