"""Scores as a function of the gallery's size."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sceneseek.evaluation.metrics import mean_score
from sceneseek.evaluation.protocols import SearchProtocol
from sceneseek.evaluation.search import search
from sceneseek.structures import Extraction, GalleryPoint, Query, QueryOutcomes, SceneSet

_SIZES = (10, 20, 50, 100, 200, 500, 1000, 2000, 4000)
_MOST_POINTS = 6


def gallery_sizes(queries: Sequence[Query]) -> tuple[int, ...]:
    """Round sizes below the largest gallery, at most the five largest of them.

    Example:
        >>> from sceneseek.structures import Query
        >>> gallery_sizes([Query(1, 1, [0, 0, 1, 1], 1, tuple(range(2, 132)))])
        (10, 20, 50, 100)
    """
    largest = max((len(set(q.gallery)) for q in queries), default=0)
    return tuple(size for size in _SIZES if size < largest)[1 - _MOST_POINTS :]


def point(size: int, outcomes: QueryOutcomes, seconds: float, samples: int) -> GalleryPoint:
    """Sum up outcomes as one point of the curve."""
    first = (outcomes.first_hit_rank == 1)[outcomes.answerable_mask]
    return GalleryPoint(
        size, mean_score(outcomes.average_precision, samples), mean_score(first.astype(float), samples), seconds
    )


def gallery_curve(
    extraction: Extraction, scenes: SceneSet, protocol: SearchProtocol, sizes: Sequence[int], samples: int
) -> list[GalleryPoint]:
    """Scores of nested galleries of the given sizes, see ``search.gallery_image_ids``."""
    points = []
    for size in sizes:
        started = time.perf_counter()
        rules = SearchProtocol(protocol.det_threshold, size, protocol.ap, protocol.top_k)
        outcomes, _ = search(extraction, scenes, rules)
        points.append(point(size, outcomes, time.perf_counter() - started, samples))
    return points
