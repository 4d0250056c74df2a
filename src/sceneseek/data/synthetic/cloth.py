"""Cloth: colour, pattern and weave of a piece of fabric, laid out flat."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from sceneseek.data.synthetic.appearance import Colour, Pattern
from sceneseek.data.synthetic.noise import Rng, fractal_noise, smoothstep
from sceneseek.structures import FloatArray


class Bolt:
    """A flat piece of fabric: pixel grid with its size in metres, on which patterns are evaluated."""

    def __init__(self, rows: int, columns: int, height: float, around: float, rng: Rng) -> None:
        self.rows, self.columns, self.height, self.around, self.rng = rows, columns, height, around, rng
        self.v: FloatArray = ((np.arange(rows, dtype=np.float32) + 0.5) * np.float32(height / rows))[:, None]
        self.u: FloatArray = ((np.arange(columns, dtype=np.float32) + 0.5) * np.float32(around / columns))[None, :]

    def noise(self, size: float, octaves: int = 3) -> FloatArray:
        """Smooth noise with features of about ``size`` metres."""
        cells = max(1, round(self.height / size))
        aspect = max(round(self.around / size), 1) / cells
        return fractal_noise(self.rng, self.rows, self.columns, cells=cells, octaves=octaves, aspect=aspect)

    def full(self, colour: Colour) -> FloatArray:
        """One colour all over."""
        return np.broadcast_to(np.array(colour, np.float32), (self.rows, self.columns, 3)).copy()

    def periods(self, size: float) -> float:
        """The period nearest to ``size`` that closes around the body, metres."""
        return self.around / max(2, round(self.around / size))


def _mask_stripes(bolt: Bolt, pattern: Pattern, duty: float, size: float) -> FloatArray:
    phase = (bolt.v / np.float32(size) + np.float32(pattern.phase)) % 1.0
    edge = 0.5 / max(size * bolt.rows / bolt.height, 1.0)
    return np.broadcast_to(smoothstep(duty - edge, duty + edge, phase), (bolt.rows, bolt.columns))


def _stripes(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    return [(1.0 - _mask_stripes(bolt, pattern, 0.3 + 0.4 * pattern.phase, pattern.size * 1.2), pattern.second)]


def _pinstripes(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    period = bolt.periods(max(pattern.size * 0.5, 0.02))
    phase = (bolt.u / np.float32(period)) % 1.0
    return [(np.broadcast_to(0.8 * (phase < 0.18).astype(np.float32), (bolt.rows, bolt.columns)), pattern.second)]


def _bars(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    middle = 0.15 + 0.5 * pattern.phase
    inside = np.abs(bolt.v / bolt.height - middle)
    bar = np.broadcast_to((inside < pattern.size * 1.2).astype(np.float32), (bolt.rows, bolt.columns))
    core = np.broadcast_to((inside < pattern.size * 0.4).astype(np.float32), (bolt.rows, bolt.columns))
    return [(bar, pattern.second), (core, pattern.third)]


def _checks(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    size = pattern.size * 1.5
    period = bolt.periods(size)
    pu, pv = (bolt.u / np.float32(period)) % 1.0, (bolt.v / np.float32(size)) % 1.0
    bands = 0.45 * (pu < 0.45).astype(np.float32) + 0.45 * (pv < 0.45).astype(np.float32)
    lines = np.maximum((np.abs(pu - 0.7) < 0.05), (np.abs(pv - 0.7) < 0.05)).astype(np.float32)
    return [(bands, pattern.second), (0.7 * lines, pattern.third)]


def _gingham(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    size = max(pattern.size * 0.5, 0.018)
    period = bolt.periods(size)
    pu, pv = (bolt.u / np.float32(period)) % 1.0, (bolt.v / np.float32(size)) % 1.0
    return [(0.5 * (pu < 0.5).astype(np.float32) + 0.5 * (pv < 0.5).astype(np.float32), pattern.second)]


def _dots(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    size = max(pattern.size * 0.9, 0.03)
    period = bolt.periods(size)
    row = np.floor(bolt.v / size)
    du = ((bolt.u / np.float32(period) + 0.5 * (row % 2)) % 1.0 - 0.5) * period
    dv = (bolt.v / size - row - 0.5) * size
    return [(smoothstep(0.30 * size, 0.22 * size, np.hypot(du, dv)), pattern.second)]


def _floral(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    blobs = bolt.noise(pattern.size * 1.3, 2)
    leaves = bolt.noise(pattern.size, 2)
    hearts = bolt.noise(pattern.size * 0.5, 1)
    return [
        (smoothstep(0.7, 0.9, leaves), pattern.third),
        (smoothstep(0.6, 0.75, blobs), pattern.second),
        (smoothstep(1.1, 1.3, hearts) * smoothstep(0.6, 0.75, blobs), pattern.third),
    ]


def _marl(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    streaks = fractal_noise(bolt.rng, bolt.rows, bolt.columns, cells=max(4, bolt.rows // 3), octaves=1, aspect=0.25)
    return [(np.clip(0.3 + 0.3 * streaks, 0, 0.8), pattern.second)]


def _camouflage(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    first, second = bolt.noise(pattern.size * 2.2, 2), bolt.noise(pattern.size * 2.2, 2)
    return [((first > 0.3).astype(np.float32), pattern.second), ((second > 0.7).astype(np.float32), pattern.third)]


def _fade(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    start = 0.2 + 0.3 * pattern.phase
    return [
        (
            np.broadcast_to(smoothstep(start, start + 0.45, bolt.v / bolt.height), (bolt.rows, bolt.columns)),
            pattern.second,
        )
    ]


def _blocks(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    cut = 0.2 + 0.5 * pattern.phase
    lower = np.broadcast_to((bolt.v / bolt.height > cut).astype(np.float32), (bolt.rows, bolt.columns))
    seam = np.broadcast_to((np.abs(bolt.v / bolt.height - cut) < 0.02).astype(np.float32), (bolt.rows, bolt.columns))
    return [(lower, pattern.second), (np.asarray(seam * (pattern.size > 0.05), np.float32), pattern.third)]


def _zigzag(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    period = bolt.periods(pattern.size * 1.5)
    saw = np.abs((bolt.u / np.float32(period)) % 1.0 - 0.5) * pattern.size
    return [((((bolt.v + saw) / pattern.size) % 1.0 < 0.45).astype(np.float32), pattern.second)]


def _argyle(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    size = max(pattern.size * 2.0, 0.08)
    period = bolt.periods(size)
    a = np.abs((bolt.u / np.float32(period)) % 1.0 - 0.5) + np.abs((bolt.v / size) % 1.0 - 0.5)
    return [
        ((a < 0.4).astype(np.float32), pattern.second),
        (((a > 0.47) & (a < 0.53)).astype(np.float32), pattern.third),
    ]


def _speckle(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    return [((bolt.rng.random((bolt.rows, bolt.columns)) < 0.12).astype(np.float32), pattern.second)]


def _reflective(bolt: Bolt, pattern: Pattern) -> list[tuple[FloatArray, Colour]]:
    place = bolt.v / bolt.height
    bands = (np.abs(place - 0.55) < 0.05) | (np.abs(place - 0.8) < 0.05)
    straps = (np.abs(np.abs(((bolt.u / bolt.around + 0.5) % 1.0) - 0.5) - 0.09) < 0.025) & (place < 0.55)
    straps |= (np.abs(np.abs(bolt.u / bolt.around - 0.5) - 0.09) < 0.025) & (place < 0.55)
    return [((bands | straps).astype(np.float32), pattern.second)]


_PATTERNS: dict[str, Callable[[Bolt, Pattern], list[tuple[FloatArray, Colour]]]] = {
    "stripes": _stripes,
    "pinstripes": _pinstripes,
    "bars": _bars,
    "checks": _checks,
    "gingham": _gingham,
    "dots": _dots,
    "floral": _floral,
    "marl": _marl,
    "camouflage": _camouflage,
    "fade": _fade,
    "blocks": _blocks,
    "zigzag": _zigzag,
    "argyle": _argyle,
    "speckle": _speckle,
    "reflective": _reflective,
}


def weave(bolt: Bolt, colour: Colour, pattern: Pattern, fabric: str) -> FloatArray:
    """Make a piece of cloth ``(rows, columns, 3)``, float RGB in [0, 1]."""
    cloth = bolt.full(colour)
    if pattern.name != "plain":
        for mask, other in _PATTERNS[pattern.name](bolt, pattern):
            cloth += mask[..., None] * (np.array(other, np.float32) - cloth)
    return cloth * relief(bolt, fabric)[..., None]


def relief(bolt: Bolt, fabric: str) -> FloatArray:
    """Brightness of the cloth's own structure, ``(rows, columns)`` around 1."""
    grain = bolt.rng.normal(0.0, 0.02, (bolt.rows, bolt.columns)).astype(np.float32)
    wear = 0.035 * bolt.noise(0.18, 3)
    shade = 1.0 + grain + wear
    if fabric == "denim":
        shade += 0.05 * bolt.noise(0.05, 2) + 0.10 * smoothstep(0.3, 1.6, bolt.noise(0.3, 1))
    elif fabric == "knit":
        ribs = np.sin(bolt.u * np.float32(2 * np.pi / bolt.periods(0.02)))
        shade += 0.05 * ribs + 0.03 * bolt.noise(0.03, 1)
    elif fabric == "quilt":
        phase = (bolt.v / np.float32(0.085)) % 1.0
        shade *= 0.62 + 0.5 * np.sqrt(np.clip(np.sin(np.pi * phase), 0.0, 1.0))
        shade += 0.05 * bolt.noise(0.05, 2)
    elif fabric == "leather":
        shade += 0.5 * smoothstep(1.0, 2.2, bolt.noise(0.12, 2)) + 0.08 * bolt.noise(0.05, 2)
    elif fabric == "fleece":
        shade += 0.04 * bolt.noise(0.025, 2)
    return np.asarray(np.clip(shade, 0.3, 1.6), np.float32)


def creases(rng: Rng, rows: int, columns: int, strength: float) -> FloatArray:
    """Brightness of folds in hanging cloth, ``(rows, columns)`` around 1: mostly along the body, some across."""
    long = fractal_noise(rng, rows, columns, cells=2, octaves=3, aspect=4.0)
    cross = fractal_noise(rng, rows, columns, cells=4, octaves=2, aspect=0.6)
    height = 0.6 * long + 0.5 * cross
    slope = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3) + 0.6 * cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3)
    slope /= max(float(slope.std()), 1e-6)
    return np.asarray(np.clip(1.0 + strength * np.tanh(slope * 0.8), 0.4, 1.5), np.float32)
