"""k-reciprocal encoding: two people are alike when they have the same neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from sceneseek.errors import ValueRefused
from sceneseek.reranking.neighbours import Nearest, nearest
from sceneseek.similarity import top_k

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_PAIRS = 1024
"""Pairs compared at a time: what fits into a cache is also not mapped into memory anew for every query."""
_DECIMALS = 12
"""Results are rounded so far, so that what is equal on paper is equal here, whatever the order of the sums."""


def k_reciprocal(
    query: ArrayLike,
    gallery: ArrayLike,
    similarities: ArrayLike | None = None,
    neighbours: Nearest | None = None,
    *,
    k1: int = 20,
    k2: int = 6,
    lambda_: float = 0.3,
) -> Float64Array:
    """Re-rank one query's gallery by k-reciprocal encoding.

    Notation of the paper, on the set of the query and its gallery: ``N(p, k)`` are the ``k`` nearest of ``p``; ``R(p,
    k)`` those of them that have ``p`` among their own ``k`` nearest; ``R*(p, k1)`` adds ``R(c, k1 / 2)`` of every
    ``c`` in ``R(p, k1)`` that shares more than two thirds of it with ``R(p, k1)``. ``V_p`` weights the members of
    ``R*`` by ``exp(-d)`` and is averaged over the ``k2`` nearest of ``p`` (local query expansion). The Jaccard
    distance of ``V_q`` and ``V_g`` is mixed with the original distance ``d``: ``(1 - lambda) d_J + lambda d``.

    Source: Zhong, Zheng, Cao and Li, 2017, *Re-ranking person re-identification with k-reciprocal encoding*,
        equations 3 to 12, and the released code: ``d`` is the squared Euclidean distance, divided by the largest in
        the row of the person whose neighbours are weighted; ``N(p, k)`` holds ``p`` itself and ``k`` more; ``V`` sums
        to 1; the share must exceed two thirds (the paper: reach).

    Differs from the paper: the set is one query with its own gallery. The released code puts all queries and one
    common gallery into the set, which has no meaning where galleries differ by query, as they do in person search,
    and lets a query's result depend on what else is asked. A person is always its own first neighbour, also beside an
    exact copy; of equal similarities the query comes first, then the earlier detection; a set of identical embeddings
    has distance 0 (there: 0 / 0).

    Memory is that of the neighbour lists; only the people near the query are ever encoded.

    Args:
        query: ``(D,)`` unit vector.
        gallery: ``(G, D)`` unit rows.
        similarities: ``(G,)`` of the query with the gallery; computed when not given.
        neighbours: Of the gallery's members among each other, ``k1 + 1`` or more of each; computed when not given.
        k1: Neighbours that make a neighbourhood.
        k2: Neighbours to average over; 1 leaves the encoding as it is.
        lambda_: The share of the original distance; 1 keeps the original ranking.

    Returns:
        ``(G,)`` float64, one minus the final distance: in [0, 1], larger is closer.

    Raises:
        ValueRefused: A parameter is out of range.

    Example:
        Two people stand equally far from the query; one of them has a double who is nearer still.

        >>> angles = np.radians([10.0, 20.0, -20.0, 90.0, 100.0])
        >>> people = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        >>> k_reciprocal([1.0, 0.0], people, k1=2, k2=1).round(2).tolist()
        [0.98, 0.96, 0.28, 0.04, 0.0]
    """
    check_parameters(k1, k2, lambda_)
    people = np.asarray(gallery, np.float64)
    if len(people) == 0:
        return np.zeros(0)
    asked = np.asarray(query, np.float64)
    near = (people @ asked).astype(np.float32) if similarities is None else np.asarray(similarities)
    if lambda_ < 1.0:
        lists = nearest(people, k1 + 1) if neighbours is None else neighbours
        neighbourhood = _Neighbourhood.of(people, near, lists, k1 + 1)
        jaccard = _jaccard_distances(neighbourhood, k1, k2)
    else:
        jaccard = np.zeros(len(near))
    original = _distances(near, min(1.0, float(near.min())))
    final: Float64Array = 1.0 - ((1.0 - lambda_) * jaccard + lambda_ * original)
    return final.round(_DECIMALS)


def check_parameters(k1: int, k2: int, lambda_: float) -> None:
    """Refuse parameters without a meaning.

    Raises:
        ValueRefused: ``k1`` or ``k2`` is below 1, ``k2`` exceeds ``k1 + 1``, or ``lambda_`` lies outside [0, 1].
    """
    if k1 < 1 or not 1 <= k2 <= k1 + 1:
        raise ValueRefused(f"k1 is {k1} and k2 is {k2}; expected k1 of at least 1 and k2 from 1 to k1 + 1.")
    if not 0.0 <= lambda_ <= 1.0:
        raise ValueRefused(f"lambda is {lambda_}; expected a share from 0 to 1.")


def _distances(similarities: NDArray[Any], lowest: Any) -> Float64Array:
    """Squared Euclidean distances over the largest one, in [0, 1]."""
    squared = np.maximum(2.0 - 2.0 * similarities.astype(np.float64), 0.0)
    largest = np.broadcast_to(2.0 - 2.0 * np.asarray(lowest, np.float64), squared.shape)
    return np.divide(squared, largest, out=np.zeros_like(squared), where=largest > 0)


@dataclass(frozen=True, eq=False)
class _Neighbourhood:
    """The set of one query (node 0) and its gallery (nodes 1 to G).

    Attributes:
        gallery: ``(G, D)``.
        similarities: ``(G,)`` of the query with the gallery.
        order: ``(G + 1, K)`` the nearest nodes of each, itself first.
        lowest: ``(G + 1,)`` each node's smallest similarity.
    """

    gallery: Float64Array
    similarities: NDArray[Any]
    order: IndexArray
    lowest: Float64Array

    @classmethod
    def of(cls, gallery: Float64Array, similarities: NDArray[Any], lists: Nearest, k: int) -> _Neighbourhood:
        """Insert the query into the lists of its gallery."""
        width = min(k, len(gallery) + 1)
        columns = np.arange(width)
        closer = lists.similarities[:, :width] > similarities[:, None]
        # Its own self stays first; after that the query goes before whoever is not closer.
        place = np.maximum(1, closer.sum(axis=1))[:, None]
        shifted = np.minimum(columns - (columns > place), lists.order.shape[1] - 1)
        inserted = np.where(columns == place, 0, np.take_along_axis(lists.order, shifted, axis=1) + 1)
        own = np.concatenate([[0], top_k(similarities[None], width - 1)[0][0] + 1])
        lowest = np.concatenate([[min(1.0, similarities.min())], np.minimum(lists.lowest, similarities)])
        return cls(gallery, similarities, np.concatenate([own[None], inserted]), lowest.astype(np.float64))

    def __len__(self) -> int:
        return len(self.order)

    def reciprocal(self, k: int) -> csr_array[Any]:
        """``R(p, k)`` of every node as rows of a 0-1 matrix."""
        forward = self.order[:, : k + 1]
        rows = np.arange(0, forward.size + 1, forward.shape[1])
        matrix = csr_array((np.ones(forward.size, np.int32), forward.ravel(), rows), shape=(len(self), len(self)))
        both: csr_array[Any] = matrix.multiply(matrix.T).tocsr()
        return both

    def distances(self, rows: IndexArray, columns: IndexArray) -> Float64Array:
        """The original distance of pairs of nodes, as seen from ``rows``."""
        similarities = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), _PAIRS):
            here = slice(start, start + _PAIRS)
            left, right = self.gallery[rows[here] - 1], self.gallery[columns[here] - 1]
            similarities[here] = np.einsum("pd,pd->p", left, right)
        asked = (rows == 0) | (columns == 0)
        similarities[asked] = self.similarities[np.maximum(rows, columns)[asked] - 1]
        similarities[rows == columns] = 1.0
        return _distances(similarities, self.lowest[rows])


class _Encoder:
    """Encodes nodes as vectors of weights of their neighbours."""

    def __init__(self, neighbourhood: _Neighbourhood, k1: int) -> None:
        self._set = neighbourhood
        self._whole = neighbourhood.reciprocal(k1)
        self._half = neighbourhood.reciprocal(int(np.around(k1 / 2)))
        self._half_sizes = np.asarray(self._half.sum(axis=1)).ravel()

    def __call__(self, nodes: IndexArray) -> csr_array[Any]:
        """``V`` of some nodes, ``(R, G + 1)``."""
        near = self._whole[nodes]
        shared = near.multiply(near @ self._half.T).tocoo()
        grows = 3 * shared.data > 2 * self._half_sizes[shared.coords[1]]
        chosen = (shared.coords[0][grows], shared.coords[1][grows])
        growing = csr_array((np.ones(grows.sum(), np.int32), chosen), shape=near.shape)
        expanded = (near + growing @ self._half).tocoo()
        rows, columns = expanded.coords
        weights = np.exp(-self._set.distances(nodes[rows], columns))
        total = np.bincount(rows, weights, minlength=len(nodes))
        return csr_array((weights / total[rows], (rows, columns)), shape=near.shape)

    def may_touch(self, columns: BoolArray) -> BoolArray:
        """Nodes whose ``R*`` may hold one of some nodes; all others surely do not."""
        wanted = columns.astype(np.int32)
        found: BoolArray = (self._whole @ (wanted + self._half @ wanted)) > 0
        return found


def _jaccard_distances(neighbourhood: _Neighbourhood, k1: int, k2: int) -> Float64Array:
    """The Jaccard distance of the query to each of its gallery, ``(G,)``."""
    encode = _Encoder(neighbourhood, k1)
    friends = neighbourhood.order[:, :k2]
    query = np.asarray(encode(friends[0]).sum(axis=0)).ravel() / friends.shape[1]
    support = np.flatnonzero(query)
    touching = encode.may_touch(query > 0)
    nodes = np.flatnonzero(touching)
    # Only these nodes, and those who have one of them as a friend, can share a neighbour with the query.
    encoded = encode(nodes)[:, support]
    place = np.full(len(neighbourhood), -1)
    place[nodes] = np.arange(len(nodes))
    near = np.flatnonzero(touching[friends].any(axis=1))
    person, friend = np.nonzero(touching[friends[near]])
    average = csr_array(
        (np.full(len(person), 1.0 / friends.shape[1]), (person, place[friends[near][person, friend]])),
        shape=(len(near), len(nodes)),
    )
    expanded = (average @ encoded).tocoo()
    rows, columns = expanded.coords
    minima = np.zeros(len(neighbourhood))
    minima[near] = np.bincount(rows, np.minimum(expanded.data, query[support][columns]), minlength=len(near))
    return (1.0 - minima / (2.0 - minima))[1:]
