"""How alike two people look: pure NumPy functions on rows of embeddings. Larger is closer, always."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sceneseek.errors import EmbeddingSizeError, ValueRefused


def normalise(embeddings: ArrayLike) -> NDArray[Any]:
    """Scale rows to length one. A zero row has no direction and is refused.

    Args:
        embeddings: ``(N, D)``.

    Returns:
        ``(N, D)``, the same floating type.

    Raises:
        ValueRefused: A row is zero or not finite.
    """
    rows = np.asarray(embeddings)
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    if not (np.isfinite(norms).all() and (norms > 0).all()):
        raise ValueRefused("embeddings hold a zero or non-finite row; it has no direction and cannot be compared.")
    unit: NDArray[Any] = rows / norms
    return unit


def cosine(queries: ArrayLike, gallery: ArrayLike) -> NDArray[Any]:
    """Compare every query with every gallery person; rows are unit vectors already.

    Args:
        queries: ``(Q, D)``.
        gallery: ``(G, D)``; ``G`` may be 0.

    Returns:
        ``(Q, G)``.

    Raises:
        EmbeddingSizeError: The two embedding sizes differ.

    Example:
        >>> cosine(np.eye(2), [[1.0, 0.0]]).tolist()
        [[1.0], [0.0]]
    """
    q, g = np.asarray(queries), np.asarray(gallery)
    if q.ndim != 2 or g.ndim != 2 or q.shape[1] != g.shape[1]:
        raise EmbeddingSizeError(
            f"queries have shape {q.shape} and the gallery {g.shape}; both must be (count, D) with the same D, "
            "which they are when the same model made them."
        )
    similarities: NDArray[Any] = q @ g.T
    return similarities


def top_k(similarities: ArrayLike, k: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Indices and values of the ``k`` largest entries of each row, best first; ties go to the lower index.

    Args:
        similarities: ``(Q, G)``.
        k: How many; fewer come back when ``G < k``.

    Returns:
        Indices ``(Q, min(k, G))`` int64 and their similarities.
    """
    table = np.asarray(similarities)
    k = min(k, table.shape[1])
    if 0 < k < table.shape[1]:
        # Whatever is at least as large as the k-th value stays in play: ties are decided by index, not by chance.
        kth = np.partition(table, -k, axis=1)[:, -k]
        order = np.empty((len(table), k), np.int64)
        for row, (values, floor) in enumerate(zip(table, kth, strict=True)):
            candidates = np.flatnonzero(values >= floor)
            order[row] = candidates[np.argsort(-values[candidates], kind="stable")[:k]]
    else:
        order = np.argsort(-table, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(table, order, axis=1)
