"""Scores as a function of the gallery's size, and of the detector's threshold."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sceneseek.evaluation.metrics import mean_score
from sceneseek.evaluation.protocols import SearchProtocol
from sceneseek.evaluation.search import search
from sceneseek.reranking import Reranker
from sceneseek.structures import (
    Extraction,
    FloatArray,
    GalleryPoint,
    Progress,
    QueryOutcomes,
    SceneSet,
    ThresholdPoint,
    silent,
)

_SIZES = (10, 20, 50, 100, 200, 500, 1000, 2000, 4000)
_MOST_POINTS = 6
SWEEP_PIECES = 30


def gallery_sizes(largest: int) -> tuple[int, ...]:
    """Round sizes below the largest gallery, at most the five largest of them.

    Example:
        >>> gallery_sizes(130)
        (10, 20, 50, 100)
    """
    return tuple(size for size in _SIZES if size < largest)[1 - _MOST_POINTS :]


def point(size: int, outcomes: QueryOutcomes, seconds: float, samples: int) -> GalleryPoint:
    """Sum up outcomes as one point of the curve."""
    first = (outcomes.first_hit_rank == 1)[outcomes.answerable_mask]
    return GalleryPoint(
        size, mean_score(outcomes.average_precision, samples), mean_score(first.astype(float), samples), seconds
    )


def gallery_curve(
    extraction: Extraction,
    scenes: SceneSet,
    protocol: SearchProtocol,
    sizes: Sequence[int],
    samples: int,
    rerank: Reranker | None = None,
) -> list[GalleryPoint]:
    """Scores of nested galleries of the given sizes, see ``SearchProtocol.gallery_size``."""
    points = []
    for size in sizes:
        started = time.perf_counter()
        outcomes, _ = search(extraction, scenes, replace(protocol, gallery_size=size), rerank=rerank)
        points.append(point(size, outcomes, time.perf_counter() - started, samples))
    return points


def sweep_thresholds(scores: FloatArray, pieces: int = SWEEP_PIECES) -> list[float]:
    """Scores that cut off equal shares of the detections, lowest first.

    Source: Zheng et al., 2017, ``baseline_dpm_bow_new.m``. Differs from the paper: detections of equal score are cut
    off together.

    Example:
        >>> sweep_thresholds(np.arange(10) / 10, 5)
        [0.0, 0.2, 0.4, 0.6, 0.8]
    """
    ordered = np.sort(scores)
    places = len(ordered) // pieces * np.arange(pieces)
    return np.unique(ordered[places]).tolist() if len(ordered) else []


def threshold_sweep(
    extraction: Extraction,
    scenes: SceneSet,
    protocol: SearchProtocol,
    samples: int,
    rerank: Reranker | None = None,
    progress: Progress = silent,
) -> list[ThresholdPoint]:
    """Scores as the threshold of the detector's score rises in thirty steps, as the original PRW protocol plots them.

    Args:
        extraction: What the model saw; thresholds start at the protocol's own.
        scenes: Annotations and queries.
        protocol: Every switch but ``det_threshold``.
        samples: Bootstrap samples.
        rerank: See ``search``.
        progress: Told about thresholds.

    Returns:
        Lowest threshold first.
    """
    thresholds = sweep_thresholds(extraction.scores[extraction.scores >= protocol.det_threshold])
    points = []
    for i, threshold in enumerate(thresholds):
        outcomes, _ = search(extraction, scenes, replace(protocol, det_threshold=threshold), rerank=rerank)
        ranks = outcomes.first_hit_rank[outcomes.answerable_mask]
        boxes = int((extraction.scores >= threshold).sum())
        first, twentieth = (mean_score(((ranks > 0) & (ranks <= k)).astype(float), samples) for k in (1, 20))
        average = mean_score(outcomes.average_precision, samples)
        points.append(ThresholdPoint(threshold, boxes / max(len(extraction), 1), average, first, twentieth))
        progress(i + 1, len(thresholds))
    return points
