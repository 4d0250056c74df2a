"""Approximate search for large galleries: an index says who may be among the best, and only those are compared exactly.

The index keeps three bits per dimension of each embedding (RaBitQ; Gao and Long, SIGMOD 2024; Gao et al., SIGMOD 2025)
in partitions around centres, a tenth of the embeddings. Codes that small are read so fast that all partitions are
looked at for each question. That matters: where embeddings hardly form clusters, an index that trusts the nearest tenth
of the partitions misses every fifth match (measured in ``benchmarks/results.md``). The best candidates by code are
compared by their embeddings, so whatever is found has its exact similarity; what can happen is that somebody is missed.

People added after the index was built are compared exactly by the table itself until the index takes them in.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pyarrow as pa
from lancedb.index import Bitmap, BTree, IvfFlat, IvfRq

from sceneseek.gallery.filters import Filters
from sceneseek.gallery.lock import Lock
from sceneseek.gallery.privacy import private_files
from sceneseek.gallery.schema import DETECTIONS, FRAMES, INDEX_LOCK, THUMBNAILS, TRACKLETS
from sceneseek.gallery.search import Found, best_indices, blocks_of, search_blocks, sighting_codes
from sceneseek.gallery.tables import Tables, embeddings_of
from sceneseek.structures import FloatArray

_log = logging.getLogger(__name__)

EXACT_BELOW = 200_000
"""People up to which everybody is compared: 200 MB of 256-d embeddings in memory. With a hundred thousand people both
ways take as long, with a million the index takes a quarter of the time (``benchmarks/results.md``)."""

PROBED_SHARE = 1.0
"""Share of the partitions that a question looks at. With half of them it takes two thirds of the time, and a hundredth
of the matches is missed where embeddings form no clusters at all."""

NARROW = 20_000
"""Filters that let at most this many people pass are answered exactly: codes of a few rows spare nothing."""

_CANDIDATES = 100
"""People compared exactly for each question, at least."""

_CANDIDATES_PER_MATCH = 4
_PARTITIONS_PER_ROOT = 0.25
_TRAINED_PER_PARTITION = 64
_MANY_SEGMENTS = 16
_BITS = 3
"""Per dimension. Fewer bits need more candidates for the same recall."""

_PREFIX = "people_p"

_LOOKED_UP: dict[str, dict[str, type[BTree | Bitmap]]] = {
    DETECTIONS: {"id": BTree, "media_key": BTree, "tracklet_id": BTree, "captured_at": BTree, "time_s": BTree,
                 "camera_id": Bitmap},
    FRAMES: {"media_key": BTree},
    TRACKLETS: {"id": BTree, "media_key": BTree},
    THUMBNAILS: {"id": BTree},
}  # fmt: skip
"""Columns by which rows are looked up or filtered."""


class PeopleIndex(NamedTuple):
    """An index over embeddings as it is now.

    Attributes:
        name: Its name, which tells the number of partitions.
        partitions: How many.
        segments: Parts in which people were taken in; each is searched by itself.
        num_indexed: People in it.
        num_waiting: People who came later and are compared exactly meanwhile.
    """

    name: str
    partitions: int
    segments: int
    num_indexed: int
    num_waiting: int

    @property
    def probes(self) -> int:
        """Partitions that a question looks at."""
        return max(1, math.ceil(PROBED_SHARE * self.partitions))


@dataclass(frozen=True)
class Optimised:
    """What ``optimise`` did.

    Attributes:
        action: ``"built"``, ``"none"``: nothing was to be done, or ``"busy"``: somebody else is at it.
        num_people: People in the gallery.
        num_indexed: People in the index.
        partitions: Of the index; 0 without one.
        seconds: How long it took.
    """

    action: str
    num_people: int
    num_indexed: int
    partitions: int
    seconds: float


def people_index(table: Any) -> PeopleIndex | None:
    """The index over embeddings, if there is one."""
    for index in table.list_indices():
        if index.name.startswith(_PREFIX):
            partitions = int(index.name.removeprefix(_PREFIX))
            return PeopleIndex(
                index.name, partitions, index.num_segments, index.num_indexed_rows, index.num_unindexed_rows
            )
    return None


def partitions_for(num_people: int) -> int:
    """How many partitions suit so many people."""
    return max(1, round(_PARTITIONS_PER_ROOT * math.sqrt(num_people)))


def is_due(table: Any, exact_below: int) -> bool:
    """Whether an index is to be built: there is none, the gallery outgrew it, or it lies in too many parts."""
    num_people = int(table.count_rows())
    if num_people <= exact_below:
        return False
    index = people_index(table)
    if index is None:
        return True
    return partitions_for(num_people) >= 2 * index.partitions or index.segments > _MANY_SEGMENTS


def build(folder: Path, exact_below: int = EXACT_BELOW, force: bool = False) -> Optimised:
    """Build the indexes of a large gallery; readers and a writer go on meanwhile.

    Args:
        folder: The gallery.
        exact_below: Galleries up to this size need none.
        force: Build a new one even when the present one will do.

    Returns:
        What was done.
    """
    start = time.perf_counter()
    lock = Lock(folder / INDEX_LOCK)
    action = "busy"
    tables = Tables(folder)
    with private_files(folder), lock.if_free() as free:
        if free:
            action = "none"
            if is_due(tables[DETECTIONS], exact_below) or (force and tables[DETECTIONS].count_rows() > exact_below):
                _build(tables)
                action = "built"
    table = tables[DETECTIONS]
    index = people_index(table)
    counts = (index.num_indexed, index.partitions) if index is not None else (0, 0)
    return Optimised(action, int(table.count_rows()), *counts, time.perf_counter() - start)


class BackgroundBuild:
    """Builds an index in a thread while its writer goes on.

    Args:
        folder: The gallery.
        exact_below: Galleries up to this size need no index.
    """

    def __init__(self, folder: Path, exact_below: int) -> None:
        self._folder = folder
        self._exact_below = exact_below
        self._thread: Thread | None = None

    def begin_if_due(self, table: Any) -> None:
        """Begin to build where it is time and none is being built."""
        if (self._thread is None or not self._thread.is_alive()) and is_due(table, self._exact_below):
            # A daemon: whoever stops the program need not wait. What was begun is begun again the next time.
            self._thread = Thread(target=self._build, name="sceneseek-index", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Wait for what was begun."""
        if self._thread is not None:
            self._thread.join()

    def _build(self) -> None:
        try:
            build(self._folder, self._exact_below)
        except Exception:
            # The gallery is right without its index, only slower; the next writer tries again.
            _log.exception("no index could be built for %s", self._folder)


