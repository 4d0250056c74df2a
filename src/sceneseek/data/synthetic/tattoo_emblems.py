"""Tattoo motifs made by hand and mind: signs, ornaments, letters. Each function draws one family."""

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
    centred,
    circle,
    hatching,
    line,
    mirrored,
    placed,
    polar,
    polygon,
    repeated,
    shape,
    spline,
)
from sceneseek.data.synthetic.tattoo_nature import FIRST, SECOND, THIRD

# Letters as strokes on a grid 2 wide and 4 high; 'y' grows downwards. Strokes are split by a space.
_STROKES = {
    "A": "04 10 24 13 03", "B": "00 04|00 10 21 12 02|12 23 14 04", "C": "21 10 01 03 14 23",
    "D": "00 04 14 23 21 10 00",
    "E": "20 00 04 24|02 12", "F": "20 00 04|02 12", "G": "21 10 01 03 14 23 22 12", "H": "00 04|20 24|02 22",
    "I": "10 14", "J": "20 23 14 03", "K": "00 04|20 02 24", "L": "00 04 24", "M": "04 00 12 20 24", "N": "04 00 24 20",
    "O": "10 01 03 14 23 21 10", "P": "04 00 10 21 12 02", "Q": "10 01 03 14 23 21 10|13 24",
    "R": "04 00 10 21 12 02|12 24",
    "S": "21 10 01 12 23 14 03", "T": "00 20|10 14", "U": "00 03 14 23 20", "V": "00 14 20", "W": "00 04 12 24 20",
    "X": "00 24|20 04", "Y": "00 12 20|12 14", "Z": "00 20 04 24", "0": "10 01 03 14 23 21 10", "1": "01 10 14",
    "2": "01 10 21 04 24", "3": "00 20 12 23 14 03", "4": "14 10 03 23", "5": "20 00 02 12 23 14 03", "7": "00 20 14",
    "8": "12 01 10 21 12 03 14 23 12", "9": "22 02 01 10 21 22 14",
}  # fmt: skip

_SYLLABLES = (
    "AL",
    "MA",
    "RO",
    "SE",
    "LU",
    "NA",
    "VI",
    "DA",
    "TE",
    "MO",
    "RI",
    "JO",
    "EL",
    "FOR",
    "TU",
    "ES",
    "KA",
    "IN",
    "LOV",
    "HOP",
)


def lettering(rng: Rng) -> Marks:
    """A name or a year in drawn letters: plain, slanted, doubled or with a flourish."""
    if rng.random() < 0.2:
        text = str(int(rng.integers(1950, 2025))).replace("6", "8")
    else:
        text = "".join(rng.choice(_SYLLABLES) for _ in range(int(rng.integers(2, 4))))
    slant, height = rng.uniform(-0.1, 0.5), rng.uniform(0.8, 1.8)
    curly, double, heavy = rng.random() < 0.6, rng.random() < 0.35, rng.random() < 0.4
    marks: Marks = []
    x = 0.0
    for letter in text:
        for stroke in _STROKES[letter].split("|"):
            knots = np.array([[int(p[0]) * 0.5, int(p[1]) * 0.25] for p in stroke.split()], np.float32)
            points = spline(knots, steps=6) if curly and len(knots) > 2 else knots
            points = points * np.array([1.0, height]) + np.array([x, 0.0])
            points[:, 0] -= slant * points[:, 1]
            marks.append(line(points, 2.4 if heavy else 1.4))
            if double:
                marks.append(line(points + np.array([0.09, 0.05]), 0.6))
            if heavy and not curly:
                serif = np.array([0.09, 0.0])
                marks += [line([p - serif, p + serif], 1.2) for p in (points[0], points[-1])]
        x += 0.75 if letter == "I" else 1.35
    if rng.random() < 0.6:
        y = height + rng.uniform(0.15, 0.35)
        swing = rng.uniform(0.1, 0.4)
        flourish = spline(
            [[-0.3, y], [x * 0.3, y + swing], [x * 0.6, y - swing * 0.3], [x, y + swing * 0.5], [x + 0.2, y - 0.1]],
            steps=10,
        )
        marks.append(area(blade(flourish, 0.06, peak=0.5)))
    curve = rng.uniform(-0.06, 0.06)
    arched = [
        type(m)(
            (m.points + np.stack([0 * m.points[:, 0], curve * (m.points[:, 0] - x / 2) ** 2], 1)).astype(np.float32),
            m.kind,
            m.ink,
            m.width,
            m.closed,
        )
        for m in marks
    ]
    return centred(arched)


