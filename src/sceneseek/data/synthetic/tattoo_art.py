"""Tattoo designs: what is drawn, fixed by a seed, and how it looks as ink or as a sketch on paper.

A design is a main motif, what stands beside or around it, a palette and a line weight. A look-alike has the same plan
with other parts: same family, same layout, another rose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from sceneseek.data.synthetic.tattoo_emblems import EMBLEMS
from sceneseek.data.synthetic.tattoo_marks import Mark, Marks, Rng, centred, circle, extent, line, placed, polygon
from sceneseek.data.synthetic.tattoo_nature import NATURE
from sceneseek.data.synthetic.tattoo_texture import cut
from sceneseek.structures import FloatArray, ImageArray

FAMILIES = {**NATURE, **EMBLEMS}
"""Every motif by name."""

INK_SIDE = 320
"""Pixels on the longer side of the ink pictures that scenes are made from."""

Style = Literal["line", "grey", "colour"]
Colour = tuple[float, float, float]

_ACCENTS = ("stars", "banner", "lettering", "swallow", "blossom", "star", "feather", "heart", "crown", "tribal")
_BLACK: Colour = (0.07, 0.08, 0.10)
_SHIFT = 4
_SOLID_BELOW = 60
_INKS: tuple[Colour, ...] = (
    (0.75, 0.10, 0.10), (0.85, 0.30, 0.12), (0.95, 0.72, 0.15), (0.20, 0.48, 0.18), (0.12, 0.45, 0.50),
    (0.14, 0.25, 0.62), (0.42, 0.15, 0.52), (0.85, 0.38, 0.52), (0.55, 0.32, 0.16), (0.35, 0.62, 0.85),
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One motif in its place.

    Attributes:
        family: A name in ``FAMILIES``.
        seed: Which member of the family.
        scale: Relative to the whole.
        angle: Radians.
        shift: Of its centre.
        flip: Mirrored.
    """

    family: str
    seed: int
    scale: float = 1.0
    angle: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    flip: bool = False


@dataclass(frozen=True)
class Design:
    """A tattoo as its artist planned it; hashable, and small.

    Attributes:
        parts: The main motif last, in front of the others.
        palette: Inks as the share of light that they let through, red, green and blue; the first is black.
        style: Lines only, with grey wash, or coloured.
        weight: Line width relative to half the design's size.
        frame: Sides of a polygon drawn round it; 0 none, 1 a circle.
    """

    parts: tuple[Part, ...]
    palette: tuple[Colour, ...]
    style: Style
    weight: float
    frame: int = 0

    @property
    def family(self) -> str:
        """The main motif's family."""
        return self.parts[-1].family


def draw_design(rng: Rng) -> Design:
    """Invent a design."""
    family = str(rng.choice(list(FAMILIES)))
    style: Style = ("line", "grey", "colour")[int(rng.choice(3, p=[0.35, 0.3, 0.35]))]
    inks = [_INKS[i] for i in rng.permutation(len(_INKS))[:3]]
    if style == "grey":
        inks = [(v, v, v + 0.02) for v in (float(x) for x in rng.uniform(0.45, 0.9, 3))]
    layout = str(rng.choice(["single", "below", "flanked", "behind", "crowned"], p=[0.4, 0.2, 0.12, 0.14, 0.14]))
    return Design(
        parts=(*_accents(rng, layout), Part(family, _seed(rng), 0.72 if layout != "single" else 1.0)),
        palette=(_BLACK, *inks),
        style=style,
        weight=float(rng.uniform(0.012, 0.03)),
        frame=int(rng.choice([0, 1, 3, 4, 6, 8], p=[0.8, 0.08, 0.03, 0.04, 0.03, 0.02])),
    )


def draw_lookalike(design: Design, rng: Rng, *, keep_main: bool = False) -> Design:
    """Change a design's parts and keep its plan.

    Args:
        design: What to resemble.
        rng: Source of randomness.
        keep_main: Keep the main motif and change only what stands beside it; without anything beside it, the main motif
            changes after all.

    Returns:
        A design of the same family, layout, style and line weight. Its colours stay in half of the cases.
    """
    *beside, main = design.parts
    if keep_main and beside:
        parts = (*(replace(p, family=str(rng.choice(_ACCENTS)), seed=_seed(rng)) for p in beside), main)
    else:
        parts = (*beside, replace(main, seed=_seed(rng)))
    inks = design.palette[1:]
    if rng.random() < 0.5:
        inks = tuple(inks[i] for i in rng.permutation(len(inks)))
    return replace(design, parts=parts, palette=(design.palette[0], *inks))


def marks_of(design: Design) -> Marks:
    """The design's marks, filling the square from -1 to 1."""
    marks: Marks = []
    if design.frame:
        outline = circle(radius=1.12) if design.frame == 1 else polygon(design.frame, 1.25)
        marks += [line(outline, 1.6, closed=True), line(outline * 0.94, 0.7, closed=True)]
    for part in design.parts:
        motif = centred(FAMILIES[part.family](np.random.default_rng(part.seed)))
        motif = placed(motif, part.scale, part.angle, part.shift, flip=part.flip)
        marks += [replace(mark, width=mark.width * part.scale**0.6) for mark in motif]  # small parts, finer needles
    return centred(marks)


