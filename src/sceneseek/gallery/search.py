"""Exact search: every person who passes the filters is compared with the query.

Exact search is the floor that approximate indexes are measured against, and for galleries of some hundred thousand
people it is also fast. It works block by block, so that its memory does not grow with the gallery.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sceneseek.errors import ValueRefused
from sceneseek.gallery.schema import sql_text
from sceneseek.similarity import cosine, top_k
from sceneseek.structures import BoolArray, FloatArray, Match

BLOCK_ROWS = 1 << 16
"""People compared at a time: 64 MiB of 256-d embeddings."""

_GATHER_SHARE = 0.25
"""Below this share of passing rows, gathering them costs less than comparing the whole block. Measured: 0.2 to 0.3."""


class FrameKey(NamedTuple):
    """One picture of the gallery.

    Attributes:
        media_key: The content key of the file.
        frame_index: 0 for a photograph.
    """

    media_key: str
    frame_index: int = 0


@dataclass(frozen=True)
class Filters:
    """Whom to compare at all. All that are given must hold; ``None`` lets everybody pass.

    Attributes:
        cameras: Camera names; a person seen by an unnamed camera passes only without this filter.
        sources: Files, or folders with all that lies below them.
        since_s: Seconds from the start of the video, inclusive. A photograph has no time and does not pass.
        until_s: The same, inclusive.
        min_score: The least confidence that it is a person at all.
        exclude: Frames to leave out: the query's own.

    Raises:
        ValueRefused: The time range is empty, or a number is not one.

    Example:
        >>> Filters(cameras=("door",), since_s=5).sql()
        "camera_id IN ('door') AND time_s >= 5.0"
    """

    cameras: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    since_s: float | None = None
    until_s: float | None = None
    min_score: float | None = None
    exclude: tuple[FrameKey, ...] = ()

    def __post_init__(self) -> None:
        for name in ("cameras", "sources"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise ValueRefused(f"filter {name} is the text {value!r}; expected a sequence of names.")
            object.__setattr__(self, name, tuple(value) if value else None)
        for name in ("since_s", "until_s", "min_score"):
            value = getattr(self, name)
            if value is not None and np.isnan(value):
                raise ValueRefused(f"filter {name} is not a number.")
        if self.since_s is not None and self.until_s is not None and self.since_s > self.until_s:
            raise ValueRefused(f"the time range from {self.since_s:g} s to {self.until_s:g} s is empty; swap its ends.")
        object.__setattr__(self, "exclude", tuple(FrameKey(*key) for key in self.exclude))

    def mask(self, rows: pa.Table) -> BoolArray | None:
        """Which of ``N`` rows pass, ``(N,)`` bool, or ``None`` when nothing is asked."""
        conditions = []
        if self.cameras is not None:
            conditions.append(pc.is_in(rows["camera_id"], pa.array(self.cameras, pa.string())))
        if self.sources is not None:
            source = rows["source"]
            within = pc.is_in(source, pa.array(self.sources, pa.string()))
            for folder in self.sources:
                within = pc.or_(within, pc.starts_with(source, _as_folder(folder)))
            conditions.append(within)
        if self.since_s is not None:
            conditions.append(pc.fill_null(pc.greater_equal(rows["time_s"], float(self.since_s)), False))
        if self.until_s is not None:
            conditions.append(pc.fill_null(pc.less_equal(rows["time_s"], float(self.until_s)), False))
        if self.min_score is not None:
            conditions.append(pc.greater_equal(rows["score"], pa.scalar(self.min_score, pa.float32())))
        for key, index in self.exclude:
            own = pc.and_(pc.equal(rows["media_key"], key), pc.equal(rows["frame_index"], index))
            conditions.append(pc.invert(own))
        if not conditions:
            return None
        mask: BoolArray = np.ones(rows.num_rows, np.bool_)
        for condition in conditions:
            mask &= condition.to_numpy()
        return mask

    def sql(self) -> str | None:
        """The same conditions for the table itself, or ``None``; used where vectors do not lie in memory."""
        conditions = []
        if self.cameras is not None:
            conditions.append(f"camera_id IN ({', '.join(map(sql_text, self.cameras))})")
        if self.sources is not None:
            files = f"source IN ({', '.join(map(sql_text, self.sources))})"
            folders = [f"starts_with(source, {sql_text(_as_folder(s))})" for s in self.sources]
            conditions.append(f"({' OR '.join([files, *folders])})")
        if self.since_s is not None:
            conditions.append(f"time_s >= {float(self.since_s)!r}")
        if self.until_s is not None:
            conditions.append(f"time_s <= {float(self.until_s)!r}")
        if self.min_score is not None:
            conditions.append(f"score >= {float(np.float32(self.min_score))!r}")
        for key, index in self.exclude:
            conditions.append(f"NOT (media_key = {sql_text(key)} AND frame_index = {int(index)})")
        return " AND ".join(conditions) or None

    def described(self) -> dict[str, str]:
        """The restrictions in words, for display."""
        words: dict[str, str] = {}
        if self.cameras is not None:
            words["camera"] = ", ".join(self.cameras)
        if self.sources is not None:
            words["source"] = ", ".join(self.sources)
        if self.since_s is not None:
            words["since"] = f"{self.since_s:g} s"
        if self.until_s is not None:
            words["until"] = f"{self.until_s:g} s"
        if self.min_score is not None:
            words["score"] = f"at least {self.min_score:g}"
        if self.exclude:
            words["query's own picture"] = "left out"
        return words


class Block(NamedTuple):
    """Some people of the gallery.

    Attributes:
        embeddings: ``(N, D)`` float32 unit rows.
        rows: Their other columns, ``N`` rows.
    """

    embeddings: FloatArray
    rows: pa.Table


class Found(NamedTuple):
    """The answer of a search.

    Attributes:
        matches: Best first.
        searched: How many people passed the filters and were compared.
    """

    matches: tuple[Match, ...]
    searched: int


def blocks_of(batches: Iterable[pa.RecordBatch], embedding_dim: int, block_rows: int = BLOCK_ROWS) -> Iterator[Block]:
    """Gather a table's record batches, which may be tiny, into blocks of about ``block_rows`` rows."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        if count >= block_rows:
            yield _block(waiting, embedding_dim)
            waiting, count = [], 0
    if count:
        yield _block(waiting, embedding_dim)


