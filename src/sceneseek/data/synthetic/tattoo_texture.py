"""Textures that are made once and then cut to pieces, because noise is the dearest part of a scene."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from sceneseek.data.synthetic.noise import fractal_noise
from sceneseek.structures import FloatArray

Rng = np.random.Generator

_TILE = 512


@lru_cache(maxsize=8)
def tile(kind: str) -> FloatArray:
    """Textures that every scene cuts pieces from, ``(512, 512)`` float32 with mean 0 and deviation 1, periodic."""
    rng = np.random.default_rng(sum(map(ord, kind)))
    if kind == "pores":
        return fractal_noise(rng, _TILE, _TILE, cells=128, octaves=2, gain=0.8)
    if kind == "blotches":
        return fractal_noise(rng, _TILE, _TILE, cells=8, octaves=4, gain=0.6)
    if kind == "muscles":
        return fractal_noise(rng, _TILE, _TILE, cells=3, octaves=2, gain=0.4)
    if kind == "folds":
        return fractal_noise(rng, _TILE, _TILE, cells=3, octaves=5, gain=0.6, aspect=3.0)
    if kind == "strands":
        return fractal_noise(rng, _TILE, _TILE, cells=6, octaves=4, gain=0.9, aspect=12.0)
    if kind == "grain":
        return rng.standard_normal((_TILE, _TILE)).astype(np.float32)
    raise AssertionError(kind)


def cut(kind: str, rng: Rng, height: int, width: int, zoom: float = 1.0) -> FloatArray:
    """A random piece of a texture, ``(height, width)``, enlarged by ``zoom``."""
    source = tile(kind)
    rows, columns = int(np.ceil(height / zoom)), int(np.ceil(width / zoom))
    top, left = (int(v) for v in rng.integers(0, _TILE, 2))
    if top + rows <= _TILE and left + columns <= _TILE:
        piece = source[top : top + rows, left : left + columns]
    else:
        piece = np.take(
            np.take(source, np.arange(top, top + rows), 0, mode="wrap"), np.arange(left, left + columns), 1, mode="wrap"
        )
    if zoom == 1.0:
        return np.asarray(piece, np.float32)
    return np.asarray(cv2.resize(piece, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def shade_by(image: FloatArray, factor: FloatArray) -> None:
    """Multiply ``(H, W, 3)`` by ``(H, W)`` in place; several times faster than broadcasting over three channels."""
    image *= cv2.merge([factor, factor, factor])


def blend_over(image: FloatArray, layer: FloatArray, cover: FloatArray) -> None:
    """Paint ``layer`` over ``image`` in place where ``cover``, ``(H, W)`` in [0, 1], says so."""
    image[:] = cv2.blendLinear(layer, image, cover, 1 - cover)


def refined(coarse: Any, height: int, width: int) -> FloatArray:
    """Enlarge a smooth field that was computed on every second pixel."""
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
