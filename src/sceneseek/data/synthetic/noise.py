"""Random fields: the raw material of every surface in a synthetic world."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sceneseek.structures import FloatArray

Rng = np.random.Generator

_VARIANTS = 12
"""Different fields kept for each size and grain; each is used shifted, mirrored and negated in a random way."""


def _octave(rng: Rng, height: int, width: int, rows: int, columns: int) -> FloatArray:
    """Smooth noise with ``rows`` by ``columns`` independent cells, periodic in both directions, in [0, 1] or nearly."""
    grid = rng.random((rows, columns), dtype=np.float32)
    grid = np.pad(grid, 2, mode="wrap")
    scale_y, scale_x = height / rows, width / columns
    shift = np.array([[scale_x, 0, scale_x / 2 - 0.5 - 2 * scale_x], [0, scale_y, scale_y / 2 - 0.5 - 2 * scale_y]])
    size = (width, height)
    return np.asarray(
        cv2.warpAffine(grid, shift, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


@lru_cache(maxsize=1024)
def _field(height: int, width: int, cells: int, columns: int, octaves: int, gain: float, variant: int) -> FloatArray:
    """One periodic field; equal arguments give equal fields in every process."""
    rng = np.random.default_rng([height, width, cells, columns, octaves, round(1000 * gain), variant])
    total = np.zeros((height, width), np.float32)
    amplitude = 1.0
    for _ in range(octaves):
        if total.any() and (cells > height or columns > width):
            break
        total += amplitude * _octave(rng, height, width, min(cells, height), min(columns, width))
        amplitude *= gain
        cells, columns = cells * 2, columns * 2
    total -= total.mean()
    total /= max(float(total.std()), 1e-6)
    total.flags.writeable = False
    return total


def fractal_noise(
    rng: Rng, height: int, width: int, *, cells: int = 4, octaves: int = 4, gain: float = 0.55, aspect: float = 1.0
) -> FloatArray:
    """Draw a field that is the sum of octaves of smooth noise, periodic in both directions.

    Args:
        rng: Source of randomness.
        height: Rows.
        width: Columns.
        cells: Cells along the height in the coarsest octave.
        octaves: How many, each with twice the cells of the one before.
        gain: Amplitude of an octave relative to the one before.
        aspect: Cells along the width for one along the height.

    Returns:
        ``(height, width)`` float32 with mean 0 and standard deviation 1.
    """
    cells, columns = max(1, cells), max(1, round(cells * aspect))
    variant, down, across, flip = (int(v) for v in rng.integers(0, (_VARIANTS, height, width, 8)))
    field = _field(height, width, cells, columns, octaves, gain, variant)
    if flip & 1:
        field = field[::-1]
    if flip & 2:
        field = field[:, ::-1]
    out = np.empty((height, width), np.float32)
    out[down:, across:] = field[: height - down, : width - across]
    out[:down, across:] = field[height - down :, : width - across]
    out[down:, :across] = field[: height - down, width - across :]
    out[:down, :across] = field[height - down :, width - across :]
    return np.negative(out, out=out) if flip & 4 else out


def value_noise(rng: Rng, height: int, width: int, rows: int, columns: int) -> FloatArray:
    """Draw smooth noise with ``rows`` by ``columns`` cells, ``(height, width)`` float32 in [0, 1], periodic."""
    field = fractal_noise(rng, height, width, cells=rows, octaves=1, aspect=columns / rows)
    return np.asarray(np.clip(0.5 + 0.25 * field, 0.0, 1.0), np.float32)


@lru_cache(maxsize=64)
def _steps(count: int, knots: int) -> FloatArray:
    return np.linspace(0, knots, count, dtype=np.float32)


def wobble(rng: Rng, count: int, knots: int, amplitude: float) -> FloatArray:
    """Draw a smooth random curve of ``count`` values with standard deviation near ``amplitude``."""
    values = amplitude * rng.standard_normal(knots + 1)
    return np.interp(_steps(count, knots), _steps(knots + 1, knots), values).astype(np.float32)


def smoothstep(edge0: float, edge1: float, x: NDArray[Any]) -> FloatArray:
    """Rise smoothly from 0 at ``edge0`` to 1 at ``edge1``."""
    t = np.clip((x - edge0) / (edge1 - edge0), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)
