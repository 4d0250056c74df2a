"""Tailors the surfaces of one identity: cloth, skin, hair and bags, cut for the bodies that they cover."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sceneseek.data.synthetic.appearance import Appearance, Colour, Lower, Pattern, Upper
from sceneseek.data.synthetic.cloth import Bolt, creases, weave
from sceneseek.data.synthetic.noise import Rng, fractal_noise, smoothstep
from sceneseek.data.synthetic.raster import Surface
from sceneseek.structures import BoolArray, FloatArray

TORSO_ROWS, TORSO_COLUMNS = 96, 160
LIMB_ROWS, LIMB_COLUMNS = 96, 48
_PLAIN = Pattern("plain", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 0.05, 0.0)


@dataclass(frozen=True)
class Wardrobe:
    """The surfaces of one identity, by the body that they cover; ``None`` where nothing is worn."""

    skin: Surface
    torso: Surface
    tails: Surface | None
    sleeve: Surface
    collar: Surface
    pelvis: Surface
    leg: Surface
    skirt: Surface | None
    stocking: Surface
    shoe: Surface
    hair: Surface
    head: Surface
    jaw: Surface
    shell: Surface
    hat: Surface | None
    brim: Surface
    bag: Surface
    scarf: Surface | None


class _Sheet:
    """A surface being painted: the cloth, and for each of its pixels the angle around the body and the metres on it."""

    def __init__(self, bolt: Bolt, cloth: FloatArray) -> None:
        self.bolt, self.cloth = bolt, cloth
        turn = (bolt.u / bolt.around + 0.5) % 1.0 - 0.5
        self.angle: FloatArray = np.broadcast_to(turn * np.float32(2 * math.pi), cloth.shape[:2])
        self.side: FloatArray = np.broadcast_to(turn * np.float32(bolt.around), cloth.shape[:2])
        self.back: FloatArray = np.broadcast_to(
            ((bolt.u / bolt.around) % 1.0 - 0.5) * np.float32(bolt.around), cloth.shape[:2]
        )
        self.down: FloatArray = np.broadcast_to(bolt.v, cloth.shape[:2])

    def paint(self, mask: FloatArray | BoolArray, colour: Colour | FloatArray, strength: float = 1.0) -> None:
        """Lay a colour over the cloth where ``mask`` says, keeping the cloth's own light and dark."""
        cover = np.asarray(mask, np.float32)[..., None] * np.float32(strength)
        self.cloth += cover * (np.asarray(colour, np.float32) - self.cloth)

    def darken(self, mask: FloatArray | BoolArray, strength: float) -> None:
        """Multiply brightness by ``1 - strength`` where ``mask`` says."""
        self.cloth *= 1.0 - np.float32(strength) * np.asarray(mask, np.float32)[..., None]


