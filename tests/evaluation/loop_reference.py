"""The definition of the search scores, as plain loops over queries, images and boxes: slow, and meant to be read.

Nothing here comes from ``sceneseek.evaluation`` but the names of the switches; the boxes are Python floats, the sums
exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from sceneseek.evaluation.protocols import SearchProtocol
from sceneseek.structures import Extraction, Query, SceneSet

UNLABELED = -1
Box = list[float]


@dataclass
class Reference:
    average_precision: list[float] = field(default_factory=list)
    recall: list[float] = field(default_factory=list)
    first_hit_rank: list[int] = field(default_factory=list)
    num_ranked: list[int] = field(default_factory=list)
    top_detections: list[list[int]] = field(default_factory=list)

    def top(self, k: int) -> float:
        ranks = [r for r, ap in zip(self.first_hit_rank, self.average_precision, strict=True) if not math.isnan(ap)]
        return sum(0 < r <= k for r in ranks) / len(ranks)

    def mean(self) -> float:
        values = [ap for ap in self.average_precision if not math.isnan(ap)]
        return math.fsum(values) / len(values)


@dataclass
class Entry:
    """One detection in one query's ranking."""

    similarity: float
    image_id: int
    score: float
    box: Box
    row: int
    hit: bool = False

    def before(self) -> tuple[object, ...]:
        return (-self.similarity, self.image_id, -self.score, self.box)


def iou(a: Box, b: Box, border: float = 0.0) -> float:
    w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]) + border)
    h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]) + border)
    inter = w * h
    first = (a[2] - a[0] + border) * (a[3] - a[1] + border)
    union = first + (b[2] - b[0] + border) * (b[3] - b[1] + border) - inter
    return inter / union if union > 0 else 0.0


def threshold(box: Box) -> float:
    w, h = box[2] - box[0], box[3] - box[1]
    return min(0.5, (w * h) / ((w + 10.0) * (h + 10.0)))


def truth(scenes: SceneSet, image_id: int, person_id: int) -> tuple[list[Box], list[Box]]:
    """The person's boxes in an image, and the ignored boxes of the person."""
    sample = scenes.by_id[image_id]
    boxes: list[Box] = []
    ignored: list[Box] = []
    for i in range(len(sample)):
        if person_id != UNLABELED and int(sample.person_ids[i]) == person_id:
            (ignored if sample.ignore_mask[i] else boxes).append([float(v) for v in sample.boxes[i]])
    return boxes, ignored


def gallery(scenes: SceneSet, query: Query, rules: SearchProtocol) -> list[int]:
    """The images of a query's gallery, in order; one may be there twice."""
    images = list(query.gallery)
    if rules.own_scene and query.image_id not in images:
        images.append(query.image_id)
    if rules.gallery_size == "full":
        images += [s.image_id for s in scenes.samples if s.image_id not in images and s.image_id != query.image_id]
    if rules.duplicates == "dedup":
        images = list(dict.fromkeys(images))
    camera = scenes.by_id[query.image_id].camera_id
    if rules.match != "best_overlap" and rules.cameras != "all":
        same = rules.cameras == "same"
        images = [i for i in images if (scenes.by_id[i].camera_id == camera) == same]
    if isinstance(rules.gallery_size, int):
        shows = [i for i in images if truth(scenes, i, query.person_id)[0]]
        images = (shows + [i for i in images if i not in shows])[: rules.gallery_size]
    return images


def feature(extraction: Extraction, query: Query, rules: SearchProtocol) -> list[float] | None:
    if rules.query_feature == "gt_roi":
        return [float(v) for v in extraction.query_embeddings[extraction.query_position_of[query.query_id]]]
    found = extraction.detections(query.image_id)
    best = None
    for i in range(len(found)):
        box = [float(v) for v in found.boxes[i]]
        key = (-iou(box, [float(v) for v in query.box]), -float(found.scores[i]), box)
        if best is None or key < best[0]:
            best = (key, [float(v) for v in extraction.embeddings[first_row(extraction, query.image_id) + i]])
    return best[1] if best else None


def first_row(extraction: Extraction, image_id: int) -> int:
    return int(extraction.offsets[extraction.position_of[image_id]])


def similarity(embedding: list[float], asked: list[float], score: float, rules: SearchProtocol) -> float:
    cosine = np.float32(math.fsum(x * y for x, y in zip(embedding, asked, strict=True)))
    return float(cosine * np.float32(score) if rules.confidence_weighted else cosine)


def detections(extraction: Extraction, image_id: int, asked: list[float] | None, rules: SearchProtocol) -> list[Entry]:
    """The detections of one image that are ranked."""
    if asked is None:
        return []
    found = extraction.detections(image_id)
    first = first_row(extraction, image_id)
    entries = []
    for i in range(len(found)):
        score = float(found.scores[i])
        if score >= rules.det_threshold:
            row = [float(v) for v in extraction.embeddings[first + i]]
            near = similarity(row, asked, score, rules)
            entries.append(Entry(near, image_id, score, [float(v) for v in found.boxes[i]], first + i))
    return entries


