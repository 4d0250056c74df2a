"""Nearest neighbours among detections, for galleries that differ from query to query.

In person search every query has a gallery of its own, and what is near depends on who else is there. Comparing all
detections of each gallery anew would cost the square of its size per query. ``Neighbours`` compares all detections
once, in blocks, and keeps a short list for each; a gallery then picks its members from the lists, and only where a
list holds too few of them are detections compared again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sceneseek.similarity import top_k

DEPTH = 64
"""Neighbours kept of each detection: twelve bytes each, 23 MB for 30,000 detections."""
_FARTHEST = 8
_DIRECT = 1024
"""Galleries up to this size are compared anew: that costs less than picking from the lists."""
_BLOCK_ENTRIES = 1 << 23
"""Similarities held at a time: 64 MB in float64."""

Float32Array = NDArray[np.float32]
IndexArray = NDArray[np.int64]


class Nearest(NamedTuple):
    """The nearest neighbours of each member of a gallery.

    Attributes:
        order: ``(G, k)`` int64 members, nearest first; each member is its own first neighbour; of equally similar ones
            the earlier.
        similarities: ``(G, k)`` float32; 1 of a member with itself.
        lowest: ``(G,)`` float32, the similarity of the member that resembles it least.
    """

    order: IndexArray
    similarities: Float32Array
    lowest: Float32Array


def nearest(embeddings: ArrayLike, k: int, rows: IndexArray | None = None) -> Nearest:
    """Compare everybody with everybody, in blocks.

    Args:
        embeddings: ``(G, D)`` unit rows.
        k: Neighbours per row, itself included; all ``G`` when there are fewer.
        rows: Whose neighbours to find, ``(R,)``; everybody's when not given.

    Returns:
        Lists for ``rows``, in their order.
    """
    people = np.asarray(embeddings, np.float64)
    asked = np.arange(len(people)) if rows is None else rows
    lists = _compare(people, asked, k, 1)
    return Nearest(lists.order, lists.similarities, lists.lowest[:, 0])


class _Lists(NamedTuple):
    """The nearest of some rows, ``(R, k)``, and those who resemble them least, least first, ``(R, F)``."""

    order: IndexArray
    similarities: Float32Array
    farthest: IndexArray
    lowest: Float32Array


def _compare(people: NDArray[np.float64], asked: IndexArray, k: int, far: int) -> _Lists:
    k, far = min(k, len(people)), max(1, min(far, len(people)))
    order = np.zeros((len(asked), k), np.int64)
    similarities = np.zeros((len(asked), k), np.float32)
    farthest = np.zeros((len(asked), far), np.int64)
    lowest = np.ones((len(asked), far), np.float32)
    block = max(1, _BLOCK_ENTRIES // max(1, len(people)))
    for start in range(0, len(asked), block):
        here = slice(start, start + block)
        own = asked[here]
        table = (people[own] @ people.T).astype(np.float32)
        table[np.arange(len(own)), own] = np.inf
        order[here], similarities[here] = top_k(table, k)
        least = np.argpartition(table, far - 1, axis=1)[:, :far]
        values = np.take_along_axis(table, least, axis=1)
        rising = np.argsort(values, axis=1)
        farthest[here] = np.take_along_axis(least, rising, axis=1)
        lowest[here] = np.minimum(np.take_along_axis(values, rising, axis=1), 1.0)
    similarities[np.isinf(similarities)] = 1.0
    return _Lists(order, similarities, farthest, lowest)


class Neighbours:
    """Neighbour lists of a whole collection, from which the lists of any gallery follow exactly.

    Args:
        embeddings: ``(M, D)`` unit rows.
        depth: Neighbours to keep of each.
    """

    def __init__(self, embeddings: ArrayLike, depth: int = DEPTH) -> None:
        self.embeddings: NDArray[np.float64] = np.asarray(embeddings, np.float64)
        self._depth = depth
        self._lists: _Lists | None = None

    def within(self, members: IndexArray, k: int) -> Nearest:
        """The nearest neighbours of the members of one gallery, among its members only.

        Args:
            members: ``(G,)`` rows of the collection, rising.
            k: Neighbours per member, itself included; all when there are fewer.

        Returns:
            Indices are places in ``members``.
        """
        if len(members) <= _DIRECT or k > self._depth:
            return nearest(self.embeddings[members], k)
        if self._lists is None:
            everybody = np.arange(len(self.embeddings))
            self._lists = _compare(self.embeddings, everybody, self._depth, _FARTHEST)
        lists = self._lists
        place = np.full(len(self.embeddings), -1, np.int64)
        place[members] = np.arange(len(members))
        local = place[lists.order[members]]
        count = np.cumsum(local >= 0, axis=1, dtype=np.int16)
        far_inside = place[lists.farthest[members]] >= 0
        enough = (count[:, -1] >= k) & far_inside.any(axis=1)
        order = np.zeros((len(members), k), np.int64)
        similarities = np.zeros((len(members), k), np.float32)
        take = ((local >= 0) & (count <= k))[enough]
        order[enough] = local[enough][take].reshape(-1, k)
        similarities[enough] = lists.similarities[members[enough]][take].reshape(-1, k)
        lowest = lists.lowest[members, far_inside.argmax(axis=1)]
        lacking = np.flatnonzero(~enough)
        if len(lacking):
            again = nearest(self.embeddings[members], k, lacking)
            order[lacking], similarities[lacking], lowest[lacking] = again
        return Nearest(order, similarities, lowest)
