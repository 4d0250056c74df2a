"""One picture of the tattoo world: a photograph of people with tattoos, or a sheet of paper with a sketch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from sceneseek.data.synthetic import tattoo_backdrop, tattoo_body, tattoo_paint
from sceneseek.data.synthetic.tattoo_art import Design, ink_density, render_sketch
from sceneseek.data.synthetic.tattoo_body import Figure, Ink
from sceneseek.data.synthetic.tattoo_paint import Traces
from sceneseek.data.synthetic.tattoo_skin import BodyPart, draw_light
from sceneseek.data.synthetic.tattoo_texture import blend_over, cut, shade_by
from sceneseek.errors import ValueRefused
from sceneseek.structures import UNLABELED, FloatArray, ImageArray, IntArray

Rng = np.random.Generator
Difficulty = Literal["easy", "medium", "hard"]

_MIN_BOX_SIDE = 8
_MIN_VISIBILITY = 0.08
_LEAST_BLUR = 0.35


@dataclass(frozen=True)
class Hardship:
    """What a difficulty level stands for.

    Attributes:
        size: Smallest and largest tattoo, longer side relative to the scene's height.
        turned: How far tattoos lie from the middle of a limb, 0 to 1.
        hidden: The largest share that clothes hide.
        least_seen: Labelled tattoos are placed so that at least this share is visible.
        clutter: Of the place.
        companions: Chance of a further, unlabelled tattoo on a figure.
        strangers: Chance of a figure with an unlabelled design in a scene.
        lookalikes: Share of unlabelled designs that resemble a labelled one.
        roughness: How much cameras blur, add noise and compress.
        sloppiness: Of sketches.
    """

    size: tuple[float, float]
    turned: float
    hidden: float
    least_seen: float
    clutter: float
    companions: float
    strangers: float
    lookalikes: float
    roughness: float
    sloppiness: float


HARDSHIPS: dict[str, Hardship] = {
    "easy": Hardship((0.3, 0.6), 0.3, 0.1, 0.8, 0.3, 0.1, 0.1, 0.2, 0.4, 0.5),
    "medium": Hardship((0.23, 0.65), 0.6, 0.3, 0.6, 0.6, 0.25, 0.3, 0.4, 1.0, 1.0),
    "hard": Hardship((0.14, 0.55), 0.9, 0.45, 0.4, 1.0, 0.4, 0.5, 0.6, 1.7, 1.5),
}
"""Levels by name."""


def hardship(difficulty: str) -> Hardship:
    """What a difficulty level stands for.

    Raises:
        ValueRefused: There is no level of that name.
    """
    if difficulty not in HARDSHIPS:
        raise ValueRefused(f"difficulty is {difficulty!r}; expected {', '.join(HARDSHIPS)}.")
    return HARDSHIPS[difficulty]


@dataclass(frozen=True)
class Camera:
    """How one camera renders colours and how cleanly.

    Attributes:
        name: For ``Sample.camera_id``.
        balance: Gain of red, green and blue.
        contrast: 0 leaves tones as they are; more makes an S-curve.
        blur: Pixels.
        noise: Deviation, of 255.
        quality: Of JPEG.
        vignette: Darkening of the corners.
    """

    name: str
    balance: tuple[float, float, float]
    contrast: float
    blur: float
    noise: float
    quality: int
    vignette: float


def draw_camera(rng: Rng, name: str, roughness: float) -> Camera:
    """Draw a camera; ``roughness`` is a difficulty level's."""
    warm, tint = rng.normal(0, 0.08), rng.normal(0, 0.03)
    return Camera(
        name=name,
        balance=(float(1 + warm), float(1 + tint), float(1 - warm)),
        contrast=float(rng.uniform(-0.15, 0.45)),
        blur=float(rng.uniform(0.0, 0.6) * roughness),
        noise=float(rng.uniform(0.5, 5.0) * roughness),
        quality=int(np.clip(95 - rng.uniform(0, 32) * roughness, 28, 95)),
        vignette=float(rng.uniform(0.0, 0.35)),
    )


