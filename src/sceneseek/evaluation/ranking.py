"""Where the right answers stand in one query's ranking, without sorting the gallery.

Average precision needs, for each hit, how many detections are at least as similar and how many are more similar; the
first page needs the ten best. Neither needs the order of the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneseek.structures import IntArray

_GROUPS = 512
_LONG = 8 * _GROUPS
Exact = Callable[[IntArray], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Standing:
    """What is known of one ranking.

    Attributes:
        hits: ``(H,)`` rising, indices of the right answers.
        at_least: ``(H,)``, for each hit how many are at least as similar, itself included.
        above: ``(H,)``, how many are more similar.
        ranks: ``(H,)``, 1 is best; of equal similarities the lower index ranks first.
        top: ``(T,)`` indices of the best, best first.
        top_similarities: ``(T,)``.
    """

    hits: IntArray
    at_least: IntArray
    above: IntArray
    ranks: IntArray
    top: IntArray
    top_similarities: NDArray[Any]


def standing(
    near: NDArray[Any], exact: Exact, error: float, hits: IntArray, hit_values: NDArray[Any], top: int
) -> Standing:
    """Place the hits and the best.

    Args:
        near: ``(G,)`` similarities within ``error`` of the true ones; ``-inf`` for what is not ranked.
        exact: The true similarities of some entries.
        error: How far ``near`` may be off.
        hits: ``(H,)`` rising, entries that are right answers.
        hit_values: ``(H,)``, their true similarities.
        top: How many of the best to find.

    Returns:
        Their standing.
    """
    best = _threshold(near, top)
    lowest = min(best, float(hit_values.min(initial=np.inf)))
    # What is less similar than all that matters, even by mistake, stays out; -inf does in any case.
    places = np.flatnonzero(near >= max(lowest - 2.0 * error, float(np.finfo(near.dtype).min)))
    values = near[places]
    leading = np.flatnonzero(values >= best - 2.0 * error)
    doubtful = _doubtful(values, hit_values, error)
    doubtful[leading] = True
    chosen = np.flatnonzero(doubtful)
    values[chosen] = exact(places[chosen])
    ordered = np.sort(values)
    above = len(ordered) - np.searchsorted(ordered, hit_values, "right")
    leading = leading[np.argsort(-values[leading], kind="stable")[:top]]
    return Standing(
        hits=hits,
        at_least=len(ordered) - np.searchsorted(ordered, hit_values, "left"),
        above=above,
        ranks=above + _earlier_equals(values, places, hits, hit_values) + 1,
        top=places[leading],
        top_similarities=values[leading],
    )


def _threshold(near: NDArray[Any], top: int) -> float:
    """A value that the ``top`` largest entries reach; of long lines not the greatest such value, but close to it."""
    if len(near) <= top:
        return -np.inf
    if len(near) >= _LONG:
        # The maxima of that many groups are as many different entries.
        depth = len(near) // _GROUPS
        near = near[: depth * _GROUPS].reshape(depth, _GROUPS).max(axis=0)
    return float(np.partition(near, len(near) - top)[len(near) - top])


def _doubtful(values: NDArray[Any], hit_values: NDArray[Any], error: float) -> NDArray[np.bool_]:
    """Which values may be on either side of a hit's, or equal to it."""
    if len(hit_values) == 0:
        return np.zeros(len(values), bool)
    ordered = np.append(np.sort(hit_values), np.inf).astype(values.dtype)
    width = values.dtype.type(error)
    doubtful: NDArray[np.bool_] = ordered[np.searchsorted(ordered[:-1], values - width)] <= values + width
    return doubtful


def _earlier_equals(values: NDArray[Any], places: IntArray, hits: IntArray, hit_values: NDArray[Any]) -> IntArray:
    """For each hit, how many of the same similarity come before it."""
    found = np.zeros(len(hits), np.int64)
    for i, (hit, value) in enumerate(zip(hits, hit_values, strict=True)):
        equals = places[values == value]
        found[i] = np.searchsorted(equals, hit)
    return found
