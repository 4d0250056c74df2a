"""Draws shaded round bodies (tubes, ellipsoids) into a picture patch, anti-aliased, from formulas.

A person and most furniture are made of generalised cylinders: an axis in space and radii along it. Seen through a
pinhole, such a tube covers a strip of pixels around its projected axis; across the strip the surface turns away like a
cylinder, so the light on it and the place in its texture are functions of the position across, and the radius a
function of the position along. Everything is a table lookup per pixel, which is what makes the worlds fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sceneseek.data.synthetic.viewpoint import Points, Viewpoint
from sceneseek.structures import FloatArray, ImageArray

STEPS = 128
"""Entries of the tables across and along a tube."""

TURN = 2.0 * math.pi
_ACROSS = np.linspace(-1.0, 1.0, STEPS)
_ASIN = np.arcsin(_ACROSS)
_NEAR = np.sqrt(np.maximum(1.0 - _ACROSS**2, 0.0))
_ALONG = np.linspace(0.0, 1.0, STEPS, dtype=np.float32)

_POLAR = (np.arccos(_ACROSS) / math.pi).astype(np.float32)

Row = NDArray[np.float64]


@dataclass(frozen=True)
class Light:
    """One key light and the light from all around.

    Attributes:
        direction: ``(3,)`` unit vector towards the key light, camera axes (x right, y down, z forward).
        key: ``(3,)`` colour and strength of the key light, RGB.
        ambient: ``(3,)`` colour and strength of the surrounding light, RGB.
        softness: 0 for a bare sun, 1 for an overcast sky.
    """

    direction: NDArray[np.float64]
    key: NDArray[np.float64]
    ambient: NDArray[np.float64]
    softness: float = 0.5

    @cached_property
    def _towards(self) -> tuple[float, float, float]:
        x, y, z = self.direction.tolist()
        return x, y, z

    @cached_property
    def strength(self) -> tuple[float, float]:
        """Brightness of the key light and of the surrounding light."""
        return float(self.key.mean()), float(self.ambient.mean())

    @cached_property
    def hue(self) -> tuple[float, float, float]:
        """Colour of all light together, RGB around 1."""
        total = self.key + self.ambient
        r, g, b = (total / total.mean()).tolist()
        return r, g, b

    def shade(self, right: NDArray[Any], down: NDArray[Any], near: NDArray[Any]) -> FloatArray:
        """Brightness of surfaces with the given unit normals (``near`` points at the camera), of their shape."""
        x, y, z = self._towards
        cosine = right * x + down * y - near * z
        wrap = 0.15 + 0.6 * self.softness
        lit = np.maximum((cosine + wrap) * (1.0 / (1.0 + wrap)), 0.0)
        around = (0.74 - 0.26 * down) * (0.62 + 0.38 * near)
        key, ambient = self.strength
        return np.asarray(key * lit + ambient * around, np.float32)


def threefold(field: FloatArray) -> FloatArray:
    """Repeat ``(h, w)`` as ``(h, w, 3)``; several times faster than broadcasting over three channels."""
    return np.asarray(cv2.cvtColor(field, cv2.COLOR_GRAY2BGR), np.float32)


def within_unit(field: FloatArray) -> FloatArray:
    """Clip a field to [0, 1] in place; for small fields much faster than ``np.clip``."""
    np.maximum(field, np.float32(0.0), out=field)
    return np.minimum(field, np.float32(1.0), out=field)


def halved(texture: ImageArray) -> ImageArray:
    """Shrink a texture to half its size."""
    size = (max(1, texture.shape[1] // 2), max(1, texture.shape[0] // 2))
    return np.asarray(cv2.resize(texture, size, interpolation=cv2.INTER_AREA), np.uint8)


class Surface:
    """A texture wrapped once around a body, kept at several sizes.

    Columns run around the body: the front (angle 0) first, then its left, its back and its right. Rows run from the
    start of the axis to its end.
    """

    def __init__(self, texture: NDArray[Any]) -> None:
        """Take a ``(rows, columns, 3 or 4)`` texture, float in [0, 1] or uint8."""
        if texture.dtype != np.uint8:
            texture = np.clip(texture * 255.0 + 0.5, 0, 255).astype(np.uint8)
        self.levels: list[ImageArray] = []
        while True:
            half = texture.shape[1] // 2
            self.levels.append(np.ascontiguousarray(np.concatenate([texture, texture[:, : half + 2]], axis=1)))
            if min(texture.shape[:2]) <= 8 or len(self.levels) == 4:
                break
            texture = halved(texture)

    def level(self, length: float) -> tuple[ImageArray, float]:
        """Pick the size that suits a body ``length`` pixels long; also give its columns per full turn."""
        chosen = self.levels[0]
        for candidate in self.levels[1:]:
            if candidate.shape[0] < length:
                break
            chosen = candidate
        return chosen, (chosen.shape[1] - 2) / 1.5


@dataclass
class Tube:
    """A round body along an axis.

    Attributes:
        start: ``(3,)`` first end of the axis (the upper one, for an upright body), world metres.
        end: ``(3,)`` the other end.
        wide: Half-widths from the body's left to its right along the axis, metres, any number of equally spaced values.
        surface: What covers it.
        deep: Half-depths from front to back; ``None`` for a circular section.
        caps: How far the rounded ends reach beyond the axis, metres.
        bend: Sideways offset of the axis along it, metres.
        rows: Part of the surface's rows that the axis runs over, 0 to 1.
        turn: Turns the surface about the axis, radians.
        owned: Whether its pixels count as the person's own (a held bag's do not).
        shadow: Strength of the shadow it throws on what lies right behind it.
    """

    start: Points
    end: Points
    wide: NDArray[Any]
    surface: Surface
    deep: NDArray[Any] | None = None
    caps: tuple[float, float] = (0.0, 0.0)
    bend: NDArray[Any] | None = None
    rows: tuple[float, float] = (0.0, 1.0)
    turn: float = 0.0
    owned: bool = True
    shadow: float = 0.25


@dataclass
class Ball:
    """An ellipsoid with its own axes.

    Attributes:
        centre: ``(3,)`` world metres.
        axes: ``(3, 3)`` unit rows: the ball's left, up and front, world axes.
        radii: Half sizes along those axes, metres.
        surface: What covers it, columns around the up axis from the front, rows from the top to the bottom.
        owned: Whether its pixels count as the person's own.
        shadow: Strength of the shadow it throws on what lies right behind it.
    """

    centre: Points
    axes: Points
    radii: tuple[float, float, float]
    surface: Surface
    owned: bool = True
    shadow: float = 0.2


@dataclass
class Slab:
    """A flat four-sided plate with a picture on it.

    Attributes:
        corners: ``(4, 3)`` world metres: upper left, upper right, lower right, lower left, seen from its front.
        texture: ``(rows, columns, 3 or 4)`` uint8.
        owned: Whether its pixels count as the person's own.
        bright: Factor on its light, for lamps and screens.
    """

    corners: Points
    texture: ImageArray
    owned: bool = True
    bright: float = 1.0
    shadow: float = 0.0


Solid = Tube | Ball | Slab

Window = tuple[slice, slice]
"""Rows and columns of a patch."""


class Patch:
    """A piece of picture in which a body is drawn: premultiplied colour, coverage, and the body's own coverage."""

    def __init__(self, left: int, top: int, right: int, bottom: int) -> None:
        self.left, self.top, self.right, self.bottom = left, top, right, bottom
        shape = (max(bottom - top, 0), max(right - left, 0))
        self.colour: FloatArray = np.zeros((*shape, 3), np.float32)
        self.alpha: FloatArray = np.zeros(shape, np.float32)
        self.own: FloatArray = np.zeros(shape, np.float32)
        self._columns = np.arange(left, left + shape[1], dtype=np.float32) + np.float32(0.5)
        self._rows = np.arange(top, top + shape[0], dtype=np.float32) + np.float32(0.5)

    def tint(self, light: Light) -> None:
        """Give everything drawn so far the light's colour."""
        if self.alpha.size:
            self.colour = np.asarray(cv2.transform(self.colour, np.diag(light.hue).astype(np.float32)), np.float32)

    def window(self, x0: float, y0: float, x1: float, y1: float) -> Window | None:
        """Clip a pixel rectangle to the patch; ``None`` when nothing of it is left."""
        left, right = max(math.floor(x0), self.left), min(math.ceil(x1) + 1, self.right)
        top, bottom = max(math.floor(y0), self.top), min(math.ceil(y1) + 1, self.bottom)
        if left >= right or top >= bottom:
            return None
        return slice(top - self.top, bottom - self.top), slice(left - self.left, right - self.left)

    def centres(self, window: Window) -> tuple[FloatArray, FloatArray]:
        """The pixel centres of a window's columns, and of its rows."""
        return self._columns[window[1]], self._rows[window[0]]

    def darken(self, window: Window, beyond: FloatArray, shadow: float, reach: float) -> None:
        """Darken what lies right beside a body.

        Args:
            window: Where.
            beyond: ``(h, w)`` distance outside the body's outline, pixels.
            shadow: How much.
            reach: How far, pixels.
        """
        if shadow <= 0.0 or reach <= 1.0:
            return
        fade = beyond * np.float32(shadow / reach)
        fade += np.float32(1.0 - shadow)
        np.maximum(fade, np.float32(1.0 - shadow), out=fade)
        np.minimum(fade, np.float32(1.0), out=fade)
        below = self.colour[window]
        below *= threefold(fade)

    def lay(self, window: Window, colour: FloatArray, cover: FloatArray, owned: bool) -> None:
        """Lay a shaded body over what is there.

        Args:
            window: Where.
            colour: ``(h, w, 3)``; overwritten.
            cover: ``(h, w)`` coverage in [0, 1].
            owned: Whether its pixels count as the person's own.
        """
        below, alpha = self.colour[window], self.alpha[window]
        colour -= below
        colour *= threefold(cover)
        below += colour
        alpha += cover * (1.0 - alpha)
        if owned:
            own = self.own[window]
            np.maximum(own, cover, out=own)