def search_blocks(blocks: Iterable[Block], query: FloatArray, top: int, filters: Filters) -> Found:
    """Find the ``top`` most similar people.

    Args:
        blocks: The gallery.
        query: ``(D,)`` unit vector.
        top: How many matches to return at most.
        filters: Who takes part.

    Returns:
        Matches, best first; equal similarities keep the gallery's order.

    Raises:
        ValueRefused: ``top`` is below 1.
        EmbeddingSizeError: The query comes from another model.
    """
    if top < 1:
        raise ValueRefused(f"top is {top}; expected at least 1.")
    best: list[tuple[FloatArray, pa.Table]] = []
    searched = 0
    for block in blocks:
        similarities, indices = _compare(block, query, filters)
        searched += len(similarities)
        if len(similarities):
            order, values = top_k(similarities[None, :], top)
            chosen = order[0] if indices is None else indices[order[0]]
            best.append((values[0], block.rows.take(pa.array(chosen))))
    if not best:
        return Found((), searched)
    values = np.concatenate([v for v, _ in best])
    rows = pa.concat_tables([r for _, r in best])
    order = np.argsort(-values, kind="stable")[:top]
    return Found(_matches(rows.take(pa.array(order)), values[order]), searched)


def _compare(block: Block, query: FloatArray, filters: Filters) -> tuple[FloatArray, Any]:
    """Similarities of those who pass, and their row indices (``None`` for all)."""
    mask = filters.mask(block.rows)
    if mask is None:
        return cosine(query[None, :], block.embeddings)[0], None
    indices = np.flatnonzero(mask)
    if len(indices) < _GATHER_SHARE * len(mask):
        return cosine(query[None, :], block.embeddings[indices])[0], indices
    return cosine(query[None, :], block.embeddings)[0][indices], indices


def _block(batches: list[pa.RecordBatch], embedding_dim: int) -> Block:
    table = pa.Table.from_batches(batches)
    vectors = [chunk.flatten().to_numpy(zero_copy_only=True) for chunk in table["embedding"].chunks]
    embeddings: FloatArray = np.concatenate(vectors).reshape(-1, embedding_dim)
    # One chunk per column: rows are picked by index, and a chunked column searches its chunks for each.
    return Block(embeddings, table.drop_columns(["embedding"]).combine_chunks())


def _matches(rows: pa.Table, similarities: FloatArray) -> tuple[Match, ...]:
    return tuple(
        Match(
            rank=rank,
            similarity=min(1.0, max(-1.0, float(similarity))),
            score=row["score"],
            box=(row["x1"], row["y1"], row["x2"], row["y2"]),
            source=row["source"],
            frame_index=row["frame_index"],
            time_s=row["time_s"],
            camera_id=row["camera_id"],
            detection_id=row["id"],
            width=row["width"],
            height=row["height"],
        )
        for rank, (row, similarity) in enumerate(zip(rows.to_pylist(), similarities, strict=True), start=1)
    )


def _as_folder(source: str) -> str:
    return source if source.endswith(os.sep) else source + os.sep
