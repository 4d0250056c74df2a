"""Places: where a camera looks when nobody is there. Floors, walls, buildings, rooms, lawns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from sceneseek.data.synthetic.materials import (
    FLOORS_INSIDE,
    FLOORS_OUTSIDE,
    WALLS_INSIDE,
    WALLS_OUTSIDE,
    Sheet,
    asphalt,
    bricks,
    draw_sheet,
    foliage,
    glow,
    grass,
    muted,
    to_bytes,
)
from sceneseek.data.synthetic.noise import Rng, fractal_noise
from sceneseek.data.synthetic.raster import Light, halved, paint, threefold
from sceneseek.data.synthetic.things import draw_thing
from sceneseek.data.synthetic.viewpoint import Viewpoint
from sceneseek.structures import FloatArray, ImageArray

_FARTHEST = np.float32(70.0)
"""Floors are drawn this far, metres; OpenCV's texture coordinates have 16 bits."""

KINDS = ("street", "plaza", "hall", "corridor", "room", "park", "collage")


@dataclass(frozen=True, eq=False)
class Place:
    """A rendered background and what is needed to put people into it.

    Attributes:
        picture: ``(H, W, 3)`` uint8 RGB, somewhat larger than a scene so that a scene can be cut from it.
        view: The camera for that picture.
        kind: One of ``KINDS``.
        indoors: Whether there is a roof.
        near: Least distance of people, metres.
        far: Greatest distance of people, metres.
        half_width: People stay within this distance of the camera's axis, metres.
        gloss: How much the floor mirrors, 0 to 1.
        light: The light on people.
        sun: Where shadows fall, metres along x and z for each metre of height; ``None`` without a sun.
    """

    picture: ImageArray
    view: Viewpoint
    kind: str
    indoors: bool
    near: float
    far: float
    half_width: float
    gloss: float
    light: Light
    sun: tuple[float, float] | None


@dataclass
class _Easel:
    """A picture being painted."""

    rng: Rng
    view: Viewpoint
    picture: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self.picture = np.zeros((self.view.height, self.view.width, 3), np.float32)


def _floor(easel: _Easel, sheet: Sheet, turn: float, inside: tuple[float, float] | None = None) -> None:
    """Lay a material on the floor, or on the strip of it between two distances from the camera's axis."""
    view = easel.view
    first = max(0, math.ceil(view.horizon + 1.0))
    if first >= view.height:
        return
    c, s = math.cos(view.pitch), math.sin(view.pitch)
    ray_y = ((np.arange(first, view.height, dtype=np.float32) + 0.5 - view.centre_y) / view.focal)[:, None]
    reach = np.minimum(np.float32(view.elevation) / np.maximum(ray_y * np.float32(c) + np.float32(s), 1e-3), _FARTHEST)
    z = (np.float32(c) - ray_y * np.float32(s)) * reach
    x = ((np.arange(view.width, dtype=np.float32) + 0.5 - view.centre_x) / view.focal)[None] * reach
    ct, st = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    u = (x * ct + z * st) / np.float32(sheet.width)
    v = (z * ct - x * st) / np.float32(sheet.height)
    texture = sheet.pixels
    pixels_per_texel = view.focal / np.maximum(reach[:, 0], 0.1) * sheet.width / texture.shape[1]
    # rows further away than a texel per pixel read from smaller copies, as the eye would
    steepness = np.maximum(view.elevation / np.maximum(reach[:, 0], 0.1), 0.12)
    level = np.clip(np.floor(-np.log2(np.maximum(pixels_per_texel * np.sqrt(steepness), 1e-6))), 0, 6).astype(int)
    colour = np.empty((view.height - first, view.width, 3), np.uint8)
    for step in range(7):
        rows = np.flatnonzero(level == step)
        if len(rows):
            band = slice(int(rows[0]), int(rows[-1]) + 1)
            size_x, size_y = np.float32(texture.shape[1]), np.float32(texture.shape[0])
            colour[band] = cv2.remap(
                texture,
                u[band] * size_x,
                v[band] * size_y,
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_WRAP,
            )
        texture = halved(texture)
    target = easel.picture[first:]
    lit = colour * np.float32(1 / 255)
    if inside is None:
        target[:] = lit
    else:
        width = np.clip(view.focal / reach * np.minimum(x - inside[0], inside[1] - x) + 0.5, 0.0, 1.0)[..., None]
        target += width * (lit - target)


