"""Puts a person together: bodies for limbs, clothes, hair and bags, in the order in which they cover one another."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sceneseek.data.synthetic.appearance import Appearance
from sceneseek.data.synthetic.noise import Rng, wobble
from sceneseek.data.synthetic.pose import Skeleton, head_size
from sceneseek.data.synthetic.raster import Ball, Solid, Surface, Tube
from sceneseek.data.synthetic.viewpoint import Points
from sceneseek.data.synthetic.wardrobe import Wardrobe

Profile = NDArray[np.float64]


LAYERS: tuple[str, ...] = (
    "behind",
    "far arm",
    "far leg",
    "near leg",
    "core",
    "neck",
    "head",
    "back",
    "near arm",
    "front",
)
"""Painting order."""


@dataclass
class _Figure:
    """One person at one moment, being assembled."""

    look: Appearance
    wear: Wardrobe
    bones: Skeleton
    rng: Rng
    angle: float
    """Angle at which the camera sees the trunk: 0 its front, pi its back."""
    layers: dict[str, list[Solid]] = field(default_factory=lambda: {name: [] for name in LAYERS})

    @property
    def size(self) -> float:
        return self.look.body.stature

    def put(self, layer: str, *solids: Solid) -> None:
        self.layers[layer].extend(solids)

    def ruffle(self, strength: float) -> Profile:
        """Small irregularity of an outline, metres."""
        return np.asarray(wobble(self.rng, 24, 5, strength), np.float64)

    def depth(self, point: Points) -> float:
        return float(point[2])


def _legs(figure: _Figure) -> None:
    look, wear, bones, h = figure.look, figure.wear, figure.bones, figure.size
    lower, breadth = look.lower, look.body.breadth
    covered = 0.0 if lower.kind in ("skirt", "dress") else lower.length
    order = np.argsort(-(bones.knees[:, 2] + bones.ankles[:, 2]))
    flesh = wear.stocking if lower.stockings else wear.skin
    slack = 0.014 * lower.loose * h
    for rank, i in enumerate(order):
        layer = "far leg" if rank == 0 else "near leg"
        hip, knee, ankle = bones.hips[i], bones.knees[i], bones.ankles[i]
        thigh = breadth * h * np.array([0.052, 0.050, 0.046, 0.041, 0.035, 0.031])
        shin = breadth**0.5 * h * np.array([0.030, 0.032, 0.034, 0.031, 0.025, 0.020, 0.018])
        if covered < 0.97:
            if covered < 0.5:
                figure.put(layer, Tube(hip, knee, thigh, flesh, caps=(0.0, 0.028 * h), shadow=0.2))
            figure.put(layer, Tube(knee, ankle, shin, flesh, caps=(0.028 * h, 0.02 * h), shadow=0.05))
        _shoe(figure, layer, int(i), covered)
        if covered > 0.0:
            _trouser_leg(figure, layer, int(i), (thigh, shin), (covered, slack))


def _trouser_leg(figure: _Figure, layer: str, i: int, flesh: tuple[Profile, Profile], cut: tuple[float, float]) -> None:
    (thigh, shin), (covered, slack), h = flesh, cut, figure.size
    hip, knee, ankle = figure.bones.hips[i], figure.bones.knees[i], figure.bones.ankles[i]
    upper = min(1.0, covered / 0.5)
    end = hip + upper * (knee - hip)
    steps = np.linspace(0, upper * (len(thigh) - 1), 24)
    wide = (
        np.interp(steps, np.arange(len(thigh)), thigh)
        + 0.004 * h
        + slack * np.linspace(0.4, 1.0 if covered > 0.5 else 1.5, 24)
    )
    ruffle = figure.ruffle(0.002)
    figure.put(
        layer,
        Tube(
            hip,
            end,
            wide + ruffle,
            figure.wear.leg,
            rows=(0.0, 0.5 * upper),
            bend=figure.ruffle(0.003),
            caps=(0.0, 0.03 * h if covered > 0.5 else 0.004 * h),
        ),
    )
    if covered > 0.5:
        part = (covered - 0.5) / 0.5
        if figure.look.shoes.shaft and figure.look.lower.loose < 0.4:
            part = min(part, 1.0 - 0.75 * figure.look.shoes.shaft)
        end = knee + part * (ankle - knee) * 1.03
        steps = np.linspace(0, part * (len(shin) - 1), 24)
        wide = np.interp(steps, np.arange(len(shin)), shin) + 0.004 * h + slack * np.linspace(1.0, 1.25, 24)
        if figure.look.lower.kind == "joggers":
            wide[-4:] *= np.linspace(0.95, 0.62, 4)
        figure.put(
            layer,
            Tube(
                knee,
                end,
                wide + figure.ruffle(0.0025),
                figure.wear.leg,
                rows=(0.5, 0.5 + 0.5 * part),
                bend=figure.ruffle(0.003),
                caps=(0.028 * h, 0.006 * h),
                shadow=0.06,
            ),
        )


def _shoe(figure: _Figure, layer: str, i: int, covered: float) -> None:
    h, shoes, bones = figure.size, figure.look.shoes, figure.bones
    ankle, toe = bones.ankles[i], bones.toes[i]
    ahead = (toe - ankle) / max(float(np.linalg.norm(toe - ankle)), 1e-6)
    heel = ankle - 0.028 * h * ahead - np.array([0.0, 0.020 * h, 0.0])
    tip = toe
    bulk = {"sneaker": 1.12, "boot": 1.15, "heel": 0.78, "sandal": 0.9}.get(shoes.kind, 1.0)
    wide = bulk * h * np.array([0.022, 0.025, 0.024, 0.025, 0.028, 0.027, 0.021])
    deep = bulk * h * np.array([0.026, 0.030, 0.029, 0.024, 0.019, 0.016, 0.012])
    if (shoes.shaft and covered < 0.97) or (shoes.shaft and figure.look.lower.loose < 0.4):
        top = ankle + shoes.shaft * 0.8 * (bones.knees[i] - ankle)
        figure.put(
            layer,
            Tube(
                top,
                ankle,
                h * np.array([0.036, 0.036, 0.031, 0.028, 0.027]),
                figure.wear.shoe,
                rows=(0.0, 0.4),
                caps=(0.004, 0.02),
            ),
        )
    figure.put(
        layer, Tube(heel, tip, wide, figure.wear.shoe, deep=deep, caps=(0.010 * h, 0.012 * h), turn=0.0, shadow=0.1)
    )


def _trunk(figure: _Figure) -> None:
    look, wear, bones, h = figure.look, figure.wear, figure.bones, figure.size
    body, upper = look.body, look.upper
    b, s = body.breadth * h, body.shoulders * body.breadth**0.5 * h
    waist = bones.pelvis + 0.075 * h * bones.rise
    hips = b * body.hips * np.array([0.080, 0.090, 0.097, 0.098, 0.090])
    seat = b * np.array([0.055 + 0.03 * body.belly, 0.062, 0.068, 0.066, 0.056])
    figure.put(
        "core",
        Tube(
            waist,
            bones.pelvis - 0.05 * h * bones.rise,
            hips,
            wear.pelvis,
            deep=seat,
            caps=(0.0, 0.018 * h),
            shadow=0.15,
        ),
    )
    if wear.skirt is not None:
        _skirt(figure, waist)
    if wear.tails is not None:
        _tails(figure, waist)
    tucked = upper.hem < 0.0
    end = (
        bones.pelvis
        + (0.062 if tucked else 0.004) * h * bones.rise
        - max(0.0, min(upper.hem, 0.12)) * 0.3 * h * bones.rise
    )
    slack = (0.004 + 0.022 * upper.loose) * h
    wide = np.concatenate(
        [
            s * np.array([0.042, 0.078, 0.103, 0.113, 0.114, 0.110, 0.104]),
            b
            * np.array(
                [
                    0.094,
                    0.089,
                    0.084 + 0.02 * body.belly,
                    0.083 + 0.026 * body.belly,
                    0.087,
                    0.093 * body.hips,
                    0.097 * body.hips,
                ]
            ),
        ]
    )
    wide[4:] += slack
    if tucked:
        wide[-3:] *= np.array([1.0, 0.97, 0.93])
    bust = 0.012 * h * body.breadth if body.woman and not body.child else 0.0
    deep = b * np.array(
        [0.036, 0.045, 0.053, 0.060, 0.064, 0.066, 0.065, 0.061, 0.057, 0.055, 0.056, 0.058, 0.061, 0.063]
    )
    deep[4:7] += bust
    deep[7:13] += 0.030 * h * body.belly * np.array([0.4, 0.8, 1.0, 1.0, 0.8, 0.4])
    deep[3:] += 0.8 * slack
    steps = np.linspace(0, len(wide) - 1, 40)
    wide, deep = (np.interp(steps, np.arange(len(p)), p) for p in (wide, deep))
    wide[8:] += np.interp(np.linspace(0, 1, 32), np.linspace(0, 1, 24), figure.ruffle(0.0035))
    cap = 0.004 * h if not tucked else 0.012 * h
    figure.put(
        "core",
        Tube(
            bones.neck, end, wide, wear.torso, deep=deep, caps=(0.004 * h, cap), bend=figure.ruffle(0.003), shadow=0.2
        ),
    )
    _collar(figure)


def _spread(figure: _Figure, fall: float) -> tuple[Points, float, float]:
    """Where the legs are ``fall`` (part of the leg) below the hips: middle, half extents to the side and the front."""
    bones = figure.bones
    points = np.stack(
        [
            bones.hips[i]
            + min(fall / 0.5, 1.0) * (bones.knees[i] - bones.hips[i])
            + max(fall - 0.5, 0.0) / 0.5 * (bones.ankles[i] - bones.knees[i])
            for i in range(2)
        ]
    )
    flat = np.array([bones.forward[0], 0.0, bones.forward[2]])
    span = points[0] - points[1]
    return points.mean(axis=0), abs(float(np.dot(span, bones.left))) / 2, abs(float(np.dot(span, flat))) / 2


_FALL = np.linspace(0.0, 1.0, 24)
"""From the upper end of hanging cloth to its hem."""


def _hang(
    figure: _Figure,
    waist: Points,
    hem: Points,
    surface: Surface,
    shape: tuple[Profile, Profile],
    growth: tuple[float, float],
    cut: tuple[float, float, float, float],
) -> None:
    """Cloth that falls from the waist around both legs.

    Args:
        figure: Who wears it.
        waist: Where it begins.
        hem: Where it ends.
        surface: What it is made of.
        shape: Half-widths and half-depths of the body under it, at the places of ``_FALL``.
        growth: How much wider and deeper than the body it is at the hem, so that the stride has room.
        cut: The exponent of that growth; the unrest of its outline and of its axis, and the height of its lower cap,
            metres.
    """
    (hip, seat), (aside, ahead), (power, unrest, sway, cap) = shape, growth, cut
    wide = np.maximum(hip, hip + _FALL**power * aside) + _FALL * figure.ruffle(unrest)
    deep = np.maximum(seat, seat + _FALL**power * ahead)
    bend = _FALL * figure.ruffle(sway)
    figure.put("core", Tube(waist, hem, wide, surface, deep=deep, caps=(0.0, cap), bend=bend, shadow=0.3))


def _skirt(figure: _Figure, waist: Points) -> None:
    h, lower, body = figure.size, figure.look.lower, figure.look.body
    assert figure.wear.skirt is not None
    middle, aside, ahead = _spread(figure, lower.length)
    flare, b = 0.012 + 0.06 * lower.loose, body.breadth * h
    hip = np.interp(_FALL, [0.0, 0.25, 1.0], [0.080 * b, 0.102 * b * body.hips, 0.098 * b])
    seat = np.interp(_FALL, [0.0, 0.25, 1.0], [0.058 * b, 0.070 * b, 0.068 * b])
    growth = (aside + 0.050 * b + flare * h - 0.098 * b, ahead + 0.050 * b + flare * h - 0.068 * b)
    _hang(figure, waist, middle, figure.wear.skirt, (hip, seat), growth, (1.3, 0.006, 0.008, 0.008 * h))


def _tails(figure: _Figure, waist: Points) -> None:
    h, upper, body = figure.size, figure.look.upper, figure.look.body
    assert figure.wear.tails is not None
    middle, aside, ahead = _spread(figure, upper.hem)
    b, slack = body.breadth * h, (0.008 + 0.024 * upper.loose) * h
    hip = np.interp(_FALL, [0.0, 0.3, 1.0], [0.086 * b, 0.102 * b * body.hips, 0.102 * b]) + slack
    seat = np.interp(_FALL, [0.0, 0.3, 1.0], [0.062 * b, 0.072 * b, 0.070 * b]) + slack
    growth = (aside + 0.055 * b - 0.10 * b + 0.5 * slack, 0.8 * ahead + 0.055 * b - 0.07 * b + 0.5 * slack)
    _hang(figure, waist, middle, figure.wear.tails, (hip, seat), growth, (1.4, 0.005, 0.006, 0.006 * h))


def _collar(figure: _Figure) -> None:
    h, bones, collar = figure.size, figure.bones, figure.look.upper.collar
    rise, b = bones.rise, figure.look.body.breadth**0.5 * figure.size
    top = bones.neck + 0.035 * h * rise
    figure.put(
        "neck",
        Tube(
            top + 0.02 * h * bones.head_axes[2],
            bones.neck - 0.012 * h * rise,
            b * np.array([0.030, 0.031, 0.034, 0.044]),
            figure.wear.skin,
            deep=b * np.array([0.030, 0.032, 0.034, 0.038]),
            shadow=0.2,
        ),
    )
    shapes = {
        "shirt": (0.020, 0.020, 0.043, 0.004),
        "polo": (0.016, 0.018, 0.043, 0.003),
        "turtle": (0.034, 0.010, 0.040, 0.004),
        "lapel": (0.022, 0.022, 0.048, 0.008),
        "hood": (0.024, 0.030, 0.058, 0.016),
        "fur": (0.034, 0.026, 0.066, 0.020),
    }
    if collar in shapes:
        up, low, radius, back = shapes[collar]
        centre = bones.neck - back * h * bones.forward
        figure.put(
            "neck",
            Tube(
                centre + up * h * rise,
                centre - low * h * rise,
                b * radius * np.array([0.86, 0.98, 1.06, 1.08]),
                figure.wear.collar,
                deep=b * radius * np.array([0.9, 1.0, 1.0, 0.9]),
                caps=(0.004 * h, 0.006 * h),
                shadow=0.15,
            ),
        )
    if figure.wear.scarf is not None:
        figure.put(
            "neck",
            Tube(
                bones.neck + 0.034 * h * rise,
                bones.neck - 0.028 * h * rise,
                b * np.array([0.048, 0.058, 0.060, 0.052]),
                figure.wear.scarf,
                bend=figure.ruffle(0.004),
                caps=(0.006 * h, 0.008 * h),
            ),
        )
        if figure.look.seed % 2 and math.cos(figure.angle) > -0.2:
            start = bones.neck + 0.06 * h * bones.forward + 0.03 * h * bones.left
            figure.put(
                "neck",
                Tube(
                    start,
                    start - 0.2 * h * rise,
                    h * np.array([0.022, 0.026, 0.03]),
                    figure.wear.scarf,
                    deep=h * np.array([0.01, 0.01, 0.01]),
                ),
            )


def _arms(figure: _Figure) -> None:
    h, bones, upper = figure.size, figure.bones, figure.look.upper
    bulk = figure.look.body.breadth**0.6 * h * (0.92 if figure.look.body.woman else 1.05)
    centre = figure.depth(bones.neck)
    for i in range(2):
        shoulder, elbow, wrist, hand = bones.shoulders[i], bones.elbows[i], bones.wrists[i], bones.hands[i]
        reach = 0.2 * shoulder[2] + 0.4 * elbow[2] + 0.4 * wrist[2]
        layer = "far arm" if reach > centre + 0.05 else "near arm"
        above = bulk * np.array([0.026, 0.029, 0.028, 0.026, 0.024, 0.023])
        below = bulk * np.array([0.024, 0.025, 0.023, 0.020, 0.016])
        if upper.sleeve < 0.54:
            figure.put(layer, Tube(shoulder, elbow, above, figure.wear.skin, caps=(0.02 * h, 0.022 * h), shadow=0.25))
        palm = Tube(
            wrist,
            hand,
            bulk * np.array([0.013, 0.017, 0.020, 0.018, 0.013]),
            figure.wear.skin,
            deep=bulk * np.array([0.012, 0.018, 0.023, 0.02, 0.012]),
            caps=(0.012 * h, 0.010 * h),
            shadow=0.2,
        )
        fore = Tube(elbow, wrist, below, figure.wear.skin, caps=(0.022 * h, 0.012 * h), shadow=0.08)
        if upper.sleeve < 0.95:
            figure.put(layer, fore)
        figure.put(layer, palm)
        if upper.sleeve > 0.02:
            _sleeve(figure, layer, i, above, below)


def _sleeve(figure: _Figure, layer: str, i: int, above: Profile, below: Profile) -> None:
    h, upper = figure.size, figure.look.upper
    shoulder, elbow, wrist = figure.bones.shoulders[i], figure.bones.elbows[i], figure.bones.wrists[i]
    slack = (0.004 + 0.018 * upper.loose) * h
    part = min(1.0, upper.sleeve / 0.54)
    steps = np.linspace(0, part * (len(above) - 1), 24)
    wide = np.interp(steps, np.arange(len(above)), above) + slack * np.linspace(
        0.35, 1.0 if upper.sleeve > 0.54 else 1.35, 24
    )
    figure.put(
        layer,
        Tube(
            shoulder,
            shoulder + part * (elbow - shoulder),
            wide + figure.ruffle(0.002),
            figure.wear.sleeve,
            rows=(0.0, 0.54 * part),
            bend=figure.ruffle(0.002),
            caps=(0.022 * h, 0.026 * h if upper.sleeve > 0.54 else 0.004 * h),
            shadow=0.2,
        ),
    )
    if upper.sleeve > 0.54:
        part = (upper.sleeve - 0.54) / 0.46
        steps = np.linspace(0, part * (len(below) - 1), 24)
        wide = np.interp(steps, np.arange(len(below)), below) + slack * np.linspace(1.0, 0.6, 24)
        figure.put(
            layer,
            Tube(
                elbow,
                elbow + part * (wrist - elbow) * 1.04,
                wide + figure.ruffle(0.002),
                figure.wear.sleeve,
                rows=(0.54, 0.54 + 0.46 * part),
                bend=figure.ruffle(0.002),
                caps=(0.024 * h, 0.005 * h),
                shadow=0.08,
            ),
        )


def _head(figure: _Figure) -> None:
    look, wear, bones = figure.look, figure.wear, figure.bones
    size = head_size(look.body)
    _, crown, face = bones.head_axes
    radii = (0.335 * size, 0.47 * size, 0.40 * size)
    seen = _toward(bones.head, face)
    jaw = Ball(
        bones.head - 0.26 * size * crown + 0.10 * size * face,
        bones.head_axes,
        (0.235 * size, 0.27 * size, 0.25 * size),
        wear.jaw,
        shadow=0.3,
    )
    nose = Ball(
        bones.head - 0.08 * size * crown + 0.375 * size * face,
        bones.head_axes,
        (0.034 * size, 0.062 * size, 0.065 * size),
        wear.skin,
        shadow=0.15,
    )
    skull = Ball(bones.head, bones.head_axes, radii, wear.head, shadow=0.15)
    if seen < 0.25:
        figure.put("head", nose)
    figure.put("head", jaw, skull)
    if seen >= 0.25:
        figure.put("head", nose)
    _hair(figure, size, radii)
    _hat(figure, size, radii)


def _toward(at: Points, direction: Points) -> float:
    """Cosine between a direction and the way to the camera, on the floor plan."""
    way = -np.array([at[0], 0.0, at[2]])
    return float(np.dot(way / max(float(np.linalg.norm(way)), 1e-6), direction))


def _ears(figure: _Figure, size: float) -> None:
    bones = figure.bones
    for side in (1.0, -1.0):
        at = (
            bones.head
            + side * 0.335 * size * bones.head_axes[0]
            - 0.06 * size * bones.head_axes[1]
            - 0.02 * size * bones.head_axes[2]
        )
        if _toward(bones.head, side * bones.head_axes[0]) > -0.45:
            figure.put(
                "head",
                Ball(at, bones.head_axes, (0.035 * size, 0.115 * size, 0.075 * size), figure.wear.skin, shadow=0.1),
            )


def _hair(figure: _Figure, size: float, radii: tuple[float, float, float]) -> None:
    hair, wear, bones = figure.look.hair, figure.wear, figure.bones
    _, crown, face = bones.head_axes
    covered = figure.look.extras.hat in ("headscarf", "hood")
    if hair.style in ("bald", "cropped", "short", "ponytail", "bun") and not covered:
        _ears(figure, size)
    if hair.style == "bald" or covered:
        return
    lift = {"cropped": 0.02, "short": 0.055, "afro": 0.30, "bob": 0.09, "long": 0.08, "ponytail": 0.04, "bun": 0.05}[
        hair.style
    ] * hair.volume
    if figure.look.extras.hat != "none":
        lift *= 0.35
    grown = (radii[0] * (1.0 + lift), radii[1] * (1.0 + 0.8 * lift), radii[2] * (1.0 + lift))
    centre = bones.head + (0.35 * lift * crown - 0.35 * lift * face) * size
    figure.put("head", Ball(centre, bones.head_axes, grown, wear.shell, shadow=0.0))
    back = _toward(bones.head, face) < 0.1
    if hair.style in ("long", "bob"):
        _curtain(figure, size, back)
    elif hair.style == "ponytail":
        knot = bones.head - 0.42 * size * face + 0.12 * size * crown
        tail = knot - (0.25 + 0.95 * hair.length) * size * crown - 0.10 * size * face
        figure.put(
            "back" if back else "behind",
            Tube(
                knot,
                tail,
                size * np.array([0.07, 0.13, 0.15, 0.13, 0.09, 0.04]),
                wear.hair,
                caps=(0.05 * size, 0.05 * size),
                bend=figure.ruffle(0.008),
            ),
        )
    elif hair.style == "bun":
        at = bones.head - 0.36 * size * face + (0.15 + 0.3 * hair.fringe) * size * crown
        figure.put(
            "back" if back else "behind", Ball(at, bones.head_axes, (0.17 * size, 0.16 * size, 0.15 * size), wear.hair)
        )


def _curtain(figure: _Figure, size: float, back: bool) -> None:
    hair, wear, bones = figure.look.hair, figure.wear, figure.bones
    ear, crown, face = bones.head_axes
    fall = (0.62 if hair.style == "bob" else 0.85 + 1.15 * hair.length) * size
    top = bones.head + 0.20 * size * crown - 0.13 * size * face
    end = top - fall * (0.7 * bones.rise + 0.3 * crown) - 0.07 * size * bones.forward
    wide = size * (0.9 + 0.12 * hair.volume) * np.array([0.30, 0.37, 0.40, 0.41, 0.40, 0.38, 0.33])
    deep = size * np.array([0.26, 0.30, 0.28, 0.24, 0.20, 0.17, 0.12])
    ruffle = np.interp(np.linspace(0, 1, 7), np.linspace(0, 1, 24), figure.ruffle(0.005))
    figure.put(
        "back" if back else "behind",
        Tube(top, end, wide + ruffle, wear.hair, deep=deep, caps=(0.08 * size, 0.06 * size), bend=figure.ruffle(0.005)),
    )
    if back:
        return
    for side in (1.0, -1.0):  # strands that frame the face and may fall over the shoulder
        start = bones.head + side * 0.30 * size * ear + 0.12 * size * crown + 0.02 * size * face
        drop = fall * (0.75 if hair.fringe > 0.5 else 0.5)
        finish = start - drop * bones.rise + (0.08 * size) * face + side * 0.05 * size * ear
        figure.put(
            "head",
            Tube(
                start,
                finish,
                size * np.array([0.07, 0.10, 0.11, 0.10, 0.05]),
                wear.hair,
                caps=(0.08 * size, 0.04 * size),
                bend=figure.ruffle(0.006),
                shadow=0.15,
            ),
        )


def _hat(figure: _Figure, size: float, radii: tuple[float, float, float]) -> None:
    kind, wear, bones = figure.look.extras.hat, figure.wear, figure.bones
    if wear.hat is None:
        return
    _, crown, face = bones.head_axes
    grow = {"cap": 1.10, "beanie": 1.13, "brim": 1.10, "helmet": 1.22, "hood": 1.22}.get(kind, 1.13)
    dome = Ball(
        bones.head + 0.02 * size * crown - (0.03 * size if kind in ("hood", "headscarf") else 0.0) * face,
        bones.head_axes,
        (radii[0] * grow, radii[1] * grow, radii[2] * grow),
        wear.hat,
    )
    plain = figure.wear.collar if kind == "hood" else None
    if kind == "cap":
        brim = Ball(
            bones.head + 0.20 * size * crown + 0.50 * size * face,
            bones.head_axes,
            (0.27 * size, 0.035 * size, 0.24 * size),
            wear.brim,
        )
        figure.put("head", *((brim, dome) if _toward(bones.head, face) < 0 else (dome, brim)))
        return
    if kind == "brim":
        figure.put(
            "head",
            dome,
            Ball(bones.head + 0.17 * size * crown, bones.head_axes, (0.66 * size, 0.05 * size, 0.70 * size), wear.brim),
        )
        top = Ball(
            bones.head + 0.30 * size * crown,
            bones.head_axes,
            (radii[0] * 1.06, radii[1] * 0.6, radii[2] * 1.06),
            wear.brim,
            shadow=0.0,
        )
        figure.put("head", top)
        return
    figure.put("head", dome)
    if kind == "headscarf" or plain is not None:
        cloth = plain or wear.brim
        fall = Tube(
            bones.head - 0.3 * size * crown,
            bones.neck - 0.25 * size * bones.rise,
            size * np.array([0.34, 0.36, 0.44, 0.5]),
            cloth,
            deep=size * np.array([0.32, 0.34, 0.40, 0.44]),
        )
        figure.put("neck", fall)


def _bags(figure: _Figure) -> None:
    h, extras, bones, wear = figure.size, figure.look.extras, figure.bones, figure.wear
    size = extras.bag_size * h
    boxy = np.array([0.72, 0.95, 1.0, 1.0, 1.0, 1.0, 0.97, 0.85])
    if extras.bag == "backpack":
        gap = (0.066 + 0.02 * figure.look.upper.loose) * h * figure.look.body.breadth + 0.045 * size
        top = bones.neck - 0.035 * h * bones.rise - gap * bones.forward
        layer = "back" if math.cos(figure.angle) < 0.15 else "behind"
        figure.put(
            layer,
            Tube(
                top,
                top - 0.25 * size * bones.rise,
                0.088 * size * boxy,
                wear.bag,
                deep=0.05 * size * boxy,
                caps=(0.02 * size, 0.015 * size),
                shadow=0.35,
            ),
        )
    elif extras.bag == "shoulder":
        side = -1.0
        at = bones.hips[1] + side * (0.075 * h + 0.02 * size) * bones.left + 0.06 * h * bones.rise
        _beside(
            figure,
            Tube(
                at,
                at - 0.13 * size * bones.rise,
                0.028 * size * boxy,
                wear.bag,
                deep=0.085 * size * boxy,
                caps=(0.008 * h, 0.012 * h),
            ),
            at,
        )
    elif extras.bag == "tote":
        at = bones.hips[0] + (0.085 * h + 0.02 * size) * bones.left + 0.09 * h * bones.rise
        _beside(
            figure,
            Tube(
                at,
                at - 0.19 * size * bones.rise,
                0.03 * size * boxy,
                wear.bag,
                deep=0.10 * size * boxy,
                caps=(0.006 * h, 0.01 * h),
            ),
            at,
        )
    elif extras.bag in ("hand", "trolley"):
        hand = bones.hands[1]
        drop = np.array([0.0, 1.0, 0.0])
        if extras.bag == "trolley":
            spot = hand - 0.22 * h * bones.forward
            top, low = np.array([spot[0], 0.34 * size, spot[2]]), np.array([spot[0], 0.03 * size, spot[2]])
            figure.put(
                "near arm" if hand[2] < bones.neck[2] else "behind",
                Tube(hand, top, 0.006 * h * np.ones(4), wear.shoe, owned=False, shadow=0.0),
                Tube(
                    top,
                    low,
                    0.10 * size * boxy,
                    wear.bag,
                    deep=0.06 * size * boxy,
                    caps=(0.01 * h, 0.01 * h),
                    owned=False,
                ),
            )
        else:
            layer = "near arm" if hand[2] < bones.pelvis[2] + 0.05 else "behind"
            start = hand - 0.05 * h * drop
            figure.put(
                layer,
                Tube(
                    hand,
                    start,
                    h * np.array([0.006, 0.02, 0.045]),
                    wear.shoe,
                    deep=0.004 * h * np.ones(3),
                    owned=False,
                    shadow=0.0,
                ),
                Tube(
                    start,
                    start - 0.12 * size * drop,
                    0.03 * size * boxy,
                    wear.bag,
                    deep=0.085 * size * boxy,
                    caps=(0.006 * h, 0.01 * h),
                    owned=False,
                ),
            )


def _beside(figure: _Figure, bag: Tube, at: Points) -> None:
    near = at[2] < figure.bones.pelvis[2] + 0.04
    figure.layers["far leg" if not near else "back"].append(bag)


def assemble(look: Appearance, wear: Wardrobe, bones: Skeleton, rng: Rng) -> list[Solid]:
    """List the bodies that make up a person, in painting order for a camera at the world's origin.

    Args:
        look: Who it is.
        wear: Their surfaces.
        bones: Their joints at this moment.
        rng: Randomness of the moment (creases of the outline).
    """
    figure = _Figure(look, wear, bones, rng, facing_of(bones))
    for build in (_legs, _trunk, _arms, _head, _bags):
        build(figure)
    return [solid for layer in LAYERS for solid in figure.layers[layer]]


def facing_of(bones: Skeleton) -> float:
    """Angle at which the camera sees the trunk: 0 its front, pi/2 its left side, pi its back."""
    left = bones.left
    way = np.array([-bones.pelvis[0], 0.0, -bones.pelvis[2]])
    return math.atan2(float(np.dot(way, left)), float(np.dot(way, bones.forward)))
