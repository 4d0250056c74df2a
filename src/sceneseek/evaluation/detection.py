"""How well people are found, whoever they are."""

from __future__ import annotations

import numpy as np

from sceneseek.evaluation.bootstrap import SAMPLES
from sceneseek.evaluation.detection_intervals import RECALL_POINTS, ap_interval, recall_interval
from sceneseek.evaluation.matching import Annotations, Overlaps, flat_annotations, greedy, mutual_best, rank_in_image
from sceneseek.evaluation.metrics import average_precision
from sceneseek.structures import BoolArray, DetectionScores, Extraction, FloatArray, SceneSet
from sceneseek.structures.report import Float64Array

MAX_DETECTIONS = 100
"""Detections per image that COCO's AP looks at, best scores first."""


def detection_scores(
    extraction: Extraction, scenes: SceneSet, score_threshold: float = 0.5, bootstrap_samples: int = SAMPLES
) -> DetectionScores:
    """Score the boxes of an extraction against all annotated people, unlabelled ones included.

    Ignored boxes are nobody to find, and a detection on one of them (IoU 0.5) that fits nobody else is no false alarm.

    Args:
        extraction: What the model saw.
        scenes: The annotations; every visible person must have a box.
        score_threshold: For the field's recall and AP; COCO's AP looks at all scores.
        bootstrap_samples: For the intervals; 0 leaves them out.

    Returns:
        The scores; zeros where there is nobody to find.
    """
    people = flat_annotations(extraction, scenes)
    people = people[np.argsort(people.positions, kind="stable")]
    counted = ~people.ignored
    seen = np.isin(extraction.image_ids, [s.image_id for s in scenes.samples])
    people_of = np.bincount(people.positions[counted], minlength=len(extraction))
    total = int(people_of.sum())

    ranks = rank_in_image(extraction.scores, extraction.image_of)
    best = _Found(extraction, seen[extraction.image_of] & (ranks < MAX_DETECTIONS))
    overlaps = best.beside(people)
    hits = greedy(overlaps.only(counted), best.scores, best.images)
    keep = hits | ~overlaps.only(people.ignored).touching()
    scores, hits, images = best.scores[keep], hits[keep], best.images[keep]
    recall, precision, ordered = _curve(scores, hits, total)
    ap50 = _interpolated_ap(recall, precision)

    sure = _Found(extraction, seen[extraction.image_of] & (extraction.scores >= score_threshold))
    overlaps = sure.beside(people)
    paired = mutual_best(overlaps.only(counted))
    keep = paired | ~overlaps.only(people.ignored).touching()
    matched_of = np.bincount(sure.images[paired], minlength=len(extraction))
    scene_of = np.cumsum(seen) - 1
    return DetectionScores(
        recall=int(paired.sum()) / total if total else 0.0,
        ap=average_precision(sure.scores[keep], paired[keep], total) if total else 0.0,
        ap50=ap50,
        score_threshold=score_threshold,
        num_people=total,
        num_detections=len(sure.scores),
        curve_recall=recall,
        curve_precision=precision,
        curve_scores=ordered,
        recall_interval=recall_interval(matched_of[seen], people_of[seen], bootstrap_samples),
        ap50_interval=ap_interval(scores, hits, scene_of[images], people_of[seen], ap50, bootstrap_samples)
        if seen.any()
        else None,
    )


class _Found:
    """Some detections of an extraction."""

    def __init__(self, extraction: Extraction, mask: BoolArray) -> None:
        self.boxes, self.scores = extraction.boxes[mask], extraction.scores[mask]
        self.images = extraction.image_of[mask]

    def beside(self, people: Annotations) -> Overlaps:
        """Overlaps with people, sorted by image."""
        return Overlaps.between(people.boxes, people.positions, self.boxes, self.images)


def _curve(scores: FloatArray, hits: BoolArray, people: int) -> tuple[Float64Array, Float64Array, Float64Array]:
    order = np.argsort(-scores, kind="stable")
    cumulative = np.cumsum(hits[order])
    recall = cumulative / max(people, 1)
    precision = cumulative / np.arange(1, len(order) + 1)
    return recall, precision, scores[order].astype(np.float64)


def _interpolated_ap(recall: Float64Array, precision: Float64Array) -> float:
    """COCO's average: the best precision at or beyond each of 101 recalls."""
    if len(recall) == 0:
        return 0.0
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, np.linspace(0.0, 1.0, RECALL_POINTS), side="left")
    return float(np.where(places < len(recall), best[np.minimum(places, len(recall) - 1)], 0.0).mean())
