"""Figures that carry tattoos: limbs and backs put together from parts, and clothed. Nothing is painted here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from sceneseek.data.synthetic import tattoo_skin
from sceneseek.data.synthetic.tattoo_art import Design, render_ink
from sceneseek.data.synthetic.tattoo_skin import BodyPart, Placement, Skin
from sceneseek.structures import UNLABELED

Rng = np.random.Generator
Colour = tuple[float, float, float]
Pattern = Literal["plain", "stripes", "rings", "checks", "hair", "knit"]


@dataclass(frozen=True)
class Garment:
    """Cloth, hair or leather around a stretch of a part.

    Attributes:
        start: Where it begins on the axis.
        stop: Where it ends on the axis.
        reach: How far it stands off the skin; 1 lies on it.
        colour: Red, green and blue, 0 to 1.
        accent: The pattern's second colour.
        pattern: What is woven or printed.
        sag: How far the hem is lower in the middle, on the axis.
        strap: Only two straps of this half width, ``across``; 0 for all around.
    """

    start: float
    stop: float
    reach: float
    colour: Colour
    accent: Colour
    pattern: Pattern = "plain"
    sag: float = 0.0
    strap: float = 0.0


@dataclass(frozen=True)
class Ink:
    """A tattoo on somebody's skin.

    Attributes:
        design: What was drawn.
        person_id: The design's identity, or ``UNLABELED``.
        place: Where.
        strength: 1 for solid fresh ink, less when it has faded.
        spread: Blur in pixels, from age.
        tint: How much of red, green and blue old black ink returns.
    """

    design: Design
    person_id: int
    place: Placement
    strength: float = 1.0
    spread: float = 0.0
    tint: Colour = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Limb:
    """A part with what covers it."""

    part: BodyPart
    garments: tuple[Garment, ...] = ()
    relief: float = 0.0
    is_back: bool = False


@dataclass(frozen=True)
class Figure:
    """Parts of one person, painted in order; ink is on the last one."""

    limbs: tuple[Limb, ...]
    skin: Skin
    inks: tuple[Ink, ...] = ()

    @property
    def main(self) -> Limb:
        """The part that carries ink."""
        return self.limbs[-1]


_LIMBS: dict[str, tuple[float, ...]] = {
    "forearm": (0.96, 1.02, 1.0, 0.93, 0.82, 0.72, 0.64, 0.62),
    "upper_arm": (1.12, 1.1, 1.02, 1.0, 0.97, 0.9, 0.82, 0.8),
    "calf": (0.82, 0.98, 1.08, 1.06, 0.92, 0.74, 0.58, 0.54),
    "thigh": (1.2, 1.18, 1.12, 1.04, 0.97, 0.9, 0.84, 0.8),
}
_BACK = (0.46, 0.72, 0.94, 1.0, 1.02, 1.0, 0.95, 0.9, 0.86, 0.84, 0.86, 0.92, 0.98, 1.0)
KINDS = ("forearm", "upper_arm", "calf", "thigh", "back", "close_up")
KIND_SHARES = (0.27, 0.2, 0.15, 0.11, 0.19, 0.08)
_OPEN_ENDS: dict[str, tuple[bool, ...]] = {
    "forearm": (), "upper_arm": (False,), "calf": (False,), "thigh": (False,),
    "back": (True,), "close_up": (False, True),
}  # fmt: skip
_WIDENING = {"forearm": 0.0, "upper_arm": 1.6, "calf": 0.25, "thigh": 0.7, "back": 0.06, "close_up": 0.0}


def draw_figure(
    rng: Rng,
    design: Design,
    person_id: int,
    target: tuple[float, float],
    size: float,
    scene: tuple[int, int],
    *,
    hidden: float,
    turned: float,
) -> Figure:
    """Build a person around a tattoo.

    Args:
        rng: Source of randomness.
        design: The tattoo's design.
        person_id: Its identity.
        target: Where the tattoo's middle shall be in the scene.
        size: Pixels of the tattoo's longer side, on the skin.
        scene: The scene's width and height: limbs run on until they have left it.
        hidden: The largest share of it that clothes may hide.
        turned: How far it may lie from the middle line, 0 to 1.

    Returns:
        The figure; its first ink is this tattoo.
    """
    kind = str(rng.choice(KINDS, p=KIND_SHARES))
    picture = render_ink(design)
    scale = size / max(picture.shape[:2])
    width, height = picture.shape[1] * scale, picture.shape[0] * scale
    skin = tattoo_skin.draw_skin(rng)
    part = _main_part(rng, kind, width, height)
    turn = float(rng.normal(0, 0.2))
    if kind in ("forearm", "upper_arm", "calf", "thigh") and (width > 1.5 * height or rng.random() < 0.08):
        turn += float(rng.choice([-1, 1])) * np.pi / 2  # long words run along a limb
    along = float(rng.uniform(0.4, 0.62)) if kind != "back" else float(rng.uniform(0.2, 0.6))
    girth = float(rng.uniform(-1, 1)) * turned * part.half_width * (0.7 if kind != "back" else 0.5)
    place = Placement(along, girth, turn, width, height)
    part = _anchored(part, place, target)
    for at_end in _OPEN_ENDS[kind]:
        further = _way_out(part, scene, at_end=at_end)
        longer = _extended(part, further, at_end=at_end, widen=_WIDENING[kind])
        before = 0.0 if at_end else further
        place = replace(place, along=(place.along * part.length + before) / longer.length)
        part = _anchored(longer, place, target)
    ink = _draw_ink(rng, design, person_id, place)
    return Figure(_clothed(rng, kind, part, place, scene, hidden), skin, (ink,))


def second_ink(rng: Rng, figure: Figure, design: Design, size: float) -> Figure:
    """Add an unlabelled tattoo beside a figure's own, on the same part."""
    picture = render_ink(design)
    scale = size / max(picture.shape[:2])
    first, part = figure.inks[0].place, figure.main.part
    reach = (np.hypot(first.width, first.height) + size) / 2 / part.length
    along = first.along + float(rng.choice([-1, 1])) * reach * float(rng.uniform(0.85, 1.15))
    girth = float(rng.uniform(-0.4, 0.4)) * part.half_width
    place = Placement(along, girth, float(rng.normal(0, 0.3)), picture.shape[1] * scale, picture.shape[0] * scale)
    return replace(figure, inks=(*figure.inks, _draw_ink(rng, design, UNLABELED, place)))


def _anchored(part: BodyPart, place: Placement, target: tuple[float, float]) -> BodyPart:
    """The part, moved so that a place on it is seen at ``target``."""
    at, _ = part.to_image(place.along, place.girth)
    return replace(part, origin=(part.origin[0] + target[0] - float(at[0]), part.origin[1] + target[1] - float(at[1])))


def _way_out(part: BodyPart, scene: tuple[int, int], *, at_end: bool) -> float:
    """How much longer a part must be for its end to lie outside the scene, in pixels."""
    sign = 1.0 if at_end else -1.0
    start = np.array(part.to_image(1.0 if at_end else 0.0, 0.0)[0])
    margin = 1.8 * part.half_width
    steps = np.linspace(0, 1.2 * np.hypot(*scene) + 2 * margin, 40)
    points = start + sign * steps[:, None] * np.array(part.direction)
    inside = ((points > -margin) & (points < np.array(scene) + margin)).all(axis=1)
    return float(steps[int(np.flatnonzero(~inside)[0])]) if not inside.all() else float(steps[-1])


def _extended(part: BodyPart, further: float, *, at_end: bool, widen: float) -> BodyPart:
    """The part with its axis carried on; widening, as an arm does into a shoulder."""
    if further <= 0:
        return part
    length = part.length + further
    places = np.linspace(0, 1, 48) * length - (0 if at_end else further)
    knots = np.linspace(0, part.length, len(part.profile))
    beyond = np.clip((places - part.length) if at_end else -places, 0, None) / (2.5 * part.half_width)
    profile = np.interp(places, knots, part.profile) * (1 + widen * np.tanh(beyond) ** 2)
    dx, dy = part.direction
    back = 0.0 if at_end else further
    origin = (part.origin[0] - back * dx, part.origin[1] - back * dy)
    return replace(part, origin=origin, length=length, profile=tuple(map(float, profile)))


