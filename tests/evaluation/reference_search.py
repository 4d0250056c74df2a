"""The definition of the search scores, as plain loops over queries, images and boxes: slow, and meant to be read.

Nothing here comes from ``sceneseek.evaluation``; the boxes are Python floats, the sums exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sceneseek.structures import Extraction, Query, SceneSet


@dataclass
class Reference:
    average_precision: list[float]
    recall: list[float]
    first_hit_rank: list[int]


def iou(a: list[float], b: list[float]) -> float:
    w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    inter = w * h
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter
    return inter / union if union > 0 else 0.0


def threshold(box: list[float]) -> float:
    w, h = box[2] - box[0], box[3] - box[1]
    return min(0.5, (w * h) / ((w + 10.0) * (h + 10.0)))


def truth(scenes: SceneSet, image_id: int, person_id: int) -> tuple[list[float] | None, list[list[float]]]:
    """The person's box in an image (the first, when annotated twice), and the ignored boxes of the person."""
    sample = scenes.by_id[image_id]
    box, ignored = None, []
    if person_id == -1:
        return None, []
    for i in range(len(sample)):
        if int(sample.person_ids[i]) != person_id:
            continue
        if sample.ignore_mask[i]:
            ignored.append([float(v) for v in sample.boxes[i]])
        elif box is None:
            box = [float(v) for v in sample.boxes[i]]
    return box, ignored


def gallery(scenes: SceneSet, query: Query, size: int | None) -> list[int]:
    once: list[int] = []
    for image_id in query.gallery:
        if image_id not in once:
            once.append(image_id)
    if size is None:
        return once
    shows = [i for i in once if truth(scenes, i, query.person_id)[0] is not None]
    return (shows + [i for i in once if i not in shows])[:size]


def ranking(
    extraction: Extraction, scenes: SceneSet, query: Query, det_threshold: float, size: int | None
) -> tuple[list[tuple[float, bool]], int]:
    """Similarity and hit of every detection, best first, and the number of positives."""
    asked = [float(v) for v in extraction.query_embeddings[extraction.query_ids.tolist().index(query.query_id)]]
    entries = []
    positives = 0
    listed = gallery(scenes, query, size)
    for position, image_id in enumerate(extraction.image_ids.tolist()):
        if image_id not in listed:
            continue
        found = extraction.detections(image_id)
        box, ignored = truth(scenes, image_id, query.person_id)
        positives += box is not None
        here = []
        for i in range(len(found)):
            if not float(found.scores[i]) >= float(det_threshold):
                continue
            row = [float(v) for v in extraction.embeddings[int(extraction.offsets[position]) + i]]
            similarity = float(np.float32(math.fsum(x * y for x, y in zip(row, asked, strict=True))))
            here.append((similarity, i, [float(v) for v in found.boxes[i]]))
        hit = None
        for _, i, where in sorted(here, key=lambda entry: (-entry[0], entry[1])):
            if hit is None and box is not None and iou(where, box) >= threshold(box):
                hit = i
        for similarity, i, where in here:
            if i != hit and any(iou(where, other) >= threshold(other) for other in ignored):
                continue
            entries.append((-similarity, position, i, i == hit))
    return [(-similarity, hit) for similarity, _, _, hit in sorted(entries)], positives


def average_precision(ranked: list[tuple[float, bool]], positives: int, rule: str) -> float:
    """The area under the precision-recall curve whose points are the distinct similarities."""
    if positives == 0:
        return math.nan
    areas = []
    hits = retrieved = 0
    before = 1.0
    for place, (similarity, hit) in enumerate(ranked):
        retrieved, hits = retrieved + 1, hits + hit
        if place + 1 < len(ranked) and ranked[place + 1][0] == similarity:
            continue
        gained = sum(h for s, h in ranked if s == similarity)
        precision = hits / retrieved
        areas += [precision if rule == "step" else (before + precision) / 2.0] * gained
        before = precision
    return math.fsum(areas) / positives


def evaluate(
    extraction: Extraction, scenes: SceneSet, det_threshold: float = 0.5, size: int | None = None, rule: str = "step"
) -> Reference:
    result = Reference([], [], [])
    for query in scenes.queries:
        ranked, positives = ranking(extraction, scenes, query, det_threshold, size)
        places = [place + 1 for place, (_, hit) in enumerate(ranked) if hit]
        result.average_precision.append(average_precision(ranked, positives, rule))
        result.recall.append(len(places) / positives if positives else math.nan)
        result.first_hit_rank.append(places[0] if places else 0)
    return result
