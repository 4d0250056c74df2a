"""Things that stand about: they hide people, and some are of a person's size and shape without being one."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from sceneseek.data.synthetic.appearance import draw_appearance
from sceneseek.data.synthetic.materials import (
    WALLS_INSIDE,
    WALLS_OUTSIDE,
    asphalt,
    draw_sheet,
    foliage,
    glow,
    muted,
    planks,
    plaster,
    to_bytes,
)
from sceneseek.data.synthetic.noise import Rng, fractal_noise
from sceneseek.data.synthetic.raster import Ball, Slab, Solid, Surface, Tube
from sceneseek.data.synthetic.viewpoint import Points
from sceneseek.data.synthetic.wardrobe import Wardrobe, tailor
from sceneseek.structures import FloatArray, ImageArray

AXES = np.eye(3)[[0, 1, 2]] * np.array([[-1.0], [1.0], [1.0]])


def _spot(x: float, y: float, z: float) -> Points:
    return np.array([x, y, z], np.float64)


def _surface(colour: FloatArray, rng: Rng, strength: float = 0.05, bands: int = 0) -> Surface:
    grain = fractal_noise(rng, 48, 64, cells=3, octaves=4)
    texture = colour * (1.0 + strength * grain)[..., None]
    if bands:
        other = muted(rng, 0.05, 0.95, 0.6)
        rows = np.arange(48) * bands // 24 % 2 == 1
        texture[rows] = other * (1.0 + strength * grain[rows])[..., None]
    return Surface(np.asarray(texture, np.float32))


def _bold(rng: Rng) -> FloatArray:
    return muted(rng, 0.04, 0.9, 0.5)


def box(
    centre: Points, size: tuple[float, float, float], turn: float, texture: ImageArray, top: ImageArray | None = None
) -> list[Solid]:
    """A cuboid on the floor: the faces that a camera at the origin sees, far ones first.

    Args:
        centre: ``(3,)`` middle of its foot, metres.
        size: Width, height, depth, metres.
        turn: Rotation about the vertical, radians.
        texture: For the sides.
        top: For the upper face.
    """
    w, h, d = size
    right = np.array([math.cos(turn), 0.0, math.sin(turn)])
    deep = np.array([-math.sin(turn), 0.0, math.cos(turn)])
    up = np.array([0.0, h, 0.0])
    faces: list[Solid] = []
    ring = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    for k in range(4):
        a, b = ring[k], ring[(k + 1) % 4]
        pa = centre + 0.5 * w * a[0] * right + 0.5 * d * a[1] * deep
        pb = centre + 0.5 * w * b[0] * right + 0.5 * d * b[1] * deep
        outward = 0.5 * (pa + pb) - centre
        if float(np.dot(outward[[0, 2]], (0.5 * (pa + pb))[[0, 2]])) < 0.0:
            faces.append(Slab(np.stack([pa + up, pb + up, pb, pa]), texture))
    corners = [centre + up + 0.5 * w * i * right + 0.5 * d * j * deep for i, j in ((-1, 1), (1, 1), (1, -1), (-1, -1))]
    return [Slab(np.stack(corners), texture if top is None else top), *faces]


def _pole(rng: Rng, x: float, z: float) -> list[Solid]:
    high, wide = rng.uniform(2.2, 6.0), rng.uniform(0.03, 0.12)
    parts: list[Solid] = [
        Tube(
            _spot(x, high, z),
            _spot(x, 0, z),
            np.array([0.8, 0.9, 1.0, 1.15]) * wide,
            _surface(muted(rng, 0.1, 0.8), rng, bands=int(rng.random() < 0.2) * 6),
        )
    ]
    kind = rng.random()
    if kind < 0.35:
        w, h = rng.uniform(0.4, 1.1), rng.uniform(0.3, 0.9)
        y = min(high, rng.uniform(1.8, 3.0))
        corners = np.array([[x - w / 2, y + h, z], [x + w / 2, y + h, z], [x + w / 2, y, z], [x - w / 2, y, z]])
        parts.append(Slab(corners, glow(rng)))
    elif kind < 0.6:
        parts.append(
            Ball(_spot(x, high, z), AXES, (0.22, 0.2, 0.22), _surface(np.array([0.95, 0.93, 0.85], np.float32), rng))
        )
    return parts


def _bollard(rng: Rng, x: float, z: float) -> list[Solid]:
    high, wide = rng.uniform(0.6, 1.2), rng.uniform(0.06, 0.2)
    return [
        Tube(
            _spot(x, high, z),
            _spot(x, 0, z),
            wide * np.array([0.7, 1.0, 1.0, 1.0, 1.1]),
            _surface(_bold(rng), rng, bands=int(rng.integers(0, 5))),
            caps=(0.05, 0.02),
        )
    ]


def _bin(rng: Rng, x: float, z: float) -> list[Solid]:
    high, wide = rng.uniform(0.6, 1.3), rng.uniform(0.2, 0.4)
    body = Tube(
        _spot(x, high, z),
        _spot(x, 0, z),
        wide * np.linspace(1.0, rng.uniform(0.75, 1.0), 6),
        _surface(_bold(rng), rng, 0.08),
        caps=(0.04, 0.0),
    )
    lid = Ball(_spot(x, high, z), AXES, (wide * 1.05, 0.08, wide * 1.05), _surface(muted(rng, 0.05, 0.6), rng))
    return [body, lid]


def _cone(rng: Rng, x: float, z: float) -> list[Solid]:
    high = rng.uniform(0.45, 0.95)
    surface = np.tile(np.array([0.9, 0.3, 0.1], np.float32), (48, 32, 1))
    surface[12:22] = surface[30:38] = 0.92
    return [
        Ball(_spot(x, 0.02, z), AXES, (0.24, 0.02, 0.24), _surface(np.array([0.2, 0.1, 0.05], np.float32), rng)),
        Tube(_spot(x, high, z), _spot(x, 0, z), high * np.linspace(0.05, 0.22, 8), Surface(surface), caps=(0.01, 0.0)),
    ]


def _leaves(rng: Rng) -> Surface:
    """Foliage with gaps between the leaves."""
    texture = foliage(rng).pixels[:128] * np.float32(1 / 255)
    gaps = fractal_noise(rng, 128, 256, cells=14, octaves=3, gain=0.8, aspect=2.0)
    cover = np.clip(2.0 + 2.5 * gaps, 0.0, 1.0)[..., None]
    return Surface(np.concatenate([texture, cover], axis=2))


def _tree(rng: Rng, x: float, z: float) -> list[Solid]:
    high, wide = rng.uniform(1.8, 3.2), rng.uniform(0.08, 0.28)
    bark = _surface(np.array([0.32, 0.25, 0.19], np.float32) * np.float32(rng.uniform(0.5, 1.4)), rng, 0.2)
    leaves = _leaves(rng)
    parts: list[Solid] = [
        Tube(
            _spot(x + rng.normal(0, 0.15), high + 0.5, z),
            _spot(x, 0, z),
            wide * np.array([0.7, 0.8, 0.9, 1.0, 1.3]),
            bark,
        )
    ]
    for _ in range(int(rng.integers(7, 14))):
        r = rng.uniform(0.35, 0.95)
        at = _spot(x + rng.normal(0, 0.8), high + rng.uniform(0.3, 2.2), z + rng.normal(0, 0.5))
        parts.append(Ball(at, AXES, (r, 0.8 * r, r), leaves, shadow=0.3))
    return parts


def _shrub(rng: Rng, x: float, z: float) -> list[Solid]:
    pot = rng.uniform(0.2, 0.35)
    high = rng.uniform(0.3, 0.7)
    leaves = _leaves(rng)
    parts: list[Solid] = [
        Tube(_spot(x, high, z), _spot(x, 0, z), pot * np.linspace(1.1, 0.8, 5), _surface(_bold(rng), rng))
    ]
    tall = rng.uniform(0.3, 1.2)
    for _ in range(int(rng.integers(3, 8))):
        r = rng.uniform(0.15, 0.4)
        parts.append(
            Ball(
                _spot(x + rng.normal(0, 0.2), high + rng.uniform(0.1, tall), z + rng.normal(0, 0.15)),
                AXES,
                (r, r * rng.uniform(0.7, 1.6), r),
                leaves,
                shadow=0.3,
            )
        )
    return parts


def _table(rng: Rng, x: float, z: float) -> list[Solid]:
    high, wide = rng.uniform(0.7, 1.1), rng.uniform(0.3, 0.7)
    steel = _surface(muted(rng, 0.2, 0.9, 0.1), rng)
    foot = [
        Tube(
            _spot(x, 0.12, z),
            _spot(x + 0.7 * wide * math.cos(a), 0.02, z + 0.7 * wide * math.sin(a)),
            np.array([0.03, 0.02]),
            steel,
        )
        for a in np.arange(4) * math.pi / 2 + 0.6
    ]
    return [
        *foot,
        Tube(_spot(x, high, z), _spot(x, 0.0, z), np.array([0.035, 0.03, 0.035]), steel),
        Ball(_spot(x, high, z), AXES, (wide, 0.025, wide), _surface(_bold(rng), rng, 0.05)),
    ]


def _chair(rng: Rng, x: float, z: float) -> list[Solid]:
    turn, seat, w = rng.uniform(0, 2 * math.pi), rng.uniform(0.42, 0.5), rng.uniform(0.38, 0.5)
    right, deep = np.array([math.cos(turn), 0, math.sin(turn)]), np.array([-math.sin(turn), 0, math.cos(turn)])
    at, wood = _spot(x, 0, z), _surface(_bold(rng), rng)
    legs: list[Solid] = []
    for i in (-1, 1):
        for j in (-1, 1):
            foot = at + 0.5 * w * (i * right + j * deep)
            legs.append(Tube(foot + _spot(0, seat, 0), foot, np.array([0.018, 0.015]), wood))
    cushion = _surface(_bold(rng), rng)
    back_at = at + 0.5 * w * deep
    back = Tube(
        back_at + _spot(0, seat + rng.uniform(0.3, 0.55), 0),
        back_at + _spot(0, seat + 0.05, 0),
        0.5 * w * np.array([0.9, 1, 1, 0.95]),
        cushion,
        deep=np.full(4, 0.025),
        turn=0.0,
        caps=(0.05, 0.02),
    )
    pad = Tube(
        at + _spot(0, seat + 0.03, 0), at + _spot(0, seat - 0.04, 0), np.full(3, 0.5 * w), cushion, caps=(0.02, 0.02)
    )
    legs.sort(key=lambda leg: -float(leg.start[2]))  # type: ignore[union-attr]
    return [*legs, back, pad] if back_at[2] > z else [*legs, pad, back]


def _texture(rng: Rng, height: float, width: float) -> ImageArray:
    sheet = draw_sheet(rng, (*WALLS_INSIDE, planks, *WALLS_OUTSIDE))
    size = (96, max(16, min(160, round(96 * height / width))))
    return np.asarray(cv2.resize(sheet.pixels[:160, :160], size, interpolation=cv2.INTER_AREA), np.uint8)


def _counter(rng: Rng, x: float, z: float) -> list[Solid]:
    size = (rng.uniform(0.8, 2.4), rng.uniform(0.7, 1.2), rng.uniform(0.4, 0.9))
    return box(_spot(x, 0, z), size, rng.normal(0, 0.5), _texture(rng, size[1], size[0]), plaster(rng).pixels[:64, :64])


def _cabinet(rng: Rng, x: float, z: float) -> list[Solid]:
    size = (rng.uniform(0.4, 1.0), rng.uniform(1.3, 2.2), rng.uniform(0.3, 0.7))
    texture = _texture(rng, size[1], size[0]).copy()
    rows, columns = texture.shape[:2]
    if rng.random() < 0.6:
        screen = cv2.resize(glow(rng), (columns - 16, rows // 2))
        texture[10 : 10 + rows // 2, 8 : columns - 8] = screen
    else:
        for k in range(1, 4):
            cv2.line(
                texture, (0, k * rows // 4), (columns, k * rows // 4), tuple(int(v) for v in texture[0, 0] // 2), 1
            )
    return box(_spot(x, 0, z), size, rng.normal(0, 0.6), texture, asphalt(rng).pixels[:32, :32])


def _pillar(rng: Rng, x: float, z: float) -> list[Solid]:
    wide, high = rng.uniform(0.15, 0.5), rng.uniform(3.5, 6.0)
    sheet = draw_sheet(rng, (*WALLS_INSIDE, *WALLS_OUTSIDE)).pixels
    return [
        Tube(
            _spot(x, high, z),
            _spot(x, 0, z),
            np.full(4, wide),
            Surface(np.ascontiguousarray(np.tile(sheet[:, :128], (1, 2, 1)))),
        )
    ]


def _bench(rng: Rng, x: float, z: float) -> list[Solid]:
    size = (rng.uniform(1.2, 2.0), 0.08, 0.45)
    wood = planks(rng).pixels[:64, :128]
    turn = rng.normal(0, 0.5)
    right = np.array([math.cos(turn), 0, math.sin(turn)])
    steel = _surface(muted(rng, 0.1, 0.5), rng)
    legs: list[Solid] = [
        Tube(
            _spot(x, 0.42, z) + s * 0.42 * size[0] * right,
            _spot(x, 0, z) + s * 0.42 * size[0] * right,
            np.array([0.04, 0.04]),
            steel,
        )
        for s in (-1, 1)
    ]
    parts = [*legs, *box(_spot(x, 0.42, z), size, turn, wood, wood)]
    if rng.random() < 0.6:
        deep = np.array([-math.sin(turn), 0, math.cos(turn)]) * 0.24
        a, b = _spot(x, 0, z) - 0.5 * size[0] * right + deep, _spot(x, 0, z) + 0.5 * size[0] * right + deep
        parts.insert(
            0,
            Slab(
                np.stack([a + _spot(0, 0.9, 0), b + _spot(0, 0.9, 0), b + _spot(0, 0.55, 0), a + _spot(0, 0.55, 0)]),
                wood,
            ),
        )
    return parts


def _railing(rng: Rng, x: float, z: float) -> list[Solid]:
    steel, wide, high = _surface(muted(rng, 0.1, 0.9, 0.2), rng), rng.uniform(1.5, 5.0), rng.uniform(0.8, 1.1)
    count = int(rng.integers(2, 14))
    posts: list[Solid] = [
        Tube(_spot(px, high, z), _spot(px, 0, z), np.array([0.02, 0.02]), steel, shadow=0.0)
        for px in np.linspace(x - wide / 2, x + wide / 2, count)
    ]
    bars: list[Solid] = [
        Tube(_spot(x - wide / 2, y, z), _spot(x + wide / 2, y, z), np.array([0.025, 0.025]), steel, shadow=0.0)
        for y in ([high] if rng.random() < 0.5 else [high, 0.5 * high])
    ]
    return [*posts, *bars]


def _board(rng: Rng, x: float, z: float) -> list[Solid]:
    w, h, lift, turn = rng.uniform(0.5, 1.2), rng.uniform(0.7, 1.9), rng.uniform(0.0, 0.3), rng.normal(0, 0.5)
    right = 0.5 * w * np.array([math.cos(turn), 0, math.sin(turn)])
    a, b = _spot(x, lift, z) - right, _spot(x, lift, z) + right
    up = _spot(0, h, 0)
    return [Slab(np.stack([a + up, b + up, b, a]), glow(rng), bright=float(rng.uniform(0.7, 1.4)))]


def _car_side(rng: Rng) -> ImageArray:
    """The side of a car, or of a van, ``(96, 256, 4)``; what is not car is transparent."""
    picture = np.zeros((192, 512, 4), np.uint8)
    paint = tuple(int(255 * v) for v in muted(rng, 0.05, 0.95, 0.1 if rng.random() < 0.75 else 0.8))
    dark = tuple(int(0.55 * v) for v in paint)
    van = rng.random() < 0.3
    roof = [(30, 20), (430, 20), (490, 90)] if van else [(110, 22), (330, 22), (420, 82), (495, 95)]
    body = np.array([(8, 95), *roof, (506, 110), (506, 155), (4, 155)])
    cv2.fillPoly(picture, [body], (*paint, 255), cv2.LINE_AA)
    cv2.rectangle(picture, (4, 130), (506, 156), (*dark, 255), -1)
    glass = (40, 46, 52, 255)
    if van:
        windows = [[(360, 32), (424, 32), (465, 84), (360, 84)]]
    else:
        windows = [[(122, 32), (215, 32), (215, 82), (80, 84)], [(226, 32), (325, 32), (395, 82), (226, 82)]]
    for window in windows:
        cv2.fillPoly(picture, [np.array(window)], glass, cv2.LINE_AA)
        cv2.line(picture, window[0], (window[0][0] - 10, 80), (110, 120, 130, 255), 6)
    for at in (110, 405):
        cv2.circle(picture, (at, 152), 40, (14, 14, 15, 255), -1, cv2.LINE_AA)
        cv2.circle(picture, (at, 152), 22, (150, 150, 152, 255), -1, cv2.LINE_AA)
        cv2.circle(picture, (at, 152), 8, (60, 60, 60, 255), -1, cv2.LINE_AA)
    cv2.line(picture, (220, 84), (220, 130), (*dark, 255), 2)
    cv2.rectangle(picture, (494, 100), (506, 114), (240, 240, 220, 255), -1)
    cv2.rectangle(picture, (4, 100), (14, 114), (180, 30, 30, 255), -1)
    shade = np.linspace(1.12, 0.75, 192, dtype=np.float32)[:, None, None]
    picture[..., :3] = np.clip(picture[..., :3] * shade, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(picture, (256, 96), interpolation=cv2.INTER_AREA), np.uint8)


def _car(rng: Rng, x: float, z: float) -> list[Solid]:
    side = _car_side(rng)
    length, high, wide = rng.uniform(3.8, 4.9), rng.uniform(1.4, 1.9), 1.7
    turn = rng.normal(0, 0.25)
    right, deep = np.array([math.cos(turn), 0, math.sin(turn)]), np.array([-math.sin(turn), 0, math.cos(turn)])
    if rng.random() < 0.5:
        side = np.ascontiguousarray(side[:, ::-1])
    middle = _spot(x, 0, z)
    parts: list[Solid] = []
    for k in np.linspace(0.5, -0.5, 7):  # slices from the far side to the near side give it a body
        a, b = middle - 0.5 * length * right + k * wide * deep, middle + 0.5 * length * right + k * wide * deep
        up = _spot(0, high, 0)
        texture = (
            side
            if k <= -0.49
            else np.ascontiguousarray(np.concatenate([(side[..., :3] * 0.8).astype(np.uint8), side[..., 3:]], axis=2))
        )
        parts.append(Slab(np.stack([a + up, b + up, b, a]), texture))
    return parts


def _bicycle(rng: Rng, x: float, z: float) -> list[Solid]:
    picture = np.zeros((200, 340, 4), np.uint8)
    colour = (*(int(255 * v) for v in _bold(rng)), 255)
    black = (20, 20, 22, 255)
    for at in (75, 265):
        cv2.circle(picture, (at, 130), 62, black, 5, cv2.LINE_AA)
        for k in range(6):
            angle = k * math.pi / 6
            dx, dy = round(60 * math.cos(angle)), round(60 * math.sin(angle))
            cv2.line(picture, (at - dx, 130 - dy), (at + dx, 130 + dy), (120, 120, 122, 130), 1, cv2.LINE_AA)
    for first, last in (
        ((75, 130), (130, 60)),
        ((130, 60), (235, 55)),
        ((75, 130), (155, 135)),
        ((155, 135), (235, 55)),
        ((155, 135), (125, 40)),
        ((265, 130), (228, 25)),
    ):
        cv2.line(picture, first, last, colour, 7, cv2.LINE_AA)
    cv2.line(picture, (105, 38), (150, 38), black, 10, cv2.LINE_AA)
    cv2.line(picture, (215, 25), (255, 20), black, 7, cv2.LINE_AA)
    turn = rng.uniform(0, math.pi)
    right = 0.85 * np.array([math.cos(turn), 0, math.sin(turn)])
    a, b, up = _spot(x, 0, z) - right, _spot(x, 0, z) + right, _spot(0, 1.0, 0)
    return [Slab(np.stack([a + up, b + up, b, a]), picture)]


@lru_cache(maxsize=24)
def _worn_by_nobody(number: int) -> Wardrobe:
    return tailor(draw_appearance(np.random.default_rng([83, number])))


def _rack(rng: Rng, x: float, z: float) -> list[Solid]:
    """Clothes on a stand: cloth like a person's, without the person."""
    wear = _worn_by_nobody(int(rng.integers(24)))
    steel = _surface(muted(rng, 0.1, 0.6), rng)
    top = rng.uniform(1.4, 1.8)
    parts: list[Solid] = [Tube(_spot(x, top + 0.12, z), _spot(x, 0, z), np.array([0.02, 0.02]), steel)]
    wide = np.array([0.05, 0.15, 0.19, 0.19, 0.18, 0.18, 0.19, 0.2]) * rng.uniform(0.85, 1.15)
    parts.append(
        Tube(
            _spot(x, top, z),
            _spot(x + rng.normal(0, 0.02), top - rng.uniform(0.5, 0.9), z),
            wide,
            wear.torso,
            deep=wide * 0.45,
            turn=float(rng.uniform(0, 6.28)),
        )
    )
    return parts


