"""Several pictures of one person as one query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sceneseek.errors import DataError, ValueRefused, suggest
from sceneseek.reranking.rerankers import Question, Rerank
from sceneseek.similarity import normalise
from sceneseek.structures import Extraction, Query, SceneSet, data_fingerprint

Fusion = Literal["mean", "max"]
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)


def mean_of_shots(embeddings: ArrayLike) -> NDArray[Any]:
    """Early fusion: the direction between the pictures.

    Args:
        embeddings: ``(S, D)`` unit rows, at least one.

    Returns:
        ``(D,)`` unit vector, float64.

    Raises:
        ValueRefused: There is no picture, or they cancel each other out.

    Example:
        >>> mean_of_shots([[1.0, 0.0], [0.0, 1.0]]).round(4).tolist()
        [0.7071, 0.7071]
    """
    rows = np.asarray(embeddings, np.float64)
    if len(rows) == 0:
        raise ValueRefused("a query of several pictures needs at least one.")
    mean: NDArray[Any] = normalise(rows.mean(axis=0, keepdims=True))[0]
    return mean


def max_of_shots(similarities: ArrayLike) -> NDArray[Any]:
    """Late fusion: as similar as the picture it resembles most, ``(S, G)`` to ``(G,)``.

    Example:
        >>> max_of_shots([[0.2, 0.9], [0.6, 0.1]]).tolist()
        [0.6, 0.9]
    """
    rows = np.asarray(similarities)
    if len(rows) == 0:
        raise ValueRefused("a query of several pictures needs at least one.")
    best: NDArray[Any] = rows.max(axis=0)
    return best


@dataclass(frozen=True, eq=False)
class MaxOfShots:
    """Ranks by the most similar of several pictures; a query without further pictures keeps its similarities.

    Attributes:
        shots: For queries of several pictures, by query id, their embeddings ``(S, D)``.
    """

    shots: Mapping[int, NDArray[Any]]
    name: ClassVar[str] = "max_of_shots"

    def __str__(self) -> str:
        return self.name

    def prepare(self, extraction: Extraction, det_threshold: float) -> Rerank:
        """See ``rerankers.Reranker``; every detection given is compared, whatever ``det_threshold``."""

        def rerank(question: Question) -> NDArray[Any]:
            shots = self.shots.get(question.query.query_id)
            if shots is None:
                return question.weighted(question.similarities)
            gallery = extraction.embeddings[question.rows].astype(np.float64)
            return question.weighted(max_of_shots((shots.astype(np.float64) @ gallery.T).astype(np.float32)))

        return rerank


@dataclass(frozen=True, eq=False)
class Joined:
    """Data whose groups of shots have become single queries.

    Attributes:
        extraction: Their embeddings: the mean, or the first shot's where similarities are to be fused.
        scenes: One query for each group, and the queries of no group.
        reranker: To rank with, where similarities are fused.
    """

    extraction: Extraction
    scenes: SceneSet
    reranker: MaxOfShots | None


def join_shots(extraction: Extraction, scenes: SceneSet, fusion: Fusion) -> Joined:
    """Make one query of all queries that share a ``shot_group``.

    It keeps the id, scene and box of the first. Its gallery is every image that one of them lists, in the order first
    listed, without the scenes of its own shots: a picture that is part of the question is no answer.

    Args:
        extraction: What the model saw; must cover ``scenes``.
        scenes: Queries without a ``shot_group`` stay as they are.
        fusion: ``"mean"`` of the embeddings, or ``"max"`` of the similarities.

    Returns:
        The data to evaluate instead.

    Raises:
        ValueRefused: There is no such fusion.
        DataError: No two queries share a ``shot_group``.
        ExtractionError: The extraction belongs to other data.
    """
    extraction.require(scenes)
    if fusion not in FUSIONS:
        raise ValueRefused(f"shots are {fusion!r}; expected 'mean' or 'max'.{suggest(str(fusion), FUSIONS)}")
    groups = _groups(scenes.queries)
    if all(len(shots) == 1 for shots in groups):
        raise DataError(f"{scenes.name}: no two queries share a 'shot_group'; there are no shots to join.")
    queries, vectors, several = [], [], {}
    for shots in groups:
        embeddings = extraction.query_embeddings[[extraction.query_position_of[q.query_id] for q in shots]]
        queries.append(_joined(shots))
        if len(shots) > 1:
            several[shots[0].query_id] = embeddings
        vectors.append(mean_of_shots(embeddings) if fusion == "mean" and len(shots) > 1 else embeddings[0])
    joined = replace(scenes, name=f"{scenes.name}, shots joined by {fusion}", queries=tuple(queries))
    provenance = replace(extraction.provenance, data=joined.name, data_fingerprint=data_fingerprint(joined))
    rows = np.stack(vectors).astype(extraction.query_embeddings.dtype)
    ids = np.array([q.query_id for q in queries], np.int64)
    seen = replace(extraction, query_ids=ids, query_embeddings=rows, provenance=provenance)
    return Joined(seen, joined, MaxOfShots(several) if fusion == "max" else None)


def _groups(queries: Sequence[Query]) -> list[list[Query]]:
    """Queries of one group together, where its first stands; queries of no group alone."""
    groups: dict[tuple[str, int], list[Query]] = {}
    for query in queries:
        key = ("query", query.query_id) if query.shot_group is None else ("group", query.shot_group)
        groups.setdefault(key, []).append(query)
    return list(groups.values())


def _joined(shots: Sequence[Query]) -> Query:
    if len(shots) == 1:
        return shots[0]
    own = {q.image_id for q in shots}
    listed = dict.fromkeys(i for q in shots for i in q.gallery)
    return replace(shots[0], gallery=tuple(i for i in listed if i not in own))
