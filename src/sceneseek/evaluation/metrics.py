"""Numbers from one ranking, and means of them, in float64.

Equal similarities: precision is taken once per distinct similarity, with all detections that share it, as scikit-learn
does; average precision therefore does not depend on the order of anything. Ranks do need an order: of detections with
the same similarity the earlier one, in the order given, comes first.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from sceneseek.errors import ValueRefused
from sceneseek.evaluation.bootstrap import SAMPLES as BOOTSTRAP_SAMPLES
from sceneseek.evaluation.bootstrap import mean_interval
from sceneseek.evaluation.protocols import APRule
from sceneseek.structures import IntArray, Score
from sceneseek.structures.report import Float64Array


def average_precision(
    similarities: ArrayLike, hits: ArrayLike, num_positives: int | None = None, rule: APRule = "step"
) -> float:
    """Average precision of one ranking, times recall.

    Each hit contributes the precision at its similarity (``"step"``), or the mean of that and the precision just before
    it, which is 1 before the first (``"trapezoid"``); the sum is divided by the number of positives. This equals the
    average precision of the retrieved list times its recall.

    Args:
        similarities: ``(G,)``, larger is closer.
        hits: ``(G,)`` bool.
        num_positives: How many there were to find; the number of hits when not given.
        rule: See ``SearchProtocol.ap``.

    Returns:
        In [0, 1]; 0 when nothing was hit, NaN when there was nothing to find.

    Raises:
        ValueRefused: There are more hits than positives.

    Example:
        >>> average_precision([0.9, 0.8, 0.7], [True, False, True])
        0.8333333333333333
        >>> average_precision([0.9, 0.8], [False, True], num_positives=2)
        0.25
    """
    values, mask = np.asarray(similarities), np.asarray(hits, bool)
    found = int(mask.sum())
    total = found if num_positives is None else num_positives
    if found > total:
        raise ValueRefused(f"there are {found} hits but only {total} positives; a positive can be hit once.")
    if total == 0:
        return math.nan
    if found == 0:
        return 0.0
    ranked, right = np.sort(values), values[mask]
    at_least = len(ranked) - np.searchsorted(ranked, right, "left")
    return area_of_hits(at_least, len(ranked) - np.searchsorted(ranked, right, "right"), rule) / total


def area_of_hits(at_least: IntArray, above: IntArray, rule: APRule) -> float:
    """Sum up what the hits of one ranking contribute to its average precision.

    Args:
        at_least: ``(H,)``, for each hit how many are at least as similar, itself included.
        above: ``(H,)``, how many are more similar.
        rule: See ``average_precision``.

    Returns:
        Average precision times the number of positives; the sum is exact, so the order of the hits does not matter.
    """
    ordered = np.sort(at_least)
    precision = np.searchsorted(ordered, at_least, "right") / at_least
    if rule == "trapezoid":
        hits_above = np.searchsorted(ordered, above, "right")
        before = np.divide(hits_above, above, out=np.ones(len(above)), where=above > 0)
        precision = (before + precision) / 2.0
    return math.fsum(precision.tolist())


def first_hit_rank(similarities: ArrayLike, hits: ArrayLike) -> int:
    """Rank of the best hit, 1 is best, 0 when there is none; of equal similarities the earlier entry ranks first.

    Example:
        >>> first_hit_rank([0.5, 0.9, 0.9], [True, False, True])
        2
    """
    values, mask = np.asarray(similarities), np.asarray(hits, bool)
    if not mask.any():
        return 0
    best = values[mask].max()
    first = int(np.flatnonzero(mask & (values == best))[0])
    return int((values > best).sum() + (values[:first] == best).sum()) + 1


def cumulative_match(first_ranks: IntArray, max_rank: int) -> Float64Array:
    """The CMC curve: the share of queries whose first hit is at rank 1, 2, ... ``max_rank`` or better.

    Args:
        first_ranks: ``(Q,)`` of answerable queries, 0 for no hit.
        max_rank: ``K``.

    Returns:
        ``(K,)``; zeros when there is no query.
    """
    if len(first_ranks) == 0:
        return np.zeros(max_rank)
    counts = np.bincount(first_ranks[(first_ranks > 0) & (first_ranks <= max_rank)], minlength=max_rank + 1)
    curve: Float64Array = np.cumsum(counts[1:]) / len(first_ranks)
    return curve


def mean_score(values: ArrayLike, samples: int = BOOTSTRAP_SAMPLES) -> Score:
    """The mean over queries with its percentile bootstrap interval (Efron, 1979), 95 %.

    Queries are drawn with replacement; the draw is the same each time, so that a score has one interval.

    Args:
        values: ``(Q,)``; NaN entries (unanswerable queries) do not count.
        samples: Bootstrap samples; 0 leaves the interval out.

    Returns:
        The score; without a value when no entry counts.
    """
    rows = np.asarray(values, np.float64)
    rows = rows[~np.isnan(rows)]
    if len(rows) == 0:
        return Score(None)
    mean = math.fsum(rows) / len(rows)
    low, high = mean_interval(rows, samples) or (None, None)
    return Score(mean, low, high)
