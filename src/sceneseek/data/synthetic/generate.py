"""Writes a world of people to disk, as a data set to train on and one to be tested on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from sceneseek.data.coco import IMAGES
from sceneseek.data.synthetic.spec import WorldSpec
from sceneseek.data.synthetic.world import PeopleWorld
from sceneseek.data.synthetic.writing import write_pictures, write_sets
from sceneseek.structures import UNLABELED, Progress, Query, Sample, SceneSet, silent

_QUERY_VISIBILITY = 0.6
_POSITIVE_VISIBILITY = 0.3


@lru_cache(maxsize=1)
def _world(spec: WorldSpec) -> PeopleWorld:
    """A process serves one world at a time, built once."""
    return PeopleWorld(spec)


def _write_scene(spec: WorldSpec, folder: Path, index: int) -> Sample:
    world = _world(spec)
    picture = world.picture(index)
    file = folder / world.split_of(index) / IMAGES / picture.sample.path
    file.write_bytes(picture.jpeg)
    return replace(picture.sample, path=file)


def generate(
    spec: WorldSpec, folder: str | Path, *, workers: int = 1, progress: Progress = silent
) -> dict[str, SceneSet]:
    """Write a world to disk: ``folder/train`` and ``folder/test``, each with ``images/`` and ``annotations.json``.

    Args:
        spec: The world. Equal specs write equal files, whatever the number of workers.
        folder: Where to; made if it does not exist.
        workers: Processes to render with.
        progress: Told how many scenes are written.

    Returns:
        The two sets by name, ``"train"`` and ``"test"``. The test set has a query for each identity that is seen well
        enough at least twice, with its gallery: its positives first, then distractors.

    Raises:
        ValueRefused: ``workers`` is below 1.
    """
    folder = Path(folder)
    draw = partial(_write_scene, spec, folder)
    try:
        samples = write_pictures(draw, spec.num_scenes, folder, workers=workers, progress=progress)
    finally:
        _world.cache_clear()
    train, test = samples[: spec.num_train_scenes], samples[spec.num_train_scenes :]
    facts = {"generator": "sceneseek.data.synthetic people", "spec": repr(spec)}
    sets = {
        "train": SceneSet("synthetic-people-train", tuple(train), info=facts),
        "test": SceneSet("synthetic-people-test", tuple(test), ask(test, spec), info=facts),
    }
    write_sets(sets, folder)
    return sets


def ask(samples: list[Sample], spec: WorldSpec) -> tuple[Query, ...]:
    """Make the queries of a test set: one for each identity that is seen well enough at least twice.

    The best-seen appearance is the query. The gallery lists the images that show the person, those of other cameras
    first, then distractors: images with their look-alikes early, and the rest in random order, so that the first N
    entries are a gallery of size N as in CUHK-SYSU. As there, the query's own image is not in its gallery.

    Args:
        samples: The test scenes.
        spec: Their world.
    """
    rng = np.random.default_rng(np.random.SeedSequence([spec.seed, 99]))
    seen: dict[int, list[tuple[Sample, int]]] = defaultdict(list)
    for sample in samples:
        for row, person in enumerate(sample.person_ids.tolist()):
            if person != UNLABELED:
                seen[person].append((sample, row))
    relatives = _relatives(spec)
    queries: list[Query] = []
    for person in sorted(seen):
        best = max(seen[person], key=lambda at: _merit(*at))
        others = [s for s, row in seen[person] if s is not best[0] and _visibility(s, row) >= _POSITIVE_VISIBILITY]
        if _visibility(*best) < _QUERY_VISIBILITY or not others:
            continue
        gallery = _gallery(best[0], [s for s, _ in seen[person]], samples, relatives.get(person, set()), rng)
        queries.append(
            Query(
                query_id=len(queries) + 1,
                image_id=best[0].image_id,
                box=best[0].boxes[best[1]],
                person_id=person,
                gallery=tuple(gallery[: spec.gallery_size]),
            )
        )
    return tuple(queries)


def _visibility(sample: Sample, row: int) -> float:
    assert sample.visibility is not None
    return float(sample.visibility[row])


def _merit(sample: Sample, row: int) -> float:
    x1, y1, x2, y2 = sample.boxes[row].tolist()
    return _visibility(sample, row) * min(float((x2 - x1) * (y2 - y1)), 12000.0)


def _relatives(spec: WorldSpec) -> dict[int, set[int]]:
    """For each identity, those who are dressed nearly alike."""
    found: dict[int, set[int]] = defaultdict(set)
    for twin, model in PeopleWorld(spec).models.items():
        found[twin].add(model)
        found[model].add(twin)
    return found


def _gallery(
    own: Sample, with_person: list[Sample], samples: list[Sample], relatives: set[int], rng: np.random.Generator
) -> list[int]:
    positives = [s for s in with_person if s is not own]
    positives.sort(key=lambda s: (s.camera_id == own.camera_id, s.image_id))
    taken = {s.image_id for s in positives} | {own.image_id}
    rest = [samples[i] for i in rng.permutation(len(samples)) if samples[i].image_id not in taken]
    rest.sort(key=lambda s: not relatives.intersection(s.person_ids.tolist()))
    return [s.image_id for s in (*positives, *rest)]
