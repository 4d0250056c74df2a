"""What floors and walls are made of: flat textures with their size in metres."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps

import cv2
import numpy as np

from sceneseek.data.synthetic.noise import Rng, fractal_noise, value_noise
from sceneseek.structures import FloatArray, ImageArray

_STOCK = 20
"""Pieces of each material that are made once and then used again in other colours."""


@dataclass(frozen=True)
class Sheet:
    """A texture: ``(rows, columns, 3)`` uint8 that covers ``height`` by ``width`` metres."""

    pixels: ImageArray
    height: float
    width: float


def to_bytes(image: FloatArray) -> ImageArray:
    """Turn float RGB in [0, 1] into bytes."""
    return np.asarray(np.clip(image * 255.0 + 0.5, 0, 255), np.uint8)


def muted(rng: Rng, low: float = 0.25, high: float = 0.85, saturation: float = 0.12) -> FloatArray:
    """A colour that walls and floors have: mostly grey to beige, sometimes bold."""
    value = rng.uniform(low, high)
    bold = 2.5 if rng.random() < 0.08 else 0.6
    lean = rng.normal(0.0, 1.0, 3) * saturation * bold * value
    warm = np.array([0.06, 0.01, -0.06]) * rng.normal(0.5, 1.0)
    return np.asarray(np.clip(value + lean * 0.5 + warm, 0.03, 0.97), np.float32)


def _recoloured(rng: Rng, pixels: ImageArray) -> ImageArray:
    """The same texture lighter or darker, a little warmer or colder, and perhaps mirrored."""
    gains = np.exp(rng.normal(0.0, 0.16)) * np.exp(rng.normal(0.0, 0.035, 3))
    tables = np.clip(np.arange(256)[:, None] * gains + 0.5, 0, 255).astype(np.uint8)[:, None]
    flip = int(rng.integers(4))
    if flip & 1:
        pixels = pixels[::-1]
    if flip & 2:
        pixels = pixels[:, ::-1]
    return np.asarray(cv2.LUT(np.ascontiguousarray(pixels), tables), np.uint8)


def _stocked(make: Callable[[Rng], Sheet]) -> Callable[[Rng], Sheet]:
    """Keep some pieces of a material in stock; each use takes one of them and recolours and rescales it.

    The stock is the same in every process: a piece depends on the material's name and its number alone.
    """

    @lru_cache(maxsize=_STOCK)
    def piece(number: int) -> Sheet:
        return make(np.random.default_rng([zlib.crc32(make.__name__.encode()), number]))

    @wraps(make)
    def take(rng: Rng) -> Sheet:
        sheet, scale = piece(int(rng.integers(_STOCK))), float(rng.uniform(0.8, 1.25))
        return Sheet(_recoloured(rng, sheet.pixels), sheet.height * scale, sheet.width * scale)

    return take


def _mottle(rng: Rng, size: int, colour: FloatArray, strength: float, cells: int = 4, octaves: int = 5) -> FloatArray:
    base = fractal_noise(rng, size, size, cells=cells, octaves=octaves, gain=0.8)
    tint = fractal_noise(rng, size, size, cells=2, octaves=2)[..., None] * rng.normal(0, 0.01, 3).astype(np.float32)
    return np.asarray(colour * (1.0 + 0.7 * strength * base)[..., None] + tint, np.float32)


def _grid(rng: Rng, size: int, rows: int, columns: int, joint: int, shift: float) -> tuple[FloatArray, FloatArray]:
    """A value per brick and the mask of the joints, for a wall of bricks that repeats."""
    values = rng.normal(0.0, 1.0, (rows, columns)).astype(np.float32)
    y, x = np.arange(size) * rows / size, np.arange(size) * columns / size
    row = y.astype(int)
    offset = (row % 2) * shift
    column = (x[None] + offset[:, None]) % columns
    brick = values[row[:, None] % rows, column.astype(int) % columns]
    edge_y = np.minimum(y % 1.0, 1.0 - y % 1.0) * size / rows
    edge_x = np.minimum(column % 1.0, 1.0 - column % 1.0) * size / columns
    mask = np.clip(joint / 2 + 0.5 - np.minimum(edge_y[:, None], edge_x), 0.0, 1.0)
    return brick, mask.astype(np.float32)


def _laid(rng: Rng, rows: int, columns: int, shift: float, metres: float, spread: float, joint: int = 2) -> Sheet:
    size = 256
    colour = muted(rng)
    brick, mask = _grid(rng, size, rows, columns, joint, shift)
    image = _mottle(rng, size, colour, 0.05) * (1.0 + spread * brick)[..., None]
    seam = colour * rng.choice([0.55, 0.7, 1.25])
    image += mask[..., None] * 0.8 * (seam - image)
    return Sheet(to_bytes(image), metres, metres)


@_stocked
def tiles(rng: Rng) -> Sheet:
    """Square floor tiles."""
    count = int(rng.integers(2, 9))
    return _laid(rng, count, count, 0.0, count * rng.uniform(0.3, 0.8), rng.uniform(0.01, 0.12))


@_stocked
def bricks(rng: Rng) -> Sheet:
    """Bricks or paving stones in running bond."""
    rows = 2 * int(rng.integers(3, 8))
    return _laid(rng, rows, max(2, rows // 2), 0.5, rows * rng.uniform(0.08, 0.25), rng.uniform(0.04, 0.15))


@_stocked
def checker(rng: Rng) -> Sheet:
    """Two colours of tiles in turn."""
    one, two = muted(rng), muted(rng)
    board = np.indices((4, 4)).sum(axis=0) % 2
    mask = cv2.resize(board.astype(np.float32), (256, 256), interpolation=cv2.INTER_NEAREST)[..., None]
    image = one + mask * (two - one)
    return Sheet(to_bytes(image * (1.0 + 0.04 * fractal_noise(rng, 256, 256, cells=8))[..., None]), 2.0, 2.0)


@_stocked
def planks(rng: Rng) -> Sheet:
    """Wooden boards."""
    size, boards = 256, int(rng.integers(8, 24))
    wood = np.array(
        [[0.62, 0.38, 0.18], [0.45, 0.27, 0.14], [0.72, 0.55, 0.36], [0.35, 0.22, 0.14], [0.55, 0.48, 0.4]]
    )[rng.integers(5)]
    values = rng.normal(0.0, 0.14, boards)
    index = (np.arange(size) * boards / size).astype(int)
    grain = fractal_noise(rng, size, size, cells=2, octaves=4, aspect=24.0, gain=0.7)
    image = wood * (1.0 + values[index][None, :, None] + 0.10 * grain[..., None])
    seam = (np.arange(size) * boards / size) % 1.0 < boards / size * 1.5
    image[:, seam] *= 0.6
    metres = boards * rng.uniform(0.06, 0.16)
    return Sheet(to_bytes(np.asarray(image, np.float32)), metres, metres)


@_stocked
def asphalt(rng: Rng) -> Sheet:
    """Tarmac or concrete: grain and stains."""
    colour = muted(rng, 0.2, 0.7, 0.03)
    image = _mottle(rng, 256, colour, 0.07, 3, 6) + rng.normal(0, 0.025, (256, 256, 1)).astype(np.float32)
    if rng.random() < 0.4:
        cracks = np.abs(fractal_noise(rng, 256, 256, cells=3, octaves=4)) < 0.03
        image[cracks] *= 0.75
    return Sheet(to_bytes(image), 4.0, 4.0)


@_stocked
def grass(rng: Rng) -> Sheet:
    """A lawn, fresh to dry, or bare earth."""
    colour = np.array([rng.uniform(0.2, 0.5), rng.uniform(0.32, 0.5), rng.uniform(0.1, 0.22)], np.float32)
    image = _mottle(rng, 256, colour, 0.16, 4, 6) * (1.0 + 0.14 * rng.standard_normal((256, 256, 1), dtype=np.float32))
    return Sheet(to_bytes(image), 3.0, 3.0)


@_stocked
def marble(rng: Rng) -> Sheet:
    """Polished stone with veins, in slabs."""
    colour = muted(rng, 0.45, 0.9)
    veins = np.exp(-np.abs(fractal_noise(rng, 256, 256, cells=2, octaves=5)) * 14.0)
    image = _mottle(rng, 256, colour, 0.05) - 0.18 * veins[..., None]
    _, mask = _grid(rng, 256, 2, 2, 2, 0.0)
    return Sheet(to_bytes(image - 0.15 * mask[..., None]), 2.4, 2.4)


@_stocked
def carpet(rng: Rng) -> Sheet:
    """Carpet with an ornament."""
    colour = muted(rng, 0.15, 0.6, 0.3)
    y, x = np.mgrid[0:256, 0:256].astype(np.float32) * np.float32(2 * np.pi / 256)
    k = rng.integers(2, 7, 4)
    wave = np.sin(k[0] * x) * np.sin(k[1] * y) + np.sin(k[2] * x + k[3] * y)
    image = (
        colour
        * (1.0 + rng.uniform(0.0, 0.15) * np.sign(wave) + 0.08 * rng.standard_normal((256, 256), dtype=np.float32))[
            ..., None
        ]
    )
    return Sheet(to_bytes(np.asarray(image, np.float32)), 2.0, 2.0)


@_stocked
def plaster(rng: Rng) -> Sheet:
    """A painted wall."""
    return Sheet(to_bytes(_mottle(rng, 256, muted(rng, 0.4, 0.97, 0.08), rng.uniform(0.01, 0.05), 2, 5)), 4.0, 4.0)


@_stocked
def panels(rng: Rng) -> Sheet:
    """Wooden, metal or concrete panels with joints."""
    columns = int(rng.integers(1, 5))
    return _laid(rng, int(rng.integers(1, 4)), columns, 0.0, columns * rng.uniform(0.6, 1.2), rng.uniform(0.01, 0.08))


@_stocked
def foliage(rng: Rng) -> Sheet:
    """Leaves of trees and hedges."""
    light = fractal_noise(rng, 256, 256, cells=10, octaves=5, gain=0.8)
    colour = np.array([rng.uniform(0.16, 0.36), rng.uniform(0.28, 0.44), rng.uniform(0.08, 0.2)], np.float32)
    if rng.random() < 0.1:
        colour = np.array([0.5, 0.32, 0.12], np.float32)
    return Sheet(to_bytes(colour * np.clip(0.85 + 0.33 * light, 0.15, 2.0)[..., None]), 5.0, 5.0)


@lru_cache(maxsize=96)
def _blurred_picture(number: int) -> ImageArray:
    rng, rows, columns = np.random.default_rng([71, number]), 64, 96
    light = value_noise(rng, rows, columns, 3, 4)[..., None] * np.float32(rng.uniform(0.5, 1.3))
    chroma = np.stack([value_noise(rng, rows, columns, 2, 3) for _ in range(3)], axis=-1) - 0.5
    image = light * muted(rng, 0.3, 1.0, 0.2) * (1.0 + rng.uniform(0.1, 0.6) * chroma)
    for _ in range(int(rng.integers(2, 9))):
        x, y = int(rng.integers(columns)), int(rng.integers(rows))
        w, h = int(rng.integers(3, columns // 2)), int(rng.integers(3, rows // 2))
        colour = tuple(float(v) for v in muted(rng, 0.1, 1.0, 0.25))
        if rng.random() < 0.75:
            cv2.rectangle(image, (x, y), (x + w, y + h), colour, -1)
        else:
            cv2.ellipse(image, (x, y), (w, h), float(rng.uniform(0, 180)), 0, 360, colour, -1)
    sigma = float(rng.uniform(0.6, 4.0))
    return to_bytes(np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32))


def glow(rng: Rng, bright: float = 1.0) -> ImageArray:
    """A blurred picture of nothing, ``(64, 96, 3)``: what shows in windows, posters and screens."""
    picture = _recoloured(rng, _blurred_picture(int(rng.integers(96))))
    return picture if bright == 1.0 else np.asarray(cv2.convertScaleAbs(picture, alpha=bright), np.uint8)


FLOORS_OUTSIDE: tuple[Callable[[Rng], Sheet], ...] = (asphalt, asphalt, bricks, tiles, asphalt, bricks)
FLOORS_INSIDE: tuple[Callable[[Rng], Sheet], ...] = (tiles, planks, marble, carpet, checker, asphalt, tiles, planks)
WALLS_OUTSIDE: tuple[Callable[[Rng], Sheet], ...] = (bricks, plaster, asphalt, panels, plaster)
WALLS_INSIDE: tuple[Callable[[Rng], Sheet], ...] = (plaster, plaster, plaster, panels, planks, bricks, marble)


def draw_sheet(rng: Rng, makers: tuple[Callable[[Rng], Sheet], ...]) -> Sheet:
    """Draw one of several materials."""
    return makers[int(rng.integers(len(makers)))](rng)