@lru_cache(maxsize=160)
def render_ink(design: Design) -> ImageArray:
    """Draw a design as fresh ink.

    Returns:
        ``(h, w, 3)`` uint8, the longer side ``INK_SIDE``: the share of light let through, 255 for bare skin, in red,
        green and blue. Read-only, because it is kept.
    """
    scale = INK_SIDE / 2 - 4
    marks = marks_of(design)
    left, top, right, bottom = extent(marks)
    width, height = (int(np.ceil(scale * side)) + 8 for side in (right - left, bottom - top))
    ink = np.full((height, width, 3), 255, np.uint8)
    wash = np.full((height, width), 255, np.uint8)
    palette = [tuple(round(255 * c) for c in colour) for colour in design.palette]
    for mark in marks:
        points = _to_pixels(mark.points, scale, left, top)
        _draw_ink(mark, points, design, ink, wash, palette, scale)
    soft = cv2.GaussianBlur(wash, (0, 0), INK_SIDE / 60)
    _lay_unevenly(ink, design)
    shaded = np.asarray(cv2.multiply(ink, cv2.merge([soft] * 3), scale=1 / 255), np.uint8)
    shaded.flags.writeable = False
    return shaded


@lru_cache(maxsize=1024)
def ink_density(design: Design, cells: int = 24) -> FloatArray:
    """How much ink lies in each cell of a grid over the design, ``(cells, cells)``; only the proportions matter."""
    density = 255 - darkest(render_ink(design))
    return np.asarray(cv2.resize(density, (cells, cells), interpolation=cv2.INTER_AREA), np.float32)


def darkest(image: ImageArray) -> ImageArray:
    """The smallest of three channels, ``(H, W)``; faster than NumPy's minimum over so short an axis."""
    return np.minimum(np.minimum(image[..., 0], image[..., 1]), image[..., 2])


def render_sketch(design: Design, rng: Rng, side: int, *, sloppiness: float = 1.0) -> ImageArray:
    """Redraw a design by hand, from memory, in pencil or pen.

    Lines wander and overlap, proportions change, fills become hatching or are left out, some detail is forgotten.

    Args:
        design: What to draw.
        rng: Source of randomness.
        side: Pixels on the longer side.
        sloppiness: How far the hand wanders; 0 traces the design.

    Returns:
        ``(h, w)`` uint8: the share of light that the drawn paper returns, 255 where it is bare.
    """
    marks = _distorted(marks_of(design), rng, sloppiness)
    left, top, right, bottom = extent(marks)
    scale = (side - 8) / max(right - left, bottom - top)
    width, height = (int(np.ceil(scale * length)) + 8 for length in (right - left, bottom - top))
    paper = np.full((height, width), 255, np.uint8)
    tone, thick = int(rng.uniform(20, 110)), max(1.0, scale * rng.uniform(0.008, 0.017))
    fill_style = str(rng.choice(["outline", "hatch", "solid"], p=[0.3, 0.45, 0.25]))
    passes = int(rng.integers(1, 3))
    for mark in marks:
        if mark.kind == "line" and mark.width < 0.65 and rng.random() < 0.25 * sloppiness:
            continue
        points = (mark.points - [left, top]) * scale + 4
        _draw_pencil(mark, points.astype(np.float32), rng, paper, tone, thick, fill_style, passes, sloppiness)
    grain = np.clip(np.float32(0.85) + np.float32(0.15) * cut("pores", rng, height, width), 0.3, 1.0)
    return np.asarray(255 - (255 - paper) * grain, np.uint8)


# -- parts -------------------------------------------------------------------------------------------------------------


def _seed(rng: Rng) -> int:
    return int(rng.integers(2**31))


def _accents(rng: Rng, layout: str) -> tuple[Part, ...]:
    family, seed = str(rng.choice(_ACCENTS)), _seed(rng)
    size = float(rng.uniform(0.34, 0.5))
    if layout == "below":
        return (Part(str(rng.choice(["banner", "lettering", "stars", "tribal"])), seed, 0.6, 0.0, (0.0, 0.95)),)
    if layout == "crowned":
        return (Part(str(rng.choice(["crown", "lettering", "star", "swallow"])), seed, size, 0.0, (0.0, -0.95)),)
    if layout == "flanked":
        turn = float(rng.uniform(-0.4, 0.4))
        return (Part(family, seed, size, turn, (0.9, 0.1)), Part(family, seed, size, -turn, (-0.9, 0.1), flip=True))
    if layout == "behind":
        n = int(rng.integers(2, 5))
        turns = rng.uniform(0, 2 * np.pi) + np.arange(n) * 2 * np.pi / n
        return tuple(
            Part(
                "feather" if family == "lettering" else family,
                seed,
                size,
                float(a),
                (0.8 * float(np.sin(a)), -0.8 * float(np.cos(a))),
            )
            for a in turns
        )
    return ()