def banner(rng: Rng) -> Marks:
    """A ribbon with folded ends and a word on it."""
    sag, h = rng.uniform(-0.18, 0.18), rng.uniform(0.16, 0.22)
    x = np.linspace(-0.75, 0.75, 15)
    top = np.stack([x, sag * (1 - (x / 0.75) ** 2) - h], 1)
    bottom = top + np.array([0, 2 * h])
    end = np.array(
        [[0.6, -h * 0.3], [1.0, -h * 0.3 + sag * 0.3], [0.88, h * 0.7], [1.0, h * 1.7], [0.6, h * 1.7]], np.float32
    )
    marks = mirrored(shape(end, SECOND))
    marks += mirrored([area([[0.6, h], [0.75, h], [0.6, h * 1.7]])])
    marks += shape(np.concatenate([top, bottom[::-1]]), SECOND)
    word = lettering(rng)
    low = max(float(np.abs(np.concatenate([m.points for m in word])[:, 1]).max()), 0.05)
    return marks + placed(word, min(0.62, h * 0.7 / low), shift=(0, sag * 0.8))


def star(rng: Rng) -> Marks:
    """A nautical star, each point half dark, in rings or with rays."""
    points, inner = int(rng.integers(4, 9)), rng.uniform(0.28, 0.5)
    outer = polygon(points, 0.85)
    notch = polygon(points, 0.85 * inner, turn=np.pi / points)
    marks: Marks = []
    for i in range(points):
        for side, ink in ((notch[i], BLACK), (notch[i - 1], FIRST)):
            marks += shape([[0, 0], outer[i], side], ink, 0.8)
    for r in rng.uniform(0.9, 1.0, int(rng.integers(0, 3))):
        marks.append(line(circle(radius=r), rng.uniform(0.6, 1.6), closed=True))
    if rng.random() < 0.4:
        marks += repeated([area([[0, -0.98], [-0.03, -0.7], [0.03, -0.7]])], points, turn=np.pi / points)
    return marks


def stars(rng: Rng) -> Marks:
    """A trail of stars of different sizes."""
    path = spline(np.stack([rng.uniform(-0.7, 0.7, 4), np.linspace(-0.85, 0.85, 4)], 1))
    n, points = int(rng.integers(4, 9)), int(rng.integers(4, 7))
    marks: Marks = []
    for i in range(n):
        at = path[int(i / (n - 1) * (len(path) - 1))]
        r = rng.uniform(0.08, 0.28)
        tips, inner = polygon(points, r), polygon(points, r * rng.uniform(0.3, 0.5), turn=np.pi / points)
        outline = np.stack([tips, inner], 1).reshape(-1, 2)
        ink = [BLACK, FIRST, None][int(rng.integers(3))]
        marks += placed(shape(outline, ink), 1.0, rng.uniform(0, 1.2), (float(at[0]), float(at[1])))
    return marks


