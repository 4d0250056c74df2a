"""Painting figures into a scene, back to front, and keeping the truth about what is visible of their ink."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from sceneseek.data.synthetic import tattoo_skin
from sceneseek.data.synthetic.tattoo_art import darkest, render_ink
from sceneseek.data.synthetic.tattoo_body import Figure, Garment, Ink, Limb
from sceneseek.data.synthetic.tattoo_skin import BodyPart, Light, Skin
from sceneseek.data.synthetic.tattoo_texture import blend_over, cut, refined, shade_by
from sceneseek.structures import FloatArray, ImageArray

Rng = np.random.Generator

COVERED_BELOW = 215
"""Ink that lets less light through than this, of 255, counts as part of the tattoo."""

_CAP = 0.75
_WINDOW_MARGIN = 1.32
_OFF_START, _OFF_STOP = -0.3, 1.3
_STRAP_AT = 0.5


@dataclass(eq=False)
class Traces:
    """What was painted where, as the scene grows.

    Attributes:
        owner: ``(H, W)`` uint8, the number of the topmost layer.
        inks: For each tattoo its layer, its rows and columns, where it has ink, and the tattoo and its part.
        layers: How many layers there are.
    """

    owner: NDArray[np.uint8]
    inks: list[tuple[int, tuple[slice, slice], NDArray[np.bool_], Ink, BodyPart]] = field(default_factory=list)
    layers: int = 0

    def next_layer(self) -> int:
        """Open a layer and return its number."""
        self.layers += 1
        return self.layers


def paint(figure: Figure, canvas: FloatArray, traces: Traces, light: Light, rng: Rng) -> None:
    """Paint a figure over a scene.

    Args:
        figure: Whom.
        canvas: ``(H, W, 3)`` float32, changed.
        traces: Changed: who is on top where, and where ink lies.
        light: The light.
        rng: For textures.
    """
    others = traces.layers
    for limb in figure.limbs:
        _paint_limb(limb, figure, figure.inks if limb is figure.main else (), canvas, traces, others, light, rng)


@dataclass(frozen=True, eq=False)
class _View:
    """A window of the scene seen as places on a part.

    Attributes:
        part: The part.
        left: Of the window.
        top: Of the window.
        along: ``(H, W)``.
        across: ``(H, W)``.
        over: ``(H, W)``, how far beyond the axis's ends, relative to the rounded ends.
        half: ``(H, W)``, the part's half width in pixels.
    """

    part: BodyPart
    left: int
    top: int
    along: FloatArray
    across: FloatArray
    over: FloatArray
    half: FloatArray

    @classmethod
    def of(cls, part: BodyPart, window: tuple[int, int, int, int]) -> _View:
        left, top, width, height = window
        along, across = part.coordinates(left, top, width, height)
        half = part.half_widths(along)
        beyond = np.maximum(np.maximum(along - 1, -along), 0) * np.float32(part.length / _CAP)
        return cls(part, left, top, along, across, beyond / half, half)

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns in the scene."""
        height, width = self.along.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def coarse(self) -> _View:
        """Every second pixel: enough for light, which changes slowly."""
        two = (slice(None, None, 2), slice(None, None, 2))
        fields = (np.ascontiguousarray(f[two]) for f in (self.along, self.across, self.over, self.half))
        return _View(self.part, self.left, self.top, *fields)

    def cover(self, reach: float) -> FloatArray:
        """How much of each pixel lies inside the silhouette, 0 to 1, when the part is ``reach`` times as thick."""
        radial = np.sqrt(self.across * self.across + self.over * self.over)
        inside: FloatArray = np.clip(
            (1 - radial * np.float32(1 / reach)) * self.half * np.float32(reach) + np.float32(0.5), 0, 1
        )
        return inside


def _paint_limb(
    limb: Limb,
    figure: Figure,
    inks: tuple[Ink, ...],
    canvas: FloatArray,
    traces: Traces,
    others: int,
    light: Light,
    rng: Rng,
) -> None:
    size = (canvas.shape[1], canvas.shape[0])
    window = _window(limb.part, 0.0, 1.0, size)
    if window is None:
        return
    view = _View.of(limb.part, window)
    cover = view.cover(1.0)
    if not cover.any():
        return
    layer = traces.next_layer()
    pixels, owner = canvas[view.place], traces.owner[view.place]
    _cast_shadow(pixels, cover, owner <= others, light)
    colours, gloss = _bare_skin(limb, figure.skin, view.coarse(), light, rng)
    colours = refined(colours, cover.shape[0], cover.shape[1])
    for ink in inks:
        found = _apply_ink(ink, view, colours)
        if found is not None:
            (r, c), covered = found
            place = (slice(r.start + view.top, r.stop + view.top), slice(c.start + view.left, c.stop + view.left))
            traces.inks.append((layer, place, covered, ink, limb.part))
    if gloss is not None:
        gloss = refined(gloss, cover.shape[0], cover.shape[1])
        colours += cv2.merge([gloss, gloss, gloss])
    _add_marks(colours, figure.skin, limb.part, cover, rng)
    blend_over(pixels, colours, cover)
    owner[cover > 0.5] = layer
    for garment in limb.garments:
        _dress(garment, limb.part, canvas, traces, light, rng)


