"""Query expansion: ask again with the best answers mixed into the question."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sceneseek.errors import ValueRefused
from sceneseek.reranking.neighbours import Nearest, nearest
from sceneseek.similarity import top_k

Float64Array = NDArray[np.float64]


def expand_query(
    query: ArrayLike, gallery: ArrayLike, similarities: ArrayLike | None = None, *, n: int = 5, alpha: float = 3.0
) -> Float64Array:
    """Alpha query expansion: the query plus its ``n`` nearest, each weighted by its similarity to the power ``alpha``.

    ``alpha = 0`` weights all alike and is average query expansion.

    Source: Chum, Philbin, Sivic, Isard and Zisserman, 2007, *Total recall* (average); Radenović, Tolias and Chum, 2018,
    *Fine-tuning CNN image retrieval with no human annotation*, section 3.4 (alpha).

    Differs from the paper: a negative similarity counts as zero, because its power has no meaning (with ``alpha = 0``
    it weighs one, as all do). Chum and others expand only by spatially verified results; people have no such check.

    Args:
        query: ``(D,)`` unit vector.
        gallery: ``(G, D)`` unit rows.
        similarities: ``(G,)`` of the query with the gallery; computed when not given.
        n: How many of the nearest take part; 0 changes nothing.
        alpha: The power.

    Returns:
        ``(D,)`` unit vector, float64.

    Raises:
        ValueRefused: ``n`` or ``alpha`` is negative.

    Example:
        >>> expand_query([1.0, 0.0], [[0.6, 0.8], [0.0, 1.0]], n=1, alpha=0).round(4).tolist()
        [0.8944, 0.4472]
    """
    check_parameters(n, alpha)
    asked, people = np.asarray(query, np.float64), np.asarray(gallery, np.float64)
    if n == 0 or len(people) == 0:
        return asked
    near = (people @ asked).astype(np.float32) if similarities is None else np.asarray(similarities)
    order, values = top_k(near[None], n)
    expanded: Float64Array = _unit((asked + _weights(values[0], alpha) @ people[order[0]])[None], asked[None])[0]
    return expanded


def augment_database(
    gallery: ArrayLike, neighbours: Nearest | None = None, *, n: int = 5, alpha: float = 3.0
) -> Float64Array:
    """Database-side augmentation: the expansion of every detection by its ``n`` nearest in the gallery.

    Source: Turcot and Lowe, 2009, *Better matching with fewer features*; Arandjelović and Zisserman, 2012, *Three
    things everyone should know to improve object retrieval*; with the weights of Radenović and others, 2018.

    Args:
        gallery: ``(G, D)`` unit rows.
        neighbours: Of the gallery's members among each other, ``n + 1`` or more of each; computed when not given.
        n: How many others take part; 0 changes nothing.
        alpha: The power; 0 weights all alike.

    Returns:
        ``(G, D)`` unit rows, float64.

    Raises:
        ValueRefused: ``n`` or ``alpha`` is negative.

    Example:
        >>> augment_database([[1.0, 0.0], [0.0, 1.0]], n=1, alpha=0).round(4).tolist()
        [[0.7071, 0.7071], [0.7071, 0.7071]]
    """
    check_parameters(n, alpha)
    people = np.asarray(gallery, np.float64)
    if n == 0 or len(people) == 0:
        return people
    order, values, _ = nearest(people, n + 1) if neighbours is None else neighbours
    weights = _weights(values[:, 1 : n + 1], alpha)
    summed = people.copy()
    for column in range(weights.shape[1]):
        summed += weights[:, column, None] * people[order[:, column + 1]]
    return _unit(summed, people)


def check_parameters(n: int, alpha: float) -> None:
    """Refuse parameters without a meaning.

    Raises:
        ValueRefused: One is negative or not a number.
    """
    if n < 0 or not alpha >= 0:
        raise ValueRefused(f"n is {n} and alpha is {alpha}; expected both to be at least 0.")


def _weights(similarities: NDArray[np.float32], alpha: float) -> Float64Array:
    weights: Float64Array = np.maximum(similarities.astype(np.float64), 0.0) ** alpha
    return weights


def _unit(rows: Float64Array, instead: Float64Array) -> Float64Array:
    """Rows of length one; a sum that cancels out leaves what was there before."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(norms > 0, rows / np.where(norms > 0, norms, 1.0), instead)
