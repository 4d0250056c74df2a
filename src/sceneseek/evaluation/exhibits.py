"""Rankings and failures as pictures: who was asked for, who came first, where the right one was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from sceneseek.drawing import crop, draw_boxes, jpeg_data_uri, thumbnail
from sceneseek.errors import PictureError
from sceneseek.evaluation.album import Album
from sceneseek.evaluation.comparison import QueryChange
from sceneseek.pictures import read_picture
from sceneseek.structures import Failure, ImageArray, SearchReport
from sceneseek.structures.report import Box

RIGHT, WRONG, ASKED = (31, 158, 119), (214, 69, 65), (42, 120, 214)
_CROP_SIDE, _SCENE_SIDE = 200, 460
_CACHED_SCENES = 24


@dataclass(frozen=True)
class Person:
    """A person cut out of a scene.

    Attributes:
        picture: A data URI; empty when the scene cannot be read.
        similarity: To the query; ``None`` for the query itself.
        hit: Whether this is the person sought.
        image: The scene's file name.
        scene: The scene around, box drawn; empty where it is not shown.
    """

    picture: str
    image: str
    similarity: float | None = None
    hit: bool = False
    scene: str = ""


@dataclass(frozen=True)
class RankedExample:
    """A query and the head of its ranking."""

    query_id: int
    query: Person
    ranked: tuple[Person, ...]
    average_precision: float
    num_positives: int


@dataclass(frozen=True)
class FailureExample:
    """A failure with its pictures; ``first`` is ``None`` when nothing was ranked."""

    failure: Failure
    query: Person
    first: Person | None
    right: Person


@dataclass(frozen=True)
class ChangeExample:
    """A query that two runs answer differently; an answer is ``None`` when nothing was ranked."""

    change: QueryChange
    query: Person
    first: Person | None
    second: Person | None


class Exhibits:
    """Cuts people out of the scenes of one evaluation.

    Args:
        report: The evaluation.
        album: Where its pictures are.

    Attributes:
        missing: Names of pictures that were needed and could not be read.
    """

    def __init__(self, report: SearchReport, album: Album) -> None:
        self._report, self._album = report, album
        self._place = {int(q): i for i, q in enumerate(report.outcomes.query_ids)}
        self._read = lru_cache(maxsize=_CACHED_SCENES)(_read)
        self.missing: set[str] = set()

    def failures(self, count: int = 8) -> list[FailureExample]:
        """The hardest queries, the worst first."""
        return [self._failure(f) for f in self._report.failures[:count]]

    def rankings(self, count: int = 5, top: int = 7) -> list[RankedExample]:
        """Rankings of some queries of different people, spread evenly over the set: not chosen by their result."""
        outcomes = self._report.outcomes
        people: dict[int, int] = {}
        for i in np.flatnonzero(outcomes.answerable_mask):
            people.setdefault(int(self._album.query_people[i]), int(i))
        choices = list(people.values())
        if len(choices) > count:
            choices = [choices[int(j)] for j in np.linspace(0, len(choices) - 1, count)]
        return [self._ranking(i, top) for i in choices]

    def change(self, change: QueryChange, other: Exhibits) -> ChangeExample:
        """What this run and another answered to one query."""
        i, j = self._place[change.query_id], other._place[change.query_id]
        return ChangeExample(change, self._query(i), self._first(i), other._first(j))

    def _first(self, i: int, scene: bool = False) -> Person | None:
        top = self._report.outcomes.top_detections
        return self._ranked(i, 0, scene) if top.shape[1] and top[i, 0] >= 0 else None

    def _ranking(self, i: int, top: int) -> RankedExample:
        outcomes = self._report.outcomes
        shown = [k for k in range(min(top, outcomes.top_detections.shape[1])) if outcomes.top_detections[i, k] >= 0]
        return RankedExample(
            query_id=int(outcomes.query_ids[i]),
            query=self._query(i),
            ranked=tuple(self._ranked(i, k) for k in shown),
            average_precision=float(outcomes.average_precision[i]),
            num_positives=int(outcomes.num_positives[i]),
        )

    def _query(self, i: int, scene: bool = False) -> Person:
        album = self._album
        return self._person(int(album.query_images[i]), album.query_boxes[i], colour=ASKED if scene else None)

    def _ranked(self, i: int, k: int, scene: bool = False) -> Person:
        outcomes = self._report.outcomes
        hit = bool(outcomes.top_hits[i, k])
        colour = (RIGHT if hit else WRONG) if scene else None
        image_id, box = int(self._album.ranked_images[i, k]), self._album.ranked_boxes[i, k]
        return self._person(image_id, box, float(outcomes.top_similarities[i, k]), hit=hit, colour=colour)

    def _failure(self, failure: Failure) -> FailureExample:
        i = self._place[failure.query_id]
        right = self._person(
            failure.right_image_id, failure.right_box, failure.right_similarity,
            hit=True, colour=RIGHT, attempt=failure.near_box,
        )  # fmt: skip
        return FailureExample(failure, self._query(i, scene=True), self._first(i, scene=True), right)

    def _person(
        self,
        image_id: int,
        box: Sequence[float] | np.ndarray,
        similarity: float | None = None,
        *,
        hit: bool = False,
        colour: tuple[int, int, int] | None = None,
        attempt: Box | None = None,
    ) -> Person:
        path = self._album.path(image_id)
        image = self._read(path)
        if image is None:
            self.missing.add(path.name)
            return Person("", path.name, similarity, hit)
        cut = crop(image, box, margin=0.05) if attempt is None else _with_attempt(image, box, attempt)
        picture = jpeg_data_uri(thumbnail(cut, _CROP_SIDE), 84)
        scene = "" if colour is None else jpeg_data_uri(_drawn(image, box, colour), 80)
        return Person(picture, path.name, similarity, hit, scene)


def _read(path: Path) -> ImageArray | None:
    """A scene that is gone leaves a gap on the page; the numbers stand without it."""
    try:
        return read_picture(path)
    except PictureError:
        return None


def _with_attempt(image: ImageArray, box: Sequence[float] | np.ndarray, attempt: Box) -> ImageArray:
    """The person with some of what is around, and the detection that was no hit."""
    both = np.array([box, attempt], np.float64)
    around = np.concatenate([both[:, :2].min(axis=0), both[:, 2:].max(axis=0)])
    large = 2 * _CROP_SIDE / max(around[2:] - around[:2])  # Draw at the size shown, so that lines keep their width.
    cut = crop(image, around, margin=0.15)
    corner = np.maximum(np.floor(around[:2] - 0.15 * (around[2:] - around[:2])), 0)
    scale = min(large, 1.0)
    small = thumbnail(cut, max(1, round(scale * max(cut.shape[:2]))))
    ratio = np.array([small.shape[1] / cut.shape[1], small.shape[0] / cut.shape[0]] * 2)
    rows = (both - np.tile(corner, 2)) * ratio
    return draw_boxes(small, rows, colours=[RIGHT, WRONG], width=max(1, round(min(small.shape[:2]) / 70)))


def _drawn(image: ImageArray, box: Sequence[float] | np.ndarray, colour: tuple[int, int, int]) -> ImageArray:
    small = thumbnail(image, _SCENE_SIDE)
    scale = np.array([small.shape[1] / image.shape[1], small.shape[0] / image.shape[0]] * 2)
    return draw_boxes(small, [np.asarray(box, np.float64) * scale], colours=[colour], width=3)
