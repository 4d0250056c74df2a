"""Ranking every query's gallery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sceneseek.evaluation.matching import Appearance, appearances, search_hits
from sceneseek.evaluation.metrics import average_precision, first_hit_rank
from sceneseek.evaluation.protocols import SearchProtocol
from sceneseek.similarity import top_k
from sceneseek.structures import (
    Extraction,
    FloatArray,
    IntArray,
    Progress,
    Query,
    QueryOutcomes,
    SceneSet,
    SimilarityHistogram,
    silent,
)

TOP = 10
"""How many of the ranked detections are kept for showing."""
BINS = 200
_BLOCK = 64


@dataclass(frozen=True, eq=False)
class _Ranked:
    """One query's ranking, before it is counted."""

    query: Query
    rows: IntArray
    similarities: FloatArray
    positives: list[Appearance]
    hits: NDArray[np.bool_]


def gallery_image_ids(query: Query, positives: Sequence[int], size: int | None) -> list[int]:
    """The images of a query's gallery of a given size; galleries of growing size are nested.

    Args:
        query: Its gallery lists images in the protocol's order; one listed twice counts once.
        positives: Ids of images that show the person.
        size: How many images; ``None`` for all.

    Returns:
        All of them in the order listed; or the positives, then distractors, both in the order listed, cut at ``size``.
        Where the protocol lists positives first, as CUHK-SYSU's does, that is its first ``size`` entries.
    """
    listed = list(dict.fromkeys(query.gallery))
    if size is None or size >= len(listed):
        return listed
    shows = set(positives)
    return sorted(listed, key=lambda image_id: image_id not in shows)[:size]


def search(
    extraction: Extraction, scenes: SceneSet, protocol: SearchProtocol, progress: Progress = silent
) -> tuple[QueryOutcomes, SimilarityHistogram]:
    """Rank the detections of each query's gallery and find the person among them.

    Similarities are cosines computed in float64 and then rounded to float32, so that equal embeddings tie whatever the
    order of the sum. Of equal similarities, the image that comes first in the extraction ranks first, then the
    detection that comes first in its image; the order of a gallery list does not matter.

    Args:
        extraction: What the model saw; must cover ``scenes`` (``Extraction.require``).
        scenes: Annotations and queries.
        protocol: The rules.
        progress: Told about queries.

    Returns:
        The outcomes, query by query, and the histogram of similarities.
    """
    counts = _Counts(len(scenes.queries), protocol)
    for i, ranked in enumerate(_rankings(extraction, scenes, protocol)):
        counts.add(i, ranked)
        progress(i + 1, len(scenes.queries))
    return counts.outcomes(), counts.histogram()


def _rankings(extraction: Extraction, scenes: SceneSet, protocol: SearchProtocol) -> Iterator[_Ranked]:
    people = appearances(extraction, scenes, (q.person_id for q in scenes.queries), protocol.det_threshold)
    kept = np.flatnonzero(extraction.scores >= protocol.det_threshold)
    kept_image = extraction.image_of[kept]
    in_gallery = np.zeros(len(extraction), bool)
    embeddings = extraction.embeddings.astype(np.float64)
    asked = extraction.query_embeddings.astype(np.float64)
    for start in range(0, len(scenes.queries), _BLOCK):
        block = scenes.queries[start : start + _BLOCK]
        rows, present = [], []
        for query in block:
            everywhere = people.get(query.person_id, [])
            ids = gallery_image_ids(query, [a.image_id for a in everywhere if not a.ignored], protocol.gallery_size)
            positions = [extraction.position_of[i] for i in ids]
            in_gallery[positions] = True
            rows.append(kept[in_gallery[kept_image]])
            present.append([a for a in everywhere if in_gallery[a.position]])
            in_gallery[positions] = False
        vectors = asked[[extraction.query_position_of[q.query_id] for q in block]]
        for query, ranked, near, here in zip(
            block, rows, _similarities(embeddings, vectors, rows), present, strict=True
        ):
            hits, neutral = search_hits(ranked, near, here)
            keep = ~neutral
            positives = [a for a in here if not a.ignored]
            yield _Ranked(query, ranked[keep], near[keep], positives, hits[keep])


def _similarities(
    embeddings: NDArray[np.float64], queries: NDArray[np.float64], rows: Sequence[IntArray]
) -> list[FloatArray]:
    """Cosines of each query with its own rows; one matrix product where galleries overlap much, else one by one."""
    union = np.unique(np.concatenate(rows))
    if 4 * sum(map(len, rows)) < len(union) * len(rows):
        return [(embeddings[r] @ q).astype(np.float32) for q, r in zip(queries, rows, strict=True)]
    shared = embeddings if len(union) == len(embeddings) else embeddings[union]
    table = (queries @ shared.T).astype(np.float32)
    return [table[i, np.searchsorted(union, r)] for i, r in enumerate(rows)]


class _Counts:
    """Gathers the outcomes, one query at a time, in flat memory."""

    def __init__(self, num_queries: int, protocol: SearchProtocol) -> None:
        self._protocol = protocol
        self._query_ids, self._first, self._positives, self._found, self._ranked = np.zeros((5, num_queries), np.int64)
        self._ap, self._recall = np.full((2, num_queries), np.nan)
        self._top_rows = np.full((num_queries, TOP), -1, np.int64)
        self._top_similarities = np.zeros((num_queries, TOP), np.float32)
        self._top_hits = np.zeros((num_queries, TOP), bool)
        self._histograms = np.zeros((2, BINS), np.int64)

    def add(self, i: int, ranked: _Ranked) -> None:
        positives, found = len(ranked.positives), int(ranked.hits.sum())
        self._query_ids[i] = ranked.query.query_id
        self._positives[i], self._found[i], self._ranked[i] = positives, found, len(ranked.rows)
        self._first[i] = first_hit_rank(ranked.similarities, ranked.hits)
        if positives:
            self._ap[i] = average_precision(ranked.similarities, ranked.hits, positives, self._protocol.ap)
            self._recall[i] = found / positives
        order, similarities = top_k(ranked.similarities[None], TOP)
        shown = order.shape[1]
        self._top_rows[i, :shown] = ranked.rows[order[0]]
        self._top_similarities[i, :shown] = similarities[0]
        self._top_hits[i, :shown] = ranked.hits[order[0]]
        bins = np.clip(((ranked.similarities + 1.0) * (BINS / 2)).astype(np.int64), 0, BINS - 1)
        self._histograms[0] += np.bincount(bins[ranked.hits], minlength=BINS)
        self._histograms[1] += np.bincount(bins[~ranked.hits], minlength=BINS)

    def outcomes(self) -> QueryOutcomes:
        return QueryOutcomes(
            query_ids=self._query_ids,
            average_precision=self._ap,
            recall=self._recall,
            first_hit_rank=self._first,
            num_positives=self._positives,
            num_found=self._found,
            num_ranked=self._ranked,
            top_detections=self._top_rows,
            top_similarities=self._top_similarities,
            top_hits=self._top_hits,
        )

    def histogram(self) -> SimilarityHistogram:
        return SimilarityHistogram(np.linspace(-1.0, 1.0, BINS + 1), self._histograms[0], self._histograms[1])
