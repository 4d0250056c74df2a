"""What a person looks like: everything that stays the same wherever and whenever they are seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

Colour = tuple[float, float, float]
Rng = np.random.Generator

_CLOTH: tuple[tuple[float, Colour], ...] = (
    (26, (0.07, 0.07, 0.08)),  # black
    (9, (0.13, 0.15, 0.24)),  # navy
    (8, (0.22, 0.22, 0.24)),  # charcoal
    (9, (0.50, 0.50, 0.52)),  # grey
    (5, (0.70, 0.70, 0.71)),  # light grey
    (12, (0.90, 0.90, 0.88)),  # white
    (5, (0.76, 0.68, 0.55)),  # beige
    (4, (0.45, 0.34, 0.25)),  # brown
    (4, (0.38, 0.38, 0.26)),  # olive
    (5, (0.24, 0.38, 0.62)),  # blue
    (4, (0.55, 0.70, 0.85)),  # light blue
    (6, (0.70, 0.14, 0.16)),  # red
    (2, (0.42, 0.10, 0.18)),  # burgundy
    (3, (0.20, 0.45, 0.28)),  # green
    (3, (0.85, 0.70, 0.20)),  # yellow
    (3, (0.85, 0.45, 0.15)),  # orange
    (4, (0.85, 0.55, 0.65)),  # pink
    (3, (0.45, 0.28, 0.52)),  # purple
    (2, (0.25, 0.58, 0.60)),  # teal
)
_TROUSERS: tuple[tuple[float, Colour], ...] = (
    (26, (0.07, 0.07, 0.08)),
    (14, (0.16, 0.20, 0.32)),  # dark denim
    (14, (0.30, 0.38, 0.52)),  # denim
    (5, (0.52, 0.60, 0.70)),  # washed denim
    (10, (0.22, 0.22, 0.24)),
    (7, (0.48, 0.48, 0.49)),
    (8, (0.68, 0.60, 0.46)),  # chino
    (3, (0.42, 0.33, 0.25)),
    (3, (0.36, 0.37, 0.27)),
    (4, (0.88, 0.87, 0.84)),
    (2, (0.55, 0.14, 0.18)),
)
_SHOES: tuple[tuple[float, Colour], ...] = (
    (10, (0.06, 0.06, 0.07)),
    (6, (0.88, 0.88, 0.87)),
    (4, (0.35, 0.24, 0.16)),
    (3, (0.55, 0.44, 0.32)),
    (3, (0.45, 0.46, 0.48)),
    (2, (0.65, 0.15, 0.18)),
    (2, (0.18, 0.26, 0.50)),
    (1, (0.75, 0.80, 0.25)),
)
_SKIN: tuple[tuple[float, Colour], ...] = (
    (8, (0.86, 0.68, 0.58)),
    (9, (0.80, 0.60, 0.48)),
    (6, (0.72, 0.52, 0.39)),
    (4, (0.58, 0.40, 0.29)),
    (3, (0.42, 0.28, 0.20)),
    (3, (0.28, 0.18, 0.13)),
)
_HAIR: tuple[tuple[float, Colour], ...] = (
    (12, (0.06, 0.05, 0.05)),
    (9, (0.16, 0.11, 0.08)),
    (6, (0.30, 0.20, 0.13)),
    (5, (0.52, 0.38, 0.22)),
    (3, (0.72, 0.58, 0.36)),
    (3, (0.50, 0.50, 0.50)),
    (2, (0.80, 0.80, 0.79)),
    (1, (0.50, 0.20, 0.10)),
)


@dataclass(frozen=True)
class Body:
    """Shape: stature in metres, breadth and belly relative to the average, and how wide hips are beside shoulders."""

    stature: float
    breadth: float
    belly: float
    hips: float
    shoulders: float
    legs: float
    woman: bool
    child: bool


@dataclass(frozen=True)
class Hair:
    """Style (bald, cropped, short, bob, long, ponytail, bun, afro), colours and the volume of it."""

    style: str
    colour: Colour
    tips: Colour
    volume: float
    length: float
    fringe: float


@dataclass(frozen=True)
class Face:
    """Skin colour and what is worn or grown on a face."""

    skin: Colour
    beard: float
    moustache: bool
    glasses: str
    mask: bool


@dataclass(frozen=True)
class Pattern:
    """A pattern on cloth: its name, its second and third colour, its size in metres."""

    name: str
    second: Colour
    third: Colour
    size: float
    phase: float


@dataclass(frozen=True)
class Upper:
    """A garment of the upper body.

    Attributes:
        kind: Its name (t-shirt, shirt, hoodie, blazer, coat ...).
        colour: Main colour.
        pattern: Pattern all over it.
        front: Print on the front (none, logo, text, graphic, band).
        back: Print on the back.
        print_colour: Colour of the prints.
        sleeve: Part of the arm that is covered, 0 to 1.
        hem: How far it reaches below the hip, as a part of the leg (negative: tucked in).
        loose: Extra width, 0 tight to 1 wide.
        open: Half angle of the open front, radians; 0 when closed.
        collar: none, crew, shirt, polo, turtle, hood, lapel, fur.
        closing: none, zip, buttons.
        fabric: plain, knit, denim, quilt, leather, fleece.
        sleeves: Colour of the sleeves, when not that of the body.
        yoke: Colour of the shoulder part, when not that of the body.
    """

    kind: str
    colour: Colour
    pattern: Pattern
    front: str
    back: str
    print_colour: Colour
    sleeve: float
    hem: float
    loose: float
    open: float
    collar: str
    closing: str
    fabric: str
    sleeves: Colour | None
    yoke: Colour | None


@dataclass(frozen=True)
class Lower:
    """Trousers, shorts, leggings, skirt or the skirt of a dress: how much of the leg it covers and how wide it is."""

    kind: str
    colour: Colour
    pattern: Pattern
    length: float
    loose: float
    fabric: str
    stripe: Colour | None
    belt: Colour | None
    stockings: Colour | None


@dataclass(frozen=True)
class Shoes:
    """Sneaker, shoe, boot, heel or sandal, with the colours of upper and sole."""

    kind: str
    colour: Colour
    sole: Colour
    shaft: float


@dataclass(frozen=True)
class Extras:
    """What is carried and worn besides: bag, hat, scarf and their colours."""

    bag: str
    bag_colour: Colour
    bag_trim: Colour
    bag_size: float
    hat: str
    hat_colour: Colour
    scarf: Colour | None


@dataclass(frozen=True)
class Appearance:
    """The fixed look of one identity.

    Attributes:
        seed: Seeds the fine texture of the clothes.
        inner: What is seen in an open front, and at the neck.
    """

    seed: int
    body: Body
    face: Face
    hair: Hair
    upper: Upper
    inner: Upper
    lower: Lower
    shoes: Shoes
    extras: Extras


def pick(rng: Rng, table: tuple[tuple[float, Colour], ...], spread: float = 0.035) -> Colour:
    """Draw a colour from a weighted palette and vary it a little."""
    weights = np.array([w for w, _ in table])
    index = int(rng.choice(len(table), p=weights / weights.sum()))
    base = np.array(table[index][1])
    varied = base * rng.normal(1.0, 0.16) + rng.normal(0.0, spread, 3)
    varied += rng.uniform(0.0, 0.45) * (varied.mean() - varied)  # dyes fade
    r, g, b = (float(v) for v in np.clip(varied, 0.025, 0.95))
    return r, g, b


def _choice(rng: Rng, **weights: float) -> str:
    names = list(weights)
    values = np.array(list(weights.values()), np.float64)
    return names[int(rng.choice(len(names), p=values / values.sum()))].replace("__", "-")


def _vivid(rng: Rng) -> Colour:
    """A saturated colour of any hue."""
    hue = rng.random() * 6.0
    high, low = rng.uniform(0.45, 0.9), rng.uniform(0.05, 0.3)
    values = [
        low + (high - low) * float(np.clip(abs((hue - shift) % 6.0 - 3.0) - 1.0, 0, 1)) for shift in (0.0, 2.0, 4.0)
    ]
    return values[0], values[1], values[2]


def _cloth(rng: Rng) -> Colour:
    return _vivid(rng) if rng.random() < 0.05 else pick(rng, _CLOTH)


def _contrast(rng: Rng, base: Colour, least: float = 0.22) -> Colour:
    """A cloth colour that can be told from ``base``."""
    for _ in range(8):
        other = _cloth(rng)
        if max(abs(a - b) for a, b in zip(base, other, strict=True)) > least:
            return other
    return (0.92, 0.92, 0.9) if sum(base) < 1.5 else (0.08, 0.08, 0.09)


def _pattern(rng: Rng, base: Colour, plain: float) -> Pattern:
    name = "plain"
    if rng.random() > plain:
        name = _choice(
            rng,
            stripes=5,
            pinstripes=2,
            bars=2.5,
            checks=4,
            gingham=2,
            dots=2,
            floral=3,
            marl=4,
            camouflage=0.6,
            fade=1.5,
            blocks=2.5,
            zigzag=0.6,
            argyle=0.8,
            speckle=1.5,
        )
    return Pattern(
        name, _contrast(rng, base, 0.18), _contrast(rng, base), float(rng.uniform(0.02, 0.09)), float(rng.random())
    )


def _body(rng: Rng) -> Body:
    woman = bool(rng.random() < 0.47)
    child = bool(rng.random() < 0.06)
    stature = rng.normal(1.64, 0.065) if woman else rng.normal(1.77, 0.07)
    if child:
        stature = rng.uniform(1.0, 1.45)
    breadth = float(np.clip(rng.normal(1.0 if not woman else 0.93, 0.1), 0.78, 1.35))
    return Body(
        stature=float(np.clip(stature, 0.95, 2.0)),
        breadth=breadth,
        belly=float(np.clip(rng.normal(0.15 + 1.1 * (breadth - 0.95), 0.2), 0.0, 0.8)),
        hips=float(rng.normal(1.08 if woman else 0.95, 0.05)),
        shoulders=float(rng.normal(0.93 if woman else 1.05, 0.04)),
        legs=float(rng.normal(1.0, 0.025)),
        woman=woman,
        child=child,
    )


def _hair(rng: Rng, body: Body) -> Hair:
    colour = pick(rng, _HAIR, 0.02)
    if rng.random() < 0.02:
        colour = _vivid(rng)
    if body.woman:
        style = _choice(rng, long=10, bob=5, ponytail=5, bun=3, short=2.5, afro=0.8, cropped=0.3)
    else:
        style = _choice(rng, short=11, cropped=6, bald=2, bob=0.7, long=0.7, bun=0.4, afro=0.8)
    tips = colour
    if style in ("long", "bob", "ponytail") and rng.random() < 0.3:
        r, g, b = (float(min(0.9, c * 1.6 + 0.12 * w)) for c, w in zip(colour, (1.0, 0.8, 0.4), strict=True))
        tips = r, g, b
    return Hair(
        style, colour, tips, float(rng.uniform(0.6, 1.4)), float(rng.uniform(0.55, 1.0)), float(rng.uniform(0.0, 1.0))
    )


def _face(rng: Rng, body: Body) -> Face:
    grown = not body.woman and not body.child
    beard = float(rng.uniform(0.3, 1.0)) if grown and rng.random() < 0.32 else 0.0
    return Face(
        skin=pick(rng, _SKIN, 0.012),
        beard=beard,
        moustache=bool(grown and rng.random() < 0.12),
        glasses=_choice(rng, none=7, clear=2.2, sun=0.8),
        mask=bool(rng.random() < 0.03),
    )


@dataclass(frozen=True)
class _Cut:
    """What is particular to a kind of garment: how often men and women wear it, and the ranges of its measures."""

    men: float
    women: float
    sleeve: tuple[float, float]
    hem: tuple[float, float]
    loose: tuple[float, float]
    collar: str
    closing: str = "none"
    fabric: str = "plain"
    prints: float = 0.05
    open: float = 0.0


_UPPERS: dict[str, _Cut] = {
    "t-shirt": _Cut(14, 8, sleeve=(0.22, 0.42), hem=(0.02, 0.12), loose=(0.1, 0.5), collar="crew", prints=0.5),
    "long-tee": _Cut(4, 7, sleeve=(0.9, 0.98), hem=(0.03, 0.2), loose=(0.05, 0.4), collar="crew", prints=0.25),
    "polo": _Cut(5, 1.5, sleeve=(0.25, 0.4), hem=(0.02, 0.1), loose=(0.1, 0.4), collar="polo", prints=0.2),
    "shirt": _Cut(8, 4, sleeve=(0.3, 0.98), hem=(-0.1, 0.12), loose=(0.1, 0.45), collar="shirt", closing="buttons"),
    "blouse": _Cut(0, 6, sleeve=(0.3, 0.95), hem=(-0.05, 0.2), loose=(0.2, 0.7), collar="none"),
    "tank": _Cut(1.5, 3, sleeve=(0.0, 0.05), hem=(0.0, 0.1), loose=(0.0, 0.3), collar="none", prints=0.2),
    "sweater": _Cut(
        6, 6, sleeve=(0.93, 1.0), hem=(0.0, 0.1), loose=(0.2, 0.6), collar="crew", fabric="knit", prints=0.15
    ),
    "turtleneck": _Cut(1.5, 3, sleeve=(0.95, 1.0), hem=(0.0, 0.1), loose=(0.05, 0.4), collar="turtle", fabric="knit"),
    "cardigan": _Cut(
        1.5, 5, sleeve=(0.9, 1.0), hem=(0.08, 0.6), loose=(0.2, 0.6), collar="none", fabric="knit", open=0.8
    ),
    "hoodie": _Cut(
        8,
        5,
        sleeve=(0.95, 1.0),
        hem=(0.0, 0.1),
        loose=(0.3, 0.7),
        collar="hood",
        fabric="fleece",
        prints=0.4,
        open=0.25,
        closing="zip",
    ),
    "jacket": _Cut(
        8, 5, sleeve=(0.95, 1.0), hem=(0.0, 0.14), loose=(0.3, 0.7), collar="shirt", open=0.45, closing="zip"
    ),
    "denim-jacket": _Cut(
        2,
        3,
        sleeve=(0.93, 1.0),
        hem=(0.0, 0.06),
        loose=(0.25, 0.5),
        collar="shirt",
        fabric="denim",
        open=0.6,
        closing="buttons",
    ),
    "leather-jacket": _Cut(
        3,
        2.5,
        sleeve=(0.95, 1.0),
        hem=(0.0, 0.06),
        loose=(0.25, 0.5),
        collar="lapel",
        fabric="leather",
        open=0.6,
        closing="zip",
    ),
    "blazer": _Cut(
        7, 4, sleeve=(0.95, 1.0), hem=(0.12, 0.26), loose=(0.3, 0.5), collar="lapel", open=0.75, closing="buttons"
    ),
    "puffer": _Cut(
        4,
        4,
        sleeve=(0.97, 1.0),
        hem=(0.02, 0.5),
        loose=(0.7, 1.0),
        collar="turtle",
        fabric="quilt",
        open=0.25,
        closing="zip",
    ),
    "gilet": _Cut(
        1.5,
        1,
        sleeve=(0.02, 0.06),
        hem=(0.02, 0.12),
        loose=(0.5, 0.8),
        collar="turtle",
        fabric="quilt",
        open=0.5,
        closing="zip",
    ),
    "parka": _Cut(3, 3, sleeve=(0.97, 1.0), hem=(0.2, 0.5), loose=(0.5, 0.9), collar="fur", open=0.3, closing="zip"),
    "coat": _Cut(
        3.5, 6, sleeve=(0.96, 1.0), hem=(0.4, 0.85), loose=(0.4, 0.7), collar="lapel", open=0.4, closing="buttons"
    ),
    "hi-vis": _Cut(1, 0.4, sleeve=(0.05, 1.0), hem=(0.05, 0.12), loose=(0.4, 0.7), collar="none", closing="zip"),
}


def _upper(rng: Rng, body: Body, kinds: tuple[str, ...] | None = None) -> Upper:
    names = list(kinds or _UPPERS)
    weights = np.array([(_UPPERS[n].women if body.woman else _UPPERS[n].men) + 0.01 for n in names])
    kind = names[int(rng.choice(len(names), p=weights / weights.sum()))]
    cut = _UPPERS[kind]
    sleeve, hem, loose = (float(rng.uniform(*span)) for span in (cut.sleeve, cut.hem, cut.loose))
    colour = _cloth(rng)
    fabric = cut.fabric
    if fabric == "denim":
        colour = pick(rng, _TROUSERS[1:4])
    if kind == "leather-jacket" and rng.random() < 0.7:
        colour = (0.07, 0.065, 0.06) if rng.random() < 0.7 else (0.30, 0.19, 0.12)
    if kind == "hi-vis":
        colour = (0.85, 0.92, 0.18) if rng.random() < 0.65 else (0.95, 0.45, 0.12)
    if kind == "shirt" and rng.random() < 0.4:
        colour = pick(rng, ((3, (0.93, 0.93, 0.93)), (2, (0.62, 0.72, 0.86)), (1, (0.85, 0.75, 0.78))))
    if kind == "shirt" and rng.random() < 0.6:
        sleeve = 0.98
    plain = 0.85 if fabric in ("leather", "denim", "quilt") or kind in ("coat", "parka", "hi-vis") else 0.68
    marks = ("logo", "text", "graphic", "band")
    opens = rng.random() < cut.open
    return Upper(
        kind=kind,
        colour=colour,
        pattern=Pattern("reflective", (0.85, 0.86, 0.84), (0.5, 0.5, 0.5), 0.05, 0.0)
        if kind == "hi-vis"
        else _pattern(rng, colour, plain),
        front=str(rng.choice(marks)) if rng.random() < cut.prints else "none",
        back=str(rng.choice(marks[:3])) if rng.random() < 0.45 * cut.prints else "none",
        print_colour=_contrast(rng, colour, 0.3),
        open=float(rng.uniform(0.15, 0.8)) if opens else 0.0,
        collar=cut.collar,
        closing=cut.closing,
        fabric=fabric,
        sleeves=_contrast(rng, colour) if rng.random() < 0.07 else None,
        yoke=_contrast(rng, colour) if rng.random() < 0.05 else None,
        sleeve=sleeve,
        hem=hem,
        loose=loose,
    )


def _lower(rng: Rng, body: Body) -> Lower:
    if body.woman:
        kind = _choice(rng, trousers=5, jeans=9, leggings=5, shorts=2.5, skirt=5, dress=5, wide=2)
    else:
        kind = _choice(rng, trousers=10, jeans=11, shorts=4.5, joggers=4, wide=0.7)
    length = {
        "shorts": rng.uniform(0.22, 0.55),
        "skirt": rng.uniform(0.25, 0.9),
        "dress": rng.uniform(0.25, 0.95),
        "leggings": rng.uniform(0.8, 1.0),
    }.get(kind, rng.uniform(0.93, 1.0))
    loose = {
        "leggings": rng.uniform(0.0, 0.08),
        "jeans": rng.uniform(0.08, 0.5),
        "wide": rng.uniform(0.8, 1.2),
        "joggers": rng.uniform(0.35, 0.7),
        "shorts": rng.uniform(0.3, 0.9),
    }.get(kind, rng.uniform(0.2, 0.7))
    colour = pick(rng, _TROUSERS)
    if kind == "jeans":
        colour = pick(rng, (*_TROUSERS[:1], *_TROUSERS[1:4], *_TROUSERS[1:4], _TROUSERS[9]))
    if kind in ("skirt", "dress", "shorts") and rng.random() < 0.55:
        colour = _cloth(rng)
    plain = 0.55 if kind in ("skirt", "dress", "leggings") else 0.93
    bare = kind in ("shorts", "skirt", "dress") and rng.random() < 0.4 and body.woman
    return Lower(
        kind=kind,
        colour=colour,
        pattern=_pattern(rng, colour, plain),
        length=float(length),
        loose=float(loose),
        fabric="denim" if kind == "jeans" else "plain",
        stripe=_contrast(rng, colour) if kind in ("joggers", "leggings", "shorts") and rng.random() < 0.25 else None,
        belt=pick(rng, _SHOES) if rng.random() < 0.35 else None,
        stockings=((0.05, 0.05, 0.06) if rng.random() < 0.7 else pick(rng, _SKIN)) if bare else None,
    )


def _shoes(rng: Rng, body: Body, lower: Lower) -> Shoes:
    kind = _choice(
        rng, sneaker=9, shoe=6, boot=4 if lower.kind != "shorts" else 1, heel=3.0 if body.woman else 0.01, sandal=1.0
    )
    colour = pick(rng, _SHOES)
    sole = pick(rng, _SHOES[1:2]) if kind == "sneaker" and rng.random() < 0.7 else tuple(0.5 * c for c in colour)
    return Shoes(kind, colour, sole, float(rng.uniform(0.15, 0.85)) if kind == "boot" else 0.0)  # type: ignore[arg-type]


def _extras(rng: Rng, body: Body) -> Extras:
    woman = body.woman
    bag = _choice(
        rng,
        none=11,
        backpack=5,
        shoulder=5 if woman else 2.5,
        hand=4 if woman else 2,
        tote=2.5 if woman else 0.8,
        trolley=1.0,
    )
    hat = _choice(rng, none=22, cap=2.2, beanie=2.0, brim=0.9, hood=0.5, headscarf=1.2 if woman else 0.05, helmet=0.25)
    return Extras(
        bag=bag,
        bag_colour=_cloth(rng) if rng.random() < 0.6 else pick(rng, _SHOES[:5]),
        bag_trim=_cloth(rng),
        bag_size=float(rng.uniform(0.75, 1.3)),
        hat=hat,
        hat_colour=_cloth(rng),
        scarf=_cloth(rng) if rng.random() < 0.09 else None,
    )


def draw_appearance(rng: Rng) -> Appearance:
    """Draw a person who has not been seen before."""
    body = _body(rng)
    lower = _lower(rng, body)
    upper = _upper(rng, body)
    if lower.kind == "dress" and upper.open == 0.0 and upper.kind not in ("coat", "parka"):
        # a dress is one garment: what is above the waist is cut from the same cloth
        sleeve = float(rng.choice([0.0, 0.1, 0.35, 0.6, 0.97]))
        upper = replace(
            upper,
            kind="dress-top",
            colour=lower.colour,
            pattern=lower.pattern,
            sleeve=sleeve,
            hem=-0.1,
            collar="none",
            front="none",
            back="none",
            closing="none",
            fabric="plain",
            sleeves=None,
            loose=0.15,
        )
    inner = _upper(rng, body, ("t-shirt", "shirt", "long-tee", "sweater", "polo"))
    inner = replace(inner, open=0.0)
    return Appearance(
        seed=int(rng.integers(2**31)),
        body=body,
        face=_face(rng, body),
        hair=_hair(rng, body),
        upper=upper,
        inner=inner,
        lower=lower,
        shoes=_shoes(rng, body, lower),
        extras=_extras(rng, body),
    )


LOOKALIKE_CHANGES = ("hair", "upper colour", "upper print", "inner", "lower", "shoes", "bag", "hat", "body", "face")


def draw_lookalike(rng: Rng, model: Appearance, changes: int = 2) -> Appearance:
    """Draw another person in nearly the same clothes.

    Args:
        rng: Source of randomness.
        model: Whom they resemble.
        changes: How many attributes differ, of ``LOOKALIKE_CHANGES``.

    Returns:
        A copy of ``model`` with that many attributes drawn anew.
    """
    fresh = draw_appearance(rng)
    twin = replace(model, seed=int(rng.integers(2**31)))
    for name in rng.choice(LOOKALIKE_CHANGES, size=min(changes, len(LOOKALIKE_CHANGES)), replace=False):
        twin = _changed(str(name), twin, fresh, rng)
    return twin


def _changed(name: str, twin: Appearance, fresh: Appearance, rng: Rng) -> Appearance:
    if name == "upper colour":
        return replace(twin, upper=replace(twin.upper, colour=_contrast(rng, twin.upper.colour, 0.15)))
    if name == "upper print":
        other = "none" if twin.upper.front != "none" else str(rng.choice(["logo", "text", "graphic", "band"]))
        pattern = _pattern(rng, twin.upper.colour, 0.2)
        return replace(twin, upper=replace(twin.upper, front=other, pattern=pattern))
    if name == "bag":
        other_bag = str(rng.choice([b for b in ("none", "backpack", "shoulder", "hand") if b != twin.extras.bag]))
        return replace(twin, extras=replace(twin.extras, bag=other_bag))
    if name == "hat":
        other_hat = str(rng.choice([h for h in ("none", "cap", "beanie") if h != twin.extras.hat]))
        return replace(twin, extras=replace(twin.extras, hat=other_hat, hat_colour=fresh.extras.hat_colour))
    if name == "body":
        return replace(
            twin,
            body=replace(twin.body, stature=fresh.body.stature, breadth=fresh.body.breadth, belly=fresh.body.belly),
        )
    if name == "lower" and twin.lower.kind == "dress":
        return replace(twin, lower=replace(twin.lower, length=float(rng.uniform(0.25, 0.95))))
    part = {"hair": fresh.hair, "inner": fresh.inner, "lower": fresh.lower, "shoes": fresh.shoes, "face": fresh.face}
    return replace(twin, **{name: part[name]})  # type: ignore[arg-type]