def _main_part(rng: Rng, kind: str, width: float, height: float) -> BodyPart:
    size = max(width, height)
    if kind == "back":
        half = size * float(rng.uniform(0.75, 1.7))
        angle = np.pi / 2 + float(rng.normal(0, 0.16))
        return BodyPart((0, 0), angle, 2.7 * half, half, _BACK, float(rng.normal(0, 0.02)), 2.7, 0.6)
    if kind == "close_up":
        half = size * float(rng.uniform(1.1, 2.2))
        profile = tuple(float(v) for v in 1 + np.cumsum(rng.normal(0, 0.04, 6)))
        angle = float(rng.uniform(0, 2 * np.pi))
        return BodyPart((0, 0), angle, 5 * half, half, profile, float(rng.normal(0, 0.04)), 2.3, 0.7)
    small = min(width, height) if width > 1.5 * height else width
    half = max(small * float(rng.uniform(0.46, 0.95)), 0.28 * size)
    length = max(half * float(rng.uniform(4.2, 5.6)), 1.7 * size)
    angle = float(rng.uniform(0, 2 * np.pi)) if kind == "forearm" else np.pi / 2 + float(rng.normal(0, 0.6))
    wobble = 1 + rng.normal(0, 0.025, len(_LIMBS[kind]))
    profile = tuple(float(v) for v in np.array(_LIMBS[kind]) * wobble)
    return BodyPart(
        (0, 0), angle, length, half, profile, float(rng.normal(0, 0.03)), 2.0 if rng.random() < 0.6 else 2.3
    )


def _draw_ink(rng: Rng, design: Design, person_id: int, place: Placement) -> Ink:
    age = float(rng.beta(1.2, 2.2))
    black = 0.03 + 0.2 * age
    return Ink(
        design=design,
        person_id=person_id,
        place=place,
        strength=0.97 - 0.32 * age * float(rng.uniform(0.5, 1.0)),
        spread=age * max(place.width, place.height) * 0.008,
        tint=(black * 0.7, black * float(rng.uniform(0.9, 1.05)), black * 1.1),
    )