def skull(rng: Rng) -> Marks:
    """A skull from the front: cracks, crossed bones, a crown of flames or a hat band."""
    marks: Marks = []
    if rng.random() < 0.35:
        bone = blade([[0, -1.25], [0, 0], [0, 1.25]], 0.07, peak=0.5, blunt=1.0)
        knob = [circle(s * 0.09, e, 0.11, sides=14) for s in (-1, 1) for e in (-1.15, 1.15)]
        one = [*shape(bone), *[m for k in knob for m in shape(k)], area(bone, kind="clear")]
        marks += mirrored(placed(one, 0.95, 0.85, (0, 0.25)))
    if rng.random() < 0.3:
        for a in np.linspace(-1.1, 1.1, int(rng.integers(5, 9))):
            flame = blade(
                spline([[0, -0.5], [rng.uniform(-0.12, 0.12), -0.85], [0, -rng.uniform(1.0, 1.35)]], steps=6),
                0.14,
                peak=0.3,
            )
            marks += placed(shape(flame, FIRST), angle=-a, shift=(0, -0.1))
    w, jaw = rng.uniform(0.62, 0.75), rng.uniform(0.3, 0.42)
    half = [
        [0, -0.92],
        [w * 0.75, -0.8],
        [w, -0.3],
        [w * 0.88, 0.12],
        [w * 0.7, 0.3],
        [jaw, 0.42],
        [jaw * 0.95, 0.85],
        [0, 0.92],
    ]
    outline = spline(half + [[-p[0], p[1]] for p in half[-2:0:-1]], closed=True, steps=6)
    marks += shape(outline, rng.choice([FIRST, 2]) if rng.random() < 0.2 else None, 1.3)
    marks.append(area(outline[len(outline) // 8 : len(outline) // 3] * [0.92, 0.95], kind="shade"))
    size, tilt = rng.uniform(0.17, 0.24), rng.uniform(-0.08, 0.1)
    eye = spline(
        [[0.1, 0.0], [0.16, -size - tilt], [0.16 + size, -size], [0.2 + 1.4 * size, -0.02], [0.3, size * 0.8]],
        closed=True,
        steps=6,
    )
    marks += mirrored([area(eye), line(eye * [1.12, 1.12], 0.6, closed=True)])
    if rng.random() < 0.3:
        marks += mirrored(placed(stars_in_eye(rng), 0.09, shift=(0.3, -0.05)))
    marks += mirrored([area(spline([[0.015, 0.2], [0.1, 0.36], [0.06, 0.42], [0.015, 0.38]], closed=True, steps=4))])
    teeth = int(rng.integers(4, 8))
    for x in np.linspace(-jaw * 0.8, jaw * 0.8, teeth):
        marks.append(line([[x, 0.52], [x, rng.uniform(0.7, 0.82)]], 0.8))
    marks.append(line(spline([[-jaw * 0.95, 0.6], [0, rng.uniform(0.6, 0.7)], [jaw * 0.95, 0.6]], steps=6), 0.8))
    for _ in range(int(rng.integers(0, 3))):
        x = rng.uniform(-0.4, 0.4)
        marks.append(line(np.stack([x + rng.normal(0, 0.07, 5), np.linspace(-0.85, -0.4, 5)], 1), 0.6))
    marks += mirrored([line(spline([[w * 0.85, 0.0], [w * 0.6, 0.25], [jaw, 0.3]], steps=5), 0.7)])
    return marks


def stars_in_eye(rng: Rng) -> Marks:
    """A small light star, cleared out of the dark."""
    tips, inner = polygon(5), polygon(5, rng.uniform(0.3, 0.5), turn=np.pi / 5)
    return [area(np.stack([tips, inner], 1).reshape(-1, 2), kind="clear")]


def tribal(rng: Rng) -> Marks:
    """Curved black blades, mirrored or flowing."""
    mirror = rng.random() < 0.7
    marks: Marks = []
    for _ in range(int(rng.integers(4, 8))):
        start = np.array([rng.uniform(0.02, 0.3), rng.uniform(-0.7, 0.7)])
        angle, turn, length = rng.uniform(-np.pi, np.pi), rng.uniform(-2.6, 2.6), rng.uniform(0.7, 1.5)
        heading = angle + turn * np.linspace(0, 1, 20) ** 1.5
        centre = start + np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1) * length / 20, axis=0)
        if mirror:
            centre[:, 0] = np.abs(centre[:, 0])
        outline = blade(centre, rng.uniform(0.07, 0.15), peak=rng.uniform(0.2, 0.6), blunt=rng.uniform(0, 0.4))
        marks += [area(outline), line(outline, 0.6, closed=True)]
        if rng.random() < 0.35:
            k = int(rng.integers(6, 14))
            barb = blade(
                spline([centre[k], centre[k] + rng.normal(0, 0.16, 2), centre[k] + rng.normal(0, 0.32, 2)], steps=5),
                0.06,
                blunt=1.0,
            )
            marks.append(area(barb))
    return mirrored(marks) if mirror else marks


def mandala(rng: Rng) -> Marks:
    """Rings of repeated petals, arcs, triangles and dots."""
    order = int(rng.integers(6, 15))
    marks: Marks = []
    radii = np.linspace(1.0, 0.2, int(rng.integers(4, 7)))
    for outer, inner in pairwise(radii.tolist()):
        kind, depth = int(rng.integers(6)), outer - inner
        ink = [None, FIRST, SECOND, BLACK, None][int(rng.integers(5))]
        half = np.pi / order
        turn = half * float(rng.integers(2))
        if kind <= 1:
            tip = blade(
                spline([[0, -inner * 0.9], [0, -(inner + outer) / 2], [0, -outer]], steps=6),
                outer * half * 0.85,
                peak=0.5,
                blunt=0.25 * kind,
            )
            unit = [*shape(tip, ink), line([[0, -inner], [0, -inner - 0.6 * depth]], 0.5)]
        elif kind == 2:
            unit = [*shape(placed([line(arc(depth * 0.8, np.pi, 2 * np.pi))], shift=(0, -inner))[0].points, ink)]
        elif kind == 3:
            unit = shape(np.array([[-outer * half * 0.8, -inner], [0, -outer], [outer * half * 0.8, -inner]]), ink)
        elif kind == 4:
            unit = shape(circle(0, -(inner + outer) / 2, depth * 0.32, sides=16), ink, 0.8)
        else:
            unit = [line([[0, -inner], [0, -outer]], 0.6), area(circle(0, -outer + 0.02, 0.03, sides=10))]
        marks += repeated(unit, order, turn)
        marks += shape(circle(radius=inner), None, rng.uniform(0.6, 1.5))
    marks += repeated(
        shape(blade(spline([[0, 0], [0, -0.1], [0, -0.19]], steps=5), 0.05, peak=0.6), FIRST), int(rng.integers(5, 9))
    )
    return [*marks, area(circle(radius=0.04, sides=14))]


def heart(rng: Rng) -> Marks:
    """A heart: plain, pierced, flaming, or locked."""
    t = np.linspace(0, 2 * np.pi, 60)
    outline = (
        np.stack([16 * np.sin(t) ** 3, -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))], 1)
        / 20
    )
    outline *= [rng.uniform(0.85, 1.1), rng.uniform(0.85, 1.1)]
    kind = int(rng.integers(4))
    marks: Marks = []
    if kind == 1:
        for a in np.linspace(-0.6, 0.6, int(rng.integers(4, 8))):
            flame = blade(
                spline([[0, -0.3], [rng.uniform(-0.1, 0.1), -0.7], [0, -rng.uniform(0.9, 1.15)]], steps=6),
                0.12,
                peak=0.3,
            )
            marks += placed(shape(flame, THIRD), angle=-a)
    marks += [*shape(outline, FIRST, 1.4), area(outline[6:26] * 0.9, kind="shade")]
    if kind == 0:
        angle = rng.uniform(-0.6, 0.6)
        arrow: Marks = [
            line([[-1.1, 0], [-0.45, 0]], 1.6),
            line([[0.4, 0], [1.1, 0]], 1.6),
            area([[1.25, 0], [1.0, -0.1], [1.0, 0.1]]),
        ]
        arrow += [line([[x, 0], [x - 0.12, s * 0.12]], 1.0) for x in (-1.1, -1.0, -0.9, -0.8) for s in (-1, 1)]
        marks += placed(arrow, 0.95, angle)
    elif kind == 2:
        marks += [*shape(circle(0, -0.05, 0.13), None), area([[-0.05, 0.0], [0.05, 0.0], [0.09, 0.3], [-0.09, 0.3]])]
    elif kind == 3:
        marks += [line(outline * f, 0.7, closed=True) for f in (0.82, 0.66)]
        marks += hatching(outline * 0.62, rng.uniform(0, 3), 0.07)
    return marks