def _to_pixels(points: FloatArray, scale: float, left: float, top: float) -> list[NDArray[np.int32]]:
    """Fixed-point pixel coordinates, as OpenCV's anti-aliased drawing takes them."""
    return _fixed((points - [left, top]) * scale + 4)


def _fixed(points: Any) -> list[NDArray[np.int32]]:
    return [np.rint(points * (1 << _SHIFT)).astype(np.int32)]


def _draw_ink(
    mark: Mark,
    points: list[NDArray[np.int32]],
    design: Design,
    ink: ImageArray,
    wash: ImageArray,
    palette: list[tuple[int, ...]],
    scale: float,
) -> None:
    if mark.kind == "line":
        thick = max(1, round(mark.width * design.weight * scale * 2))
        cv2.polylines(ink, points, mark.closed, palette[mark.ink], thick, cv2.LINE_AA, _SHIFT)
    elif mark.kind == "shade":
        if design.style != "line":
            cv2.fillPoly(wash, points, 130, cv2.LINE_AA, _SHIFT)
    else:
        # Without colours only black areas are inked; the others keep bare skin and hide what lies behind.
        inked = mark.kind == "fill" and (mark.ink == 0 or design.style != "line")
        cv2.fillPoly(ink, points, palette[mark.ink] if inked else (255, 255, 255), cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(wash, points, 255, cv2.LINE_8, _SHIFT)


def _lay_unevenly(ink: ImageArray, design: Design) -> None:
    """Let colour and grey wash vary within an area, as needles leave them; solid black stays."""
    if design.style == "line":
        return
    height, width = ink.shape[:2]
    rng = np.random.default_rng(design.parts[-1].seed)
    cover = np.clip(np.float32(0.75) + np.float32(0.18) * cut("blotches", rng, height, width), 0.35, 1.0)
    cover[255 - darkest(255 - ink) < _SOLID_BELOW] = 1.0
    bare = cv2.multiply(255 - ink, cv2.merge([cover] * 3), dtype=cv2.CV_8U)
    np.subtract(255, bare, out=ink)


def _distorted(marks: Marks, rng: Rng, sloppiness: float) -> Marks:
    """Move everything by one smooth field: the proportions that a hand gets wrong."""
    n = 6
    field = rng.normal(0, 0.035 * sloppiness, (n, n, 2)).astype(np.float32)
    shear = np.eye(2) + rng.normal(0, 0.05 * sloppiness, (2, 2))
    out: Marks = []
    for mark in marks:
        grid = ((mark.points + 1.2) / 2.4 * (n - 1)).clip(0, n - 1.001).astype(np.float32)
        offset = cv2.remap(field, grid[None, :, 0], grid[None, :, 1], cv2.INTER_LINEAR)[0]
        out.append(replace(mark, points=((mark.points + offset) @ shear).astype(np.float32)))
    return out


def _draw_pencil(
    mark: Mark,
    points: FloatArray,
    rng: Rng,
    paper: ImageArray,
    tone: int,
    thick: float,
    fill_style: str,
    passes: int,
    sloppiness: float,
) -> None:
    exact = _fixed(points)
    if mark.kind == "line":
        for _ in range(passes):
            wander = rng.normal(0, 0.55 * thick * sloppiness, (3, 2))
            t = np.linspace(0, 2, len(points))[:, None]
            drift = np.where(
                t < 1, wander[0] + (wander[1] - wander[0]) * t, wander[1] + (wander[2] - wander[1]) * (t - 1)
            )
            path = _fixed(points + drift)
            width = max(1, round(thick * (0.6 + 0.4 * mark.width) * rng.uniform(0.8, 1.25)))
            cv2.polylines(
                paper, path, mark.closed, min(200, tone + int(rng.integers(0, 40))), width, cv2.LINE_AA, _SHIFT
            )
        return
    if mark.kind == "shade":
        return
    cv2.fillPoly(paper, exact, 255, cv2.LINE_AA, _SHIFT)
    if mark.kind == "clear" or mark.ink != 0:
        return
    if fill_style == "solid":
        cv2.fillPoly(paper, exact, tone, cv2.LINE_AA, _SHIFT)
    elif fill_style == "hatch":
        left, top, w, h = cv2.boundingRect(points)
        inside = np.zeros((h + 2, w + 2), np.uint8)
        cv2.fillPoly(inside, [exact[0] - (np.array([left, top], np.int32) << _SHIFT)], 255, cv2.LINE_AA, _SHIFT)
        y, x = np.mgrid[: h + 2, : w + 2].astype(np.float32)
        stripes = (np.sin((x + 1.1 * y) * (2.2 / max(thick, 1.2)) + rng.uniform(0, 6)) > -0.1) & (inside > 127)
        region = paper[max(top, 0) : top + h + 2, max(left, 0) : left + w + 2]
        stripes = stripes[max(-top, 0) :, max(-left, 0) :][: region.shape[0], : region.shape[1]]
        region[stripes] = np.minimum(region[stripes], tone + 25)
        cv2.polylines(paper, exact, True, tone, max(1, round(thick * 0.8)), cv2.LINE_AA, _SHIFT)
    else:
        cv2.polylines(paper, exact, True, tone, max(1, round(thick)), cv2.LINE_AA, _SHIFT)
