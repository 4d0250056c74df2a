"""How well people are found, whoever they are."""

from __future__ import annotations

import numpy as np

from sceneseek.evaluation.bootstrap import SAMPLES
from sceneseek.evaluation.detection_intervals import RECALL_POINTS, ap_interval, recall_interval
from sceneseek.evaluation.matching import greedy, mutual_best
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
    scores: list[FloatArray] = []
    hits: list[BoolArray] = []
    paired: list[tuple[FloatArray, BoolArray]] = []
    people_of, matched_of = np.zeros((2, len(scenes)), np.int64)
    for i, sample in enumerate(scenes.samples):
        found = extraction.detections(sample.image_id)
        ignore = np.asarray(sample.ignore_mask)
        people_of[i] = (~ignore).sum()
        best = np.argsort(-found.scores, kind="stable")[:MAX_DETECTIONS]
        hit, neutral = greedy(sample.boxes, ignore, found.boxes[best], found.scores[best])
        scores.append(found.scores[best][~neutral])
        hits.append(hit[~neutral])
        sure = found[found.scores >= score_threshold]
        pairs = _mutual(sample.boxes, ignore, sure.boxes)
        matched_of[i] = pairs[0].sum()
        paired.append((sure.scores[pairs[1]], pairs[0][pairs[1]]))
    people, matched = int(people_of.sum()), int(matched_of.sum())
    recall, precision, ordered = _curve(np.concatenate([np.zeros(0, np.float32), *scores]), _joined(hits), people)
    sure_scores = np.concatenate([np.zeros(0, np.float32), *(s for s, _ in paired)])
    ap50 = _interpolated_ap(recall, precision)
    owner = np.repeat(np.arange(len(scenes)), [len(h) for h in hits])
    return DetectionScores(
        recall=matched / people if people else 0.0,
        ap=average_precision(sure_scores, _joined([h for _, h in paired]), people) if people else 0.0,
        ap50=ap50,
        score_threshold=score_threshold,
        num_people=people,
        num_detections=int((extraction.scores >= score_threshold).sum()),
        curve_recall=recall,
        curve_precision=precision,
        curve_scores=ordered,
        recall_interval=recall_interval(matched_of, people_of, bootstrap_samples),
        ap50_interval=ap_interval(np.concatenate(scores), _joined(hits), owner, people_of, ap50, bootstrap_samples)
        if scores
        else None,
    )


def _joined(masks: list[BoolArray]) -> BoolArray:
    return np.concatenate([np.zeros(0, bool), *masks])


def _mutual(people: FloatArray, ignore: BoolArray, found: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Matched detections ``(M,)``, and those that count ``(M,)``: not on an ignored box alone."""
    hit, counts = np.zeros(len(found), bool), np.ones(len(found), bool)
    _, taken = mutual_best(people[~ignore], found)
    hit[taken] = True
    if ignore.any():
        _, neutral = greedy(people[ignore], np.ones(int(ignore.sum()), bool), found, np.zeros(len(found), np.float32))
        counts = hit | ~neutral
    return hit, counts


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