@dataclass(frozen=True)
class Subject:
    """A tattoo to be shown: its design and its identity, or ``UNLABELED``."""

    design: Design
    person_id: int


@dataclass(frozen=True, eq=False)
class Picture:
    """A finished picture with its truth.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        quality: With which it shall be saved as JPEG.
        boxes: ``(N, 4)`` float32 ``xyxy``: what is visible of each tattoo.
        person_ids: ``(N,)``.
        visibility: ``(N,)``, the share of each tattoo's ink that is visible.
    """

    image: ImageArray
    quality: int
    boxes: FloatArray
    person_ids: IntArray
    visibility: FloatArray


def photograph(
    rng: Rng, subjects: list[Subject], extras: list[Design], camera: Camera, size: tuple[int, int], hard: Hardship
) -> Picture:
    """Photograph people with tattoos.

    Args:
        rng: Source of randomness.
        subjects: One figure each, labelled ones placed so that they are seen well enough.
        extras: Unlabelled designs on the same skins.
        camera: The camera.
        size: Width and height in pixels.
        hard: The difficulty level.

    Returns:
        The picture. Tattoos of which next to nothing is visible have no box, but a labelled one always has.
    """
    width, height = size
    light = draw_light(rng)
    figures = _arranged(rng, subjects, size, hard)
    for i, design in enumerate(extras[: len(figures)]):
        extent = height * float(rng.uniform(*hard.size)) * 0.7
        figures[i] = tattoo_body.second_ink(rng, figures[i], design, extent)
    canvas = tattoo_backdrop.draw_backdrop(rng, width, height, hard.clutter)
    canvas *= np.array(light.colour, np.float32)
    traces = Traces(np.zeros((height, width), np.uint8))
    for figure in figures:
        tattoo_paint.paint(figure, canvas, traces, light, rng)
    boxes, ids, seen = _truth(traces, width, height)
    return Picture(_exposed(rng, canvas, camera, hard.roughness), camera.quality, boxes, ids, seen)


def sketch(rng: Rng, subject: Subject, camera: Camera, size: tuple[int, int], hard: Hardship) -> Picture:
    """Draw a design by hand on a sheet of paper and photograph or scan the sheet.

    The box is the drawing.
    """
    width, height = size
    paper = _sheet(rng, width, height, hard)
    side = int(height * rng.uniform(0.5, 0.85))
    drawn = render_sketch(subject.design, rng, side, sloppiness=hard.sloppiness)
    if drawn.shape[1] > 0.92 * width:
        factor = 0.92 * width / drawn.shape[1]
        drawn = np.asarray(cv2.resize(drawn, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    x = int(rng.integers(4, max(5, width - drawn.shape[1] - 4)))
    y = int(rng.integers(4, max(5, height - drawn.shape[0] - 4)))
    layer = np.full((height, width), 255, np.uint8)
    layer[y : y + drawn.shape[0], x : x + drawn.shape[1]] = drawn[: height - y, : width - x]
    layer = _tilted(rng, layer)
    pen = np.array(_PENS[int(rng.choice(len(_PENS), p=[0.7, 0.18, 0.12]))], np.float32)
    cover = (255 - layer).astype(np.float32) * np.float32(1 / 255)
    blend_over(paper, paper * pen, cover)
    rows, columns = np.flatnonzero((layer < 200).any(axis=1)), np.flatnonzero((layer < 200).any(axis=0))
    box = np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], np.float32)
    image = _exposed(rng, paper, camera, 0.5 * hard.roughness)
    return Picture(image, camera.quality, box, np.array([subject.person_id]), np.ones(1, np.float32))


# -- photographs -------------------------------------------------------------------------------------------------------


