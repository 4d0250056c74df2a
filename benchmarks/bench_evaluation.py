"""Scoring an extraction: CPU seconds and memory, beside loops over queries and images; growth with the gallery."""

from __future__ import annotations

import importlib.util
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
from sklearn.metrics import average_precision_score

from sceneseek import boxes as box_ops
from sceneseek.evaluation import SearchProtocol, evaluate
from sceneseek.evaluation.search import search
from sceneseek.similarity import normalise
from sceneseek.structures import Extraction, Provenance, Query, Sample, SceneSet, data_fingerprint

DIM = 256
PEOPLE_PER_IMAGE = 5
POSITIVES = 1.9
SIZES = (50, 100, 500, 1000, 2000, 4000)
REFERENCE = Path(__file__).parents[1] / "tests" / "evaluation" / "loop_reference.py"


def world(images: int, queries: int, gallery: int | None, positives: float = POSITIVES) -> tuple[Extraction, SceneSet]:
    """Scenes of five people a picture, queries, and the detections of a good model.

    Args:
        images: How many scenes.
        queries: How many questions, each about a person of its own; where there are more people to find than boxes,
            fewer positives.
        gallery: Images per gallery, positives first; ``None`` for all but the query's own.
        positives: Gallery images that show the person, on average; at least one.
    """
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 800, (images, PEOPLE_PER_IMAGE, 2))
    sides = rng.integers([30, 90], [90, 250], (images, PEOPLE_PER_IMAGE, 2))
    boxes = np.concatenate([corners, corners + sides], axis=2).astype(np.float32)
    ids = np.full((images, PEOPLE_PER_IMAGE), -1)
    free = rng.permutation(images * PEOPLE_PER_IMAGE)
    counts = 2 + rng.poisson(positives - 1, queries)  # The query itself, and its positives.
    if counts.sum() > len(free):
        counts = np.maximum(2, counts * len(free) // counts.sum() - 1)
    for person, chosen in enumerate(np.split(free, np.cumsum(counts))[:queries]):
        _, first = np.unique(chosen // PEOPLE_PER_IMAGE, return_index=True)
        ids.reshape(-1)[chosen[np.sort(first)]] = person
    looks = rng.normal(size=(queries, DIM))
    noise = rng.normal(size=(images * PEOPLE_PER_IMAGE, DIM))
    known = ids.reshape(-1) >= 0
    noise[known] = looks[ids.reshape(-1)[known]] + 1.5 * noise[known]
    samples = tuple(Sample(i, Path(f"{i}.jpg"), 1000, 1100, boxes[i], ids[i]) for i in range(images))
    asked = []
    where = [np.flatnonzero(row) for row in _rows_of(ids, queries)]
    for person, shown in enumerate(where):
        own, others = int(shown[0]), shown[1:]
        strangers = np.setdiff1d(np.arange(images) if gallery is None else rng.permutation(images), shown)
        if gallery is not None:
            strangers = rng.permutation(strangers)[: max(0, gallery - len(others))]
        box = boxes[own][np.flatnonzero(ids[own] == person)[0]]
        asked.append(Query(person, own, box, person, tuple(np.concatenate([others, strangers]).tolist())))
    scenes = SceneSet(f"{images} images", samples, tuple(asked))
    jittered = boxes.reshape(-1, 4) + rng.normal(scale=3.0, size=(images * PEOPLE_PER_IMAGE, 4)).astype(np.float32)
    extraction = Extraction(
        np.arange(images),
        np.arange(images + 1) * PEOPLE_PER_IMAGE,
        jittered,
        rng.uniform(0.4, 1.0, images * PEOPLE_PER_IMAGE).astype(np.float32),
        normalise(noise).astype(np.float32),
        np.arange(queries),
        normalise(looks + 1.5 * rng.normal(size=looks.shape)).astype(np.float32),
        Provenance("random", "0" * 64, scenes.name, data_fingerprint(scenes), "detector", "0"),
    )
    return extraction, scenes


def _rows_of(ids: np.ndarray, queries: int) -> list[np.ndarray]:
    rows = [np.zeros(len(ids), bool) for _ in range(queries)]
    for image, people in enumerate(ids):
        for person in people[people >= 0]:
            rows[person][image] = True
    return rows


def cpu_seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """The least CPU time of a few runs."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def peak_megabytes(work: Callable[[], object]) -> float:
    """What NumPy and Python allocate at the most while working, beyond what was there."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def image_by_image(extraction: Extraction, scenes: SceneSet, queries: int) -> float:
    """Score the first queries as public evaluators compute it: a loop over images, one small product in each."""
    values = []
    for query in scenes.queries[:queries]:
        vector = extraction.query_embeddings[extraction.query_position_of[query.query_id]]
        labels, scores, total, found = [], [], 0, 0
        for image_id in query.gallery:
            people = scenes.by_id[image_id]
            here = np.flatnonzero(people.person_ids == query.person_id)
            total += len(here) > 0
            seen = extraction.detections(image_id)
            rows = extraction.offsets[extraction.position_of[image_id]] + np.flatnonzero(seen.scores >= 0.5)
            near = extraction.embeddings[rows] @ vector
            label = np.zeros(len(near), int)
            if len(here):
                box = people.boxes[here[:1]]
                for i in np.argsort(-near):
                    if box_ops.iou(extraction.boxes[rows[i]][None], box)[0, 0] >= box_ops.match_threshold(box)[0]:
                        label[i], found = 1, found + 1
                        break
            labels.append(label)
            scores.append(near)
        truth = np.concatenate(labels)
        values.append(average_precision_score(truth, np.concatenate(scores)) * found / total if found else 0.0)
    return float(np.mean(values))


def reference() -> ModuleType:
    """The tests' definition of the scores."""
    spec = importlib.util.spec_from_file_location("loop_reference", REFERENCE)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(REFERENCE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Its data classes look their module up.
    spec.loader.exec_module(module)
    return module


def compare(name: str, extraction: Extraction, scenes: SceneSet, some: int) -> None:
    """Print one row: ours on all queries, the loops on some, scaled to all.

    Search alone is compared, with its intervals; what scoring detection adds is said apart.
    """
    rules = SearchProtocol()
    both = cpu_seconds(lambda: evaluate(extraction, scenes, curve=False, num_failures=0))
    whole, scenes = scenes, replace(scenes, detection_labels_complete=False)
    ours = cpu_seconds(lambda: evaluate(extraction, scenes, curve=False, num_failures=0))
    memory = peak_megabytes(lambda: evaluate(extraction, whole, curve=False, num_failures=0))
    few = SceneSet("some", scenes.samples, scenes.queries[:some])
    scale = len(scenes.queries) / some
    definition = reference()
    slow = cpu_seconds(lambda: definition.evaluate(extraction, few, rules), 1) * scale
    public = cpu_seconds(lambda: image_by_image(extraction, scenes, some), 1) * scale
    expected = definition.evaluate(extraction, few, rules).average_precision
    outcomes, _ = search(extraction, scenes, rules)
    assert outcomes.average_precision[:some].tolist() == expected, "the scores differ from their definition"
    value = evaluate(extraction, scenes, curve=False, num_failures=0, bootstrap_samples=0).mean_ap
    print(
        f"{name:38s} {ours:6.2f} s (detection {both - ours:+.2f} s), {memory:4.0f} MB; definition {slow:6.0f} s = "
        f"{slow / ours:5.0f} times, image by image {public:5.0f} s = {public / ours:4.0f} times; mAP {value}"
    )


def main() -> None:
    """Print the comparisons, then the growth with the gallery."""
    print("CPU seconds; loops on some of the queries, scaled to all")
    for gallery in (100, 4000):
        extraction, scenes = world(6978, 2900, gallery)
        compare(f"2,900 queries x {gallery:,} of 6,978 images", extraction, scenes, 3000 // gallery + 2)
    extraction, scenes = world(6112, 2057, None)
    compare("2,057 queries x 6,112 images", extraction, scenes, 2)
    extraction, scenes = world(6112, 2057, None, positives=13.0)
    compare("the same, 13 positives a query", extraction, scenes, 2)
    extraction, scenes = world(6978, 2900, 4000)
    print("gallery size: ranking, and per million ranked detections")
    for size in SIZES:
        rules = SearchProtocol(gallery_size=size)
        taken = cpu_seconds(lambda rules=rules: search(extraction, scenes, rules), 1)
        ranked = search(extraction, scenes, rules)[0].num_ranked.sum() / 1e6
        print(f"{size:6d} {taken:6.2f} s {taken / ranked:6.3f} s")