def _print_mask(sheet: _Sheet, kind: str, across: FloatArray, rng: Rng) -> FloatArray:
    """Where a print lies: ``across`` is the distance from the middle of the printed side, metres."""
    down = sheet.down
    if kind == "band":
        return np.asarray((down > 0.13) & (down < 0.13 + rng.uniform(0.04, 0.12)), np.float32)
    if kind == "logo":
        x0, size = rng.choice([-0.07, 0.07, 0.0]), rng.uniform(0.02, 0.045)
        return smoothstep(1.2 * size, 0.8 * size, np.maximum(np.abs(across - x0), np.abs(down - 0.13)))
    if kind == "text":
        letters = rng.random((max(3, sheet.bolt.rows // 3), max(8, sheet.bolt.columns // 2))) < 0.55
        grid = cv2.resize(
            letters.astype(np.float32), (sheet.bolt.columns, sheet.bolt.rows), interpolation=cv2.INTER_NEAREST
        )
        height, width = rng.uniform(0.02, 0.05), rng.uniform(0.07, 0.13)
        lines = np.abs((down - 0.12) % (2.0 * height)) < height
        inside = (np.abs(across) < width) & (down > 0.12) & (down < 0.12 + height * int(rng.integers(1, 6)))
        return np.asarray(grid * lines * inside, np.float32)
    size = rng.uniform(0.06, 0.12)
    shape = (
        np.hypot(across, (down - 0.2) * rng.uniform(0.7, 1.3))
        if rng.random() < 0.5
        else np.maximum(np.abs(across), np.abs(down - 0.2))
    )
    patches = fractal_noise(rng, sheet.bolt.rows, sheet.bolt.columns, cells=8, octaves=2, aspect=2.0)
    return smoothstep(1.05 * size, 0.95 * size, shape) * (0.35 + 0.65 * (patches > -0.2))


def _neckline(sheet: _Sheet, kind: str, skin: Colour, rng: Rng) -> None:
    """Bare skin below the neck."""
    deep = {"crew": rng.uniform(0.03, 0.07), "none": rng.uniform(0.06, 0.14), "polo": 0.05, "shirt": 0.06}.get(
        kind, 0.0
    )
    if deep:
        width = 0.07 if kind in ("crew", "none") else 0.04
        ring = (sheet.side / width) ** 2 + (sheet.down / deep) ** 2
        sheet.darken(smoothstep(1.9, 1.5, ring) * (kind in ("crew", "none")), 0.14)
        sheet.paint(smoothstep(1.1, 0.9, ring), skin)


def _closing(sheet: _Sheet, upper: Upper) -> None:
    if upper.closing == "none":
        return
    line = np.abs(sheet.side)
    sheet.darken(smoothstep(0.012, 0.003, np.abs(line - 0.012)), 0.25)
    if upper.closing == "zip":
        metal = (0.75, 0.75, 0.74) if sum(upper.colour) < 0.6 else (0.15, 0.15, 0.16)
        sheet.paint(smoothstep(0.008, 0.002, line), metal, 0.7)
    else:
        button = (line < 0.009) & ((sheet.down % 0.085) < 0.016)
        sheet.paint(button, (0.9, 0.88, 0.82) if sum(upper.colour) < 1.2 else (0.12, 0.11, 0.10), 0.85)


def _lapels(sheet: _Sheet, upper: Upper, inner: FloatArray) -> None:
    """The V of a blazer or coat: what is worn below, and the folded collar along it."""
    depth = 0.26 if upper.kind != "coat" else 0.2
    half = np.clip(0.085 * (1.0 - sheet.down / depth), 0.0, None)
    edge = np.abs(sheet.side)
    fold = (edge < half + 0.045 * (sheet.down < depth)) & (edge >= half)
    sheet.cloth *= np.where(fold, 1.12, 1.0).astype(np.float32)[..., None]
    sheet.darken(smoothstep(0.01, 0.002, np.abs(edge - half - 0.045)) * (sheet.down < depth), 0.3)
    sheet.paint(smoothstep(0.004, -0.004, edge - half) * (half > 0.001), inner)


def _straps(sheet: _Sheet, look: Appearance) -> None:
    """What a bag's straps draw on the chest and the back."""
    colour, bag = look.extras.bag_colour, look.extras.bag
    if bag == "backpack":
        belt = (np.abs(np.abs(sheet.side) - 0.095) < 0.022) & (sheet.down < 0.30)
        sheet.darken(np.abs(np.abs(sheet.side) - 0.095) < 0.034, 0.12)
        sheet.paint(belt, colour)
    elif bag == "shoulder":
        down = sheet.down / sheet.bolt.height
        width = 0.018 / sheet.bolt.around * 2 * math.pi
        front = np.abs(sheet.angle - (0.9 - 2.5 * down)) < width
        back_angle = sheet.angle % (2 * math.pi)
        back = np.abs(back_angle - (2.2 + 2.5 * down)) < width
        sheet.paint(front | back, colour)
    elif bag == "tote":
        sheet.paint((np.abs(np.abs(sheet.angle) - 1.35) < 0.12) & (sheet.angle > 0) & (sheet.down < 0.25), colour)


def _sheet(rng: Rng, upper: Upper, rows: int, columns: int, height: float, around: float) -> _Sheet:
    bolt = Bolt(rows, columns, height, around, rng)
    return _Sheet(bolt, weave(bolt, upper.colour, upper.pattern, upper.fabric))


def _torso(rng: Rng, look: Appearance, height: float, around: float) -> tuple[FloatArray, FloatArray]:
    """The surface from the neck to the hip, and the cloth of the inner garment."""
    upper = look.upper
    under = _sheet(rng, look.inner, TORSO_ROWS, TORSO_COLUMNS, height, around)
    if look.inner.front != "none":
        under.paint(_print_mask(under, look.inner.front, under.side, rng), look.inner.print_colour)
    _neckline(under, look.inner.collar, look.face.skin, rng)
    _closing(under, look.inner)
    sheet = _sheet(rng, upper, TORSO_ROWS, TORSO_COLUMNS, height, around)
    if upper.yoke is not None:
        sheet.paint(sheet.down < 0.16, upper.yoke)
    if upper.front != "none":
        sheet.paint(_print_mask(sheet, upper.front, sheet.side, rng) * (np.abs(sheet.angle) < 1.6), upper.print_colour)
    if upper.back != "none":
        sheet.paint(_print_mask(sheet, upper.back, sheet.back, rng) * (np.abs(sheet.angle) > 1.6), upper.print_colour)
    if upper.collar == "lapel":
        _lapels(sheet, upper, under.cloth)
    elif upper.open == 0.0:
        _neckline(sheet, upper.collar, look.face.skin, rng)
    _closing(sheet, upper)
    if upper.kind in ("jacket", "denim-jacket", "parka", "coat", "blazer", "hoodie", "shirt", "leather-jacket"):
        pocket = (np.abs(np.abs(sheet.side) - 0.12) < 0.055) & (np.abs(sheet.down - 0.36) < 0.006)
        chest = (np.abs(sheet.side - 0.09) < 0.04) & (np.abs(sheet.down - 0.16) < 0.005)
        sheet.darken(pocket | chest, 0.35)
    if upper.open:
        opening = upper.open * (0.55 + 0.6 * sheet.down / height)
        inside = smoothstep(0.05, -0.05, np.abs(sheet.angle) - opening)
        sheet.paint(inside, under.cloth)
        sheet.darken(smoothstep(0.25, 0.0, np.abs(np.abs(sheet.angle) - opening)) * inside, 0.45)
    _straps(sheet, look)
    sheet.darken(sheet.down > height - 0.012, 0.25)
    return sheet.cloth * creases(rng, TORSO_ROWS, TORSO_COLUMNS, 0.10)[..., None], under.cloth


def _tails(rng: Rng, look: Appearance, around: float, height: float) -> Surface:
    """The part of a coat, cardigan or long shirt that hangs below the hip; the open front is a hole."""
    upper = look.upper
    sheet = _sheet(rng, upper, 64, TORSO_COLUMNS, height, around)
    _closing(sheet, upper)
    sheet.darken(sheet.down > height - 0.012, 0.3)
    sheet.cloth *= creases(rng, 64, TORSO_COLUMNS, 0.13)[..., None]
    opening = upper.open * 1.2 if upper.open else 0.0
    solid = smoothstep(-0.06, 0.06, np.abs(sheet.angle) - opening) if opening else np.ones_like(sheet.angle)
    return Surface(np.concatenate([sheet.cloth, solid[..., None]], axis=2))


def _sleeve(rng: Rng, upper: Upper, skin: Colour) -> Surface:
    cut = upper if upper.sleeves is None else None
    bolt = Bolt(LIMB_ROWS, LIMB_COLUMNS, 0.58, 0.36, rng)
    if cut is not None:
        cloth = weave(bolt, upper.colour, upper.pattern, upper.fabric)
    else:
        cloth = weave(bolt, upper.sleeves or upper.colour, _PLAIN, upper.fabric)
    cuff = upper.sleeve - 0.05
    rows = (np.arange(LIMB_ROWS) / LIMB_ROWS)[:, None, None]
    cloth = np.where((rows > cuff) & (rows < cuff + 0.012), cloth * 0.7, cloth)
    return Surface(cloth * creases(rng, LIMB_ROWS, LIMB_COLUMNS, 0.12)[..., None])


def _leg(rng: Rng, lower: Lower) -> Surface:
    bolt = Bolt(LIMB_ROWS, LIMB_COLUMNS, 0.85, 0.5, rng)
    sheet = _Sheet(bolt, weave(bolt, lower.colour, lower.pattern, lower.fabric))
    if lower.stripe is not None:
        sheet.paint(np.abs(np.abs(sheet.angle) - math.pi / 2) < 0.28, lower.stripe)
    else:
        sheet.darken(np.abs(np.abs(sheet.angle) - math.pi / 2) < 0.08, 0.15)
    if lower.fabric == "denim":
        fade = np.exp(-((sheet.angle / 0.8) ** 2) - ((sheet.down - 0.25) / 0.22) ** 2)
        sheet.cloth += (0.10 * fade)[..., None]
    sheet.cloth *= creases(rng, LIMB_ROWS, LIMB_COLUMNS, 0.13)[..., None]
    return Surface(sheet.cloth)


def _pelvis(rng: Rng, lower: Lower) -> Surface:
    bolt = Bolt(32, TORSO_COLUMNS // 2, 0.25, 1.0, rng)
    sheet = _Sheet(bolt, weave(bolt, lower.colour, lower.pattern, lower.fabric))
    if lower.kind not in ("skirt", "dress", "leggings"):
        pockets = (np.abs(np.abs(sheet.back) - 0.09) < 0.05) & (np.abs(sheet.down - 0.13) < 0.05)
        inside = (np.abs(np.abs(sheet.back) - 0.09) < 0.042) & (np.abs(sheet.down - 0.13) < 0.042)
        sheet.darken(pockets & ~inside, 0.28)
        sheet.darken((np.abs(sheet.side) < 0.01) & (sheet.down < 0.16), 0.2)
    if lower.belt is not None:
        sheet.paint((sheet.down > 0.015) & (sheet.down < 0.055), lower.belt)
        sheet.paint((sheet.down > 0.015) & (sheet.down < 0.055) & (np.abs(sheet.side) < 0.022), (0.7, 0.66, 0.5))
    return Surface(sheet.cloth * creases(rng, 32, TORSO_COLUMNS // 2, 0.08)[..., None])


def _skirt(rng: Rng, look: Appearance, height: float) -> Surface | None:
    lower = look.lower
    if lower.kind not in ("skirt", "dress"):
        return None
    bolt = Bolt(80, 144, height, 1.1, rng)
    cloth = weave(bolt, lower.colour, lower.pattern, lower.fabric)
    folds = np.sin(
        bolt.u * np.float32(2 * np.pi / bolt.periods(0.11 + 0.08 * lower.pattern.phase)) + 1.5 * bolt.noise(0.4, 1)
    )
    depth = np.float32(0.16 if lower.loose > 0.4 else 0.06) * np.clip(bolt.v / height, 0, 1)
    cloth = cloth * (1.0 + depth * folds)[..., None]
    return Surface(cloth * creases(rng, 80, 144, 0.10)[..., None])


def _skin(rng: Rng, colour: Colour, rows: int = 32, columns: int = 32) -> FloatArray:
    tone = fractal_noise(rng, rows, columns, cells=3, octaves=3)[..., None] * np.array(
        [0.012, 0.014, 0.014], np.float32
    )
    return np.asarray(np.array(colour, np.float32) * (1.0 + 2.0 * tone), np.float32)


def _hair_cloth(rng: Rng, rows: int, columns: int, colour: Colour, tips: Colour) -> FloatArray:
    """Strands that run down the rows, from ``colour`` to ``tips``."""
    strands = fractal_noise(rng, rows, columns, cells=2, octaves=2, aspect=16.0)
    locks = fractal_noise(rng, rows, columns, cells=2, octaves=2, aspect=5.0)
    along = np.linspace(0.0, 1.0, rows, dtype=np.float32)[:, None]
    mix = smoothstep(0.35, 0.9, along + 0.08 * locks)[..., None]
    base = (1.0 - mix) * np.array(colour, np.float32) + mix * np.array(tips, np.float32)
    gleam = 0.07 * np.exp(-(((along - 0.25) / 0.1) ** 2))
    return np.asarray(base * (1.0 + 0.16 * strands + 0.14 * locks)[..., None] + gleam[..., None] * 0.6, np.float32)


def _hairline(longitude: FloatArray, fringe: float) -> FloatArray:
    """Polar angle down to which hair grows, by the angle from the front, radians."""
    front = math.radians(44.0 + 18.0 * fringe)
    points = np.radians([0.0, 30.0, 48.0, 62.0, 78.0, 95.0, 110.0, 140.0, 180.0])
    values = np.array([front, front, front + 0.1, 1.35, 1.85, 1.55, 2.1, 2.3, 2.35])
    return np.asarray(np.interp(np.abs(longitude), points, values), np.float32)


def _head(rng: Rng, look: Appearance) -> tuple[FloatArray, FloatArray]:
    """The head's surface with its face, and the mask where hair grows, both ``(64, 128)``."""
    rows, columns = 64, 128
    face, skin = look.face, np.array(look.face.skin, np.float32)
    polar = np.degrees((np.arange(rows, dtype=np.float32)[:, None] + 0.5) / rows * math.pi)
    longitude = ((np.arange(columns, dtype=np.float32)[None] + 0.5) / columns + 0.5) % 1.0 * 360.0 - 180.0
    lon, pol = np.broadcast_to(longitude, (rows, columns)), np.broadcast_to(polar, (rows, columns))
    out = _skin(rng, look.face.skin, rows, columns)

    def lay(mask: FloatArray, colour: NDArray[Any] | Colour, strength: float = 1.0) -> None:
        out[...] += (np.asarray(mask, np.float32) * np.float32(strength))[..., None] * (
            np.asarray(colour, np.float32) - out
        )

    def spot(x: float, y: float, width: float, height: float) -> FloatArray:
        return np.asarray(np.exp(-(((lon - x) / width) ** 2) - ((pol - y) / height) ** 2), np.float32)

    for side in (-1.0, 1.0):
        lay(spot(side * 21, 92, 12, 7), skin * 0.62, 0.75)  # eye socket
        lay(spot(side * 30, 112, 13, 8), skin * np.array([1.1, 0.93, 0.9]), 0.4)  # cheek
        if face.glasses != "sun":
            lay(spot(side * 20, 92, 7, 2.8), (0.82, 0.80, 0.78), 0.55)
            lay(spot(side * 20, 92, 3.0, 3.0), (0.06, 0.05, 0.04), 0.95)
        brow = np.array(look.hair.colour, np.float32) * 0.8
        lay(spot(side * 21, 82 + 0.06 * 21, 11, 2.6), brow, 0.8)
        lay(spot(side * 6.5, 104, 4, 9), skin * 0.78, 0.5)  # beside the nose
    lay(spot(0, 98, 4, 12), np.minimum(skin * 1.18, 1.0), 0.5)
    lay(spot(0, 110, 8, 2.2), skin * 0.55, 0.6)
    lip = (
        np.array([0.66, 0.28, 0.28]) * (0.5 + 0.6 * skin[0]) if look.body.woman else skin * np.array([0.86, 0.62, 0.6])
    )
    lay(spot(0, 122, 13, 3.0), lip, 0.85)
    lay(spot(0, 122, 12, 0.9), skin * 0.35, 0.6)
    lay(spot(0, 131, 9, 3), skin * 0.72, 0.4)
    if face.beard:
        chin = smoothstep(108, 118, pol) * smoothstep(85, 70, np.abs(lon))
        sideburns = smoothstep(9, 5, np.abs(np.abs(lon) - 76)) * smoothstep(84, 92, pol)
        area = chin + sideburns
        area = np.clip(area, 0, 1) * (1.0 - spot(0, 122, 9, 3.0))
        lay(area, np.array(look.hair.colour) * 0.9, 0.35 + 0.55 * face.beard)
    if face.moustache:
        lay(spot(0, 115, 15, 3.0), np.array(look.hair.colour) * 0.8, 0.85)
    if face.glasses != "none":
        lens, thick = (0.05, 0.05, 0.06), 0.95 if face.glasses == "sun" else 0.0
        for side in (-1.0, 1.0):
            ring = np.hypot((lon - side * 21) / 15.0, (pol - 93) / 8.5)
            lay(smoothstep(1.05, 0.9, ring), lens, thick)
            lay(smoothstep(0.25, 0.1, np.abs(ring - 1.0)), (0.05, 0.05, 0.05), 0.85)
        lay(
            ((np.abs(pol - 90) < 2.0) & (np.abs(lon) > 34) & (np.abs(lon) < 95)).astype(np.float32),
            (0.05, 0.05, 0.05),
            0.8,
        )
    if face.mask:
        lay(
            smoothstep(100, 104, pol) * smoothstep(70, 60, np.abs(lon)),
            (0.62, 0.75, 0.86) if look.seed % 2 else (0.92, 0.92, 0.92),
            0.95,
        )
    line = np.degrees(_hairline(np.radians(lon), look.hair.fringe))
    ragged = 4.0 * fractal_noise(rng, rows, columns, cells=4, octaves=3, aspect=4.0)
    grown = smoothstep(4.0, -4.0, pol - line + ragged)
    if look.hair.style == "bald":
        grown = grown * smoothstep(60, 80, pol) * 0.35
    scalp = np.array(look.hair.colour, np.float32)
    lay(grown, scalp * (1.0 + 0.1 * ragged[..., None] / 4.0), 0.92)
    return out, grown


def _hat(rng: Rng, look: Appearance) -> Surface | None:
    """The surface of the hat's dome, with a hole where the face or the neck stays bare."""
    kind = look.extras.hat
    if kind == "none":
        return None
    rows, columns = 48, 96
    bolt = Bolt(rows, columns, 0.4, 0.6, rng)
    fabric = {"beanie": "knit", "headscarf": "plain", "hood": "fleece"}.get(kind, "plain")
    colour = look.upper.colour if kind == "hood" else look.extras.hat_colour
    cloth = weave(bolt, colour, _PLAIN, fabric)
    polar = np.degrees((np.arange(rows, dtype=np.float32)[:, None] + 0.5) / rows * math.pi)
    lon = np.abs(((np.arange(columns, dtype=np.float32)[None] + 0.5) / columns + 0.5) % 1.0 * 360.0 - 180.0)
    lowest = {
        "cap": np.interp(lon, [0, 60, 180], [66, 78, 88]),
        "beanie": np.interp(lon, [0, 60, 180], [64, 84, 105]),
        "brim": np.interp(lon, [0, 180], [68, 88]),
        "helmet": np.interp(lon, [0, 50, 180], [62, 90, 110]),
    }.get(kind, np.interp(lon, [0, 40, 52, 58, 180], [48, 54, 75, 200, 200]))
    if kind == "beanie":
        cloth *= np.where(polar > lowest - 18, 0.85, 1.0).astype(np.float32)[..., None]
    if kind == "cap" and look.seed % 3:
        cloth += (smoothstep(14, 8, lon) * smoothstep(8, 5, np.abs(polar - 52)))[..., None] * (
            np.array(look.extras.bag_trim, np.float32) - cloth
        )
    solid = smoothstep(2.0, -2.0, (polar - lowest).astype(np.float32))
    return Surface(np.concatenate([cloth, solid[..., None]], axis=2))


def _bag(rng: Rng, look: Appearance) -> Surface:
    extras = look.extras
    bolt = Bolt(64, 96, 0.45, 0.9, rng)
    pattern = Pattern("plain" if extras.bag_trim[0] < 0.8 else "checks", extras.bag_trim, extras.bag_trim, 0.05, 0.3)
    sheet = _Sheet(bolt, weave(bolt, extras.bag_colour, pattern, "fleece"))
    back = np.abs(sheet.back)
    sheet.paint(
        (back < 0.11) & (sheet.down > 0.24) & (sheet.down < 0.38) & ((back > 0.10) | (sheet.down < 0.255)),
        extras.bag_trim,
        0.8,
    )
    sheet.darken(smoothstep(0.008, 0.002, np.abs(sheet.down - 0.10 - 0.3 * back**2)), 0.4)
    sheet.darken(np.abs(np.abs(sheet.angle) - 2.2) < 0.06, 0.3)
    return Surface(sheet.cloth * creases(rng, 64, 96, 0.10)[..., None])


def _shoe(rng: Rng, look: Appearance) -> Surface:
    """Rows from the heel to the toe; the underside of the surface is the sole."""
    shoes = look.shoes
    bolt = Bolt(32, 48, 0.27, 0.3, rng)
    sheet = _Sheet(bolt, weave(bolt, shoes.colour, _PLAIN, "leather" if shoes.kind != "sneaker" else "plain"))
    if shoes.kind == "sneaker":
        sheet.paint(
            (np.abs(sheet.angle) > 1.0) & (np.abs(sheet.angle) < 1.4) & (np.abs(sheet.down - 0.13) < 0.03),
            shoes.sole,
            0.7,
        )
    if shoes.kind == "sandal":
        sheet.paint((sheet.down % 0.08) < 0.045, look.face.skin)
    sheet.paint(np.abs(sheet.angle) > 2.0, shoes.sole)
    return Surface(sheet.cloth)


def _plain(rng: Rng, colour: Colour, fabric: str) -> Surface:
    bolt = Bolt(32, 48, 0.2, 0.5, rng)
    return Surface(weave(bolt, colour, _PLAIN, fabric) * creases(rng, 32, 48, 0.1)[..., None])


def _collar_colour(look: Appearance) -> tuple[Colour, str]:
    upper = look.upper
    if upper.collar == "fur":
        return (0.5, 0.42, 0.33), "fleece"
    if upper.collar == "crew":
        return tuple(0.88 * c for c in upper.colour), upper.fabric  # type: ignore[return-value]
    return upper.colour, upper.fabric


def tailor(look: Appearance) -> Wardrobe:
    """Make all surfaces of one identity; equal appearances give equal surfaces.

    Args:
        look: Whom to dress.

    Returns:
        The surfaces.
    """
    rng = np.random.default_rng(look.seed)
    stature, lower, hair = look.body.stature, look.lower, look.hair
    torso, _ = _torso(rng, look, 0.335 * stature, 0.58 * stature)
    head, grown = _head(rng, look)
    hair_cloth = _hair_cloth(rng, 48, 96, hair.colour, hair.tips)
    shell = _hair_cloth(rng, 64, 128, hair.colour, hair.colour)
    beard = 0.25 + 0.65 * look.face.beard if look.face.beard else 0.0
    jaw = (1.0 - beard) * np.array(look.face.skin) + beard * np.array(hair.colour)
    if look.face.mask:
        jaw = np.array((0.62, 0.75, 0.86) if look.seed % 2 else (0.92, 0.92, 0.92))
    collar, collar_fabric = _collar_colour(look)
    return Wardrobe(
        skin=Surface(_skin(rng, look.face.skin)),
        torso=Surface(torso),
        tails=_tails(rng, look, 0.6 * stature, max(0.05, (look.upper.hem + 0.1) * 0.48 * stature))
        if look.upper.hem > 0.04
        else None,
        sleeve=_sleeve(rng, look.upper, look.face.skin),
        collar=_plain(rng, collar, collar_fabric),
        pelvis=_pelvis(rng, lower),
        leg=_leg(rng, lower),
        skirt=_skirt(rng, look, (0.1 + lower.length * 0.45) * stature),
        stocking=_plain(rng, lower.stockings or look.face.skin, "plain"),
        shoe=_shoe(rng, look),
        hair=Surface(hair_cloth),
        head=Surface(head),
        jaw=Surface(_skin(rng, (float(jaw[0]), float(jaw[1]), float(jaw[2])))),
        shell=Surface(np.concatenate([shell, grown[..., None]], axis=2)),
        hat=_hat(rng, look),
        brim=_plain(rng, look.extras.hat_colour, "plain"),
        bag=_bag(rng, look),
        scarf=None if look.extras.scarf is None else _plain(rng, look.extras.scarf, "knit"),
    )