def _bare_skin(limb: Limb, skin: Skin, view: _View, light: Light, rng: Rng) -> tuple[FloatArray, FloatArray | None]:
    """Colours of lit skin, and its highlights, which lie over the ink."""
    shade = tattoo_skin.lit(limb.part, light, view.across, _relief(limb, view, rng))
    shade *= 1 - np.float32(0.12) * np.minimum(view.over, 1)
    return tattoo_skin.skin_colours(skin, light, shade), tattoo_skin.highlights(limb.part, light, skin, view.across)


def _window(part: BodyPart, start: float, stop: float, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The window of a stretch of a part, with room for rounded ends and loose cloth; ``None`` outside the scene."""
    room = part.half_width * _CAP * 1.2 / part.length
    along = np.linspace(max(start, 0.0) - room, min(stop, 1.0) + room, 33)
    reach = part.half_width_at(along) * _WINDOW_MARGIN
    dx, dy = part.direction
    swing = 4 * part.bend * part.length * along * (1 - along)
    side = np.stack([swing - reach, swing + reach])
    x = part.origin[0] + along * part.length * dx - side * dy
    y = part.origin[1] + along * part.length * dy + side * dx
    left, right = max(0, int(x.min()) - 2), min(size[0], int(x.max()) + 3)
    top, bottom = max(0, int(y.min()) - 2), min(size[1], int(y.max()) + 3)
    return (left, top, right - left, bottom - top) if right - left > 1 and bottom - top > 1 else None


def _relief(limb: Limb, view: _View, rng: Rng) -> FloatArray:
    height, width = view.along.shape
    half = limb.part.half_width
    relief = np.float32(0.045) * cut("blotches", rng, height, width, max(1.0, half / 90))
    if limb.relief:
        relief += np.float32(0.09 * limb.relief) * cut("muscles", rng, height, width, max(1.0, half / 140))
    if limb.is_back:
        along, aside = view.along, np.abs(view.across)
        spine = np.exp(-((aside / 0.07) ** 2)) * np.clip(1.3 - along, 0, 1)
        shoulder = np.exp(-(((aside - 0.42) / 0.2) ** 2) - ((along - 0.3) / 0.11) ** 2)
        edge = np.exp(-(((aside - 0.27) / 0.06) ** 2) - ((along - 0.33) / 0.1) ** 2)
        relief += np.float32(0.13) * shoulder - np.float32(0.16) * spine - np.float32(0.12) * edge
    return np.asarray(relief, np.float32)


def _cast_shadow(pixels: FloatArray, cover: FloatArray, behind: NDArray[np.bool_], light: Light) -> None:
    """Darken what lies behind a part, on the side away from the light; not the same person's other parts."""
    height, width = cover.shape
    small = cv2.resize(cover, (max(2, width // 6), max(2, height // 6)), interpolation=cv2.INTER_AREA)
    shift = np.array([[1, 0, -2.2 * light.direction[0]], [0, 1, -2.2 * light.direction[1]]], np.float32)
    small = cv2.warpAffine(cv2.GaussianBlur(small, (0, 0), 1.6), shift, (small.shape[1], small.shape[0]))
    shadow = 1 - np.float32(0.42 * (1 - 0.5 * light.ambient)) * refined(small, height, width)
    shadow[~behind] = 1
    shade_by(pixels, shadow)


def _apply_ink(ink: Ink, view: _View, colours: FloatArray) -> tuple[tuple[slice, slice], NDArray[np.bool_]] | None:
    """Let a tattoo take its share of the light that the skin returns; also say where it did."""
    found = tattoo_skin.warp_ink(_aged(ink), ink.place, view.part, view.left, view.top, view.along, view.across)
    if found is None:
        return None
    where, warped = found
    colours[where] *= warped.astype(np.float32) * np.float32(1 / 255)
    return where, np.asarray(darkest(warped) < COVERED_BELOW, np.bool_)


def _aged(ink: Ink) -> ImageArray:
    """Faded, spread and tinted ink, at the size of ``render_ink``."""
    fresh = render_ink(ink.design)
    factor = max(fresh.shape[:2]) / max(ink.place.width, ink.place.height)
    sigma = ink.spread * factor
    old = cv2.GaussianBlur(fresh, (0, 0), sigma) if sigma > 0.4 else fresh
    levels = np.arange(256, dtype=np.float32)[:, None] / 255
    tint = np.array(ink.tint, np.float32)
    table = 1 - ink.strength * (1 - levels) * (1 - tint)
    return np.asarray(cv2.LUT(old, np.rint(255 * table).astype(np.uint8)[None]), np.uint8)


def _add_marks(colours: FloatArray, skin: Skin, part: BodyPart, mask: FloatArray, rng: Rng) -> None:
    """Pores, freckles and hair."""
    height, width = mask.shape
    zoom = max(1.0, part.half_width / 110)
    fine = 1 + np.float32(skin.grain) * cut("pores", rng, height, width, zoom)
    size = float(mask.sum()) / 1e4
    spots, hairs = rng.poisson(skin.freckles * size), min(600, rng.poisson(skin.hair * size))
    if spots + hairs == 0:
        shade_by(colours, fine)
        return
    overlay = np.zeros((height, width), np.uint8)
    for _ in range(min(int(spots), 80)):
        at = (int(rng.integers(width) * 16), int(rng.integers(height) * 16))
        cv2.circle(overlay, at, int(rng.uniform(8, 26) * zoom), int(rng.uniform(40, 150)), -1, cv2.LINE_AA, 4)
    if hairs:
        start = rng.uniform(0, [width, height], (hairs, 2))
        angle = part.angle + rng.normal(0, 0.4, hairs)
        step = np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(3, 7, (hairs, 1)) * zoom
        curve = np.stack([start, start + step, start + 1.9 * step + rng.normal(0, 1, (hairs, 2))], 1)
        cv2.polylines(overlay, list(np.rint(curve * 16).astype(np.int32)), False, 80, 1, cv2.LINE_AA, 4)
    shade_by(colours, fine * (1 - overlay.astype(np.float32) * np.float32(1 / 255)))


def _dress(garment: Garment, part: BodyPart, canvas: FloatArray, traces: Traces, light: Light, rng: Rng) -> None:
    """Paint a garment over a part, with a shadow on the skin below its hem."""
    window = _window(part, garment.start, garment.stop, (canvas.shape[1], canvas.shape[0]))
    if window is None:
        return
    view = _View.of(part, window)
    u = view.across / np.float32(garment.reach)
    hem = np.float32(garment.sag) * (1 - u * u)
    inside = view.cover(garment.reach)
    shadow = np.ones_like(inside)
    for end, sign in ((garment.start, -1), (garment.stop, 1)):
        if _OFF_START < end < _OFF_STOP:
            beyond = (view.along - np.float32(end) - hem) * np.float32(part.length * sign)
            inside *= np.clip(np.float32(0.5) - beyond, 0, 1)
            near = np.clip(1 - beyond / (np.float32(0.2) * view.half + 3), 0, 1)
            shadow -= np.float32(0.4) * near * near * ((beyond > 0) & (np.abs(view.across) < 1))
    if garment.strap:
        middle = np.abs(np.abs(u) - np.float32(_STRAP_AT))
        inside *= np.clip((np.float32(garment.strap) - middle) * view.half, 0, 1)
        shadow[:] = 1
    if not inside.any():
        return
    pixels = canvas[view.place]
    shade_by(pixels, shadow)
    height, width = inside.shape
    coarse = view.coarse()
    folds = cut("folds", rng, coarse.along.shape[0], coarse.along.shape[1], max(0.5, part.half_width / 120))
    relief = np.float32(0.16) * folds if garment.pattern != "hair" else None
    shade = tattoo_skin.lit(part, light, coarse.across / np.float32(garment.reach), relief)
    cloth = _cloth(garment, part, view.along, u, rng) * np.array(light.colour, np.float32)
    shade_by(cloth, refined(np.float32(1.05) * shade, height, width))
    blend_over(pixels, cloth, inside)
    traces.owner[view.place][inside > 0.5] = traces.next_layer()


def _cloth(garment: Garment, part: BodyPart, along: FloatArray, across: FloatArray, rng: Rng) -> FloatArray:
    base, accent = np.array(garment.colour, np.float32), np.array(garment.accent, np.float32)
    repeat = float(rng.uniform(0.06, 0.16))
    ratio = part.length / part.half_width
    round_about = np.arcsin(np.clip(across, -1, 1)) / np.float32(repeat * 6)
    down = along * np.float32(ratio / (repeat * 6))
    height, width = along.shape
    if garment.pattern == "stripes":
        mix = (np.sin(round_about * np.float32(6.28)) > 0.2).astype(np.float32)
    elif garment.pattern == "rings":
        mix = (np.sin(down * np.float32(6.28)) > 0.1).astype(np.float32)
    elif garment.pattern == "checks":
        mix = 0.5 * (np.sin(round_about * np.float32(6.28)) > 0) + np.float32(0.5) * (
            np.sin(down * np.float32(6.28)) > 0
        )
    elif garment.pattern == "hair":
        strands = cut("strands", rng, height, width)
        mix = np.clip(np.float32(0.45) + np.float32(0.3) * strands, 0, 1.4)
    elif garment.pattern == "knit":
        mix = 0.12 * (1 + np.sin(across * np.float32(90)))
    else:
        mix = np.float32(0.04) * cut("pores", rng, height, width)
    mix = np.asarray(mix, np.float32)
    return np.asarray(cv2.merge([b + (a - b) * mix for a, b in zip(accent, base, strict=True)]), np.float32)
