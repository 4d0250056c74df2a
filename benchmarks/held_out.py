"""Worlds whose truth is known, as galleries: synthetic scenes that no network was trained on, and small real sets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sceneseek import boxes as box_arithmetic
from sceneseek.data.coco import read_coco
from sceneseek.data.synthetic import PeopleWorld, WorldSpec
from sceneseek.finder import Finder
from sceneseek.gallery import Gallery
from sceneseek.inference.predictor import Predictor
from sceneseek.pictures import read_picture
from sceneseek.structures import (
    UNLABELED,
    Detections,
    FloatArray,
    Frame,
    IntArray,
    MediaItem,
    Sample,
)

REAL = Path(os.environ.get("SCENESEEK_REAL", Path(__file__).resolve().parents[2] / "shared" / "real"))

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
    """

    name: str
    gallery: Gallery
    ids: list[str]
    embeddings: FloatArray
    person_ids: IntArray
    scenes: IntArray
    families: IntArray

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


def synthetic(predictor: Predictor, folder: Path, spec: WorldSpec) -> HeldOut:
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
    return _known(
        "synthetic", gallery, truth, {person: _model_of(world, person) for person in range(spec.num_identities)}
    )


def real(name: str, predictor: Predictor, folder: Path) -> HeldOut:
    """A small real set, with its annotated boxes: its people are few, and so are a small detector's hits."""
    scenes = read_coco(REAL / name)
    gallery = Gallery.create(folder, predictor.name, predictor.fingerprint, predictor.embedding_dim)
    truth = {}
    with gallery.writer() as writer:
        for sample in scenes.samples:
            image, key = read_picture(sample.path), f"{sample.image_id:06d}"
            item = MediaItem(str(sample.path), "photo", key, sample.camera_id)
            embeddings = predictor.embed([image], [sample.boxes])[0]
            writer.begin(item)
            writer.add(item, Frame(image, item.source), Detections(sample.boxes, np.ones(len(sample)), embeddings))
            writer.finish(item)
            truth[key] = sample
    return _known(name, gallery, truth, {})


def _model_of(world: PeopleWorld, person: int) -> int:
    while person in world.models:
        person = world.models[person]
    return person


def _known(name: str, gallery: Gallery, truth: dict[str, Sample], models: dict[int, int]) -> HeldOut:
    """Tell for each detection of a gallery who it is."""
    everybody = gallery.sample_embeddings(len(gallery))
    rows = everybody.rows.to_pylist()
    people = np.array([_who(row, truth[row["media_key"]]) for row in rows], np.int64)
    alone = 1_000_000 + np.arange(len(people))
    families = np.where(people >= 0, [models.get(int(p), int(p)) for p in people], alone)
    return HeldOut(
        name=name,
        gallery=gallery,
        ids=[row["id"] for row in rows],
        embeddings=everybody.embeddings,
        person_ids=people,
        scenes=np.array([int(row["media_key"]) for row in rows], np.int64),
        families=families,
    )


def _who(row: dict[str, float], sample: Sample) -> int:
    if not len(sample):
        return NOBODY
    box = np.array([[row["x1"], row["y1"], row["x2"], row["y2"]]], np.float64)
    overlap = box_arithmetic.iou(box, sample.boxes.astype(np.float64))[0]
    best = int(overlap.argmax())
    if overlap[best] < 0.5 or sample.ignore_mask is None or sample.ignore_mask[best]:
        return NOBODY
    person = int(sample.person_ids[best])
    return person if person >= 0 else UNLABELED
