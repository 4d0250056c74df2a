"""Tattoo motifs from nature: flowers, animals, trees. Each function draws one family from a source of randomness."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sceneseek.data.synthetic.tattoo_marks import (
    BLACK,
    Marks,
    Rng,
    arc,
    area,
    blade,
    circle,
    hatching,
    line,
    mirrored,
    placed,
    polar,
    repeated,
    shape,
    spline,
)
from sceneseek.structures import FloatArray

FIRST, SECOND, THIRD = 1, 2, 3
"""Coloured inks; in a black design they turn to clear skin or grey wash."""


def leaf(rng: Rng, length: float = 1.0, ink: int | None = SECOND) -> Marks:
    """A leaf from the origin upwards, with veins."""
    bend = rng.uniform(-0.25, 0.25)
    centre = spline([[0, 0], [bend, -0.5 * length], [bend * 0.4, -length]])
    outline = blade(centre, rng.uniform(0.2, 0.32) * length, peak=rng.uniform(0.35, 0.5))
    marks = [*shape(outline, ink), line(centre, 0.6)]
    n = int(rng.integers(2, 5))
    for i in np.linspace(0.25, 0.75, n):
        x, y = centre[int(i * (len(centre) - 1))]
        for side in (-1, 1):
            marks.append(line([[x, y], [x + side * 0.13 * length, y - 0.12 * length]], 0.5))
    return marks


def rose(rng: Rng) -> Marks:
    """A rose from above: rings of overlapping petals round a spiral, with leaves behind."""
    marks: Marks = []
    turn = rng.uniform(0, 2 * np.pi)
    for i in range(int(rng.integers(0, 4))):
        marks += placed(leaf(rng), angle=turn + i * rng.uniform(1.2, 2.2))
    radius, petals = 0.82, int(rng.integers(5, 7))
    shrink = rng.uniform(0.66, 0.78)
    tip = rng.uniform(0.0, 0.14)
    while radius > 0.16:
        turn += rng.uniform(0.4, 0.9)
        for k in range(petals):
            half = rng.uniform(0.95, 1.2) * np.pi / petals * 1.25
            t = np.linspace(-1, 1, 15)
            r = radius * (1 - 0.32 * np.abs(t) ** 2.6 + tip * np.exp(-((t / 0.25) ** 2))) * rng.uniform(0.93, 1.05)
            rim = polar(r, turn + k * 2 * np.pi / petals + t * half)
            outline = np.concatenate([[[0, 0]], rim]).astype(np.float32)
            marks += [area(outline, FIRST), line(rim, 1.0)]
            inner = polar(r[3:-3] * 0.9, turn + k * 2 * np.pi / petals + t[3:-3] * half)
            marks.append(area(np.concatenate([inner, inner[::-1] * 0.72]), kind="shade"))
        radius *= shrink
        petals = max(3, petals - int(rng.integers(0, 2)))
    t = np.linspace(0, rng.uniform(3.5, 5.5) * np.pi, 40)
    marks += [*shape(circle(radius=0.17), FIRST), line(polar(0.02 + 0.14 * t / t[-1], t), 0.8)]
    return marks


def lotus(rng: Rng) -> Marks:
    """A lotus from the side: pointed petals in layers, water lines and dots below."""
    marks: Marks = []
    layers = int(rng.integers(2, 4))
    spread, height = rng.uniform(1.1, 1.4), rng.uniform(0.85, 1.1)
    for layer in range(layers):
        n = 2 * (layers - layer) + int(rng.integers(0, 2)) + 1
        length = height * (1 - 0.18 * layer)
        angles = np.linspace(-spread, spread, n) * (1 - 0.12 * layer)
        for angle in sorted(angles, key=lambda a: -abs(a)):
            petal = blade(spline([[0, 0.05], [0, -0.5 * length], [0, -length]]), 0.24 * length, peak=0.55, blunt=0.3)
            marks += placed([*shape(petal, FIRST), line([[0, -0.15], [0, -0.7 * length]], 0.4)], angle=-angle)
    for i in range(int(rng.integers(1, 5))):
        w = 0.7 - 0.15 * i
        marks.append(
            line(
                spline([[-w, 0.15 + 0.1 * i], [-w / 3, 0.21 + 0.1 * i], [w / 3, 0.12 + 0.1 * i], [w, 0.15 + 0.1 * i]]),
                0.7,
            )
        )
    if rng.random() < 0.5:
        marks += [area(circle(0, -height - 0.12 - 0.14 * i, 0.05 - 0.01 * i, sides=14)) for i in range(3)]
    return marks


def blossom_branch(rng: Rng) -> Marks:
    """A twig with five-petalled blossoms, buds and leaves."""
    sway = rng.uniform(-0.5, 0.5, 4)
    stem = spline(np.stack([sway, np.linspace(0.95, -0.95, 4)], 1))
    marks: Marks = [area(blade(stem, 0.045, peak=0.1, blunt=0.9))]
    for i in range(int(rng.integers(3, 6))):
        at = stem[int(rng.uniform(0.1, 0.95) * (len(stem) - 1))]
        marks += placed(leaf(rng, rng.uniform(0.28, 0.45)), angle=(-1) ** i * rng.uniform(0.5, 1.4), shift=tuple(at))
    petals = int(rng.integers(4, 7))
    for _ in range(int(rng.integers(2, 6))):
        at = stem[int(rng.uniform(0.0, 1.0) * (len(stem) - 1))] + rng.normal(0, 0.16, 2)
        petal = spline(
            [[0, 0], [-0.45, -0.5], [-0.3, -0.95], [0, -0.82], [0.3, -0.95], [0.45, -0.5]], closed=True, steps=6
        )
        flower = [*repeated(shape(petal, FIRST), petals), area(circle(radius=0.17, sides=14), THIRD)]
        flower += repeated([line([[0, -0.15], [0, -0.5]], 0.5)], petals, turn=0.2)
        marks += placed(flower, rng.uniform(0.2, 0.36), rng.uniform(0, 6), (float(at[0]), float(at[1])))
    return marks


def tree(rng: Rng) -> Marks:
    """A bare or leafy tree with roots."""
    marks: Marks = []
    leafy, spread, depth = rng.random() < 0.5, rng.uniform(0.35, 0.62), 5
    twigs: list[FloatArray] = []

    def grow(at: FloatArray, angle: float, length: float, level: int, sign: float) -> None:
        tip = at + length * np.array([np.sin(angle), -sign * np.cos(angle)], np.float32)
        middle = (at + tip) / 2 + rng.normal(0, 0.06 * length, 2).astype(np.float32)
        width = 0.075 * 0.6**level
        marks.append(area(blade(spline([at, middle, tip], steps=5), width, peak=0.05, blunt=1.0)))
        marks.append(line(spline([at, middle, tip], steps=4), 0.5 if level > 2 else 1.0))
        if level + 1 >= depth - (sign < 0):
            twigs.append(tip)
            return
        for turn in (-spread, spread) if rng.random() < 0.8 else (-spread, 0.05, spread):
            grow(tip, angle + turn * rng.uniform(0.6, 1.3), length * rng.uniform(0.66, 0.82), level + 1, sign)

    grow(np.array([0, 0.45], np.float32), rng.normal(0, 0.08), 0.45, 0, 1.0)
    crown = len(twigs)
    for angle in (-0.8, 0.0, 0.8):
        grow(np.array([0, 0.42], np.float32), angle + rng.normal(0, 0.15), 0.22, 2, -1.0)
    if leafy:
        for tip in twigs[:crown]:
            marks += placed(leaf(rng, 0.14, SECOND)[:2], angle=rng.uniform(-1, 1), shift=(float(tip[0]), float(tip[1])))
    return marks


def snake(rng: Rng) -> Marks:
    """A winding snake with a banded body, head and tongue."""
    n = int(rng.integers(5, 8))
    x = np.array([(-1) ** i * rng.uniform(0.35, 0.7) for i in range(n)])
    centre = spline(np.stack([x * np.linspace(0.4, 1, n)[::-1], np.linspace(0.85, -0.75, n)], 1), steps=16)
    body = blade(centre[::-1], rng.uniform(0.11, 0.16), peak=0.35, blunt=0.55)
    marks = shape(body, SECOND)
    m = len(centre)
    bands = int(rng.integers(12, 24))
    style = rng.random()
    half = len(body) // 2
    for i in np.linspace(0.04, 0.93, bands):
        k = int(i * (m - 2))
        a, b = body[k], body[2 * half - 1 - k]
        if style < 0.5:
            k2 = min(k + m // (2 * bands), half - 1)
            marks.append(area([a, body[k2], body[2 * half - 1 - k2], b], BLACK))
        else:
            marks.append(
                line(spline([a, (a + b) / 2 + (centre[::-1][min(k + 3, m - 1)] - centre[::-1][k]), b], steps=4), 0.6)
            )
    head = centre[-1]
    way = centre[-1] - centre[-4]
    angle = float(np.arctan2(way[0], -way[1]))
    skull = spline(
        [[0, 0.16], [-0.17, 0.02], [-0.12, -0.2], [0, -0.3], [0.12, -0.2], [0.17, 0.02]], closed=True, steps=6
    )
    face = [*shape(skull, SECOND), *mirrored([area(circle(0.07, -0.07, 0.03, sides=10))])]
    face += [line([[0, -0.3], [0, -0.45]], 0.6), *mirrored([line([[0, -0.45], [0.06, -0.55]], 0.6)])]
    return marks + placed(face, 1.0, angle, (float(head[0]), float(head[1])))


def koi(rng: Rng) -> Marks:
    """A bent fish with scales, fins and whiskers, above waves."""
    bend = rng.uniform(0.25, 0.6) * rng.choice([-1, 1])
    centre = spline([[0, -0.85], [bend * 0.6, -0.35], [bend * 0.5, 0.2], [-bend * 0.4, 0.75]], steps=12)
    width = rng.uniform(0.2, 0.27)
    marks: Marks = []
    tail = centre[-1]
    for side in (-1, 1):
        fin = spline([[0, 0], [side * 0.18, 0.12], [side * 0.38, 0.4], [side * 0.12, 0.3], [0, 0.18]], steps=6)
        marks += placed(
            [*shape(fin, THIRD), *hatching(fin, 1.4, 0.06)], 1.0, -bend, (float(tail[0]), float(tail[1] - 0.1))
        )
        at = centre[len(centre) // 3]
        side_fin = spline([[0, 0], [side * 0.35, 0.0], [side * 0.45, 0.28], [side * 0.12, 0.22]], closed=True, steps=6)
        marks += placed(
            [*shape(side_fin, THIRD), *hatching(side_fin, 0.9 * side, 0.06)],
            1.0,
            0.0,
            (float(at[0] + side * width * 0.6), float(at[1])),
        )
    body = blade(centre, width, peak=0.35, blunt=0.35)
    marks += shape(body, FIRST)
    n, half = len(centre), len(body) // 2
    rows = int(rng.integers(7, 11))
    for i in np.linspace(0.28, 0.85, rows):
        k = int(i * (n - 1))
        a, b = body[k], body[2 * half - 1 - k]
        along = (centre[min(k + 1, n - 1)] - centre[k - 1]) * 0.5
        cells = max(2, int(np.linalg.norm(a - b) / 0.09))
        for c in range(cells):
            p, q = a + (b - a) * c / cells, a + (b - a) * (c + 1) / cells
            marks.append(line(spline([p, (p + q) / 2 + along, q], steps=3), 0.5))
    for _ in range(int(rng.integers(0, 4))):
        at = centre[int(rng.uniform(0.25, 0.8) * n)]
        marks.append(
            area(
                spline(
                    circle(float(at[0]), float(at[1]), 0.12, sides=6) + rng.normal(0, 0.03, (6, 2)),
                    closed=True,
                    steps=4,
                ),
                THIRD,
            )
        )
    at = centre[2]
    marks += [area(circle(float(at[0]) + s * 0.09, float(at[1]) + 0.04, 0.028, sides=10)) for s in (-1, 1)]
    whisker = np.array([[0, 0], [0.16, -0.12], [0.3, -0.05]])
    marks += [line(spline(at + whisker * [s, 1], steps=6), 0.6) for s in (-1, 1)]
    if rng.random() < 0.6:
        y = rng.uniform(0.45, 0.8)
        for i in range(int(rng.integers(2, 4))):
            x = np.linspace(-0.9, 0.9, 9)
            marks.append(line(spline(np.stack([x, y + 0.09 * i + 0.06 * (-1.0) ** np.arange(9)], 1), steps=5), 0.8))
    return marks


def swallow(rng: Rng) -> Marks:
    """A flying swallow with two spread wings and a forked tail."""
    body = blade(
        spline([[-0.1, -0.62], [0.02, -0.2], [0.05, 0.35]], steps=8), rng.uniform(0.14, 0.2), peak=0.4, blunt=0.55
    )
    marks: Marks = []
    for side in (-1, 1):
        tail = blade(
            spline([[0.04, 0.25], [0.04 + side * 0.16, 0.6], [0.05 + side * rng.uniform(0.2, 0.4), 0.98]]),
            0.07,
            peak=0.3,
        )
        marks += shape(tail, BLACK if rng.random() < 0.4 else FIRST)
        lift, reach = rng.uniform(-0.5, 0.1), rng.uniform(0.75, 1.0)
        feathers = int(rng.integers(5, 9))
        root = np.array([side * 0.08, -0.2])
        tip = np.array([side * reach, lift - 0.25])
        for i in range(feathers):
            t = i / (feathers - 1)
            start = root + (tip - root) * (0.15 + 0.65 * (1 - t))
            end = start + np.array([side * (0.28 * (1 - t) + 0.02), 0.22 + 0.28 * t * rng.uniform(0.85, 1.15)])
            marks += shape(
                blade(spline([start, (start + end) / 2 + [0, 0.02], end], steps=6), 0.08, peak=0.5, blunt=0.6), FIRST
            )
        arm = spline(
            [root, root + (tip - root) * 0.5 + [0, -0.12], tip, root + (tip - root) * 0.5 + [0, 0.08]],
            closed=True,
            steps=8,
        )
        marks += shape(arm, BLACK if rng.random() < 0.5 else SECOND)
    marks += shape(body, THIRD)
    head = circle(-0.11, -0.66, 0.15, sides=20)
    marks += [
        *shape(head, FIRST),
        area([[-0.2, -0.72], [-0.42, -0.76], [-0.22, -0.62]]),
        area(circle(-0.16, -0.69, 0.03, sides=10)),
    ]
    return placed(marks, 1.0, rng.uniform(-0.6, 0.6), flip=bool(rng.random() < 0.5))


def butterfly(rng: Rng) -> Marks:
    """A butterfly with veined, spotted wings."""
    top = rng.uniform(0.65, 0.98)
    upper = spline(
        [[0.05, -0.1], [0.25, -top * 0.8], [rng.uniform(0.7, 1.0), -top], [rng.uniform(0.75, 0.98), -0.3], [0.4, 0.05]],
        closed=True,
    )
    lower = spline(
        [
            [0.05, 0.05],
            [0.45, 0.02],
            [rng.uniform(0.55, 0.8), 0.35],
            [rng.uniform(0.3, 0.55), rng.uniform(0.7, 0.95)],
            [0.12, 0.5],
        ],
        closed=True,
    )
    wing: Marks = []
    border = rng.random() < 0.5
    for outline, ink in ((lower, SECOND), (upper, FIRST)):
        centre = outline.mean(axis=0)
        wing += shape(outline, BLACK if border else ink)
        if border:
            wing += shape(centre + (outline - centre) * rng.uniform(0.68, 0.84), ink, 0.6)
        veins = int(rng.integers(3, 7))
        for i in np.linspace(0.15, 0.75, veins):
            rim = outline[int(i * (len(outline) - 1))]
            wing.append(line(spline([[0.05, 0.0], centre * 0.6 + rim * 0.2, rim], steps=4), 0.5))
        for _ in range(int(rng.integers(1, 4))):
            at = centre + (outline[int(rng.integers(len(outline)))] - centre) * rng.uniform(0.3, 0.6)
            wing += shape(circle(float(at[0]), float(at[1]), rng.uniform(0.04, 0.11), sides=16), THIRD, 0.7)
    marks = mirrored(wing)
    marks += shape(blade([[0, -0.3], [0, -0.1], [0, 0.1], [0, 0.3], [0, 0.55]], 0.06, peak=0.3, blunt=0.5), BLACK)
    marks += mirrored([line(spline([[0, -0.3], [0.12, -0.55], [rng.uniform(0.15, 0.35), -0.7]], steps=6), 0.7)])
    return marks


def beast_head(rng: Rng) -> Marks:
    """The head of a wolf, cat or bear from the front, with fur drawn in strokes."""
    width, muzzle, ears = rng.uniform(0.6, 0.85), rng.uniform(0.18, 0.32), rng.uniform(0.35, 0.75)
    round_ears = rng.random() < 0.3
    chin = rng.uniform(0.65, 0.95)
    side = np.array(
        [
            [0, -0.5],
            [0.3, -0.52],
            [width * 0.9, -0.25],
            [width, 0.1],
            [width * 0.7, 0.4],
            [muzzle * 1.4, 0.6],
            [0, chin],
        ]
    )
    fur: list[list[float]] = []
    for a, b in pairwise(side[2:-1]):
        fur += [a.tolist(), ((a + b) / 2 + [0.09, 0.08]).tolist(), ((a + b) / 2 - [0.03, -0.02]).tolist()]
    half = np.array([*side[:2].tolist(), *fur, *side[-2:].tolist()])
    outline = np.concatenate([half, (half * [-1, 1])[::-1][1:-1]])
    ear_tip = [0.4 + 0.15 * width, -0.5 - ears]
    ear = (
        circle(0.42, -0.52, 0.26, sides=20)
        if round_ears
        else np.array([[0.12, -0.45], ear_tip, [width * 0.95, -0.15]], np.float32)
    )
    inner = ear.mean(axis=0) + (ear - ear.mean(axis=0)) * 0.55
    marks = mirrored([*shape(ear, FIRST), area(inner, BLACK if rng.random() < 0.5 else SECOND)])
    marks += shape(outline, FIRST)
    slant = rng.uniform(0.02, 0.14)
    eye = spline([[0.14, -0.05], [0.27, -0.13 - slant], [0.4, -0.1 - slant], [0.28, -0.02]], closed=True, steps=5)
    marks += mirrored([*shape(eye, THIRD, 1.2), area(circle(0.27, -0.08 - slant / 2, 0.035, sides=10))])
    marks += mirrored([line(spline([[0.1, -0.3], [0.25, -0.28 - slant], [0.45, -0.2 - slant]], steps=5), 1.3)])
    nose = spline([[-0.12, 0.3], [0, 0.27], [0.12, 0.3], [0, 0.43]], closed=True, steps=5)
    marks += [area(nose), line([[0, 0.43], [0, 0.53]])]
    marks += mirrored(
        [
            line(spline([[0, 0.53], [muzzle * 0.6, 0.6], [muzzle, 0.5]], steps=5)),
            line([[0.09, 0.0], [muzzle * 0.7, 0.28]], 0.7),
        ]
    )
    for _ in range(int(rng.integers(6, 14))):
        x, y = rng.uniform(0.12, width * 0.8), rng.uniform(-0.45, 0.35)
        if abs(y + 0.08) > 0.12 or x > 0.45:
            marks += mirrored([line([[x, y], [x + 0.07, y + rng.uniform(0.06, 0.14)]], 0.5)])
    if rng.random() < 0.4:
        marks += mirrored([area(spline([[0.02, -0.5], [0.1, -0.3], [0.0, -0.1]], steps=5), BLACK)])
    return marks


def owl(rng: Rng) -> Marks:
    """An owl on a branch with patterned breast and large eyes."""
    w, h = rng.uniform(0.42, 0.58), rng.uniform(0.8, 0.95)
    body = spline(
        [
            [0, -h],
            [w * 0.8, -h * 0.8],
            [w, 0],
            [w * 0.6, 0.75],
            [0, 0.9],
            [-w * 0.6, 0.75],
            [-w, 0],
            [-w * 0.8, -h * 0.8],
        ],
        closed=True,
    )
    marks = shape(body, FIRST)
    for row in range(int(rng.integers(4, 7))):
        y = 0.05 + 0.13 * row
        reach = w * 0.62 * (1 - 0.1 * row)
        n = int(reach / 0.075)
        for i in range(-n, n + 1):
            marks.append(line(arc(0.055, 0.1, np.pi - 0.1, x=i * 0.11 + 0.055 * (row % 2), y=y, steps=6), 0.6))
    wing = blade(spline([[w * 0.85, -0.25], [w * 1.1, 0.2], [w * 0.7, 0.8]], steps=8), 0.17, peak=0.4, blunt=0.2)
    marks += mirrored([*shape(wing, SECOND), *hatching(wing, rng.uniform(-1.3, -0.7), 0.09, 0.5)])
    r = rng.uniform(0.17, 0.24)
    eye = [*shape(circle(r * 1.02, -h * 0.52, r * 1.25)), *shape(circle(r * 1.02, -h * 0.52, r * 0.72), THIRD)]
    eye += [area(circle(r * 1.02, -h * 0.52, r * rng.uniform(0.3, 0.5), sides=18))]
    eye += placed(repeated([line([[0, -r * 0.8], [0, -r * 1.2]], 0.5)], 12), shift=(r * 1.02, -h * 0.52))
    marks += mirrored(eye)
    marks += shape([[-0.07, -h * 0.45], [0.07, -h * 0.45], [0, -h * 0.2]], THIRD)
    marks += mirrored([area([[0.06, -h * 0.8], [w * 0.85, -h * rng.uniform(1.05, 1.25)], [w * 0.75, -h * 0.7]], BLACK)])
    marks += [*shape(blade(spline([[-0.9, 0.92], [0, 0.86], [0.9, 0.95]], steps=6), 0.06, peak=0.3, blunt=0.8), SECOND)]
    return marks


def feather(rng: Rng) -> Marks:
    """A feather with barbs and gaps, sometimes letting birds loose."""
    bend = rng.uniform(-0.35, 0.35)
    quill = spline([[0, 1], [bend * 0.4, 0.4], [bend, -0.3], [bend * 0.5, -0.95]], steps=12)
    width = rng.uniform(0.2, 0.32)
    vane = blade(quill[len(quill) // 5 :], width, peak=rng.uniform(0.3, 0.6), blunt=0.15)
    marks = shape(vane, FIRST)
    barbs = int(rng.integers(16, 30))
    for i in np.linspace(0.22, 0.95, barbs):
        k = int(i * (len(quill) - 1))
        reach = width * np.sin(np.pi * (i - 0.18) / 0.85)
        for side in (-1, 1):
            end = quill[k] + [side * reach, -0.55 * reach]
            marks.append(line([quill[k], end], 0.5))
    for _ in range(int(rng.integers(1, 5))):
        k = int(rng.uniform(0.3, 0.85) * (len(quill) - 1))
        side = rng.choice([-1, 1])
        notch = [
            quill[k] + [side * width * 1.2, -0.32],
            quill[k] + [side * width * 0.35, -0.08],
            quill[k] + [side * width * 1.2, -0.18],
        ]
        marks.append(area(notch, kind="clear"))
    marks.append(line(quill, 1.3))
    for _ in range(int(rng.integers(0, 5))):
        x, y = rng.uniform(0.25, 0.8) * rng.choice([-1, 1]), rng.uniform(-0.95, -0.1)
        marks += placed(
            mirrored([area(blade(spline([[0, 0], [0.4, -0.35], [1, -0.1]], steps=5), 0.12))]),
            rng.uniform(0.08, 0.14),
            shift=(x, y),
        )
    return marks


def spider(rng: Rng) -> Marks:
    """A spider in its web."""
    spokes, rings = int(rng.integers(7, 12)), int(rng.integers(4, 8))
    angles = np.sort(np.linspace(0, 2 * np.pi, spokes, endpoint=False) + rng.normal(0, 0.09, spokes))
    reach = rng.uniform(0.8, 1.0, spokes)
    marks: Marks = [line([[0, 0], polar(r, a)], 0.7) for r, a in zip(reach, angles, strict=True)]
    for ring in np.linspace(0.2, 0.95, rings):
        for i in range(spokes):
            j = (i + 1) % spokes
            a, b = polar(reach[i] * ring, angles[i]), polar(reach[j] * ring, angles[j])
            marks.append(line(spline([a, (a + b) / 2 * rng.uniform(0.84, 0.92), b], steps=4), 0.6))
    at = rng.uniform(-0.35, 0.35, 2)
    legs: Marks = []
    for y in (-0.2, -0.07, 0.07, 0.2):
        legs.append(line([[0.1, y], [0.45, y * 3 - 0.15], [0.75, y * 4.5]], 1.0))
    body = [*mirrored(legs), area(circle(0, 0.28, 0.25, aspect=1.3)), area(circle(0, -0.12, 0.16))]
    marks += placed(body, rng.uniform(0.28, 0.5), rng.uniform(0, 6.28), (float(at[0]), float(at[1])))
    return marks


NATURE = {
    "rose": rose,
    "lotus": lotus,
    "blossom": blossom_branch,
    "tree": tree,
    "snake": snake,
    "koi": koi,
    "swallow": swallow,
    "butterfly": butterfly,
    "beast": beast_head,
    "owl": owl,
    "feather": feather,
    "spider": spider,
}
"""Families by name."""