def _clothed(
    rng: Rng, kind: str, part: BodyPart, place: Placement, scene: tuple[int, int], hidden: float
) -> tuple[Limb, ...]:
    """The main part with its neighbours behind it and clothes on all of them."""
    c, s = abs(np.cos(place.turn)), abs(np.sin(place.turn))
    half_ink = (place.height * c + place.width * s) / 2 / part.length
    cover = float(rng.uniform(0, hidden)) if rng.random() < 0.5 else -float(rng.uniform(0.05, 0.5))
    upper = place.along - half_ink + cover * 2 * half_ink
    lower = place.along + half_ink - cover * 2 * half_ink
    cloth = _draw_garment(rng)
    hem = float(rng.normal(0, 0.02))
    if kind == "close_up":
        one = replace(cloth, start=lower, stop=1.5, reach=1.03, sag=hem)
        return (Limb(part, (one,) if rng.random() < 0.35 else (), relief=0.5),)
    if kind == "back":
        return _back(rng, part, place, cloth, lower)
    sleeve = replace(cloth, start=-0.4, stop=max(0.02, upper), reach=float(rng.uniform(1.06, 1.3)), sag=hem)
    garments: tuple[Garment, ...] = (sleeve,) if kind != "forearm" or rng.random() < 0.5 else ()
    if kind == "forearm":
        if rng.random() < 0.3:
            strap = replace(_draw_garment(rng), start=0.88, stop=0.95, reach=1.06, pattern="plain")
            garments = (*garments, strap)
        above = _continued(
            part, at_end=False, turn=float(rng.uniform(-1.6, 1.6)), profile=_LIMBS["upper_arm"][::-1], size=1.05
        )
        above = _extended(above, _way_out(above, scene, at_end=True), at_end=True, widen=1.6)
        shirt = replace(cloth, start=float(rng.uniform(0.05, 0.4)), stop=1.4, reach=1.15)
        return (
            Limb(above, (shirt,) if rng.random() < 0.6 else ()),
            *_hand(rng, part),
            Limb(part, garments, relief=0.6),
        )
    if kind == "upper_arm":
        below = _continued(part, at_end=True, turn=float(rng.uniform(-1.9, 1.9)), profile=_LIMBS["forearm"], size=0.86)
        return (*_hand(rng, below), Limb(below, relief=0.6), Limb(part, garments, relief=0.7))
    if kind == "thigh":
        below = _continued(part, at_end=True, turn=float(rng.uniform(-0.9, 0.9)), profile=_LIMBS["calf"], size=0.86)
        below = _extended(below, _way_out(below, scene, at_end=True), at_end=True, widen=0.0)
        return (Limb(below, _footwear(rng), relief=0.4), Limb(part, garments, relief=0.5))
    foot = _continued(
        part,
        at_end=True,
        turn=float(rng.choice([-1, 1])) * float(rng.uniform(0.5, 1.2)),
        profile=(0.5, 0.6, 0.55, 0.45),
        size=1.0,
    )
    foot = replace(foot, length=part.half_width * 2.2)
    shoe = replace(_draw_garment(rng), start=-0.5, stop=1.5, reach=1.1, pattern="plain")
    return (Limb(foot, (shoe,)), Limb(part, (*garments, *_footwear(rng)), relief=0.6))


def _footwear(rng: Rng) -> tuple[Garment, ...]:
    if rng.random() < 0.4:
        return ()
    knit = replace(_draw_garment(rng), start=float(rng.uniform(0.78, 0.92)), stop=1.5, reach=1.07)
    return (replace(knit, pattern="rings" if rng.random() < 0.3 else "knit"),)


def _continued(part: BodyPart, *, at_end: bool, turn: float, profile: tuple[float, ...], size: float) -> BodyPart:
    """The next part of a limb, jointed to an end of this one."""
    joint, _ = part.to_image(0.995 if at_end else 0.005, 0.0)
    angle = part.angle + turn if at_end else part.angle + np.pi + turn
    half = part.half_width * size
    origin = (float(joint[0]), float(joint[1]))
    return BodyPart(origin, angle, part.length * 0.95, half, profile, 0.0, part.roundness)


def _hand(rng: Rng, arm: BodyPart) -> tuple[Limb, ...]:
    """Palm and fingers at the end of a forearm."""
    half = arm.half_width
    palm = _continued(
        arm, at_end=True, turn=float(rng.normal(0, 0.25)), profile=(0.58, 0.74, 0.84, 0.82, 0.74), size=0.95
    )
    palm = replace(palm, length=half * 1.75, roundness=2.8)
    side = float(rng.choice([-1, 1]))
    curl, spread = float(rng.uniform(0.5, 1.0)), float(rng.uniform(0.02, 0.16))
    limbs: list[Limb] = []
    for i, reach in enumerate((0.8, 0.95, 1.0, 0.88)):
        root, _ = palm.to_image(0.97, 0.0)
        across = (i - 1.5) * 0.4 * half * side
        dx, dy = palm.direction
        at = (float(root[0] - across * dy), float(root[1] + across * dx))
        angle = palm.angle + side * (i - 1.5) * spread
        limbs.append(Limb(BodyPart(at, angle, half * 1.5 * reach * curl, half * 0.21, (1.0, 1.0, 0.95, 0.9, 0.8))))
    root, _ = palm.to_image(0.25, 0.0)
    thumb = BodyPart(
        (float(root[0]), float(root[1])), palm.angle - side * 0.75, half * 1.6, half * 0.26, (1.1, 1.0, 0.9, 0.8)
    )
    return (Limb(thumb), *limbs, Limb(palm, relief=0.4))