def anchor(rng: Rng) -> Marks:
    """An anchor, with or without rope."""
    w, fluke = rng.uniform(0.5, 0.75), rng.uniform(0.14, 0.22)
    marks: Marks = shape(circle(0, -0.8, 0.15), None, 1.6)
    marks += shape([[-0.06, -0.66], [0.06, -0.66], [0.08, 0.85], [-0.08, 0.85]], FIRST)
    bar = rng.uniform(0.3, 0.5)
    marks += shape([[-bar, -0.5], [bar, -0.5], [bar, -0.4], [-bar, -0.4]], FIRST)
    hook = spline([[0, 0.72], [w * 0.6, 0.58], [w, 0.2], [w * 0.94, 0.42], [w * 0.6, 0.8], [0, 0.97]], steps=8)
    tip = np.array([[w - fluke, 0.28], [w + 0.03, -0.02], [w + fluke * 0.8, 0.3]])
    marks += mirrored([*shape(hook, FIRST), *shape(tip, FIRST)])
    if rng.random() < 0.6:
        rope = spline([[0.1, -0.75], [0.5, -0.3], [-0.35, 0.0], [0.4, 0.4], [rng.uniform(-0.6, -0.3), 0.7]], steps=14)
        marks += shape(blade(rope, 0.05, peak=0.5, blunt=1.0), SECOND, 0.8)
        marks += [line([rope[i] - [0.04, 0.02], rope[i + 1] + [0.04, 0.02]], 0.5) for i in range(2, len(rope) - 2, 2)]
    return marks


