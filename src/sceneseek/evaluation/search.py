"""Ranking every query's gallery."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sceneseek import boxes as box_ops
from sceneseek.errors import ValueRefused
from sceneseek.evaluation.cosines import error_bound, exact_similarities, longest_product
from sceneseek.evaluation.galleries import Galleries
from sceneseek.evaluation.matching import sightings
from sceneseek.evaluation.metrics import area_of_hits
from sceneseek.evaluation.protocols import SearchProtocol
from sceneseek.evaluation.ranking import Standing, standing
from sceneseek.reranking import Question, Rerank, Reranker
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
_BLOCK = 256
_BLOCK_ENTRIES = 10_000_000
"""Similarities held at a time, at most, so that memory does not grow with the queries."""
_DENSE = 0.05
"""Share of all images from which a product with all detections is cheaper than gathering a gallery's own."""
_FEW = 64
"""One image in so many, or fewer, outside a gallery are taken out of it one by one."""


def search(
    extraction: Extraction,
    scenes: SceneSet,
    protocol: SearchProtocol,
    progress: Progress = silent,
    rerank: Reranker | None = None,
) -> tuple[QueryOutcomes, SimilarityHistogram]:
    """Rank the detections of each query's gallery and find the person among them.

    Similarities are cosines as ``cosines`` defines them, the same whatever else is computed beside them. Of equal
    similarities, the image with the lower id ranks first, then the detection with the higher score, then the box that
    comes first by its corners; neither the order of a gallery list nor that of images or detections matters.

    Args:
        extraction: What the model saw; must cover ``scenes`` (``Extraction.require``).
        scenes: Annotations and queries.
        protocol: The rules.
        progress: Told about queries.
        rerank: Gives each gallery new similarities before it is ranked; the hits are then chosen among the new ones.

    Returns:
        The outcomes, query by query, and the histogram of similarities. Bins are filled from float32 products: a
        stranger's similarity within 1e-5 of the edge of a bin may be counted on either side.

    Raises:
        DataError: The protocol needs cameras and scenes have none.
    """
    return _Search(extraction, scenes, protocol, rerank).run(progress)


