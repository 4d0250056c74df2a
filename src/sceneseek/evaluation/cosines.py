"""Similarities that are the same number however they are computed.

The similarity of a query and a detection is the exact sum of the products of their float32 components, rounded to
float64 and then to float32 (times the score, rounded once more, where the protocol weights by confidence). A matrix
product in float32 is fast but its last digits depend on the shapes it is called with. It serves to tell apart what is
further apart than its error bound; what is nearer than that is computed again, exactly.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneseek.structures import FloatArray

_CHUNK = 4096


def error_bound(dim: int, longest: float = 1.0) -> float:
    """How far a float32 product of rows, summed in any order, can be from the similarity as defined.

    Source: Higham, *Accuracy and Stability of Numerical Algorithms*, 2002, eq. 3.5, with the roundings of the result
    and of a weight in [0, 1] added; a tenth in reserve for the comparisons, which round too.

    Args:
        dim: ``D``.
        longest: The largest product of norms.

    Returns:
        The bound.
    """
    unit = 2.0**-24
    return 1.1 * (dim * unit / (1.0 - dim * unit) + 6.0 * unit) * longest


def exact_similarities(rows: NDArray[Any], query: NDArray[Any]) -> FloatArray:
    """The similarity of each row with a query, as defined.

    Args:
        rows: ``(N, D)`` float32 or float16.
        query: ``(D,)``.

    Returns:
        ``(N,)`` float32.
    """
    wide = query.astype(np.float64)
    found = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _CHUNK):
        found[start : start + _CHUNK] = _exact(rows[start : start + _CHUNK].astype(np.float64), wide)
    return found


def _exact(rows: NDArray[np.float64], query: NDArray[np.float64]) -> FloatArray:
    """Float64 sums decide unless float32 would round them differently within their own error; then exact sums."""
    sums = rows @ query
    found: FloatArray = sums.astype(np.float32)
    doubtful = np.flatnonzero(_splits(sums, 2.0 * len(query) * 2.0**-53))
    if len(doubtful):
        sizes = np.abs(rows[doubtful]) @ np.abs(query)
        doubtful = doubtful[_splits(sums[doubtful], 2.0 * len(query) * 2.0**-53 * sizes)]
    for i in doubtful:
        found[i] = np.float32(math.fsum((rows[i] * query).tolist()))
    return found


def _splits(sums: NDArray[np.float64], error: Any) -> NDArray[np.bool_]:
    split: NDArray[np.bool_] = (sums - error).astype(np.float32) != (sums + error).astype(np.float32)
    return split


def longest_product(rows: NDArray[Any], queries: NDArray[Any]) -> float:
    """The largest norm among the rows times the largest among the queries."""
    return _longest(rows) * _longest(queries)


def _longest(rows: NDArray[Any]) -> float:
    squares = np.einsum("nd,nd->n", rows, rows, dtype=np.float64)
    return math.sqrt(float(squares.max(initial=0.0)))