def _arranged(rng: Rng, subjects: list[Subject], size: tuple[int, int], hard: Hardship) -> list[Figure]:
    """Place a figure for each subject so that later ones, painted over earlier ones, hide no labelled tattoo."""
    width, height = size
    best: list[Figure] = []
    best_seen = -1.0
    for attempt in range(12):
        shrink = 0.92**attempt
        figures = []
        columns = rng.permutation(len(subjects))
        for subject, column in zip(subjects, columns, strict=True):
            spread = float(np.exp(rng.uniform(*np.log(hard.size)))) * height * shrink / (1 + 0.18 * (len(subjects) - 1))
            x = width * (column + float(rng.uniform(0.3, 0.7))) / len(subjects)
            y = height * float(rng.uniform(0.3, 0.7))
            hidden = hard.hidden if subject.person_id != UNLABELED else 0.7
            tattoo = (subject.design, subject.person_id)
            figure = tattoo_body.draw_figure(rng, *tattoo, (x, y), spread, size, hidden=hidden, turned=hard.turned)
            figures.append(figure)
        seen = min(
            (_foreseen(figures, i, size) for i, s in enumerate(subjects) if s.person_id != UNLABELED), default=1.0
        )
        if seen > best_seen:
            best, best_seen = figures, seen
        if seen >= hard.least_seen:
            break
    return best


def _foreseen(figures: list[Figure], index: int, size: tuple[int, int]) -> float:
    """The share of a figure's first tattoo that will be visible, before anything is painted."""
    figure = figures[index]
    place, part = figure.inks[0].place, figure.main.part
    points, visible = place.on_part(part, 8)
    along_part = ((points - part.origin) @ np.array(part.direction)) / part.length
    for garment in figure.main.garments:
        if not garment.strap:
            visible = visible & ((along_part < garment.start) | (along_part > garment.stop))
    visible = visible & (points > 0).all(axis=-1) & (points < size).all(axis=-1)
    for later in figures[index + 1 :]:
        for limb in later.limbs:
            visible = visible & ~limb.part.contains(points, 1.1)
    return float(visible.mean())


def _truth(traces: Traces, width: int, height: int) -> tuple[FloatArray, IntArray, FloatArray]:
    boxes, ids, shares = [], [], []
    for layer, (rows, columns), covered, ink, part in traces.inks:
        seen = covered & (traces.owner[rows, columns] == layer)
        if not seen.any():
            continue
        ys, xs = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        box = [columns.start + xs[0], rows.start + ys[0], columns.start + xs[-1] + 1, rows.start + ys[-1] + 1]
        share = _visible_share(traces, layer, ink, part, width, height)
        small = min(box[2] - box[0], box[3] - box[1]) < _MIN_BOX_SIDE
        if ink.person_id == UNLABELED and (small or share < _MIN_VISIBILITY):
            continue
        boxes.append(box)
        ids.append(ink.person_id)
        shares.append(share)
    return np.array(boxes, np.float32).reshape(-1, 4), np.array(ids, np.int64), np.array(shares, np.float32)


def _visible_share(traces: Traces, layer: int, ink: Ink, part: BodyPart, width: int, height: int) -> float:
    """Share of the ink that ended up on top, counted on the design and not in the scene: what is outside counts too."""
    inked = ink_density(ink.design)
    steps = len(inked)
    points, facing = ink.place.on_part(part, steps)
    x, y = np.floor(points[..., 0]).astype(int), np.floor(points[..., 1]).astype(int)
    inside = facing & (x >= 0) & (y >= 0) & (x < width) & (y < height)
    on_top = np.zeros_like(inside)
    on_top[inside] = traces.owner[y[inside], x[inside]] == layer
    return float((inked * on_top).sum() / max(float(inked.sum()), 1e-6))


