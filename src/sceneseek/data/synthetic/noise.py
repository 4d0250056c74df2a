"""Random fields: the raw material of every surface in a synthetic world."""

from __future__ import annotations

import cv2
import numpy as np

from sceneseek.structures import FloatArray

Rng = np.random.Generator


def value_noise(rng: Rng, height: int, width: int, rows: int, columns: int) -> FloatArray:
    """Draw smooth noise with ``rows`` by ``columns`` independent cells, periodic in both directions.

    Returns:
        ``(height, width)`` float32, roughly in [0, 1].
    """
    grid = rng.random((rows, columns), dtype=np.float32)
    grid = np.pad(grid, 2, mode="wrap")
    scale_y, scale_x = height / rows, width / columns
    shift = np.array([[scale_x, 0, scale_x / 2 - 0.5 - 2 * scale_x], [0, scale_y, scale_y / 2 - 0.5 - 2 * scale_y]])
    return np.asarray(
        cv2.warpAffine(grid, shift, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def fractal_noise(
    rng: Rng, height: int, width: int, *, cells: int = 4, octaves: int = 4, gain: float = 0.55, aspect: float = 1.0
) -> FloatArray:
    """Sum octaves of periodic noise.

    Args:
        rng: Source of randomness.
        height: Rows.
        width: Columns.
        cells: Cells along the height in the coarsest octave.
        octaves: How many, each with twice the cells of the one before.
        gain: Amplitude of an octave relative to the one before.
        aspect: Cells along the width for one along the height.

    Returns:
        ``(height, width)`` float32 with mean near 0 and standard deviation near 1.
    """
    total = np.zeros((height, width), np.float32)
    amplitude = 1.0
    for _ in range(octaves):
        columns = max(1, round(cells * aspect))
        if cells > height or columns > width:
            break
        total += amplitude * value_noise(rng, height, width, cells, columns)
        amplitude *= gain
        cells *= 2
    total -= total.mean()
    return np.asarray(total / max(float(total.std()), 1e-6), np.float32)


def wobble(rng: Rng, count: int, knots: int, amplitude: float) -> FloatArray:
    """Draw a smooth random curve of ``count`` values with standard deviation near ``amplitude``."""
    values = rng.normal(0.0, amplitude, knots + 1)
    return np.interp(np.linspace(0, knots, count), np.arange(knots + 1), values).astype(np.float32)


def smoothstep(edge0: float, edge1: float, x: FloatArray) -> FloatArray:
    """Rise smoothly from 0 at ``edge0`` to 1 at ``edge1``."""
    t = np.clip((x - edge0) / (edge1 - edge0), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)