def search_index(
    table: Any, index: PeopleIndex, queries: FloatArray, top: int, filters: Filters, by_sighting: bool
) -> tuple[list[Found], str]:
    """Find the ``top`` most similar people for each question, with the help of the index.

    Args:
        table: The detections.
        index: Its index.
        queries: ``(Q, D)`` unit rows.
        top: How many to return at most, for each question.
        filters: Who takes part. When few do, they are compared exactly.
        by_sighting: Whether of each tracklet only the most similar person counts.

    Returns:
        One answer per question, and how it was searched, in words.
    """
    condition = filters.sql()
    passing = int(table.count_rows(condition))
    if passing <= NARROW:
        query = table.search() if condition is None else table.search().where(condition)
        return search_blocks(blocks_of(query.to_batches()), queries, top, filters, by_sighting), "exact"
    found = [_nearest(table, index, query, top, condition, by_sighting) for query in queries]
    share = "all" if index.probes == index.partitions else f"{index.probes} of"
    how = f"approximate ({share} {index.partitions} partitions by code, the best {_candidates(top)} compared exactly)"
    return [Found(rows, similarities, passing) for rows, similarities in found], how


def _nearest(
    table: Any, index: PeopleIndex, query: FloatArray, top: int, condition: str | None, by_sighting: bool
) -> tuple[list[dict[str, Any]], FloatArray]:
    wanted = _candidates(top)
    while True:
        asked = table.search(query, vector_column_name="embedding").distance_type("l2").nprobes(index.probes)
        asked = asked if condition is None else asked.where(condition, prefilter=True)
        rows = asked.limit(wanted).to_arrow().combine_chunks()
        similarities: FloatArray = embeddings_of(rows) @ query
        rows = rows.drop_columns(["embedding", "_distance"])
        chosen = best_indices(similarities, top, sighting_codes(rows) if by_sighting else None)
        if len(chosen) >= top or rows.num_rows < wanted:
            return rows.take(pa.array(chosen)).to_pylist(), similarities[chosen]
        wanted *= _CANDIDATES_PER_MATCH  # they were all of too few sightings


def _candidates(top: int) -> int:
    return max(_CANDIDATES, _CANDIDATES_PER_MATCH * top)


def _build(tables: Tables) -> None:
    table = tables[DETECTIONS]
    num_people = int(table.count_rows())
    partitions = partitions_for(num_people)
    former = [index.name for index in table.list_indices() if index.name.startswith(_PREFIX)]
    dim = table.schema.field("embedding").type.list_size
    trained: dict[str, Any] = {
        "distance_type": "l2",
        "num_partitions": partitions,
        "sample_rate": _TRAINED_PER_PARTITION,
    }
    # Codes come in whole bytes per bit; networks embed in multiples of 8 numbers, only a test may not.
    config = IvfRq(num_bits=_BITS, **trained) if dim % 8 == 0 else IvfFlat(**trained)
    table.create_index("embedding", config=config, name=f"{_PREFIX}{partitions}", replace=True)
    for name in former:
        if name != f"{_PREFIX}{partitions}":
            table.drop_index(name)  # only now: searches used it until the new one was there
    for name, columns in _LOOKED_UP.items():
        indexed = {column for index in tables[name].list_indices() for column in index.columns}
        for column, config_of in columns.items():
            if column not in indexed and tables[name].count_rows():
                tables[name].create_index(column, config=config_of())
