"""Prove that somebody was forgotten: the bytes that were in the gallery's files are in none of them any more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sceneseek.gallery.schema import TRACKLETS
from sceneseek.gallery.tables import Tables, in_parts, one_of
from sceneseek.gallery.traces import SHORTEST_TRACE, Trace, TraceReport, search_files

if TYPE_CHECKING:
    from sceneseek.gallery.store import Gallery

MOST_PEOPLE = 20_000
"""Traces are kept in memory, 1 to 10 kB a person: of more people than these an even sample is looked for."""

_TWINS = 50


@dataclass(frozen=True)
class Proof:
    """What the search through the raw files showed, before and after.

    Attributes:
        num_traces: Vectors and thumbnails that were looked for.
        num_seen_before: How many of them were found before: for the others a search proves nothing.
        still_there: Names of those that are found afterwards and belong to nobody who stays, with the files.
        num_shared: Found afterwards because somebody who stays has the very same bytes: a copy of the picture.
        before: The search before.
        after: The search after.
        sampled: Whether only some of the people were looked for.
    """

    num_traces: int
    num_seen_before: int
    still_there: tuple[tuple[str, tuple[str, ...]], ...]
    num_shared: int
    before: TraceReport
    after: TraceReport
    sampled: bool = False

    @property
    def proven(self) -> bool:
        """Whether everything that was looked for had been there and is gone."""
        return not self.still_there and self.num_seen_before == self.num_traces


def traces_of(gallery: Gallery, detection_ids: Sequence[str], tracklet_ids: Collection[str]) -> list[Trace]:
    """The bytes by which people could be found in the files: vectors, thumbnails, and the vectors of tracklets."""
    people = gallery.people(detection_ids)
    jpegs = gallery.thumbnails(detection_ids)
    traces = [Trace(p.detection_id, "vector", _bytes(p.embedding)) for p in people]
    traces += [Trace(name, "thumbnail", jpeg) for name, jpeg in jpegs.items()]
    tables = Tables(gallery.path)
    for part in in_parts(tracklet_ids):
        rows = tables[TRACKLETS].search().where(one_of("id", part)).select(["id", "embedding"]).to_arrow().to_pylist()
        traces += [Trace(row["id"], "vector", _bytes(row["embedding"])) for row in rows]
    return [trace for trace in traces if len(trace.content) >= SHORTEST_TRACE]


def evenly(names: Sequence[str], most: int = MOST_PEOPLE) -> list[str]:
    """At most so many of them, spread over all."""
    if len(names) <= most:
        return list(names)
    return [names[i] for i in np.linspace(0, len(names) - 1, most).round().astype(int)]


def prove(gallery: Gallery, traces: Sequence[Trace], before: TraceReport, *, sampled: bool) -> Proof:
    """Search the files again and compare.

    Args:
        gallery: Without those who were forgotten.
        traces: From before.
        before: What the search found then.
        sampled: Whether these are only some of the traces.
    """
    after = search_files(gallery.path, traces)
    found = [(trace, files) for trace, files in zip(traces, after.found, strict=True) if files]
    vectors = {trace.name: trace.content for trace in traces if trace.kind == "vector"}
    shared = [_belongs_to_somebody_else(gallery, trace, vectors.get(trace.name)) for trace, _ in found]
    still = tuple((trace.name, files) for (trace, files), other in zip(found, shared, strict=True) if not other)
    return Proof(len(traces), before.num_found, still, sum(shared), before, after, sampled)


def _belongs_to_somebody_else(gallery: Gallery, trace: Trace, vector: bytes | None) -> bool:
    """Whether somebody who stays has these very bytes: found by the vector, as equal pictures have equal vectors."""
    if vector is None:
        return False
    query = np.frombuffer(vector, np.float32)
    twins = [m.detection_id for m in gallery.search(query, _TWINS, by="detection") if m.similarity > 0.999]
    if trace.kind == "thumbnail":
        return trace.content in gallery.thumbnails(twins).values()
    # Tracklets of one picture, and means of equal pictures, repeat the vector of a person who stays.
    return any(_bytes(person.embedding) == trace.content for person in gallery.people(twins))


def _bytes(embedding: object) -> bytes:
    return np.asarray(embedding, "<f4").tobytes()