def _within(inner: Window, outer: Window) -> Window:
    """Where a window lies in another one that holds it."""
    (top, left), (rows, columns) = (part.start for part in outer), inner
    return slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)


def _section(tube: Tube, psi: float) -> tuple[FloatArray, float, Row, Row]:
    """Silhouette half-widths along the tube, the surface angle at its middle, and normals (right, near) across it."""
    wide = np.asarray(tube.wide, np.float64)
    if tube.deep is None:
        return _stretch(wide), psi, _ACROSS, _NEAR
    deep = np.asarray(tube.deep, np.float64)
    c, s = math.cos(psi), math.sin(psi)
    half = np.sqrt((wide * c) ** 2 + (deep * s) ** 2)
    a, b = (max(float(np.add.reduce(half_size)) / len(half_size), 1e-4) for half_size in (wide, deep))
    middle = math.atan2(b * s, a * c)
    angle = middle + _ASIN
    left, front = np.sin(angle) / a, np.cos(angle) / b
    norm = np.maximum(np.sqrt(left * left + front * front), 1e-9)
    return _stretch(half), middle, (left * c - front * s) / norm, (front * c + left * s) / norm


@lru_cache(maxsize=64)
def _places(count: int) -> tuple[Row, Row]:
    return np.linspace(0, count - 1, STEPS), np.arange(count, dtype=np.float64)


