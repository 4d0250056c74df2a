"""A world of people: who lives in it, which cameras watch it, and what each of its scenes shows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np

from sceneseek.data.synthetic.appearance import Appearance, draw_appearance, draw_lookalike
from sceneseek.data.synthetic.place import Place, draw_place
from sceneseek.data.synthetic.response import Response, compress, decompress, draw_response, expose
from sceneseek.data.synthetic.scene import Actor, Truth, compose, cut
from sceneseek.data.synthetic.spec import WorldSpec
from sceneseek.data.synthetic.wardrobe import Wardrobe, tailor
from sceneseek.errors import ValueRefused
from sceneseek.structures import UNLABELED, ImageArray, Sample

T = TypeVar("T")

_PLAN, _LOOK, _STRANGER, _CAMERA, _PLACE, _SCENE, _UNIFORM = range(7)


class _Shelf:
    """Keeps what was made last, up to a number of things."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.things: OrderedDict[Hashable, object] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        if key in self.things:
            self.things.move_to_end(key)
            return self.things[key]  # type: ignore[return-value]
        thing = make()
        self.things[key] = thing
        if len(self.things) > self.size:
            self.things.popitem(last=False)
        return thing


@dataclass(frozen=True, eq=False)
class Picture:
    """One rendered scene.

    Attributes:
        jpeg: The file's bytes.
        sample: The annotations.
        truth: The same with the pixel owners.
    """

    jpeg: bytes
    sample: Sample
    truth: Truth

    @cached_property
    def image(self) -> ImageArray:
        """``(H, W, 3)`` uint8 RGB, as it is read back from ``jpeg``."""
        return decompress(self.jpeg)


