"""The tattoo world: designs on skin in cluttered photographs, sketches to search with, split as WebTattoo is.

An identity is a design. It is seen on different people, body parts and cameras, fresh and faded, wrapped around limbs,
half under a sleeve; or redrawn by hand on paper. Unlabelled tattoos are there too, some of them made to look alike.
The splits follow WebTattoo (Han, Li, Jain et al., arXiv 1811.00218) as DC-I-Net uses it: training and test share no
design, each test design has one query, and all queries search one gallery of photographs.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from sceneseek.data.coco import IMAGES
from sceneseek.data.synthetic.tattoo_plan import ScenePlan, Split, TattooSpec, gallery_order, plan
from sceneseek.data.synthetic.tattoo_scene import Picture, hardship, photograph, sketch
from sceneseek.data.synthetic.writing import write_pictures, write_sets
from sceneseek.structures import UNLABELED, Progress, Query, Sample, SceneSet, silent

__all__ = ["ScenePlan", "TattooSpec", "generate_tattoos", "plan", "render"]

_ATTEMPTS = 6
_LEAST_SEEN = 0.2
_QUERY_SEEN = 0.85


def generate_tattoos(
    spec: TattooSpec, folder: str | Path, *, workers: int = 1, progress: Progress = silent
) -> dict[str, SceneSet]:
    """Write a tattoo world: ``folder/train`` and ``folder/test``, each with ``images/`` and ``annotations.json``.

    Args:
        spec: The world. Equal specs write equal files, whatever the number of workers.
        folder: Where to; made if it does not exist.
        workers: Processes to draw with.
        progress: Told how many pictures are written.

    Returns:
        The two sets by name, ``"train"`` and ``"test"``. ``image_id`` is the picture's index in the world. A query's
        gallery lists the photographs that show its design first; every other one follows in an order of its own.

    Raises:
        ValueRefused: ``workers`` is below 1.
    """
    folder = Path(folder)
    draw = partial(_write_picture, spec, folder)
    samples = write_pictures(draw, spec.num_scenes, folder, workers=workers, progress=progress)
    sets = {split: _scene_set(spec, split, samples) for split in ("train", "test")}
    write_sets(sets, folder)
    return sets


def render(spec: TattooSpec, index: int) -> Picture:
    """Draw one picture of a world; it depends on nothing but the spec and its index.

    Args:
        spec: The world.
        index: 0 to ``spec.num_scenes - 1``.

    Returns:
        The picture with its truth.
    """
    todo = plan(spec)[index]
    level = hardship(spec.difficulty)
    if todo.role == "query":
        level = replace(level, least_seen=max(level.least_seen, _QUERY_SEEN), hidden=min(level.hidden, 1 - _QUERY_SEEN))
    size = (spec.width, spec.height)
    labelled = {s.person_id for s in todo.subjects} - {UNLABELED}
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng(np.random.SeedSequence([spec.seed, index], spawn_key=(attempt,)))
        if todo.is_sketch:
            return sketch(rng, todo.subjects[0], todo.camera, size, level)
        picture = photograph(rng, list(todo.subjects), list(todo.extras), todo.camera, size, level)
        seen = {
            i for i, share in zip(picture.person_ids.tolist(), picture.visibility, strict=True) if share >= _LEAST_SEEN
        }
        if labelled <= seen:
            break
    return picture


def _write_picture(spec: TattooSpec, folder: Path, index: int) -> Sample:
    todo, picture = plan(spec)[index], render(spec, index)
    path = folder / todo.split / IMAGES / f"t{index:06d}.jpg"
    options = [cv2.IMWRITE_JPEG_QUALITY, picture.quality]
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture.image, cv2.COLOR_RGB2BGR), options)
    assert done
    path.write_bytes(encoded.tobytes())
    return Sample(
        image_id=index,
        path=path,
        width=spec.width,
        height=spec.height,
        boxes=picture.boxes,
        person_ids=picture.person_ids,
        camera_id=todo.camera.name,
        visibility=picture.visibility,
    )


def _scene_set(spec: TattooSpec, split: Split, samples: list[Sample]) -> SceneSet:
    plans = plan(spec)
    own = [sample for sample in samples if plans[sample.image_id].split == split]
    queries: list[Query] = []
    if split == "test":
        gallery = [sample for sample in own if plans[sample.image_id].role == "gallery"]
        asked = [sample for sample in own if plans[sample.image_id].role == "query"]
        queries = [q for i, sample in enumerate(asked) if (q := _query(spec, i, sample, gallery)) is not None]
    return SceneSet(
        name=f"tattoos-{spec.difficulty}-{split}",
        samples=tuple(own),
        queries=tuple(queries),
        info={"generator": "sceneseek.data.synthetic tattoos", "spec": repr(spec)},
    )


def _query(spec: TattooSpec, query_id: int, sample: Sample, gallery: list[Sample]) -> Query | None:
    """The question of one query picture; none when its design is nowhere to be seen after all."""
    person_id = plan(spec)[sample.image_id].subjects[0].person_id
    at = np.flatnonzero(sample.person_ids == person_id)
    positives = [s.image_id for s in gallery if (s.person_ids == person_id).any()]
    if at.size == 0 or not positives:
        return None
    shown = set(positives)
    mixed = [gallery[i].image_id for i in gallery_order(spec, person_id, len(gallery))]
    listed = (*positives, *(i for i in mixed if i not in shown))
    return Query(query_id, sample.image_id, sample.boxes[at[0]], person_id, listed[: spec.gallery_size])
