"""What the tattoo world contains: its designs, and which of them is in which picture. Nothing is drawn here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from sceneseek.data.synthetic.checks import refuse_below, refuse_no_share
from sceneseek.data.synthetic.tattoo_art import Design, draw_design, draw_lookalike
from sceneseek.data.synthetic.tattoo_scene import Camera, Subject, draw_camera, hardship
from sceneseek.errors import ValueRefused
from sceneseek.structures import UNLABELED

Rng = np.random.Generator
Split = Literal["train", "test"]
Role = Literal["train", "query", "gallery"]

# Streams of randomness below a world's seed; scenes use the stream of their own index.
_DESIGNS, _STRANGERS, _CAMERAS, _DEAL, _GALLERIES = (2**32 - k for k in range(1, 6))

_SUBJECTS = (0.5, 0.34, 0.16)
"""Shares of pictures with one, two and three figures."""


@dataclass(frozen=True)
class TattooSpec:
    """Describes a tattoo world; equal specs make equal worlds, bit for bit.

    Attributes:
        seed: Decides everything that is left to chance.
        num_scenes: Pictures in all: training, queries and gallery together.
        num_identities: Labelled designs in all; training and test share none.
        num_cameras: Cameras, each with its own colours and quality.
        width: Picture width, pixels.
        height: Picture height, pixels.
        difficulty: ``"easy"``, ``"medium"`` or ``"hard"``.
        test_share: Part of the pictures and of the designs that is kept for the test.
        sketch_share: Part of the queries that are sketches on paper; as many training designs have one too.
        lookalike_share: Part of the designs that are drawn to resemble another one.
        empty_share: Part of the gallery and training photographs without a labelled design.
        gallery_size: Longest gallery of a query, in pictures.
    """

    seed: int = 0
    num_scenes: int = 600
    num_identities: int = 120
    num_cameras: int = 6
    width: int = 640
    height: int = 384
    difficulty: str = "medium"
    test_share: float = 0.4
    sketch_share: float = 0.4
    lookalike_share: float = 0.25
    empty_share: float = 0.06
    gallery_size: int = 400

    def __post_init__(self) -> None:
        hardship(self.difficulty)
        least = {"seed": 0, "num_identities": 4, "num_cameras": 1, "width": 96, "height": 64, "gallery_size": 1}
        refuse_below(self, least)
        refuse_no_share(self, ("test_share", "sketch_share", "lookalike_share", "empty_share"))
        if not 0 < self.num_test_identities < self.num_identities:
            raise ValueRefused(f"TattooSpec: test_share {self.test_share} leaves a split without designs.")
        for split, found, needed in (
            ("train", self.num_scenes - self.num_test_scenes, self._photos_needed(self.num_train_identities)),
            ("test", self.num_test_scenes, self.num_test_identities + self._photos_needed(self.num_test_identities)),
        ):
            if found < needed:
                raise ValueRefused(
                    f"TattooSpec: {found} {split} pictures are too few, expected at least {needed} to show every "
                    "design (and one query each in the test split). Raise num_scenes or lower num_identities."
                )

    def _photos_needed(self, identities: int) -> int:
        return int(np.ceil(identities / (1 - self.empty_share))) + 1

    @property
    def num_test_identities(self) -> int:
        """Designs of the test split."""
        return round(self.num_identities * self.test_share)

    @property
    def num_train_identities(self) -> int:
        """Designs of the training split; they have the first ids."""
        return self.num_identities - self.num_test_identities

    @property
    def num_test_scenes(self) -> int:
        """Pictures of the test split, queries included."""
        return round(self.num_scenes * self.test_share)


@dataclass(frozen=True)
class ScenePlan:
    """What one picture shall show.

    Attributes:
        index: Of the picture in the world.
        split: Training or test.
        role: What it is for.
        camera: Who takes it.
        subjects: Designs that get a figure of their own each; the query's first.
        extras: Unlabelled designs beside them.
        is_sketch: A sketch on paper instead of a photograph.
    """

    index: int
    split: Split
    role: Role
    camera: Camera
    subjects: tuple[Subject, ...]
    extras: tuple[Design, ...] = ()
    is_sketch: bool = False


@dataclass(frozen=True)
class _Pool:
    """The designs of one split."""

    identities: tuple[Subject, ...]
    strangers: tuple[Design, ...]
    lookalikes: tuple[Design, ...]

    def stranger(self, rng: Rng, lookalike_chance: float) -> Design:
        source = self.lookalikes if rng.random() < lookalike_chance else self.strangers
        return source[int(rng.integers(len(source)))]


@lru_cache(maxsize=2)
def plan(spec: TattooSpec) -> tuple[ScenePlan, ...]:
    """Decide what every picture shows: training first, then queries, then the gallery."""
    cameras = [
        draw_camera(np.random.default_rng([spec.seed, _CAMERAS, c]), f"c{c + 1}", hardship(spec.difficulty).roughness)
        for c in range(spec.num_cameras)
    ]
    train, test = _pool(spec, "train"), _pool(spec, "test")
    rng = np.random.default_rng([spec.seed, _DEAL])
    num_train = spec.num_scenes - spec.num_test_scenes
    sketches = min(
        round(spec.sketch_share * len(train.identities)), num_train - spec._photos_needed(len(train.identities))
    )
    drawn = [train.identities[i] for i in rng.permutation(len(train.identities))[:sketches]]
    shown: list[tuple[Split, Role, tuple[Subject, ...], tuple[Design, ...], bool]] = []
    shown += [("train", "train", s, e, False) for s, e in _deal(spec, train, num_train - sketches, rng)]
    shown += [("train", "train", (subject,), (), True) for subject in drawn]
    for subject in test.identities:
        is_sketch = bool(rng.random() < spec.sketch_share)
        shown.append(("test", "query", (subject,), () if is_sketch else _extras(spec, test, rng), is_sketch))
    num_gallery = spec.num_test_scenes - len(test.identities)
    shown += [("test", "gallery", s, e, False) for s, e in _deal(spec, test, num_gallery, rng)]
    return tuple(
        ScenePlan(i, split, role, cameras[int(rng.integers(len(cameras)))], subjects, extras, is_sketch)
        for i, (split, role, subjects, extras, is_sketch) in enumerate(shown)
    )


def gallery_order(spec: TattooSpec, person_id: int, num_images: int) -> np.ndarray:
    """The order in which a query's distractors are listed, a permutation of ``num_images``."""
    return np.random.default_rng([spec.seed, _GALLERIES, person_id]).permutation(num_images)


