"""Small random worlds with everything that goes wrong in real ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sceneseek.structures import (
    UNLABELED,
    Detections,
    Extraction,
    Provenance,
    Query,
    Sample,
    SceneSet,
    data_fingerprint,
)


def provenance(scenes: SceneSet, boxes: str = "detector") -> Provenance:
    return Provenance("a model", "f" * 64, scenes.name, data_fingerprint(scenes), boxes, "0")


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def random_world(
    seed: int, images: int = 30, people: int = 6, queries: int = 12, coarse: bool = False
) -> tuple[Extraction, SceneSet]:
    """Scenes, queries, and what a mediocre model saw.

    Some images are empty, some people are missed, tiny, doubled, ignored or unlabelled; some galleries list an image
    twice or hold nobody to find. ``coarse`` embeddings have few values: many similarities are equal or negative.
    """
    rng = np.random.default_rng(seed)
    looks = unit(rng.normal(size=(people, 8)))
    samples, found = [], []
    for image_id in rng.permutation(images) + 100:
        boxes, ids, ignore, seen = [], [], [], []
        for _ in range(rng.integers(0, 5)):
            w, h = (rng.integers(3, 9, 2) if rng.random() < 0.2 else rng.integers(20, 60, 2)).tolist()
            x, y = rng.integers(0, 200, 2).tolist()
            box = [x, y, x + w, y + h]
            person = int(rng.integers(0, people))
            boxes.append(box)
            ids.append(person if rng.random() < 0.8 else UNLABELED)
            ignore.append(bool(rng.random() < 0.15))
            for _ in range(int(rng.integers(0, 3))):
                jitter = rng.integers(-1 - w // 5, 2 + w // 5, 4)
                near = np.array(box) + jitter
                near[2:] = np.maximum(near[2:], near[:2] + 1)
                look = rng.integers(-1, 2, 8) + 0.0 if coarse else looks[person] + rng.normal(scale=0.4, size=8)
                seen.append((near, look if np.abs(look).sum() else np.ones(8), round(float(rng.random()), 1)))
        samples.append(
            Sample(
                int(image_id),
                f"{image_id}.jpg",
                300,
                300,
                np.reshape(boxes, (-1, 4)),
                ids,
                camera_id=f"c{image_id % 3}",
                ignore_mask=ignore,
            )
        )
        found.append(
            (
                int(image_id),
                Detections([s[0] for s in seen], [s[2] for s in seen], unit(np.array([s[1] for s in seen])))
                if seen
                else Detections.empty(8),
            )
        )
    ids = [s.image_id for s in samples]
    asked = []
    for query_id in rng.permutation(queries):
        chosen = rng.permutation(ids)[: int(rng.integers(1, images))].tolist()
        if rng.random() < 0.3:
            chosen.append(chosen[0])
        person = int(rng.integers(0, people)) if rng.random() < 0.95 else UNLABELED
        asked.append(Query(int(query_id), int(rng.choice(ids)), [0, 0, 10, 20], person, tuple(chosen)))
    scenes = SceneSet("a world", tuple(samples), tuple(asked))
    looks_of = [
        rng.integers(-1, 2, 8) + 0.5 if coarse else looks[q.person_id] + rng.normal(scale=0.3, size=8) for q in asked
    ]
    embedded = unit(np.array(looks_of)) if asked else np.zeros((0, 8), np.float32)
    answers = list(zip((q.query_id for q in asked), embedded, strict=True))
    return Extraction.gather(found, answers, provenance(scenes), 8), scenes


def with_galleries(scenes: SceneSet, change: object) -> SceneSet:
    return replace(scenes, queries=tuple(replace(q, gallery=tuple(change(q.gallery))) for q in scenes.queries))  # type: ignore[operator]