def ranking(extraction: Extraction, scenes: SceneSet, query: Query, rules: SearchProtocol) -> tuple[list[Entry], int]:
    """Everything ranked, best first, and the number of positives."""
    asked = feature(extraction, query, rules)
    ranked: list[Entry] = []
    positives = 0
    times: dict[int, int] = {}
    for image_id in gallery(scenes, query, rules):
        boxes, ignored = truth(scenes, image_id, query.person_id)
        copy = times[image_id] = times.get(image_id, -1) + 1
        positives += bool(boxes)
        if copy and rules.duplicates == "seqnet":
            continue
        here = sorted(detections(extraction, image_id, asked, rules), key=Entry.before)
        whole = rules.match == "image"
        if boxes:
            box = boxes[min(copy, len(boxes) - 1)]
            for entry in here:
                if whole or iou(entry.box, box) >= threshold(box):
                    entry.hit = True
                    break
        for entry in here:
            if entry.hit or not any(whole or iou(entry.box, b) >= threshold(b) for b in ignored):
                ranked.append(entry)
    return sorted(ranked, key=Entry.before), positives


def assigned(extraction: Extraction, scenes: SceneSet, rules: SearchProtocol) -> tuple[dict[int, int], list[tuple]]:
    """The original PRW protocol: row to identity (from 1; 0 nobody, -1 junk), and missed (image, identity)."""
    identity: dict[int, int] = {}
    missed = []
    for sample in scenes.samples:
        found = extraction.detections(sample.image_id)
        first = first_row(extraction, sample.image_id)
        if len(found) == 0 and rules.skip_empty_scenes:
            continue
        flags = [False] * len(sample)
        overlap: dict[int, float] = {}
        for i in range(len(found)):
            near = [iou([float(v) for v in found.boxes[i]], [float(v) for v in b], 1.0) for b in sample.boxes]
            best = max(range(len(near)), key=lambda j: (near[j], -j)) if near else -1
            overlap[first + i] = near[best] if near else 0.0
            identity[first + i] = 0
            if overlap[first + i] >= 0.5:
                flags[best] = True
                unknown = sample.person_ids[best] == UNLABELED or sample.ignore_mask[best]
                identity[first + i] = -1 if unknown else int(sample.person_ids[best]) + 1
            elif overlap[first + i] >= 0.3:
                identity[first + i] = -1
        for person in {p for row, p in identity.items() if row in overlap and p > 0}:
            rows = [row for row in overlap if identity[row] == person]
            best = min(
                rows, key=lambda row: (-overlap[row], -found.scores[row - first], found.boxes[row - first].tolist())
            )
            for row in rows:
                if row != best:
                    identity[row] = -1
        for j in range(len(sample)):
            if not flags[j] and sample.person_ids[j] != UNLABELED and not sample.ignore_mask[j]:
                missed.append((sample.image_id, int(sample.person_ids[j]) + 1))
    return identity, missed


def original_ranking(
    extraction: Extraction,
    scenes: SceneSet,
    query: Query,
    rules: SearchProtocol,
    who: tuple[dict[int, int], list[tuple]],
) -> tuple[list[Entry], int]:
    identity, missed = who
    asked = feature(extraction, query, rules)
    camera = scenes.by_id[query.image_id].camera_id
    wanted = query.person_id + 1 if query.person_id != UNLABELED else None

    def good_camera(image_id: int) -> bool:
        same = scenes.by_id[image_id].camera_id == camera
        return rules.cameras == "all" or same == (rules.cameras == "same")

    ranked: list[Entry] = []
    positives = 0
    done: set[int] = set()
    for image_id in gallery(scenes, query, rules):
        positives += sum(1 for image, person in missed if image == image_id and person == wanted and good_camera(image))
        first = first_row(extraction, image_id)
        for row in range(first, first + len(extraction.detections(image_id))):
            positives += identity[row] == wanted and good_camera(image_id)
        if image_id in done:
            continue
        done.add(image_id)
        for entry in detections(extraction, image_id, asked, rules):
            if identity[entry.row] == -1:
                continue
            if identity[entry.row] == wanted and not good_camera(image_id):
                continue
            entry.hit = identity[entry.row] == wanted
            ranked.append(entry)
    return sorted(ranked, key=Entry.before), positives


def average_precision(ranked: list[tuple[float, bool]], positives: int, rule: str) -> float:
    """The area under the precision-recall curve whose points are the distinct similarities."""
    if positives == 0:
        return math.nan
    areas = []
    hits = retrieved = gained = 0
    before = 1.0
    for place, (near, hit) in enumerate(ranked):
        retrieved, hits, gained = retrieved + 1, hits + hit, gained + hit
        if place + 1 < len(ranked) and ranked[place + 1][0] == near:
            continue
        precision = hits / retrieved
        areas += [precision if rule == "step" else (before + precision) / 2.0] * gained
        before, gained = precision, 0
    return math.fsum(areas) / positives


def evaluate(extraction: Extraction, scenes: SceneSet, rules: SearchProtocol) -> Reference:
    result = Reference()
    who = assigned(extraction, scenes, rules) if rules.match == "best_overlap" else None
    for query in scenes.queries:
        if who is None:
            ranked, positives = ranking(extraction, scenes, query, rules)
        else:
            ranked, positives = original_ranking(extraction, scenes, query, rules, who)
        counted = [e.hit and (rules.last_rank is None or i < rules.last_rank) for i, e in enumerate(ranked)]
        places = [place + 1 for place, hit in enumerate(counted) if hit]
        pairs = [(e.similarity, hit) for e, hit in zip(ranked, counted, strict=True)]
        result.average_precision.append(average_precision(pairs, positives, rules.ap))
        result.recall.append(len(places) / positives if positives else math.nan)
        result.first_hit_rank.append(places[0] if places else 0)
        result.num_ranked.append(len(ranked))
        result.top_detections.append(([e.row for e in ranked[:10]] + [-1] * 10)[:10])
    return result