def _stretch(values: NDArray[Any]) -> FloatArray:
    """Resample a profile to ``STEPS`` entries."""
    if len(values) == STEPS:
        return values.astype(np.float32)
    wanted, known = _places(len(values))
    return np.asarray(np.interp(wanted, known, values), np.float32)


def facing(at: Points, forward: Points) -> float:
    """Angle at which the camera sees a body: 0 its front, pi/2 its left side, pi its back."""
    fx, fz, to_x, to_z = float(forward[0]), float(forward[2]), -float(at[0]), -float(at[2])
    return math.atan2(to_z * fx - to_x * fz, to_x * fx + to_z * fz)


@dataclass(frozen=True)
class _Axis:
    """A tube's axis in the picture: both ends, pixels per metre at both, its direction there and in camera axes."""

    x: float
    y: float
    dx: float
    dy: float
    length: float
    scale0: float
    scale1: float
    along: tuple[float, float, float]

    @property
    def scale(self) -> float:
        return 0.5 * (self.scale0 + self.scale1)


def _projected(tube: Tube, view: Viewpoint) -> _Axis | None:
    """Project a tube's axis; ``None`` when it reaches behind the camera."""
    x0, y0, z0 = view.see(*tube.start.tolist())
    x1, y1, z1 = view.see(*tube.end.tolist())
    if min(z0, z1) < 0.1:
        return None
    s0, s1 = view.focal / z0, view.focal / z1
    px, py = view.centre_x + x0 * s0, view.centre_y + y0 * s0
    dx, dy = view.centre_x + x1 * s1 - px, view.centre_y + y1 * s1 - py
    length = math.hypot(dx, dy)
    if length < 1e-3:
        dx, dy, length = 0.0, 1.0, 1e-3
    else:
        dx, dy = dx / length, dy / length
    norm = max(math.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2 + (z1 - z0) ** 2), 1e-9)
    return _Axis(px, py, dx, dy, length, s0, s1, ((x1 - x0) / norm, (y1 - y0) / norm, (z1 - z0) / norm))