class _Pool:
    """The detections that may be ranked, in the order that decides between equals."""

    def __init__(self, extraction: Extraction, junk: NDArray[np.bool_], det_threshold: float) -> None:
        kept = np.flatnonzero((extraction.scores >= det_threshold) & ~junk)
        self.rows: IntArray = kept[np.argsort(extraction.precedence[kept])]
        self.positions = extraction.image_of[self.rows]
        self.scores = extraction.scores[self.rows]
        self.embeddings = extraction.embeddings[self.rows]
        self.place_of = np.full(len(extraction.boxes), -1, np.int64)
        self.place_of[self.rows] = np.arange(len(self.rows))
        self.counts = np.bincount(self.positions, minlength=len(extraction))
        self.starts = np.zeros(len(extraction), np.int64)
        by_id = np.argsort(extraction.image_ids)
        self.starts[by_id] = np.cumsum(self.counts[by_id]) - self.counts[by_id]

    def __len__(self) -> int:
        return len(self.rows)

    def places_in(self, copies: IntArray) -> IntArray:
        """Places of all detections of some images, rising; those of an image listed twice are there twice."""
        images = np.flatnonzero(copies)
        images = images[np.argsort(self.starts[images], kind="stable")]
        counts = self.counts[images]
        places = np.repeat(self.starts[images] - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        repeats = copies[images]
        return np.repeat(places, np.repeat(repeats, counts)) if (repeats > 1).any() else places


class _Asked(NamedTuple):
    """One query with its gallery."""

    number: int
    query: Query
    copies: IntArray
    """``(I,)``, how often each image is ranked."""
    positives: IntArray
    """Sightings to be found."""
    neutral: IntArray
    """Sightings whose detections leave the ranking."""
    num_positives: int
    num_images: int


class _Line(NamedTuple):
    """One query's candidates: entries are ranked unless they are ``-inf``."""

    asked: _Asked
    near: NDArray[Any]
    places: IntArray | None
    """Place in the pool of each entry, rising; ``None`` where entry and place are the same."""
    exact: Any
    error: float


class _Search:
    def __init__(
        self, extraction: Extraction, scenes: SceneSet, protocol: SearchProtocol, rerank: Reranker | None
    ) -> None:
        self._extraction, self._scenes, self._protocol = extraction, scenes, protocol
        self._rerank = None if rerank is None else rerank.prepare(extraction, protocol.det_threshold)
        self._people = sightings(extraction, scenes, (q.person_id for q in scenes.queries), protocol)
        self._galleries = Galleries(extraction, scenes, protocol)
        self._pool = _Pool(extraction, self._people.junk, protocol.det_threshold)
        self._embeddings = self._pool.embeddings.astype(np.float32, copy=False)
        self._vectors, self._has_vector = self._query_vectors()
        longest = longest_product(self._embeddings, self._vectors)
        self._error = error_bound(extraction.embedding_dim, longest)
        self._counts = _Counts(len(scenes.queries), protocol)
        self._step = max(1, min(_BLOCK, _BLOCK_ENTRIES // max(1, len(self._pool))))
        self._memory = _Memory()

    def run(self, progress: Progress) -> tuple[QueryOutcomes, SimilarityHistogram]:
        """Rank everybody."""
        queries = self._scenes.queries
        for start in range(0, len(queries), self._step):
            end = min(start + self._step, len(queries))
            for line in self._lines([self._ask(i, queries[i]) for i in range(start, end)]):
                self._rank(line)
            progress(end, len(queries))
        return self._counts.outcomes(self._scenes), self._counts.histogram()

    def _query_vectors(self) -> tuple[FloatArray, NDArray[np.bool_]]:
        extraction, queries = self._extraction, self._scenes.queries
        asked = np.array([extraction.query_position_of[q.query_id] for q in queries], np.int64)
        vectors = extraction.query_embeddings[asked].astype(np.float32)
        present = np.ones(len(queries), bool)
        if self._protocol.query_feature == "matched_detection":
            for i, query in enumerate(queries):
                row = _matched_row(extraction, query)
                present[i] = row is not None
                if row is not None:
                    vectors[i] = extraction.embeddings[row]
        return vectors, present

    def _ask(self, index: int, query: Query) -> _Asked:
        people = self._people
        mine = np.arange(len(people.positions))[people.of(query.person_id)]
        neutral = self._galleries.neutral(query, people, mine)
        positive = ~neutral & (people.nth[mine] == 0)
        copies = self._galleries.copies(query, people.positions[mine[positive]])
        listed = copies[people.positions[mine]]
        found = mine[positive & (listed > 0)]
        num_positives = int(listed[positive].sum())
        num_images = int(copies.sum())
        if not self._has_vector[index]:
            copies = np.zeros_like(copies)
        elif self._protocol.duplicates != "double":
            copies = np.minimum(copies, 1)
        return _Asked(index, query, copies, found, mine[neutral & (listed > 0)], num_positives, num_images)

    def _lines(self, block: list[_Asked]) -> Iterator[_Line]:
        if self._rerank is not None:
            yield from self._reranked(block, self._rerank)
        elif self._is_dense(block):
            yield from self._dense(block)
        else:
            for asked in block:
                yield self._sparse(asked)

    def _is_dense(self, block: list[_Asked]) -> bool:
        images = sum(asked.num_images for asked in block)
        every_row_once = self._protocol.duplicates != "double" or all((a.copies <= 1).all() for a in block)
        return every_row_once and images > _DENSE * len(block) * len(self._extraction)

    def _dense(self, block: list[_Asked]) -> Iterator[_Line]:
        """One matrix product for all."""
        table = self._memory.get("table", (len(block), len(self._pool)), np.float32)
        np.matmul(self._vectors[[asked.number for asked in block]], self._embeddings.T, out=table)
        if self._protocol.confidence_weighted:
            table *= self._pool.scores
        for near, asked in zip(table, block, strict=True):
            self._leave_out(near, asked)
            yield _Line(asked, near, None, self._exact_of(asked, None), self._error)

    def _leave_out(self, near: FloatArray, asked: _Asked) -> None:
        """Take out of a line over the whole pool what the gallery does not hold."""
        outside = np.flatnonzero(asked.copies == 0)
        if _FEW * len(outside) < len(asked.copies):
            for position in outside:
                start = self._pool.starts[position]
                near[start : start + self._pool.counts[position]] = -np.inf
        else:
            weight = np.where(asked.copies > 0, np.float32(0.0), np.float32(-np.inf))
            spread = self._memory.get("line", near.shape, np.float32)
            near += np.take(weight, self._pool.positions, out=spread, mode="clip")

    def _sparse(self, asked: _Asked) -> _Line:
        """The gallery's own detections."""
        places = self._pool.places_in(asked.copies)
        rows = self._memory.get("rows", (len(places), self._embeddings.shape[1]), np.float32)
        np.take(self._embeddings, places, axis=0, out=rows, mode="clip")
        near = rows @ self._vectors[asked.number]
        if self._protocol.confidence_weighted:
            near *= self._pool.scores[places]
        return _Line(asked, near, places, self._exact_of(asked, places), self._error)

    def _exact_of(self, asked: _Asked, places: IntArray | None) -> Any:
        vector = self._vectors[asked.number]

        def exact(entries: IntArray) -> FloatArray:
            chosen = entries if places is None else places[entries]
            found = exact_similarities(self._embeddings[chosen], vector)
            return found * self._pool.scores[chosen] if self._protocol.confidence_weighted else found

        return exact

    def _reranked(self, block: list[_Asked], rerank: Rerank) -> Iterator[_Line]:
        for asked in block:
            places = self._pool.places_in(asked.copies)
            once, copies = np.unique(places, return_inverse=True)
            vector = self._vectors[asked.number]
            similarities = exact_similarities(self._embeddings[once], vector)
            weights = self._pool.scores[once] if self._protocol.confidence_weighted else None
            given = rerank(Question(asked.query, vector, self._pool.rows[once], similarities, weights))
            near = np.asarray(given, np.float64)
            if near.shape != once.shape or not np.isfinite(near).all():
                raise ValueRefused(
                    f"the re-ranker gave query {asked.query.query_id} similarities of shape {near.shape}; expected "
                    f"{once.shape} finite ones."
                )
            near = near[copies]
            yield _Line(asked, near, places, near.copy().__getitem__, 0.0)

    def _rank(self, line: _Line) -> None:
        hits, values = self._hits(line)
        if len(line.asked.neutral):
            entries = np.setdiff1d(self._entries_of_neutral(line), hits)
            line.near[entries] = -np.inf
        found = standing(line.near, line.exact, line.error, hits, values, TOP)
        rows = self._pool.rows[found.top if line.places is None else line.places[found.top]]
        self._counts.add(line, found, rows)

    def _hits(self, line: _Line) -> tuple[IntArray, NDArray[Any]]:
        """The entries that are right, rising, and their similarities.

        In each image the most similar matching detection; of equally similar ones the first. Of an image that is
        ranked twice the second copy is matched with the person's second box, where there is one.
        """
        owners, entries = [], []
        for order, (sighting, copy) in enumerate(self._chances(line.asked)):
            here = self._entries(line, sighting, copy)
            owners.append(np.full(len(here), order))
            entries.append(here)
        if not entries or not any(map(len, entries)):
            return np.zeros(0, np.int64), np.zeros(0, line.near.dtype)
        owner, entry = np.concatenate(owners), np.concatenate(entries)
        values = line.exact(entry)
        order_of = np.lexsort((entry, -values, owner))
        first = order_of[np.concatenate([[True], np.diff(owner[order_of]) > 0])]
        first = first[np.argsort(entry[first])]
        return entry[first], values[first]

    def _chances(self, asked: _Asked) -> Iterator[tuple[int, int]]:
        """Each sighting to be found with the copy of its image that it is looked for in."""
        for sighting in asked.positives:
            yield int(sighting), 0
            for copy in range(1, int(asked.copies[self._people.positions[sighting]])):
                yield self._nth_box(int(sighting), copy), copy

    def _nth_box(self, sighting: int, copy: int) -> int:
        people = self._people
        last = sighting
        while (
            last < sighting + copy
            and last + 1 < len(people.positions)
            and people.nth[last + 1] == people.nth[last] + 1
            and not people.ignored[last + 1]
        ):
            last += 1
        return last

    def _entries(self, line: _Line, sighting: int, copy: int) -> IntArray:
        """The entries of the detections that match a sighting, in one copy of its image."""
        start, end = self._people.offsets[sighting], self._people.offsets[sighting + 1]
        places = self._pool.place_of[self._people.rows[start:end]]
        places = places[places >= 0]
        if not line.asked.copies[self._people.positions[sighting]]:
            return places[:0]
        return places if line.places is None else np.searchsorted(line.places, places) + copy

    def _entries_of_neutral(self, line: _Line) -> IntArray:
        found = [
            self._entries(line, int(sighting), copy)
            for sighting in line.asked.neutral
            for copy in range(int(line.asked.copies[self._people.positions[sighting]]))
        ]
        return np.concatenate([np.zeros(0, np.int64), *found])


def _matched_row(extraction: Extraction, query: Query) -> int | None:
    """The detection in the query's scene that overlaps its box most; of equals the most certain one."""
    position = extraction.position_of[query.image_id]
    rows = np.arange(extraction.offsets[position], extraction.offsets[position + 1])
    if len(rows) == 0:
        return None
    near = box_ops.iou(extraction.boxes[rows].astype(np.float64), query.box[None].astype(np.float64))[:, 0]
    order = np.lexsort((*extraction.boxes[rows].T[::-1], -extraction.scores[rows], -near))
    return int(rows[order[0]])


class _Memory:
    """Arrays that are used again: fresh ones of this size would cost more to map into memory than to fill."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[Any]] = {}

    def get(self, name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """An array with whatever was left in it; valid until the next call with the same name."""
        size = math.prod(shape)
        if name not in self._kept or self._kept[name].size < size or self._kept[name].dtype != dtype:
            self._kept[name] = np.empty(size, dtype)
        return self._kept[name][:size].reshape(shape)


class _Counts:
    """Gathers the outcomes, one query at a time, in flat memory."""

    def __init__(self, num_queries: int, protocol: SearchProtocol) -> None:
        self._protocol = protocol
        self._first, self._positives, self._found, self._ranked, self._images = np.zeros((5, num_queries), np.int64)
        self._ap, self._recall = np.full((2, num_queries), np.nan)
        self._top_rows = np.full((num_queries, TOP), -1, np.int64)
        self._top_similarities = np.zeros((num_queries, TOP), np.float32)
        self._top_hits = np.zeros((num_queries, TOP), bool)
        self._everybody = np.zeros(BINS, np.int64)
        self._right: list[NDArray[Any]] = [np.zeros(0, np.float32)]
        self._memory = _Memory()

    def add(self, line: _Line, found: Standing, rows: IntArray) -> None:
        i, last = line.asked.number, self._protocol.last_rank
        counted = np.ones(len(found.hits), bool) if last is None else found.ranks <= last
        num_found, total = int(counted.sum()), line.asked.num_positives
        self._positives[i], self._found[i], self._images[i] = total, num_found, line.asked.num_images
        self._first[i] = found.ranks[counted].min(initial=np.iinfo(np.int64).max) if num_found else 0
        if total:
            terms = area_of_hits(found.at_least[counted], found.above[counted], self._protocol.ap)
            self._ap[i], self._recall[i] = terms / total, num_found / total
        shown = len(rows)
        self._top_rows[i, :shown] = rows
        self._top_similarities[i, :shown] = found.top_similarities
        self._top_hits[i, :shown] = (found.top[:, None] == found.hits).any(axis=1)
        binned = self._binned(line.near)
        self._ranked[i] = binned.sum()
        self._everybody += binned
        self._right.append(line.near[found.hits])

    def _binned(self, near: NDArray[Any]) -> IntArray:
        """Counts by bin; ``-inf`` is not ranked, other values beyond the ends count there."""
        scaled = self._memory.get("scaled", near.shape, near.dtype)
        np.multiply(near, near.dtype.type(BINS / 2), out=scaled)
        scaled += near.dtype.type(BINS / 2 + 2)
        if near.dtype == np.float64:  # Re-ranked: of any size, not only cosines.
            np.maximum(scaled, 1.0, out=scaled, where=~np.isneginf(near))
        # Entry 0 is for what is not ranked, entry 1 for what is below -1.
        np.clip(scaled, 0, BINS + 1, out=scaled)
        bins = self._memory.get("bins", near.shape, np.int64)
        np.copyto(bins, scaled, casting="unsafe")
        counts = np.bincount(bins, minlength=BINS + 2)
        counts[2] += counts[1]
        return counts[2:]

    def outcomes(self, scenes: SceneSet) -> QueryOutcomes:
        return QueryOutcomes(
            query_ids=np.array([q.query_id for q in scenes.queries], np.int64),
            average_precision=self._ap,
            recall=self._recall,
            first_hit_rank=self._first,
            num_positives=self._positives,
            num_found=self._found,
            num_ranked=self._ranked,
            top_detections=self._top_rows,
            top_similarities=self._top_similarities,
            top_hits=self._top_hits,
            num_images=self._images,
        )

    def histogram(self) -> SimilarityHistogram:
        right = self._binned(np.concatenate(self._right))
        return SimilarityHistogram(np.linspace(-1.0, 1.0, BINS + 1), right, self._everybody - right)