def _pool(spec: TattooSpec, split: Split) -> _Pool:
    if split == "train":
        ids = range(spec.num_train_identities)
    else:
        ids = range(spec.num_train_identities, spec.num_identities)
    designs: list[Design] = []
    lookalikes: list[Design] = []
    for person_id in ids:
        rng = np.random.default_rng([spec.seed, _DESIGNS, person_id])
        if designs and rng.random() < spec.lookalike_share:
            model = designs[int(rng.integers(len(designs)))]
            designs.append(draw_lookalike(model, rng, keep_main=bool(rng.random() < 0.3)))
        else:
            designs.append(draw_design(rng))
        lookalikes.append(draw_lookalike(designs[-1], rng, keep_main=bool(rng.random() < 0.3)))
    first = ids[0]
    strangers = [draw_design(np.random.default_rng([spec.seed, _STRANGERS, first + i])) for i in range(len(designs))]
    return _Pool(
        identities=tuple(Subject(d, first + i) for i, d in enumerate(designs)),
        strangers=tuple(strangers),
        lookalikes=tuple(lookalikes),
    )


def _extras(spec: TattooSpec, pool: _Pool, rng: Rng) -> tuple[Design, ...]:
    level = hardship(spec.difficulty)
    return (pool.stranger(rng, level.lookalikes),) if rng.random() < level.companions else ()


def _deal(
    spec: TattooSpec, pool: _Pool, num_photos: int, rng: Rng
) -> list[tuple[tuple[Subject, ...], tuple[Design, ...]]]:
    """Deal designs to photographs like cards, so that each is shown about as often as any other."""
    level = hardship(spec.difficulty)
    num_empty = min(int(spec.empty_share * num_photos), num_photos - len(pool.identities))
    is_empty = np.zeros(num_photos, bool)
    is_empty[rng.permutation(num_photos)[:num_empty]] = True
    deck: list[Subject] = []
    dealt = []
    for empty in is_empty:
        count = 1 + int(rng.choice(len(_SUBJECTS), p=_SUBJECTS))
        subjects: list[Subject] = []
        for place in range(count):
            if empty or (place > 0 and rng.random() < level.strangers):
                subjects.append(Subject(pool.stranger(rng, level.lookalikes), UNLABELED))
                continue
            # A deck is shuffled only when the one before is used up, so no design comes twice before all came once.
            if not deck:
                deck = [pool.identities[i] for i in rng.permutation(len(pool.identities))]
            if deck[-1].person_id not in {s.person_id for s in subjects}:
                subjects.append(deck.pop())
        if empty and rng.random() < 0.3:
            subjects = []
        order = rng.permutation(len(subjects))
        dealt.append((tuple(subjects[i] for i in order), _extras(spec, pool, rng) if subjects else ()))
    return dealt