def _upright(
    easel: _Easel,
    texture: ImageArray,
    a: tuple[float, float],
    b: tuple[float, float],
    top: float,
    bottom: float = 0.0,
    shade: float = 1.0,
) -> None:
    """Stand a texture on the floor between the points ``a`` and ``b`` (x, z), metres; its left edge at ``a``."""
    least = 0.4
    (ax, az), (bx, bz) = a, b
    if az < least and bz < least:
        return
    u0, u1 = 0.0, 1.0
    if az < least:
        u0 = (least - az) / (bz - az)
    if bz < least:
        u1 = (least - az) / (bz - az)
    points = [
        (ax + u * (bx - ax), y, az + u * (bz - az)) for u, y in ((u0, top), (u1, top), (u1, bottom), (u0, bottom))
    ]
    pixels, _ = easel.view.project(np.array(points))
    rows, columns = texture.shape[:2]
    source = np.array([[u0 * columns, 0], [u1 * columns, 0], [u1 * columns, rows], [u0 * columns, rows]], np.float32)
    _warp(easel, texture, source, pixels.astype(np.float32), shade)


def _warp(easel: _Easel, texture: ImageArray, source: FloatArray, corners: FloatArray, shade: float = 1.0) -> None:
    """Put a texture onto a four-sided patch of the picture."""
    low = np.floor(corners.min(axis=0)).astype(int)
    high = np.ceil(corners.max(axis=0)).astype(int) + 1
    left, top = max(int(low[0]), 0), max(int(low[1]), 0)
    right, bottom = min(int(high[0]), easel.view.width), min(int(high[1]), easel.view.height)
    if right - left < 1 or bottom - top < 1:
        return
    wanted = float(max(high[0] - low[0], 1)) / max(float(np.ptp(source[:, 0])), 1.0)
    while wanted < 0.5 and min(texture.shape[:2]) > 8:
        texture = halved(texture)
        source, wanted = np.asarray(source / 2, np.float32), wanted * 2
    matrix = cv2.getPerspectiveTransform(
        np.ascontiguousarray(source, np.float32), np.ascontiguousarray(corners - np.array([left, top]), np.float32)
    )
    size = (right - left, bottom - top)
    colour = cv2.warpPerspective(texture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((size[1], size[0]), np.uint8)
    polygon = np.clip((corners - np.array([left, top])) * 16.0, -3e6, 3e6).astype(np.int32)
    cv2.fillConvexPoly(mask, polygon, 255, cv2.LINE_AA, 4)
    target = easel.picture[top:bottom, left:right]
    cover = (mask * np.float32(1 / 255))[..., None]
    target += cover * (colour * np.float32(shade / 255) - target)


def _covered(sheet: Sheet, height: float, width: float, scale: float = 40.0) -> ImageArray:
    """Repeat a material over a wall of the given size, at about ``scale`` pixels per metre."""
    rows, columns = max(8, min(512, round(height * scale))), max(8, min(1024, round(width * scale)))
    texture = sheet.pixels
    size = (max(2, round(columns * sheet.width / width)), max(2, round(rows * sheet.height / height)))
    how = cv2.INTER_AREA if size[0] < texture.shape[1] else cv2.INTER_LINEAR
    texture = np.asarray(cv2.resize(texture, size, interpolation=how), np.uint8)
    repeat = (math.ceil(rows / texture.shape[0]), math.ceil(columns / texture.shape[1]), 1)
    return np.ascontiguousarray(np.tile(texture, repeat)[:rows, :columns])


def _colour(rng: Rng, low: float = 0.05, high: float = 0.95, saturation: float = 0.3) -> tuple[int, int, int]:
    r, g, b = (int(255 * v) for v in muted(rng, low, high, saturation))
    return r, g, b


def _writing(wall: ImageArray, rng: Rng, box: tuple[int, int, int, int], colour: tuple[int, int, int]) -> None:
    """Letters, near enough: upright strokes and bars in a row."""
    left, top, right, bottom = box
    step = max(3, round((bottom - top) * 0.75))
    for x in range(left, right - step, step):
        if rng.random() < 0.15:
            continue
        for _ in range(int(rng.integers(2, 4))):
            if rng.random() < 0.5:
                at = x + int(rng.integers(0, max(1, step - 2)))
                cv2.line(wall, (at, top), (at, bottom), colour, max(1, step // 6))
            else:
                at = top + int(rng.integers(0, max(1, bottom - top)))
                cv2.line(wall, (x, at), (x + step - max(1, step // 4), at), colour, max(1, step // 6))


def _paste(wall: ImageArray, picture: ImageArray, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = max(box[0], 0), max(box[1], 0), min(box[2], wall.shape[1]), min(box[3], wall.shape[0])
    if right - left > 1 and bottom - top > 1:
        wall[top:bottom, left:right] = cv2.resize(picture, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)


def facade(rng: Rng, width: float, height: float) -> ImageArray:
    """The front of a building: floors of windows, shops or doors at street level, signs."""
    wall = _covered(draw_sheet(rng, WALLS_OUTSIDE), height, width)
    rows, columns = wall.shape[:2]
    per_x, per_y = columns / width, rows / height
    floor = rng.uniform(2.8, 4.2)
    pitch = rng.uniform(1.6, 4.0)
    wide, tall = rng.uniform(0.35, 0.8) * pitch, rng.uniform(0.4, 0.75) * floor
    frame, thick = _colour(rng), int(rng.integers(1, 4))
    panes = [glow(rng, 0.6) for _ in range(3)]
    street = rng.uniform(3.0, 4.5)
    for level in range(int((height - street) / floor) + 1):
        base = rows - round((street + level * floor + 0.2 * floor) * per_y)
        for k in range(int(width / pitch) + 1):
            x = round((k * pitch + 0.5 * (pitch - wide)) * per_x)
            box = (x, base - round(tall * per_y), x + round(wide * per_x), base)
            _paste(wall, panes[(k * 7 + level) % 3], box)
            cv2.rectangle(wall, box[:2], box[2:], frame, thick)
            if rng.random() < 0.5:
                cv2.line(wall, ((box[0] + box[2]) // 2, box[1]), ((box[0] + box[2]) // 2, box[3]), frame, thick)
            if rng.random() < 0.2:
                cv2.rectangle(wall, (box[0] - 2, box[3]), (box[2] + 2, box[3] + 4), _colour(rng), -1)
        if rng.random() < 0.5:
            line = rows - round((street + level * floor) * per_y)
            cv2.line(wall, (0, line), (columns, line), frame, 2)
    _shops(rng, wall, street, per_x, per_y)
    return wall


def _shops(rng: Rng, wall: ImageArray, street: float, per_x: float, per_y: float) -> None:
    """Shop windows, doors, awnings and signs along the foot of a building."""
    rows, columns = wall.shape[:2]
    x = int(rng.uniform(0, 2) * per_x)
    while x < columns:
        width = int(rng.uniform(1.2, 6.0) * per_x)
        kind = rng.random()
        top = rows - int(street * rng.uniform(0.6, 0.85) * per_y)
        if kind < 0.5:
            base = rows - int(rng.uniform(0.0, 0.7) * per_y)
            bright = float(rng.uniform(0.5, 1.6))
            inside = glow(rng, bright)
            _paste(wall, inside, (x, top, x + width, base))
            cv2.rectangle(wall, (x, top), (x + width, base), _colour(rng), int(rng.integers(1, 5)))
            for k in range(1, int(rng.integers(1, 5))):
                at = x + k * width // 4
                cv2.line(wall, (at, top), (at, base), _colour(rng), 1)
            sign = (x, top - int(0.7 * per_y), x + width, top - 2)
            cv2.rectangle(wall, sign[:2], sign[2:], _colour(rng, 0.1, 0.9, 0.8), -1)
            _writing(wall, rng, (sign[0] + 6, sign[1] + 5, sign[2] - 6, sign[3] - 5), _colour(rng, 0.6, 1.0, 0.3))
        elif kind < 0.75:
            door = min(width, int(rng.uniform(0.9, 1.6) * per_x))
            high = rows - int(rng.uniform(2.0, 2.6) * per_y)
            cv2.rectangle(wall, (x, high), (x + door, rows), _colour(rng, 0.05, 0.6, 0.5), -1)
            cv2.rectangle(wall, (x, high), (x + door, rows), _colour(rng), 3)
            cv2.rectangle(wall, (x + 6, high + 8), (x + door - 6, high + 34), _colour(rng, 0.1, 0.5), -1)
        if rng.random() < 0.2:
            stripes = _colour(rng, 0.2, 0.9, 0.8)
            cv2.rectangle(wall, (x, top - 6), (x + width, top + int(0.5 * per_y)), stripes, -1)
        x += width + int(rng.uniform(0.0, 1.5) * per_x)


def interior(rng: Rng, width: float, height: float) -> ImageArray:
    """An inside wall: skirting, doors, posters, boards, shelves, screens."""
    wall = _covered(draw_sheet(rng, WALLS_INSIDE), height, width, 60.0)
    rows, columns = wall.shape[:2]
    per_x, per_y = columns / width, rows / height
    if rng.random() < 0.35:
        line = rows - int(rng.uniform(0.7, 1.4) * per_y)
        wall[line:] = (wall[line:] * rng.uniform(0.4, 0.9) + np.array(_colour(rng)) * 0.1).clip(0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(0, max(2, int(width * 0.9))))):
        x = int(rng.uniform(-0.5, width) * per_x)
        _fixture(rng, wall, x, per_x, per_y)
    if rng.random() < 0.7:
        cv2.rectangle(
            wall,
            (0, rows - max(2, int(rng.uniform(0.06, 0.16) * per_y))),
            (columns, rows),
            _colour(rng, 0.1, 0.9, 0.2),
            -1,
        )
    return wall


def _fixture(rng: Rng, wall: ImageArray, x: int, per_x: float, per_y: float) -> None:
    rows = wall.shape[0]
    kind = rng.choice(["door", "poster", "board", "shelf", "window", "screen", "pipe", "glass"])
    if kind in ("door", "glass"):
        w, top = int(rng.uniform(0.8, 1.8) * per_x), rows - int(rng.uniform(2.0, 2.4) * per_y)
        if kind == "glass":
            _paste(wall, glow(rng), (x, top, x + w, rows))
        else:
            cv2.rectangle(wall, (x, top), (x + w, rows), _colour(rng, 0.15, 0.9, 0.25), -1)
            cv2.circle(wall, (x + w - 8, rows - int(per_y)), 3, _colour(rng), -1)
        cv2.rectangle(wall, (x, top), (x + w, rows), _colour(rng), int(rng.integers(2, 6)))
        return
    if kind == "pipe":
        cv2.line(wall, (x, 0), (x, rows), _colour(rng), int(rng.integers(2, 9)))
        return
    w, h = int(rng.uniform(0.4, 2.6) * per_x), int(rng.uniform(0.4, 1.5) * per_y)
    top = rows - int(rng.uniform(1.6, 2.8) * per_y)
    if kind == "shelf":
        for k in range(4):
            y = rows - int((0.3 + 0.5 * k) * per_y)
            cv2.rectangle(wall, (x, y - int(0.45 * per_y)), (x + w, y), _colour(rng, 0.05, 0.4), -1)
            at = x
            while at < x + w:
                item = int(rng.integers(3, 14))
                cv2.rectangle(
                    wall, (at, y - int(rng.uniform(0.15, 0.4) * per_y)), (at + item, y), _colour(rng, 0.1, 0.9, 0.6), -1
                )
                at += item + 1
        return
    if kind == "board":
        cv2.rectangle(
            wall, (x, top), (x + w, top + h), _colour(rng, 0.7, 1.0, 0.05) if rng.random() < 0.6 else (12, 12, 14), -1
        )
        for k in range(4):
            _writing(wall, rng, (x + 6, top + 6 + k * 16, x + w - 8, top + 12 + k * 16), _colour(rng, 0.1, 0.8, 0.3))
    else:
        _paste(wall, glow(rng, float(rng.uniform(0.6, 1.5))), (x, top, x + w, top + h))
    cv2.rectangle(wall, (x, top), (x + w, top + h), _colour(rng), int(rng.integers(1, 5)))


def _sky(easel: _Easel) -> None:
    rng, view = easel.rng, easel.view
    top, low = {
        0: ((0.35, 0.55, 0.85), (0.75, 0.85, 0.95)),
        1: ((0.75, 0.78, 0.82), (0.88, 0.89, 0.90)),
        2: ((0.95, 0.96, 0.97), (0.95, 0.95, 0.94)),
        3: ((0.03, 0.03, 0.06), (0.12, 0.10, 0.10)),
    }[int(rng.choice(4, p=[0.3, 0.35, 0.25, 0.1]))]
    fade = np.linspace(0.0, 1.0, view.height, dtype=np.float32)[:, None, None]
    easel.picture[:] = np.array(top, np.float32) * (1 - fade) + np.array(low, np.float32) * fade
    clouds = fractal_noise(rng, view.height, view.width, cells=3, octaves=4, aspect=1.0)
    easel.picture += (0.08 * np.clip(clouds, 0, 2))[..., None] * np.float32(sum(top) / 3 + 0.1)


def _treeline(easel: _Easel, distance: float, height: float) -> None:
    """A hedge or a row of trees with an uneven top."""
    rng, view = easel.rng, easel.view
    crowns = fractal_noise(rng, 1, view.width, cells=1, octaves=3, gain=0.6, aspect=6)[0]
    edge = height * (0.8 + 0.1 * crowns)
    texture = _covered(foliage(rng), height, height * 3, 16.0)
    layer = _Easel(rng, view)
    layer.picture = easel.picture.copy()
    _upright(layer, texture, (-height * 6, distance), (height * 6, distance), height * 1.1)
    (_, foot), scale = view.project(np.array([0.0, 0.0, distance]))
    ragged = 0.03 * height * scale * fractal_noise(rng, 1, view.width, cells=1, octaves=3, gain=0.8, aspect=40)[0]
    line = foot - edge * scale + ragged
    rows = np.arange(view.height)[:, None]
    cover = np.clip((rows - line) / 2.0, 0.0, 1.0)[..., None].astype(np.float32)
    easel.picture += cover * (layer.picture - easel.picture)


def _street(easel: _Easel) -> None:
    rng = easel.rng
    _sky(easel)
    _floor(easel, draw_sheet(rng, FLOORS_OUTSIDE), rng.normal(0, 0.3))
    left, right, end = -rng.uniform(3, 12), rng.uniform(3, 12), rng.uniform(18, 60)
    if rng.random() < 0.7:
        low = rng.uniform(left, right - 3)
        _floor(easel, asphalt(rng), 0.0, (low, low + rng.uniform(3, 8)))
        if rng.random() < 0.6:
            line = low + rng.uniform(0.3, 3)
            paint = Sheet(np.full((8, 8, 3), 225, np.uint8), 1.0, 1.0)
            _floor(easel, paint, 0.0, (line, line + rng.uniform(0.08, 0.2)))
    if rng.random() < 0.8:
        height = rng.uniform(6, 25)
        _upright(
            easel,
            facade(rng, 2 * end / 3, height),
            (left - end / 3, end),
            (right + end / 3, end),
            height,
            shade=rng.uniform(0.7, 1.1),
        )
    else:
        _treeline(easel, end, rng.uniform(4, 9))
    for side, edge in ((-1, left), (1, right)):
        if rng.random() < 0.75:
            z = end
            shade = rng.uniform(0.55, 1.05)
            while z > -2:
                length, height = rng.uniform(8, 20), rng.uniform(5, 22)
                wall = facade(rng, length, height)
                a, b = (edge, z - length), (edge, z)
                _upright(easel, wall, *((a, b) if side < 0 else (b, a)), height, shade=shade)
                z -= length
        elif rng.random() < 0.5:
            texture = _covered(foliage(rng), 3, 30, 16.0)
            a, b = (edge, -2.0), (edge, end)
            _upright(easel, texture, *((a, b) if side < 0 else (b, a)), rng.uniform(1.0, 4.0), shade=0.9)


def _plaza(easel: _Easel) -> None:
    rng = easel.rng
    _sky(easel)
    _floor(easel, draw_sheet(rng, (*FLOORS_OUTSIDE, grass)), rng.uniform(-0.8, 0.8))
    for _ in range(int(rng.integers(0, 3))):
        low = rng.uniform(-10, 8)
        _floor(easel, draw_sheet(rng, (asphalt, bricks, grass)), 0.3, (low, low + rng.uniform(0.5, 4)))
    end, x = rng.uniform(15, 45), -60.0
    while x < 60:
        width, height = rng.uniform(8, 24), rng.uniform(4, 24)
        z = end + rng.uniform(-3, 6)
        if rng.random() < 0.85:
            _upright(easel, facade(rng, width, height), (x, z), (x + width, z), height, shade=rng.uniform(0.6, 1.1))
        else:
            _upright(easel, _covered(foliage(rng), 6, width, 16.0), (x, z), (x + width, z), rng.uniform(2, 6))
        x += width


def _ceiling(easel: _Easel, height: float) -> None:
    view, rng = easel.view, easel.rng
    flipped = Viewpoint(
        height - view.elevation,
        -view.pitch,
        view.focal,
        view.centre_x,
        view.height - view.centre_y,
        view.width,
        view.height,
    )
    if flipped.elevation < 0.2 or flipped.horizon > view.height:
        return
    layer = _Easel(rng, flipped)
    _floor(layer, draw_sheet(rng, WALLS_INSIDE), 0.0)
    if rng.random() < 0.7:
        lamp = Sheet(_lamps(rng), 3.0, 3.0)
        _floor(layer, lamp, 0.0)
    upside = layer.picture[::-1]
    rows = max(0, view.height - max(0, math.ceil(flipped.horizon + 1)))
    easel.picture[:rows] = upside[:rows] * rng.uniform(0.7, 1.1)


def _lamps(rng: Rng) -> ImageArray:
    sheet = np.full((128, 128, 3), 255, np.uint8)
    sheet[:] = (255 * muted(rng, 0.4, 0.9, 0.05)).astype(np.uint8)
    if rng.random() < 0.5:
        cv2.rectangle(sheet, (30, 55), (98, 73), (255, 252, 240), -1)
    else:
        cv2.circle(sheet, (64, 64), 12, (255, 250, 235), -1)
    cv2.rectangle(sheet, (0, 0), (127, 127), _colour(rng, 0.3, 0.8), 1)
    return sheet


def _inside(easel: _Easel, left: float, right: float, end: float, height: float, floor: Sheet) -> None:
    rng = easel.rng
    easel.picture[:] = muted(rng, 0.4, 0.9)
    _ceiling(easel, height)
    _floor(easel, floor, rng.choice([0.0, 0.0, math.pi / 2, rng.uniform(-0.6, 0.6)]))
    _upright(
        easel, interior(rng, right - left, height), (left, end), (right, end), height, shade=rng.uniform(0.75, 1.05)
    )
    for side, edge in ((-1, left), (1, right)):
        z, shade = end, rng.uniform(0.6, 1.0)
        while z > -1.0:
            length = min(12.0, z + 1.5)
            wall = interior(rng, length, height)
            a, b = (edge, z - length), (edge, z)
            _upright(easel, wall, *((a, b) if side < 0 else (b, a)), height, shade=shade)
            z -= length


def _collage(easel: _Easel) -> None:
    """No place at all: shapes and textures without a plan, for what no other place has shown."""
    rng, view = easel.rng, easel.view
    base = glow(rng)
    easel.picture[:] = cv2.resize(base, (view.width, view.height), interpolation=cv2.INTER_CUBIC) * np.float32(1 / 255)
    _floor(easel, draw_sheet(rng, (*FLOORS_INSIDE, *FLOORS_OUTSIDE, grass)), rng.uniform(-1, 1))
    for _ in range(int(rng.integers(6, 22))):
        sheet = draw_sheet(rng, (*WALLS_INSIDE, *WALLS_OUTSIDE, foliage))
        texture = _covered(sheet, 2, 2) if rng.random() < 0.6 else glow(rng)
        z = float(np.exp(rng.uniform(math.log(4), math.log(30))))
        x, w, h = rng.uniform(-0.7, 0.7) * z, rng.uniform(0.2, 3.0), rng.uniform(0.4, 4.0)
        lift = 0.0 if rng.random() < 0.6 else rng.uniform(0, 3)
        _upright(easel, texture, (x, z), (x + w, z + rng.normal(0, 1)), h + lift, lift, shade=rng.uniform(0.5, 1.1))


def _view(rng: Rng, kind: str, width: int, height: int) -> tuple[Viewpoint, float, float, float]:
    """Draw a camera for a kind of place; also the least and greatest distance of people and the half width, metres."""
    high = rng.random()
    if kind in ("room", "corridor"):
        elevation, pitch = rng.uniform(1.3, 3.2), 0.0
        near, far = 1.8, rng.uniform(5, 9) if kind == "room" else 16.0
        focal = rng.uniform(0.75, 1.15)
    elif kind == "hall":
        elevation, near, far = rng.uniform(1.4, 5.0), 2.5, rng.uniform(10, 25)
        focal = rng.uniform(0.75, 1.3)
    else:
        elevation = rng.uniform(1.3, 2.2) if high < 0.55 else rng.uniform(2.5, 8.0)
        near, far = 2.5, rng.uniform(14, 35)
        focal = rng.uniform(0.8, 1.6)
    focal *= width
    # aim so that somebody in the middle distance stands somewhat below the middle of the picture
    middle = math.sqrt(near * far)
    pitch = math.atan2(elevation - 0.9, middle) + rng.normal(0.0, 0.06)
    view = Viewpoint(elevation, float(np.clip(pitch, -0.12, 0.8)), focal, width / 2, height / 2, width, height)
    return view, near, far, rng.uniform(3, 9)


def _furnish(easel: _Easel, light: Light, indoors: bool, room: tuple[float, float, float]) -> None:
    """Set things where nobody walks: along the walls of a room, beyond the people outside."""
    rng, view, (near, far, half) = easel.rng, easel.view, room
    spots = []
    for _ in range(int(rng.poisson(4.0))):
        if indoors:
            spots.append(
                (
                    float(rng.choice([-1.0, 1.0]) * (half + rng.uniform(-0.1, 0.4))),
                    float(rng.uniform(near + 1.0, far + 0.5)),
                )
            )
        else:
            z = float(far * rng.uniform(1.0, 1.7))
            spots.append((float(rng.uniform(-0.6, 0.6) * view.width / view.focal * z), z))
    for x, z in sorted(spots, key=lambda spot: -spot[1]):
        frame = (0, 0, view.width, view.height)
        patch = paint(draw_thing(rng, indoors, x, z), np.array([0.0, 0.0, -1.0]), view, light, frame)
        if patch is not None and patch.alpha.size:
            target = easel.picture[patch.top : patch.bottom, patch.left : patch.right]
            target *= threefold(1.0 - patch.alpha)
            target += patch.colour


def _light(rng: Rng, indoors: bool) -> tuple[Light, tuple[float, float] | None]:
    """Draw the light on people, and where shadows fall."""
    sunny = not indoors and rng.random() < 0.4
    side, front = rng.normal(0.0, 0.8), rng.normal(0.2, 0.7)
    high = rng.uniform(0.5, 1.6) if sunny else rng.uniform(0.9, 2.0)
    towards = np.array([side, -high, -front])
    towards /= np.linalg.norm(towards)
    strength = rng.uniform(0.6, 0.95) if sunny else rng.uniform(0.25, 0.6)
    warm = rng.normal(0.0, 0.05)
    key = strength * np.array([1.0 + warm, 1.0, 1.0 - warm])
    cold = rng.normal(0.0, 0.03)
    ambient = (1.2 - 0.66 * strength) * rng.uniform(0.85, 1.1) * np.array([1.0 - cold, 1.0, 1.0 + cold])
    light = Light(towards, key, ambient, 0.15 if sunny else float(rng.uniform(0.4, 1.0)))
    return light, (-side / high, front / high) if sunny else None


def draw_place(rng: Rng, width: int, height: int) -> Place:
    """Draw a place and render it.

    Args:
        rng: Source of randomness.
        width: Picture width, pixels.
        height: Picture height, pixels.

    Returns:
        The place, its picture ``(height, width, 3)``.
    """
    kind = str(rng.choice(KINDS, p=[0.22, 0.15, 0.15, 0.09, 0.2, 0.1, 0.09]))
    view, near, far, half = _view(rng, kind, width, height)
    easel = _Easel(rng, view)
    indoors = kind in ("hall", "corridor", "room")
    if kind == "street":
        _street(easel)
    elif kind == "plaza":
        _plaza(easel)
    elif kind == "park":
        _sky(easel)
        _floor(easel, grass(rng), 0.0)
        if rng.random() < 0.7:
            low = rng.uniform(-5, 3)
            _floor(easel, draw_sheet(rng, (asphalt, bricks)), 0.0, (low, low + rng.uniform(1, 4)))
        _treeline(easel, rng.uniform(20, 45), rng.uniform(4, 10))
        half = 7.0
    elif kind == "collage":
        _collage(easel)
    else:
        half = {"room": rng.uniform(2.5, 5), "corridor": rng.uniform(1.2, 2.2), "hall": rng.uniform(4, 12)}[kind]
        end = {"room": far + rng.uniform(0.5, 2), "corridor": 30.0, "hall": far + rng.uniform(2, 8)}[kind]
        tall = {"room": rng.uniform(2.5, 3.6), "corridor": rng.uniform(2.4, 3.4), "hall": rng.uniform(3.5, 8)}[kind]
        tall = max(tall, view.elevation + 0.3)
        _inside(
            easel, -half - rng.uniform(0.2, 1), half + rng.uniform(0.2, 1), end, tall, draw_sheet(rng, FLOORS_INSIDE)
        )
    light, sun = _light(rng, indoors)
    _furnish(easel, light, indoors, (near, far, half))
    pools = cv2.resize(fractal_noise(rng, 12, 20, cells=2, octaves=2), (width, height), interpolation=cv2.INTER_CUBIC)
    picture = easel.picture * threefold(np.asarray(1.0 + 0.16 * pools, np.float32))
    gloss = float(rng.uniform(0.1, 0.35)) if indoors and rng.random() < 0.4 else 0.0
    return Place(to_bytes(np.asarray(picture, np.float32)), view, kind, indoors, near, far, half, gloss, light, sun)