def _back(rng: Rng, part: BodyPart, place: Placement, cloth: Garment, lower: float) -> tuple[Limb, ...]:
    """A back with arms, neck and hair, in trousers, a top or nothing above them."""
    half = part.half_width
    dx, dy = part.direction
    limbs: list[Limb] = []
    for side in (-1.0, 1.0):
        at = (
            part.origin[0] + 0.19 * part.length * dx - side * 0.86 * half * dy,
            part.origin[1] + 0.19 * part.length * dy + side * 0.86 * half * dx,
        )
        angle = part.angle - side * float(rng.uniform(-0.05, 0.45))
        arm = BodyPart(at, angle, half * 2.9, half * 0.27, (1.0, 1.0, 0.95, 0.86, 0.88, 0.8, 0.66, 0.6))
        limbs += [*_hand(rng, arm), Limb(arm, relief=0.4)]
    hair_colour = _HAIR[int(rng.integers(len(_HAIR)))]
    accent = (hair_colour[0] * 1.5, hair_colour[1] * 1.5, hair_colour[2] * 1.5)
    hair = Garment(float(rng.uniform(-0.1, 0.45)), 2.0, 1.06, hair_colour, accent, "hair")
    neck = (part.origin[0] + 0.1 * half * dx, part.origin[1] + 0.1 * half * dy)
    head = BodyPart(
        neck,
        part.angle + np.pi + float(rng.normal(0, 0.15)),
        half * 1.25,
        half * 0.5,
        (0.66, 0.62, 0.8, 0.98, 1.0, 0.95, 0.8),
    )
    limbs.append(Limb(head, (hair,)))
    belt = float(np.clip(max(lower, rng.uniform(0.62, 0.85)), 0.3, 0.97))
    garments = [replace(cloth, start=belt, stop=1.6, reach=1.05, sag=float(rng.normal(0, 0.01)))]
    if rng.random() < 0.2:
        top, band = _draw_garment(rng), float(rng.uniform(0.35, 0.45))
        garments.append(replace(top, start=-0.2, stop=band, reach=1.02, strap=float(rng.uniform(0.03, 0.07))))
        if not place.along - 0.1 < band < place.along + 0.1:
            garments.append(replace(top, start=band, stop=band + 0.05, reach=1.02))
    return (*limbs, Limb(part, tuple(garments), relief=0.8, is_back=True))


_HAIR: tuple[Colour, ...] = (
    (0.07, 0.06, 0.06), (0.16, 0.11, 0.08), (0.32, 0.20, 0.11), (0.55, 0.40, 0.22), (0.45, 0.16, 0.08), (0.5, 0.5, 0.5)
)  # fmt: skip


def _draw_garment(rng: Rng) -> Garment:
    value, chroma = float(rng.beta(1.3, 1.6)), float(rng.beta(1.0, 3.2))
    hue = np.cos(rng.uniform(0, 2 * np.pi) + np.array([0, 2.1, 4.2]))
    colour = np.clip(0.05 + 0.85 * value * (1 + chroma * hue * 0.8), 0.03, 0.97)
    other = np.clip(rng.random(3) if rng.random() < 0.6 else 1 - colour, 0.03, 0.97)
    pattern: Pattern = ("plain", "stripes", "rings", "checks", "knit")[
        int(rng.choice(5, p=[0.56, 0.12, 0.1, 0.12, 0.1]))
    ]
    return Garment(0, 1, 1.1, tuple(map(float, colour)), tuple(map(float, other)), pattern)  # type: ignore[arg-type]
