"""How many others look this much like the query, judged by how full the gallery is around it.

Strangers in general say little of somebody in a uniform. But the hits themselves tell how densely the gallery is
filled around a query: forty people resemble it at least this much, and from there on their number falls, at a pace that
the hits show (mean excess; the tail is taken to be exponential) and that strangers in general show, too. Both are
extrapolated from the same forty to the match in question, and their geometric mean is the answer; where they disagree,
so does its interval. Open-set recognition judges its first hit by the hits behind it in the same way (meta-recognition:
Scheirer, Rocha, Micheals and Boult, 2011).

Hits that resemble the match more than it resembles the query are pictures of whoever that is: one piece of evidence,
however many there are, and no witnesses to how full the gallery is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from sceneseek.structures import FloatArray, IntArray

Float64Array = NDArray[np.float64]
Falls = Callable[[Float64Array], Float64Array]

DEPTH = 40
"""How many others the estimate starts from: nearly all of them somebody else, and still near the query."""
MIN_DEPTH = 10
"""With fewer others nothing is said."""
HITS = 200
"""Hits to look at, so that forty others are left beside the pictures of one person."""
_NINETY = 1.645
"""Standard errors on either side of a 90 % interval."""


class Others(NamedTuple):
    """How many others are expected to resemble the query as much, with a 90 % interval, ``(N,)`` each; NaN: unknown."""

    expected: Float64Array
    low: Float64Array
    high: Float64Array


def others_expected(
    similarities: FloatArray, embeddings: FloatArray, judged: IntArray, likeness: float, falls: Falls | None
) -> Others:
    """Expected numbers of others for some of the hits.

    Args:
        similarities: ``(H,)`` of the hits with the query, falling.
        embeddings: ``(H, D)`` of the hits.
        judged: ``(N,)`` which hits.
        likeness: The similarity from which two pictures are taken for one person's in any case.
        falls: How many strangers score as high as each of ``(M,)`` similarities: ``(B, M)``, the best estimate first;
            ``None`` where it is not known, and the hits alone must tell.
    """
    near = np.asarray(similarities, np.float64)
    mutual = embeddings[judged] @ embeddings.T
    filled = [_filled(near[mutual[i] < max(near[hit], likeness)]) for i, hit in enumerate(judged)]
    depth, start, pace = np.array(filled, np.float64).reshape(-1, 3).T
    found = np.full((3, len(judged)), np.nan)
    known = np.flatnonzero(depth >= MIN_DEPTH)
    if not len(known):
        return Others(*found)
    depth, start, here = depth[known], start[known], near[judged[known]]
    steps, slack = (here - start) / pace[known], _NINETY / np.sqrt(depth)
    numbers = depth * np.exp(-np.stack([steps, steps * (1.0 + slack), steps * (1.0 - slack)]))
    if falls is not None:
        numbers = _joined(numbers, depth * _ratios(falls, here, start))
    found[:, known] = _fewer_the_closer(numbers, here)
    return Others(*found)


def _fewer_the_closer(numbers: Float64Array, similarities: Float64Array) -> Float64Array:
    """Numbers ``(3, N)`` that never grow with the similarity: each hit was judged beside others, the truth is one.

    Isotonic regression of the logarithms.
    """
    order = np.argsort(similarities, kind="stable")
    logs = np.log(np.maximum(numbers[:, order], 1e-300))
    fitted = np.stack([isotonic_regression(row, increasing=False).x for row in logs])
    joined = np.empty_like(numbers)
    joined[:, order] = np.exp(fitted)
    return joined


def _filled(others: Float64Array) -> tuple[float, float, float]:
    """How full it is around a query: so many others, from which similarity, and the pace at which they fall off."""
    depth = min(DEPTH, len(others) - 1)
    if depth < 1:
        return 0.0, 0.0, 1.0
    start = float(others[depth])
    return depth, start, max(float(np.mean(others[:depth])) - start, 1e-6)


def _ratios(falls: Falls, near: Float64Array, starts: Float64Array) -> Float64Array:
    """By how much the number of strangers falls from where the others start, ``(3, N)``: best, low and high."""
    numbers = falls(np.concatenate([near, starts]))
    ratios = numbers[:, : len(near)] / numbers[:, len(near) :]
    low, high = np.quantile(ratios, (0.05, 0.95), axis=0)
    return np.stack([ratios[0], np.minimum(low, ratios[0]), np.maximum(high, ratios[0])])


def _joined(one: Float64Array, two: Float64Array) -> Float64Array:
    """Two estimates of one number, each with its interval: the geometric mean, no surer than the two agree."""
    joined = np.sqrt(one * two)
    joined[1] = np.minimum(joined[1], np.minimum(one[0], two[0]))
    joined[2] = np.maximum(joined[2], np.maximum(one[0], two[0]))
    return joined


def pieces_of_evidence(similarities: FloatArray, embeddings: FloatArray) -> IntArray:
    """For each hit the first hit that it resembles more than it resembles the query, or itself, ``(H,)``.

    Nine pictures of one passer-by are one piece of evidence.
    """
    mutual = embeddings @ embeddings.T
    leaders = np.arange(len(similarities))
    for i in range(len(similarities)):
        earlier = np.flatnonzero((leaders[:i] == np.arange(i)) & (mutual[i, :i] >= similarities[i]))
        if len(earlier):
            leaders[i] = earlier[0]
    return leaders