def compass(rng: Rng) -> Marks:
    """A compass rose with rings, ticks and letters."""
    marks: Marks = []
    rings = np.sort(rng.uniform(0.62, 0.92, int(rng.integers(1, 4))))[::-1]
    for r in rings:
        marks.append(line(circle(radius=r), rng.uniform(0.6, 1.6), closed=True))
    ticks = int(rng.choice([16, 24, 32, 36]))
    marks += repeated([line([[0, -rings[0]], [0, -rings[0] + 0.07]], 0.6)], ticks)
    for order, length, turn in ((4, 0.55, np.pi / 4), (4, 0.98, 0.0)):
        w = rng.uniform(0.09, 0.15) * length / 0.9
        unit = [*shape([[0, 0], [0, -length], [w, -w]], BLACK), *shape([[0, 0], [0, -length], [-w, -w]], FIRST)]
        marks += repeated(unit, order, turn)
    marks += [*shape(circle(radius=0.1), THIRD), area(circle(radius=0.03, sides=12))]
    if rng.random() < 0.5:
        for letter, at in zip("NESW", ((0, -1.18), (1.18, 0), (0, 1.18), (-1.18, 0)), strict=True):
            strokes = [
                line(np.array([[int(p[0]) - 1, int(p[1]) - 2] for p in s.split()]) * 0.06, 1.0)
                for s in _STROKES[letter].split("|")
            ]
            marks += placed(strokes, shift=at)
    return placed(marks, 1.0, rng.uniform(-0.4, 0.4))


def dagger(rng: Rng) -> Marks:
    """A dagger with a wrapped grip, sometimes with a snake-like ribbon."""
    w, guard = rng.uniform(0.08, 0.14), rng.uniform(0.28, 0.45)
    drop = rng.uniform(-0.12, 0.12)
    marks: Marks = shape([[-w, -0.3], [w, -0.3], [w * 0.8, 0.6], [0, 1.0], [-w * 0.8, 0.6]], FIRST)
    marks += [
        line([[0, -0.3], [0, 0.92]], 0.7),
        *hatching([[0, -0.3], [w, -0.3], [w * 0.8, 0.6], [0, 0.95]], 0.5, 0.06),
    ]
    marks += mirrored(
        shape(
            spline(
                [[0, -0.4], [guard * 0.6, -0.42], [guard, -0.34 + drop], [guard * 0.9, -0.25 + drop], [0, -0.28]],
                steps=5,
            ),
            SECOND,
        )
    )
    marks += shape([[-0.07, -0.82], [0.07, -0.82], [0.06, -0.4], [-0.06, -0.4]], THIRD)
    marks += [line([[-0.06, y], [0.06, y - 0.05]], 0.7) for y in np.linspace(-0.75, -0.45, int(rng.integers(4, 8)))]
    marks += shape(circle(0, -0.9, rng.uniform(0.08, 0.13)), SECOND)
    if rng.random() < 0.5:
        n = int(rng.integers(4, 7))
        ribbon = spline(np.stack([0.28 * (-1.0) ** np.arange(n), np.linspace(-0.2, 0.8, n)], 1), steps=10)
        marks += shape(blade(ribbon, 0.06, peak=0.5, blunt=0.5), SECOND)
    return placed(marks, 1.0, rng.uniform(-0.2, 0.2))


