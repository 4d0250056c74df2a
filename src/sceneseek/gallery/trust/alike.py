"""Who of a sample looks like one person, so that one pair of people counts once, however often it was photographed.

A crowd that stands still for eight pictures gives each pair of strangers sixty-four times, and is no better evidence
for it. People are grouped by likeness alone; whoever is grouped wrongly makes the evidence weaker, never stronger.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sceneseek.structures import FloatArray, IntArray

_RARE = 1e-3
"""Strangers are hardly ever as alike as this share of them: whoever is, is taken for one person."""
_LINKS = 0.3
"""Links between strangers that the sample may have for each of its members; more would chain them all together."""
_BLOCK = 1024


def likeness(stranger_similarities: NDArray[np.floating], members: int) -> float:
    """The similarity from which two of a sample are taken for one person.

    Args:
        stranger_similarities: ``(P,)`` of certain strangers.
        members: How many people the sample holds.
    """
    if not len(stranger_similarities):
        return 1.0
    return float(np.quantile(stranger_similarities, 1.0 - min(_RARE, _LINKS / max(members, 1))))


def one_person(embeddings: FloatArray, groups: IntArray, threshold: float) -> IntArray:
    """Number the people, ``(N,)``: those of one group who are linked by similarities of at least ``threshold``.

    Args:
        embeddings: ``(N, D)`` unit rows.
        groups: ``(N,)``; members of different groups are never one person.
        threshold: See ``likeness``.
    """
    numbers = np.zeros(len(embeddings), np.int64)
    count = 0
    for group in np.unique(groups):
        here = np.flatnonzero(groups == group)
        found = _linked(embeddings[here], threshold)
        numbers[here] = count + found
        count += int(found.max(initial=-1)) + 1
    return numbers


def _linked(embeddings: FloatArray, threshold: float) -> IntArray:
    left, right = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(embeddings), _BLOCK):
        rows, columns = np.nonzero(embeddings[start : start + _BLOCK] @ embeddings[start:].T >= threshold)
        left.append(rows + start)
        right.append(columns + start)
    a, b = np.concatenate(left), np.concatenate(right)
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(len(embeddings), len(embeddings)))
    labels: IntArray = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels
