"""Exact search: every person who passes the filters is compared with the query.

Exact search is the floor that approximate indexes are measured against, and for galleries of some hundred thousand
people it is also fast. It works block by block, so that its memory does not grow with the gallery.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sceneseek.gallery.filters import Filters
from sceneseek.gallery.schema import DETECTIONS, NEW_IN_VERSION_2
from sceneseek.gallery.tables import embeddings_of
from sceneseek.similarity import cosine, top_k
from sceneseek.structures import FloatArray, IntArray

BLOCK_ROWS = 1 << 16
"""People compared at a time: 64 MiB of 256-d embeddings."""

_GATHER_SHARE = 0.25
"""Below this share of passing rows, gathering them costs less than comparing the whole block. Measured: 0.2 to 0.3."""

_QUERIES_AT_A_TIME = 32
"""Questions answered in one matrix product: 8 MiB of similarities for a full block."""

_OVERFETCH = 4
"""How many detections are looked at first for each sighting asked for; more when they are of too few people."""


class Block(NamedTuple):
    """Some people of the gallery.

    Attributes:
        embeddings: ``(N, D)`` float32 unit rows.
        rows: Their other columns, ``N`` rows.
        sightings: ``(N,)``, equal for people of one tracklet, negative for those of none; ``None`` when all are.
    """

    embeddings: FloatArray
    rows: pa.Table
    sightings: IntArray | None = None


class Found(NamedTuple):
    """The answer to one question.

    Attributes:
        rows: Rows of the detections table without their embeddings, best first.
        similarities: ``(len(rows),)``.
        searched: How many people passed the filters.
    """

    rows: list[dict[str, Any]]
    similarities: FloatArray
    searched: int


def blocks_of(batches: Iterable[pa.RecordBatch], block_rows: int = BLOCK_ROWS) -> Iterator[Block]:
    """Gather a table's record batches, which may be tiny, into blocks of about ``block_rows`` rows."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        if count >= block_rows:
            yield _block(waiting)
            waiting, count = [], 0
    if count:
        yield _block(waiting)


def joined(first: Block, second: Block) -> Block:
    """Two blocks as one."""
    rows = pa.concat_tables([first.rows, second.rows]).combine_chunks()
    return Block(np.concatenate([first.embeddings, second.embeddings]), rows, sighting_codes(rows))


def search_blocks(
    blocks: Iterable[Block], queries: FloatArray, top: int, filters: Filters, by_sighting: bool = False
) -> list[Found]:
    """Find the ``top`` most similar people for each question.

    Args:
        blocks: The gallery.
        queries: ``(Q, D)`` unit rows.
        top: How many to return at most, for each question.
        filters: Who takes part.
        by_sighting: Whether of each tracklet only the most similar person counts.

    Returns:
        One answer per question; equal similarities keep the gallery's order.
    """
    best = [_Best(top, by_sighting) for _ in queries]
    searched = 0
    for block in blocks:
        mask = filters.mask(block.rows)
        indices = None if mask is None else np.flatnonzero(mask)
        passing = block.rows.num_rows if indices is None else len(indices)
        searched += passing
        if not passing:
            continue
        sightings = block.sightings if by_sighting else None
        if sightings is not None and indices is not None:
            sightings = sightings[indices]
        for start in range(0, len(queries), _QUERIES_AT_A_TIME):
            some = slice(start, start + _QUERIES_AT_A_TIME)
            for keeper, similarities in zip(best[some], _compare(block, queries[some], indices), strict=True):
                chosen = best_indices(similarities, top, sightings)
                rows = block.rows.take(pa.array(chosen if indices is None else indices[chosen]))
                keeper.take(rows, similarities[chosen])
    return [keeper.found(searched) for keeper in best]


def best_indices(similarities: FloatArray, top: int, sightings: IntArray | None = None) -> IntArray:
    """The best entries of one row of similarities, best first; ties go to the lower index.

    Args:
        similarities: ``(N,)``.
        top: How many at most.
        sightings: ``(N,)``; of entries with the same number, unless it is negative, only the best one counts.

    Returns:
        ``(min(top, N),)`` or fewer.
    """
    wanted = top if sightings is None else _OVERFETCH * top
    while True:
        order: IntArray = top_k(similarities[None, :], wanted)[0][0]
        if sightings is None:
            return order
        order = order[first_of_each(sightings[order])]
        # Whoever was not fetched is no better than whoever was: enough different sightings are the best ones.
        if len(order) >= top or wanted >= len(similarities):
            return order[:top]
        wanted *= _OVERFETCH


def first_of_each(sightings: IntArray) -> IntArray:
    """Indices of each number's first entry and of all negative ones, in their order.

    Example:
        >>> first_of_each(np.array([7, -1, 7, 3, -1])).tolist()
        [0, 1, 3, 4]
    """
    keep = sightings < 0
    keep[np.unique(sightings, return_index=True)[1]] = True
    return np.flatnonzero(keep)


def sighting_codes(rows: pa.Table) -> IntArray | None:
    """A number for each row's tracklet, -1 for none; ``None`` when no row has one."""
    names = rows["tracklet_id"]
    if names.null_count == len(names):
        return None
    codes = pa.concat_arrays(names.chunks).dictionary_encode().indices
    numbers: IntArray = codes.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


class _Best:
    """The best people of all blocks so far, for one question."""

    def __init__(self, top: int, by_sighting: bool) -> None:
        self._top = top
        self._by_sighting = by_sighting
        self._rows: list[pa.Table] = []
        self._similarities: list[FloatArray] = []

    def take(self, rows: pa.Table, similarities: FloatArray) -> None:
        self._rows.append(rows)
        self._similarities.append(similarities)

    def found(self, searched: int) -> Found:
        if not self._rows:
            return Found([], np.zeros(0, np.float32), searched)
        similarities = np.concatenate(self._similarities)
        rows = pa.concat_tables(self._rows).combine_chunks()
        chosen = best_indices(similarities, self._top, sighting_codes(rows) if self._by_sighting else None)
        return Found(rows.take(pa.array(chosen)).to_pylist(), similarities[chosen], searched)


def _compare(block: Block, queries: FloatArray, indices: IntArray | None) -> FloatArray:
    """Similarities of those who pass, ``(Q, N)``."""
    if indices is None:
        return cosine(queries, block.embeddings)
    if len(indices) < _GATHER_SHARE * len(block.embeddings):
        return cosine(queries, block.embeddings[indices])
    return cosine(queries, block.embeddings)[:, indices]


def _block(batches: list[pa.RecordBatch]) -> Block:
    table = pa.Table.from_batches(batches)
    # One chunk per column: rows are picked by index, and a chunked column searches its chunks for each.
    rows = complete(table.drop_columns(["embedding"]).combine_chunks())
    return Block(embeddings_of(table), rows, sighting_codes(rows))


def complete(rows: pa.Table) -> pa.Table:
    """Rows of the detections table of an early format, with the columns that it lacks as null."""
    for column in NEW_IN_VERSION_2[DETECTIONS]:
        if column.name not in rows.column_names:
            rows = rows.append_column(column, pa.nulls(rows.num_rows, column.type))
    return rows