def sun_and_moon(rng: Rng) -> Marks:
    """A crescent, a sun, or both, with a face, clouds or stars."""
    marks: Marks = []
    rays = int(rng.integers(10, 22))
    if rng.random() < 0.6:
        for i in range(rays):
            length = 0.98 if i % 2 == 0 else rng.uniform(0.75, 0.9)
            bend = rng.uniform(0, 0.12) if rays > 14 else 0.0
            ray = blade(
                spline([[0, -0.5], [bend, -0.5 - (length - 0.5) / 2], [0, -length]], steps=5),
                0.07,
                peak=0.15,
                blunt=0.9,
            )
            marks += placed(shape(ray, THIRD if i % 2 else FIRST), angle=i * 2 * np.pi / rays)
        marks += shape(circle(radius=0.56), FIRST, 1.3)
        limb = 0.5
    else:
        limb = 0.85
    t = np.linspace(-2.2, 2.2, 30)
    bite = rng.uniform(0.25, 0.5)
    outside = polar(limb, t + np.pi / 2)
    inside = polar(limb * 0.86, t + np.pi / 2)[::-1] * [1, 1] - [0, limb * bite]
    moon = np.concatenate([outside, inside])
    marks += placed(
        [*shape(moon, SECOND, 1.2), *hatching(moon, rng.uniform(0, 1.5), 0.07, 0.4)], angle=rng.uniform(0, 6.3)
    )
    if limb < 0.6:
        marks += mirrored(
            [area(circle(0.16, -0.1, 0.05, sides=12)), line(arc(0.09, np.pi, 2 * np.pi, x=0.16, y=-0.12, steps=8), 0.7)]
        )
        marks.append(line(spline([[-0.15, 0.16], [0, 0.24], [0.15, 0.16]], steps=6), 0.9))
    for _ in range(int(rng.integers(1, 6))):
        p = polar(rng.uniform(0.75, 0.95), rng.uniform(0, 6.28))
        marks.append(area(circle(float(p[0]), float(p[1]), rng.uniform(0.015, 0.05), sides=10)))
    return marks


def knot(rng: Rng) -> Marks:
    """An endless interlaced band."""
    p, q = [(2, 3), (3, 4), (2, 5), (3, 5), (2, 7), (4, 5), (3, 7)][int(rng.integers(7))]
    depth, width = rng.uniform(0.28, 0.42), rng.uniform(0.05, 0.085)
    t = np.linspace(0, 2 * np.pi * p, 90 * p, endpoint=False)
    phase = t * q / p
    path = polar(0.62 + depth * np.cos(phase), t)
    over = np.sin(phase) > 0
    marks: Marks = []
    for above in (False, True):
        for i in range(0, len(path), 5):
            if over[i] != above:
                continue
            piece = path[np.arange(i - 1, i + 8) % len(path)]
            way = np.gradient(piece, axis=0)
            normal = np.stack([-way[:, 1], way[:, 0]], 1) / (np.linalg.norm(way, axis=1, keepdims=True) + 1e-6) * width
            marks.append(area(np.concatenate([piece + normal, (piece - normal)[::-1]]), FIRST))
            marks += [line(piece + normal, 1.0), line(piece - normal, 1.0)]
    return marks


