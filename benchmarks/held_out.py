"""Worlds whose truth is known, as galleries: synthetic scenes that no network was trained on, and small real sets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from sceneseek import boxes as box_arithmetic
from sceneseek.data.coco import read_coco
from sceneseek.data.synthetic import PeopleWorld, WorldSpec
from sceneseek.finder import Finder
from sceneseek.gallery import EmbeddingSample, Gallery
from sceneseek.gallery.trust.strangers import numbered, sightings
from sceneseek.inference.media import discover, frames_of
from sceneseek.inference.predictor import Predictor
from sceneseek.structures import UNLABELED, FloatArray, Frame, IntArray, MediaItem, Sample

REAL = Path(os.environ.get("SCENESEEK_REAL", Path(__file__).resolve().parents[2] / "shared" / "real"))

SETS = ("walkin6", "campus4", "mot17mini")
VIDEO = REAL / "one-by-one-person-detection.mp4"

NOBODY = -2
"""A detection that shows no annotated person: neither the right one nor surely a stranger."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A gallery whose people are known to us, though not to it; ``N`` detections.

    Attributes:
        name: For tables.
        gallery: The gallery.
        ids: ``N`` names of detections.
        embeddings: ``(N, D)``.
        person_ids: ``(N,)``, ``UNLABELED`` for somebody without a name, ``NOBODY`` where nobody is annotated.
        scenes: ``(N,)`` which picture.
        families: ``(N,)`` equal for people who are dressed nearly alike.
        sample: All of it as the gallery gives it.
        sets: ``(N,)`` what is calibrated apart: the camera, or the set that a picture comes from.
    """

    name: str
    gallery: Gallery
    ids: list[str]
    embeddings: FloatArray
    person_ids: IntArray
    scenes: IntArray
    families: IntArray
    sample: EmbeddingSample
    sets: np.ndarray[tuple[int], np.dtype[np.str_]]

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """What the gallery knows of each detection."""
        found: list[dict[str, Any]] = self.sample.rows.to_pylist()
        return found

    @cached_property
    def units(self) -> IntArray:
        """The sighting of each detection, ``(N,)``."""
        return sightings(self.sample.rows)

    def part(self, inside: np.ndarray) -> HeldOut:
        """The same with some of its detections, ``(N,)`` bool."""
        rows = np.flatnonzero(inside)
        sample = EmbeddingSample(self.sample.embeddings[rows], self.sample.rows.take(rows))
        cut = {name: getattr(self, name)[rows] for name in ("embeddings", "person_ids", "scenes", "families", "sets")}
        return replace(self, ids=[self.ids[row] for row in rows], sample=sample, **cut)

    def strangers(self, row: int) -> np.ndarray:
        """Who is surely somebody else than ``row``, in another picture, ``(N,)`` bool."""
        somebody = (self.person_ids != NOBODY) & (self.person_ids != self.person_ids[row])
        return somebody & (self.scenes != self.scenes[row])

    def same(self, row: int) -> np.ndarray:
        """Where else the person of ``row`` is, ``(N,)`` bool."""
        return (self.person_ids == self.person_ids[row]) & (self.scenes != self.scenes[row])

    def named(self) -> IntArray:
        """Rows of people with a name."""
        return np.flatnonzero(self.person_ids >= 0)


def synthetic(predictor: Predictor, folder: Path, spec: WorldSpec, name: str = "synthetic") -> HeldOut:
    """A synthetic world as the product sees it: its own detections, indexed into a gallery."""
    world = PeopleWorld(spec)
    items = [
        MediaItem(f"world/{i:06d}.jpg", "photo", f"{i:06d}", f"c{world.cameras[i] + 1}") for i in range(len(world))
    ]
    items = items[spec.num_train_scenes :]
    truth: dict[str, Sample] = {}

    def frames_of(item: MediaItem) -> Iterator[Frame]:
        image, truth[item.content_key] = world.render(int(item.content_key))
        yield Frame(image, item.source, camera_id=item.camera_id)

    gallery = Gallery.create(folder, predictor.name, predictor.fingerprint, predictor.embedding_dim)
    Finder(predictor, gallery).index(items, frames_of)
    models = {person: _model_of(world, person) for person in range(spec.num_identities)}

    def who(row: dict[str, Any]) -> tuple[int, str]:
        return _at_box(row, truth[row["media_key"]]), row["camera_id"]

    return _known(name, gallery, who, models)


def real(predictor: Predictor, folder: Path) -> HeldOut:
    """The small real sets and the video as a user would index them: own boxes, no cameras named, one gallery.

    walkin6 and the video show one room and are one set. All three sets were looked at during development.
    """
    truth: dict[str, tuple[str, Sample]] = {}
    visits: dict[int, tuple[int, int]] = {}
    for offset, name in enumerate(SETS):
        for sample in read_coco(REAL / name).samples:
            people = np.where(sample.person_ids >= 0, sample.person_ids + 100_000 * offset, sample.person_ids)
            truth[str(sample.path)] = name, replace(sample, person_ids=people)
            if name == "walkin6" and len(sample):
                frame, person = int(sample.path.stem.split("_")[1]), int(people[0])
                first, last = visits.get(person, (frame, frame))
                visits[person] = min(first, frame), max(last, frame)

    def who(row: dict[str, Any]) -> tuple[int, str]:
        if row["time_s"] is not None:
            return _at_moment(row["frame_index"], visits), "walkin6"
        name, sample = truth[row["source"]]
        return _at_box(row, sample), name

    gallery = Gallery.create(folder, predictor.name, predictor.fingerprint, predictor.embedding_dim)
    media = [item for place in (*(REAL / name / "images" for name in SETS), VIDEO) for item in discover(place)]
    Finder(predictor, gallery).index(media, partial(frames_of, every_s=1.0), every_s=1.0)
    return _known("real", gallery, who, {})


def _at_moment(frame: int, visits: dict[int, tuple[int, int]]) -> int:
    """Who walks through the video at a frame: one at a time, each from their first to their last labelled frame."""
    return next((person for person, (first, last) in visits.items() if first - 8 <= frame <= last + 8), NOBODY)


def _model_of(world: PeopleWorld, person: int) -> int:
    while person in world.models:
        person = world.models[person]
    return person


def _known(
    name: str, gallery: Gallery, who: Callable[[dict[str, Any]], tuple[int, str]], models: dict[int, int]
) -> HeldOut:
    """Tell for each detection of a gallery who it is."""
    everybody = gallery.sample_embeddings(len(gallery))
    rows = everybody.rows.to_pylist()
    told = [who(row) for row in rows]
    people = np.array([person for person, _ in told], np.int64)
    alone = 1_000_000 + np.arange(len(people))
    return HeldOut(
        name=name,
        gallery=gallery,
        ids=[row["id"] for row in rows],
        embeddings=everybody.embeddings,
        person_ids=people,
        scenes=numbered(everybody.rows["media_key"], everybody.rows["frame_index"]),
        families=np.where(people >= 0, [models.get(int(p), int(p)) for p in people], alone),
        sample=everybody,
        sets=np.array([of for _, of in told]),
    )


def _at_box(row: dict[str, Any], sample: Sample) -> int:
    """Who is annotated where a detection is."""
    if not len(sample):
        return NOBODY
    box = np.array([[row["x1"], row["y1"], row["x2"], row["y2"]]], np.float64)
    overlap = box_arithmetic.iou(box, sample.boxes.astype(np.float64))[0]
    best = int(overlap.argmax())
    if overlap[best] < 0.5 or sample.ignore_mask is None or sample.ignore_mask[best]:
        return NOBODY
    person = int(sample.person_ids[best])
    return person if person >= 0 else UNLABELED