def _suitcases(rng: Rng, x: float, z: float) -> list[Solid]:
    parts: list[Solid] = []
    for k in range(int(rng.integers(1, 4))):
        size = (rng.uniform(0.3, 0.6), rng.uniform(0.3, 0.8), rng.uniform(0.2, 0.5))
        parts += box(_spot(x + 0.4 * k, 0, z - 0.1 * k), size, rng.normal(0, 0.4), _texture(rng, size[1], size[0]))
    return parts


def _umbrella(rng: Rng, x: float, z: float) -> list[Solid]:
    colour, other = _bold(rng), _bold(rng)
    cloth = np.where((np.arange(64) // 8 % 2 == 0)[None, :, None], colour, other if rng.random() < 0.5 else colour)
    cover = np.ones((32, 64, 1), np.float32)
    cover[17:] = 0
    dome = Surface(np.concatenate([np.broadcast_to(cloth, (32, 64, 3)).astype(np.float32), cover], axis=2))
    high = rng.uniform(2.0, 2.6)
    return [
        Tube(_spot(x, high, z), _spot(x, 0, z), np.array([0.025, 0.025]), _surface(muted(rng), rng)),
        Ball(_spot(x, high - 0.1, z), AXES, (rng.uniform(0.9, 1.5), 0.4, 1.2), dome),
    ]


_OUTSIDE: tuple[Callable[[Rng, float, float], list[Solid]], ...] = (
    _pole,
    _pole,
    _bollard,
    _bin,
    _cone,
    _tree,
    _tree,
    _shrub,
    _bench,
    _railing,
    _board,
    _car,
    _car,
    _bicycle,
    _umbrella,
    _cabinet,
    _rack,
    _pillar,
)
_INSIDE: tuple[Callable[[Rng, float, float], list[Solid]], ...] = (
    _table,
    _table,
    _chair,
    _chair,
    _chair,
    _counter,
    _cabinet,
    _pillar,
    _shrub,
    _bin,
    _board,
    _rack,
    _suitcases,
    _railing,
    _bollard,
    _bench,
    _pole,
)


def draw_thing(rng: Rng, indoors: bool, x: float, z: float) -> list[Solid]:
    """Draw something that stands at ``(x, z)``, metres; its bodies in painting order."""
    makers = _INSIDE if indoors else _OUTSIDE
    maker = makers[int(rng.integers(len(makers)))]
    if maker is _car and z < 7.0:
        maker = _bollard
    return maker(rng, x, z)


__all__ = ["box", "draw_thing", "to_bytes"]