def geometry(rng: Rng) -> Marks:
    """Nested polygons, circles, lines and dots in strict symmetry."""
    sides = int(rng.integers(3, 7))
    marks: Marks = []
    radius, turn = 0.95, 0.0
    for _ in range(int(rng.integers(3, 6))):
        kind = int(rng.integers(4))
        outline = circle(radius=radius) if kind == 0 else polygon(sides, radius, turn=turn)
        if kind == 3:
            marks += hatching(outline, rng.uniform(0, 3), rng.uniform(0.05, 0.1))
        marks += (
            [line(outline, rng.uniform(0.6, 1.8), closed=True)]
            if rng.random() < 0.6
            else shape(outline, [None, FIRST, SECOND][int(rng.integers(3))])
        )
        if kind == 2:
            marks += repeated([line([[0, 0], [0, -radius]], 0.5)], sides, turn)
        radius *= rng.uniform(0.62, 0.84)
        turn += float(rng.choice([0, np.pi / sides, np.pi]))
    marks += repeated([area(circle(0, -rng.uniform(0.9, 1.05), 0.03, sides=10))], sides)
    return [*marks, *repeated([line([[0, -1.0], [0, -1.0 - rng.uniform(0.05, 0.25)]], 0.7)], sides)]


def eye(rng: Rng) -> Marks:
    """An open eye in a triangle, in rays, or weeping."""
    marks: Marks = []
    kind = int(rng.integers(3))
    if kind == 0:
        marks += shape(polygon(3, 1.0), SECOND, 1.3)
        marks.append(line(polygon(3, 0.85), 0.6, closed=True))
    elif kind == 1:
        marks += repeated([line([[0, -0.62], [0, -rng.uniform(0.85, 1.0)]], 0.8)], int(rng.integers(12, 28)))
    lid, w = rng.uniform(0.26, 0.4), 0.62
    outline = spline(
        [
            [-w, 0.05],
            [-0.3, -lid * 0.8],
            [0, -lid],
            [0.3, -lid * 0.8],
            [w, 0.05],
            [0.3, lid * 0.7],
            [0, lid * 0.8],
            [-0.3, lid * 0.7],
        ],
        closed=True,
        steps=6,
    )
    marks += shape(outline, None, 1.5)
    iris = rng.uniform(0.2, 0.26)
    marks += shape(circle(radius=iris), FIRST)
    marks += repeated([line([[0, -iris * 0.55], [0, -iris * 0.95]], 0.5)], int(rng.integers(10, 22)))
    marks += [area(circle(radius=iris * 0.45)), area(circle(0.06, -0.07, 0.035, sides=10), kind="clear")]
    marks.append(line(spline([[-w, -0.15], [0, -lid - 0.17], [w, -0.15]], steps=8), 1.2))
    for x in np.linspace(-0.5, 0.5, int(rng.integers(5, 11))):
        marks.append(line([[x, -lid * (1 - x * x) - 0.02], [x * 1.25, -lid * (1 - x * x) - 0.16]], 0.7))
    if kind == 2:
        for i in range(int(rng.integers(1, 4))):
            drop = spline([[0, 0.35], [0.08, 0.58], [0, 0.68], [-0.08, 0.58]], closed=True, steps=5)
            marks += placed(shape(drop, SECOND, 0.8), shift=(rng.uniform(-0.3, 0.3), 0.1 + 0.1 * i))
    return marks


def crown(rng: Rng) -> Marks:
    """A crown with points, jewels and a patterned rim."""
    points = int(rng.integers(3, 7))
    flare = rng.uniform(0.05, 0.25)
    x = np.linspace(-0.75, 0.75, 2 * points - 1)
    tips = np.where(np.arange(len(x)) % 2 == 0, -rng.uniform(0.35, 0.6), -rng.uniform(-0.1, 0.15))
    upper = np.stack([x * (1 + flare), tips - 0.25 * (1 - (x / 0.75) ** 2)], 1)
    marks = shape(np.concatenate([[[-0.72, 0.4]], upper, [[0.72, 0.4]]]), FIRST, 1.3)
    marks += [m for p in upper[::2] for m in shape(circle(float(p[0]), float(p[1]) - 0.07, 0.07, sides=14), THIRD)]
    marks += shape([[-0.75, 0.35], [0.75, 0.35], [0.75, 0.62], [-0.75, 0.62]], SECOND)
    for jewel in np.linspace(-0.6, 0.6, int(rng.integers(3, 8))):
        marks += shape(polygon(int(rng.integers(4, 9)), 0.09, x=float(jewel), y=0.485), THIRD, 0.7)
    if rng.random() < 0.5:
        marks += hatching([[-0.7, 0.3], *upper.tolist(), [0.7, 0.3]], 0.8, 0.1, 0.4)
    return marks


