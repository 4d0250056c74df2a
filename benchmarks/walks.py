"""People cut out of the synthetic world, walking through its backgrounds: pictures of moving people with the truth.

The synthetic world draws single scenes. Here each person is cut out of several of them, and the cuttings walk: from one
side to the other, each at their own speed and depth, so that they cross and hide each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from sceneseek.data.synthetic import PeopleWorld, WorldSpec
from sceneseek.structures import FloatArray, ImageArray

WIDTH, HEIGHT = 640, 384
STEP_S = 0.8
"""Seconds until a walker shows another of their views."""

_LEAST_VISIBLE = 0.9
_LEAST_HEIGHT = 80


@dataclass(frozen=True, eq=False)
class Cutting:
    """One view of a person: pixels ``(h, w, 3)`` uint8 and where they are the person's ``(h, w)`` bool."""

    pixels: ImageArray
    mask: np.ndarray[tuple[int, int], np.dtype[np.bool_]]


@dataclass(frozen=True, eq=False)
class Walker:
    """Somebody who crosses the picture.

    Attributes:
        person_id: Who.
        views: How they look, in turn.
        begins_s: When they enter.
        tall: Their height in pixels.
        ground: Where their feet are, pixels from the top.
        speed: Pixels a second, to the right when positive.
    """

    person_id: int
    views: list[Cutting]
    begins_s: float
    tall: float
    ground: float
    speed: float

    def at(self, time_s: float) -> tuple[Cutting, float, float] | None:
        """The view to show, its centre and its height in pixels; ``None`` while they are not there."""
        since = time_s - self.begins_s
        start = -60.0 if self.speed > 0 else WIDTH + 60.0
        x = start + since * self.speed
        if since < 0 or not -80 < x < WIDTH + 80:
            return None
        return self.views[int(since / STEP_S) % len(self.views)], x, self.tall


class Walk:
    """A stretch of made-up footage.

    Args:
        seed: Decides everything.
        num_people: How many people there are; each crosses several times.
        seconds: How long it lasts.
    """

    def __init__(self, seed: int = 4, num_people: int = 8, seconds: float = 60.0) -> None:
        rng = np.random.default_rng(seed)
        world = PeopleWorld(WorldSpec(seed=seed, num_scenes=400, num_identities=24, difficulty="easy"))
        cuttings = _cuttings(world, num_people)
        self.seconds = seconds
        background = world.place(0).picture
        self.background = cv2.resize(background, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        self.walkers: list[Walker] = []
        for person_id, views in cuttings.items():
            begins = float(rng.uniform(-4, 8))
            while begins < seconds:
                depth = float(rng.uniform(0, 1))
                tall = 110 + 150 * depth
                speed = float(rng.uniform(0.35, 0.9)) * tall * (1 if rng.random() < 0.5 else -1)
                order = [views[i] for i in rng.permutation(len(views))]
                walker = Walker(person_id, order, begins, tall, 230 + 140 * depth, speed)
                self.walkers.append(walker)
                begins += (WIDTH + 140) / abs(speed) + float(rng.uniform(6, 14))
        self.walkers.sort(key=lambda walker: walker.ground)

    def frame(self, time_s: float) -> tuple[ImageArray, FloatArray, list[int]]:
        """One moment: the picture, the boxes ``(N, 4)`` of who is in it, and which walker each is (its index)."""
        picture = self.background.copy()
        boxes, who = [], []
        for index, walker in enumerate(self.walkers):
            shown = walker.at(time_s)
            if shown is None:
                continue
            view, x, tall = shown
            box = _paste(picture, view, x, walker.ground, tall)
            if box is not None:
                boxes.append(box)
                who.append(index)
        return picture, np.asarray(boxes, np.float32).reshape(-1, 4), who

    def frames(self, per_second: float) -> Iterator[tuple[float, ImageArray, FloatArray, list[int]]]:
        """All moments at a rate: seconds, picture, boxes, walkers."""
        for i in range(int(self.seconds * per_second)):
            yield (i / per_second, *self.frame(i / per_second))


def _cuttings(world: PeopleWorld, num_people: int) -> dict[int, list[Cutting]]:
    """The first people of whom three good views turn up, at most six each."""
    found: dict[int, list[Cutting]] = {}
    for index in range(len(world)):
        scene = world.picture(index)
        truth = scene.truth
        for row, (person_id, visible, box) in enumerate(
            zip(truth.person_ids, truth.visibility, truth.boxes, strict=True)
        ):
            x1, y1, x2, y2 = (int(v) for v in box.round())
            inside = x1 > 1 and y1 > 1 and x2 < world.spec.width - 1 and y2 < world.spec.height - 1
            if person_id < 0 or visible < _LEAST_VISIBLE or y2 - y1 < _LEAST_HEIGHT or not inside:
                continue
            views = found.setdefault(int(person_id), [])
            if len(views) < 6:
                views.append(Cutting(scene.image[y1:y2, x1:x2].copy(), truth.owner[y1:y2, x1:x2] == row))
        good = {person: views for person, views in found.items() if len(views) >= 3}
        if len(good) >= num_people:
            break
    return dict(list(good.items())[:num_people])


def _paste(picture: ImageArray, view: Cutting, x: float, ground: float, tall: float) -> list[float] | None:
    scale = tall / view.pixels.shape[0]
    size = (max(2, round(view.pixels.shape[1] * scale)), max(2, round(tall)))
    pixels = cv2.resize(view.pixels, size, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(view.mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None]
    left, top = round(x - size[0] / 2), round(ground - tall)
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(left + size[0], WIDTH), min(top + size[1], HEIGHT)
    if x2 - x1 < 8 or y2 - y1 < 8:
        return None
    part = np.s_[y1 - top : y2 - top, x1 - left : x2 - left]
    under = picture[y1:y2, x1:x2]
    picture[y1:y2, x1:x2] = (alpha[part] * pixels[part] + (1 - alpha[part]) * under).round().astype(np.uint8)
    return [x1, y1, x2, y2]