def _exposed(rng: Rng, canvas: FloatArray, camera: Camera, roughness: float) -> ImageArray:
    """What the camera makes of the light; ``canvas`` is used up."""
    height, width = canvas.shape[:2]
    gain = np.array(camera.balance, np.float32) * np.float32(1.06 * np.exp(rng.normal(0, 0.14)))
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    fall = 1 - np.float32(0.4 * camera.vignette) * (x * x + y * y)
    canvas *= cv2.merge([fall * channel for channel in gain])
    blur = camera.blur + float(rng.exponential(0.35)) * roughness
    if blur > _LEAST_BLUR:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), blur), np.float32)
    if rng.random() < 0.06 * roughness:
        canvas = np.asarray(cv2.filter2D(canvas, -1, _shake(rng)), np.float32)
    grain = cut("grain", rng, height, width) * np.float32(camera.noise * float(rng.uniform(0.6, 1.5)) / 255)
    canvas += cv2.merge([grain * np.float32(level) for level in rng.normal(1.0, 0.25, 3)])
    image = cv2.convertScaleAbs(canvas, alpha=255)  # saturates; the rare value below zero is mirrored, as noise may be
    levels = np.arange(256, dtype=np.float32) / 255
    curve = levels + np.float32(camera.contrast) * levels * (1 - levels) * (2 * levels - 1)
    return np.asarray(cv2.LUT(image, np.rint(np.clip(curve, 0, 1) * 255).astype(np.uint8)), np.uint8)


def _shake(rng: Rng) -> FloatArray:
    """Kernel of a hand that moved."""
    side = int(rng.integers(2, 5)) * 2 + 1
    kernel = np.zeros((side, side), np.float32)
    a = rng.uniform(0, np.pi)
    reach = np.array([np.cos(a), np.sin(a)]) * (side // 2)
    start, stop = np.rint(side // 2 - reach).astype(int), np.rint(side // 2 + reach).astype(int)
    cv2.line(kernel, start.tolist(), stop.tolist(), 1.0, 1, cv2.LINE_AA)
    return np.asarray(kernel / kernel.sum(), np.float32)


# -- sketches ----------------------------------------------------------------------------------------------------------

_PENS = ((0.12, 0.12, 0.13), (0.08, 0.12, 0.45), (0.35, 0.12, 0.1))


def _sheet(rng: Rng, width: int, height: int, hard: Hardship) -> FloatArray:
    """Paper: plain, ruled or squared, lit unevenly, sometimes with the table around it."""
    tone = np.array([1.0, 1.0 - rng.uniform(0, 0.05), 1.0 - rng.uniform(0, 0.14)], np.float32) * np.float32(
        rng.uniform(0.8, 0.97)
    )
    sheet = np.full((height, width, 3), tone, np.float32)
    kind = int(rng.choice(4, p=[0.6, 0.16, 0.12, 0.12]))
    if kind in (1, 2):
        step, blue = int(rng.integers(14, 30)), np.array([0.72, 0.82, 0.95], np.float32)
        sheet[::step] *= blue
        if kind == 2:
            sheet[:, ::step] *= blue
    grain = np.float32(0.012) * cut("pores", rng, height, width) + np.float32(0.03) * cut(
        "muscles", rng, height, width, 2.0
    )
    x, y = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    a = rng.uniform(0, 2 * np.pi)
    fall = np.float32(rng.uniform(0, 0.14)) * (x * np.float32(np.cos(a)) + y * np.float32(np.sin(a)))
    shade_by(sheet, (1 + grain) * (1 + fall))
    if kind == 3:
        table = tattoo_backdrop.draw_backdrop(rng, width, height, hard.clutter)
        edges = np.array([[rng.uniform(0, 0.06), rng.uniform(0, 0.06)] for _ in range(4)]) * [width, height]
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) + edges * [
            [1, 1],
            [-1, 1],
            [-1, -1],
            [1, -1],
        ]
        mask = np.zeros((height, width), np.float32)
        cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 1.0, cv2.LINE_AA)
        blend_over(table, sheet, mask)
        sheet = table
    return np.asarray(sheet, np.float32)


def _tilted(rng: Rng, layer: ImageArray) -> ImageArray:
    """Turn the drawing a little, and look at it from the side."""
    height, width = layer.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    jitter = rng.uniform(-0.035, 0.035, (4, 2)) * [width, height]
    matrix = cv2.getPerspectiveTransform(corners, (corners + jitter).astype(np.float32))
    return np.asarray(cv2.warpPerspective(layer, matrix, (width, height), borderValue=255), np.uint8)