def hourglass(rng: Rng) -> Marks:
    """An hourglass with running sand."""
    w = rng.uniform(0.42, 0.6)
    half = [[w, -0.75], [w * 0.9, -0.4], [0.06, 0.0], [w * 0.9, 0.4], [w, 0.75]]
    glass = np.concatenate([spline(half, steps=8), spline(half, steps=8)[::-1] * [-1, 1]])
    marks = shape(glass, None, 1.2)
    level = rng.uniform(-0.55, -0.25)
    marks.append(area([[-w * 0.75, level], [w * 0.75, level], [0.04, -0.05], [-0.04, -0.05]], THIRD))
    marks.append(area(spline([[-w * 0.8, 0.74], [0, rng.uniform(0.3, 0.6)], [w * 0.8, 0.74]], steps=6), THIRD))
    marks.append(line([[0, -0.05], [0, 0.6]], 0.6))
    for y in (-0.75, 0.75):
        marks += shape([[-w * 1.2, y - 0.1], [w * 1.2, y - 0.1], [w * 1.2, y + 0.1], [-w * 1.2, y + 0.1]], FIRST)
    marks += mirrored([*shape([[w * 1.05, -0.65], [w * 1.15, -0.65], [w * 1.15, 0.65], [w * 1.05, 0.65]], SECOND)])
    return placed(marks, 1.0, rng.uniform(-0.3, 0.3))


def landscape(rng: Rng) -> Marks:
    """Mountains, water and sky inside a circle or a diamond."""
    n, frame = int(rng.integers(2, 5)), rng.random() < 0.7
    marks: Marks = shape(circle(radius=0.95) if frame else polygon(4, 1.0), None, 1.5)
    marks += shape(circle(rng.uniform(-0.4, 0.4), rng.uniform(-0.6, -0.35), rng.uniform(0.12, 0.2)), THIRD)
    for i in range(n):
        x, h = rng.uniform(-0.45, 0.45), rng.uniform(0.3, 0.75)
        base = 0.12 + 0.06 * i
        left, right = max(-0.78, x - h * 0.9), min(0.78, x + h * 0.9)
        peak = [x, base - h]
        marks += shape([[left, base], peak, [right, base]], FIRST if i % 2 else SECOND)
        marks += hatching([[x, base], peak, [right, base]], 1.0, rng.uniform(0.05, 0.1), 0.6)
    for k in range(int(rng.integers(3, 6))):
        y = 0.34 + 0.11 * k
        reach = np.sqrt(max(0.0, 0.86 - y * y)) if frame else 0.9 - y
        wave = np.linspace(-reach, reach, 8)
        marks.append(line(spline(np.stack([wave, y + 0.03 * (-1.0) ** np.arange(8)], 1), steps=4), 0.7))
    if rng.random() < 0.6:
        for x in rng.uniform(-0.65, 0.65, int(rng.integers(2, 6))):
            marks += [area([[x - 0.07, 0.28], [x, -0.02], [x + 0.07, 0.28]]), line([[x, 0.28], [x, 0.34]])]
    return marks


EMBLEMS = {
    "lettering": lettering,
    "banner": banner,
    "star": star,
    "stars": stars,
    "skull": skull,
    "tribal": tribal,
    "mandala": mandala,
    "heart": heart,
    "anchor": anchor,
    "compass": compass,
    "dagger": dagger,
    "sun": sun_and_moon,
    "knot": knot,
    "geometry": geometry,
    "eye": eye,
    "crown": crown,
    "hourglass": hourglass,
    "landscape": landscape,
}
"""Families by name."""