def draw_tube(patch: Patch, tube: Tube, view: Viewpoint, light: Light, forward: Points) -> None:
    """Draw one tube.

    Args:
        patch: Where.
        tube: What.
        view: From where.
        light: In which light.
        forward: ``(3,)`` unit vector, where the body's front looks (its surface's first column).
    """
    axis = _projected(tube, view)
    if axis is None:
        return
    half, middle, n_right, n_near = _section(tube, facing(tube.start, forward) + tube.turn)
    profile = np.asarray(half * (axis.scale0 + (axis.scale1 - axis.scale0) * _ALONG), np.float32)
    head_on = abs(axis.along[2])
    cap0 = max(tube.caps[0] * axis.scale0, float(profile[0]) * head_on, 0.6)
    cap1 = max(tube.caps[1] * axis.scale1, float(profile[-1]) * head_on, 0.6)
    widest = float(profile.max())
    reach = min(0.03 * axis.scale, 0.5 * widest) if tube.shadow else 0.0
    bend = None if tube.bend is None else _stretch(tube.bend) * np.float32(axis.scale)
    sway = 0.0 if bend is None else float(max(bend.max(), -bend.min()))
    shaded = _strip(patch, axis, widest + sway + reach + 1.0, cap0 + reach + 1.0, cap1 + reach + 1.0)
    if shaded is None:
        return
    columns, rows = patch.centres(shaded)
    columns, rows = columns - np.float32(axis.x), (rows - np.float32(axis.y))[:, None]
    s = columns * np.float32(axis.dx) + rows * np.float32(axis.dy)
    d = columns * np.float32(axis.dy) - rows * np.float32(axis.dx)
    step = (s * np.float32((STEPS - 1) / axis.length)).astype(np.intp)
    if bend is not None:
        d -= bend.take(step, mode="clip")
    radius = profile.take(step, mode="clip")
    past = np.maximum(s * np.float32(-1.0 / cap0), (s - np.float32(axis.length)) * np.float32(1.0 / cap1))
    within_unit(past)
    radius *= np.sqrt(1.0 - past * past)
    beyond = np.asarray(np.abs(d) - radius, np.float32)
    patch.darken(shaded, beyond, tube.shadow, reach)
    # The body itself covers less than it darkens.
    covered = _strip(patch, axis, widest + sway + 1.0, cap0 + 1.0, cap1 + 1.0)
    if covered is None:
        return
    part = _within(covered, shaded)
    cover = within_unit(np.float32(0.5) - beyond[part])
    cover *= past[part] < 1.0
    d = d[part] / np.maximum(radius[part], np.float32(0.3))
    d *= np.float32((STEPS - 1) / 2)
    d += np.float32(STEPS / 2)
    column = d.astype(np.intp)
    texture, turn_columns = tube.surface.level(axis.length)
    low, high = (edge * (texture.shape[0] - 1) for edge in tube.rows)
    map_x = _columns_at(middle, turn_columns).take(column, mode="clip")
    s = s[part] * np.float32((high - low) / axis.length)
    s += np.float32(low)
    map_y = np.minimum(np.maximum(s, np.float32(low)), np.float32(high))
    colour, cover = _read(texture, map_x, map_y, cover)
    colour *= threefold(_tube_shade(light, axis, n_right, n_near).take(column, mode="clip"))
    patch.lay(covered, colour, cover, tube.owned)


