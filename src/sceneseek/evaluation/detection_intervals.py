"""Bootstrap intervals of detection scores: scenes are drawn with replacement."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sceneseek.evaluation import bootstrap
from sceneseek.structures import BoolArray
from sceneseek.structures.report import Float64Array

RECALL_POINTS = 101
_SAMPLES = 500
_LEAST_SAMPLES = 100
_MOST_WEIGHTS = 20_000_000
"""Samples times detections: a large set needs fewer samples, and gets them."""


def recall_interval(
    matched: ArrayLike, people: ArrayLike, samples: int = bootstrap.SAMPLES
) -> bootstrap.Interval | None:
    """The interval of recall.

    Args:
        matched: ``(I,)`` matched people by scene.
        people: ``(I,)`` people by scene.
        samples: Resamples; 0 for no interval.
    """
    return bootstrap.ratio_interval(matched, people, samples)


def ap_interval(
    scores: ArrayLike, hits: ArrayLike, scenes: ArrayLike, people: ArrayLike, value: float, samples: int = _SAMPLES
) -> bootstrap.Interval | None:
    """The interval of COCO's average precision at one IoU threshold.

    Args:
        scores: ``(M,)`` of the pooled detections.
        hits: ``(M,)`` bool.
        scenes: ``(M,)`` the scene of each, an index into ``people``.
        people: ``(I,)`` people by scene.
        value: The score itself.
        samples: At most so many resamples; fewer where there are many detections; 0 for no interval.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    right = np.asarray(hits, bool)[order]
    count = np.asarray(people, np.float64)
    if count.sum() == 0 or len(order) == 0 or samples == 0:
        return None
    samples = max(min(samples, _MOST_WEIGHTS // len(order)), min(samples, _LEAST_SAMPLES))

    def score(drawn: Float64Array, weights: Float64Array) -> Float64Array:
        return weighted_ap(weights, right, drawn @ count)

    return bootstrap.pooled_interval(score, np.asarray(scenes, np.int64)[order], len(count), value, samples)


def weighted_ap(weights: Float64Array, hits: BoolArray, people: Float64Array) -> Float64Array:
    """Average precision of several weightings of one ranking.

    COCO's average: the best precision at or beyond each of 101 recalls.

    Args:
        weights: ``(B, M)`` how often each detection counts, best score first.
        hits: ``(M,)``.
        people: ``(B,)`` people to find.

    Returns:
        ``(B,)``; 0 where there is nobody to find.

    Example:
        >>> hits = np.array([True, False, True])
        >>> weighted_ap(np.ones((1, 3)), hits, np.array([2.0])).round(3)
        array([0.835])
    """
    right = np.cumsum(weights * hits, axis=1)
    retrieved = np.cumsum(weights, axis=1)
    precision = np.divide(right, retrieved, out=np.zeros_like(right), where=retrieved > 0)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    levels = np.linspace(0.0, 1.0, RECALL_POINTS)
    found = np.zeros(len(weights))
    for i, (row, total) in enumerate(zip(right, people, strict=True)):
        if total:
            places = np.searchsorted(row / total, levels, side="left")
            found[i] = np.where(places < len(row), best[i, np.minimum(places, len(row) - 1)], 0.0).mean()
    return found