class PeopleWorld:
    """People who live in places watched by cameras; every scene can be rendered by itself, in any order.

    Scene ``i`` depends on the spec and on ``i`` alone: rendered first or last, in one process or another.
    Scenes ``0 .. num_train_scenes - 1`` are for training, the rest for the test; the two share no identity.

    Example:
        >>> world = PeopleWorld(WorldSpec(seed=1, num_scenes=4, num_identities=6, width=160, height=96))
        >>> image, sample = world.render(0)
        >>> image.shape
        (96, 160, 3)
    """

    def __init__(self, spec: WorldSpec) -> None:
        self.spec = spec
        self.casts, self.cameras = self._plan()
        self.models = self._families()
        self.num_strangers = 24 + spec.num_identities // 2
        self._wardrobes = _Shelf(320)
        self._places = _Shelf(24)
        self._responses: dict[int, Response] = {}

    def __len__(self) -> int:
        return self.spec.num_scenes

    def split_of(self, index: int) -> str:
        """``"train"`` or ``"test"``."""
        return "train" if index < self.spec.num_train_scenes else "test"

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence([self.spec.seed, *key]))

    def _families(self) -> dict[int, int]:
        """For each look-alike, whom it resembles: somebody of the same split."""
        spec, rng = self.spec, self._rng(_PLAN, 1)
        edge = spec.num_train_identities
        models: dict[int, int] = {}
        for first, last in ((0, edge), (edge, spec.num_identities)):
            for person in range(first + 1, last):
                if rng.random() < spec.lookalike_share:
                    models[person] = int(rng.integers(max(first, person - 8), person))
        return models

    def _plan(self) -> tuple[list[list[int]], list[int]]:
        """Who should be in each scene (``UNLABELED`` for somebody without a label), and which camera takes it.

        Identities are dealt from shuffled decks, so that all of a split appear about equally often.
        """
        spec, rng = self.spec, self._rng(_PLAN, 0)
        crowd = rng.poisson(spec.level.crowd - 1.0, spec.num_scenes) + 1
        crowd[rng.random(spec.num_scenes) < spec.empty_share] = 0
        edge, casts = spec.num_train_identities, []
        pools = {"train": np.arange(edge), "test": np.arange(edge, spec.num_identities)}
        decks: dict[str, list[int]] = {"train": [], "test": []}
        for index in range(spec.num_scenes):
            split = self.split_of(index)
            known = int(rng.binomial(crowd[index], 1.0 - spec.unlabelled_share))
            cast: list[int] = []
            for _ in range(min(known, len(pools[split]))):
                if not decks[split]:
                    decks[split] = rng.permutation(pools[split]).tolist()
                turn = next((k for k, person in enumerate(decks[split]) if person not in cast), None)
                if turn is not None:
                    cast.append(decks[split].pop(turn))
            casts.append(cast + [UNLABELED] * int(crowd[index] - known))
        cameras = rng.integers(0, spec.num_cameras, spec.num_scenes).tolist()
        return casts, cameras

    def look(self, person_id: int) -> Appearance:
        """What an identity looks like."""
        return self._uniformed((_LOOK, person_id), self._own_look(person_id))

    def wears_uniform(self, person_id: int) -> bool:
        """Whether an identity wears the world's uniform."""
        return self._in_uniform((_LOOK, person_id))

    def _own_look(self, person_id: int) -> Appearance:
        rng = self._rng(_LOOK, person_id)
        if person_id in self.models:
            return draw_lookalike(rng, self._own_look(self.models[person_id]), self.spec.level.twins)
        return draw_appearance(rng)

    def _in_uniform(self, key: tuple[int, int]) -> bool:
        return bool(self._rng(_UNIFORM, *key).random() < self.spec.uniform_share)

    def _uniformed(self, key: tuple[int, int], look: Appearance) -> Appearance:
        """The same person at work: in the uniform that a part of the world wears."""
        if not self._in_uniform(key):
            return look
        uniform = draw_appearance(self._rng(_UNIFORM))
        return replace(look, upper=uniform.upper, inner=uniform.inner, lower=uniform.lower)

    def _dressed(self, key: tuple[int, int]) -> tuple[Appearance, Wardrobe]:
        def make() -> tuple[Appearance, Wardrobe]:
            look = self.look(key[1]) if key[0] == _LOOK else self._uniformed(key, draw_appearance(self._rng(*key)))
            return look, tailor(look)

        return self._wardrobes.get(key, make)

    def response(self, camera: int) -> Response:
        """How a camera renders light."""
        if camera not in self._responses:
            self._responses[camera] = draw_response(self._rng(_CAMERA, camera), self.spec.level)
        return self._responses[camera]

    def place(self, index: int) -> Place:
        """Where scene ``index`` is."""
        camera = self.cameras[index]
        variant = 0 if self.spec.fixed_cameras else index // (self.spec.scenes_per_place * self.spec.num_cameras)
        width, height = round(self.spec.width * 1.15), round(self.spec.height * 1.15)
        key = (camera, variant)
        return self._places.get(key, lambda: draw_place(self._rng(_PLACE, camera, variant), width, height))

    def picture(self, index: int) -> Picture:
        """Render a scene.

        Args:
            index: From 0 to ``len(world) - 1``.

        Returns:
            Pixels, file and truth.

        Raises:
            ValueRefused: There is no such scene.
        """
        spec = self.spec
        if not 0 <= index < spec.num_scenes:
            raise ValueRefused(f"This world has scenes 0 to {spec.num_scenes - 1}; found {index}.")
        rng = self._rng(_SCENE, index)
        place, camera = self.place(index), self.cameras[index]
        actors = []
        for person in self.casts[index]:
            key = (_LOOK, person) if person != UNLABELED else (_STRANGER, int(rng.integers(self.num_strangers)))
            actors.append(Actor(person, *self._dressed(key)))
        rng.shuffle(actors)
        canvas, view = cut(place, spec.width, spec.height, rng, spec.fixed_cameras)
        truth = compose(actors, place, view, canvas, spec.level, rng)
        exposure = float(rng.normal(0.0, spec.level.exposure))
        shake = float(rng.uniform(0, 5)) * spec.level.blur if rng.random() < 0.08 else 0.0
        response = self.response(camera)
        jpeg = compress(expose(canvas, response, exposure, rng, shake), response.quality)
        sample = Sample(
            image_id=index,
            path=Path(f"{index:06d}.jpg"),
            width=spec.width,
            height=spec.height,
            boxes=truth.boxes,
            person_ids=truth.person_ids,
            camera_id=f"c{camera + 1}",
            ignore_mask=truth.ignore,
            visibility=truth.visibility,
            time_s=float(index),
        )
        return Picture(jpeg, sample, truth)

    def render(self, index: int) -> tuple[ImageArray, Sample]:
        """Render a scene: its pixels ``(H, W, 3)`` uint8 RGB and its annotations."""
        picture = self.picture(index)
        return picture.image, picture.sample


def render_scene(world: PeopleWorld, index: int) -> tuple[ImageArray, Sample]:
    """Render one scene of a world: its pixels and its annotations."""
    return world.render(index)