def _read(
    texture: ImageArray, map_x: FloatArray, map_y: FloatArray, cover: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Read a texture at given places: colours, and the coverage where the texture has holes."""
    read = cv2.remap(texture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if texture.shape[2] == 4:
        cover *= read[..., 3] * np.float32(1 / 255)
        read = read[..., :3]
    return np.asarray(read, np.float32), cover


def _strip(patch: Patch, axis: _Axis, aside: float, before: float, after: float) -> Window | None:
    """The window that holds a strip around an axis."""
    ends = (
        (axis.x - axis.dx * before, axis.y - axis.dy * before),
        (axis.x + axis.dx * (axis.length + after), axis.y + axis.dy * (axis.length + after)),
    )
    wide, tall = abs(axis.dy) * aside, abs(axis.dx) * aside
    return patch.window(
        min(ends[0][0], ends[1][0]) - wide,
        min(ends[0][1], ends[1][1]) - tall,
        max(ends[0][0], ends[1][0]) + wide,
        max(ends[0][1], ends[1][1]) + tall,
    )


def _columns_at(middle: float, turn_columns: float) -> FloatArray:
    """The texture's column for each step across a tube that shows the surface angle ``middle`` in its middle."""
    middle %= TURN
    if middle < 0.5 * math.pi:
        middle += TURN
    table = (middle + _ASIN) * (turn_columns / TURN)
    return table.astype(np.float32)


def _tube_shade(light: Light, axis: _Axis, n_right: Row, n_near: Row) -> FloatArray:
    """Light across a tube, ``(STEPS,)``, scaled so that a full-white byte texture gives values in [0, 1]."""
    ax, ay, az = axis.along
    vx, vy, vz = az * ax, az * ay, az * az - 1.0
    norm = max(math.sqrt(vx * vx + vy * vy + vz * vz), 1e-6)
    right = n_right * axis.dy + n_near * (vx / norm)
    down = n_right * -axis.dx + n_near * (vy / norm)
    return light.shade(right, down, n_near * (-vz / norm)) * np.float32(1 / 255)


def draw_ball(patch: Patch, ball: Ball, view: Viewpoint, light: Light) -> None:
    """Draw one ellipsoid: the true outline of an orthographic view at the ball's own depth."""
    cx, cy, cz = view.see(*ball.centre.tolist())
    if cz < 0.15 + max(ball.radii):
        return
    scale = view.focal / cz
    x, y = view.centre_x + cx * scale, view.centre_y + cy * scale
    axes = ball.axes @ view.rotation.T  # rows: ball axes in camera axes
    radii = np.array(ball.radii) * scale
    shape = (axes.T * radii**2) @ axes  # outline: p^T (S_xy)^-1 p = 1
    (sxx, sxy, sxz), (_, syy, syz), (_, _, szz) = shape.tolist()
    det = max(sxx * syy - sxy * sxy, 1e-9)
    wide, tall = math.sqrt(sxx), math.sqrt(syy)
    reach = min(0.04 * scale, float(radii.min())) if ball.shadow else 0.0
    pad = reach + 1.0
    shaded = patch.window(x - wide - pad, y - tall - pad, x + wide + pad, y + tall + pad)
    if shaded is None:
        return
    columns, rows = patch.centres(shaded)
    columns, rows = columns - np.float32(x), (rows - np.float32(y))[:, None]
    q = columns * columns * np.float32(syy / det) + rows * rows * np.float32(sxx / det)
    q -= columns * rows * np.float32(2 * sxy / det)
    root = np.sqrt(np.maximum(q, np.float32(1e-6)))
    beyond = np.asarray((root - np.float32(1.0)) * np.float32(math.sqrt(wide * tall)), np.float32)
    patch.darken(shaded, beyond, ball.shadow, reach)
    # the nearest surface point above each pixel: its depth on the ellipsoid, from the conditional of the shape matrix
    gx, gy = (sxz * syy - syz * sxy) / det, (syz * sxx - sxz * sxy) / det
    thick = math.sqrt(max(szz - gx * sxz - gy * syz, 1e-9))
    spot = np.empty((3, *q.shape), np.float32)
    shrink = np.minimum(np.float32(1.0), 1.0 / root)
    np.multiply(columns, shrink, out=spot[0])
    np.multiply(rows, shrink, out=spot[1])
    inside = np.sqrt(np.maximum(np.float32(1.0) - q, 0.0)) * np.float32(thick)
    np.subtract(spot[0] * np.float32(gx) + spot[1] * np.float32(gy), inside, out=spot[2])
    flat = spot.reshape(3, -1)
    unit = ((axes / radii[:, None]).astype(np.float32) @ flat).reshape(spot.shape)  # left, up, front on the unit sphere
    normal = (((axes.T / radii**2) @ axes).astype(np.float32) @ flat).reshape(spot.shape)
    normal /= np.sqrt((normal * normal).sum(axis=0))
    cover = within_unit(np.float32(0.5) - beyond)
    colour, cover = _on_ball(ball.surface, unit, 2.0 * float(radii[1]), cover)
    colour *= threefold(light.shade(normal[0], normal[1], -normal[2]) * np.float32(1 / 255))
    patch.lay(shaded, colour, cover, ball.owned)


def _on_ball(surface: Surface, unit: FloatArray, size: float, cover: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Read a surface at points of the unit sphere, ``(3, h, w)``: left, up, front."""
    texture, turn_columns = surface.level(size)
    map_x = np.asarray(cv2.phase(unit[2], unit[0]), np.float32)  # 0 at the front, then left, back, right
    map_x *= np.float32(turn_columns / TURN)
    step = ((unit[1] + np.float32(1.0)) * np.float32((STEPS - 1) / 2) + np.float32(0.5)).astype(np.intp)
    map_y = _POLAR.take(step, mode="clip") * np.float32(texture.shape[0] - 1)
    return _read(texture, map_x, map_y, cover)


def draw_slab(patch: Patch, slab: Slab, view: Viewpoint, light: Light) -> None:
    """Draw one plate; a plate that reaches behind the camera is left out."""
    seen = view.to_camera(slab.corners)
    if float(seen[:, 2].min()) < 0.15:
        return
    pixels, _ = view.project(slab.corners)
    found = patch.window(*pixels.min(axis=0), *pixels.max(axis=0))
    if found is None:
        return
    normal = np.cross(seen[1] - seen[0], seen[3] - seen[0])
    normal = normal / max(float(np.linalg.norm(normal)), 1e-9)
    if float(normal @ seen[0]) > 0.0:
        normal = -normal
    ones = np.ones(1)
    shade = light.shade(normal[0] * ones, normal[1] * ones, np.abs(normal[2]) * ones)[0] * np.float32(slab.bright / 255)
    rows, columns = slab.texture.shape[:2]
    local = (pixels - np.array([patch.left + found[1].start, patch.top + found[0].start])).astype(np.float32)
    texture = slab.texture
    span = max(float(np.ptp(local[:, 0])), float(np.ptp(local[:, 1])))
    while span < 0.5 * max(texture.shape[:2]) and min(texture.shape[:2]) > 4:
        texture = halved(texture)
    rows, columns = texture.shape[:2]
    source = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    size = (found[1].stop - found[1].start, found[0].stop - found[0].start)
    matrix = cv2.getPerspectiveTransform(source, local)
    colour = cv2.warpPerspective(texture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillConvexPoly(mask, np.clip((local - 0.5) * 16.0, -2e6, 2e6).astype(np.int32), 255, cv2.LINE_AA, 4)
    cover = np.asarray(mask * np.float32(1 / 255), np.float32)
    if texture.shape[2] == 4:
        cover = cover * (colour[..., 3] * np.float32(1 / 255))
        colour = colour[..., :3]
    patch.lay(found, np.asarray(colour, np.float32) * shade, cover, slab.owned)


def draw(patch: Patch, solid: Solid, view: Viewpoint, light: Light, forward: Points) -> None:
    """Draw any solid."""
    if isinstance(solid, Tube):
        draw_tube(patch, solid, view, light, forward)
    elif isinstance(solid, Ball):
        draw_ball(patch, solid, view, light)
    else:
        draw_slab(patch, solid, view, light)


def outline(solids: list[Solid], view: Viewpoint) -> tuple[float, float, float, float]:
    """A pixel rectangle that holds all bodies, not clipped to the picture."""
    points, radii = [], []
    for solid in solids:
        if isinstance(solid, Ball):
            points.append(solid.centre)
            radii.append(max(solid.radii))
        elif isinstance(solid, Slab):
            points += list(solid.corners)
            radii += [0.0] * 4
        else:
            wide = float(np.max(solid.wide))
            wide = wide if solid.deep is None else max(wide, float(np.max(solid.deep)))
            points += [solid.start, solid.end]
            radii += [wide, wide]
    pixels, scale = view.project(np.stack(points))
    reach = np.array(radii) * scale
    low, high = (pixels - reach[:, None]).min(axis=0), (pixels + reach[:, None]).max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _matters(solid: Solid, view: Viewpoint) -> bool:
    """Whether a body is large enough to be seen at its distance."""
    if isinstance(solid, Slab):
        return True
    at, size = (solid.centre, max(solid.radii)) if isinstance(solid, Ball) else (solid.start, float(solid.wide.max()))
    return size * view.focal > 0.3 * max(view.see(*at.tolist())[2], 0.1)


def paint(
    solids: list[Solid], forward: Points, view: Viewpoint, light: Light, frame: tuple[int, int, int, int]
) -> Patch | None:
    """Draw the bodies that make up a person or a thing.

    Args:
        solids: In painting order.
        forward: Where the front looks.
        view: The camera.
        light: The light where it is.
        frame: Pixels to keep, ``(left, top, right, bottom)``.

    Returns:
        The patch, or ``None`` when nothing of it is in the frame.
    """
    left, top, right, bottom = outline(solids, view)
    left, top = max(math.floor(left) - 2, frame[0]), max(math.floor(top) - 2, frame[1])
    right, bottom = min(math.ceil(right) + 3, frame[2]), min(math.ceil(bottom) + 3, frame[3])
    if left >= right or top >= bottom:
        return None
    patch = Patch(int(left), int(top), int(right), int(bottom))
    for solid in solids:
        if _matters(solid, view):
            draw(patch, solid, view, light, forward)
    patch.tint(light)
    return patch
