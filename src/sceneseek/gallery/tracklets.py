"""Tracklets while they grow: what the gallery says about one follows from its detections, and can always be rebuilt."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from sceneseek.gallery.records import MediaRecord, Seen, camera_id_of, captured_at
from sceneseek.gallery.schema import DETECTIONS, TRACKLETS, detection_id, sql_text, tracklet_number
from sceneseek.gallery.tables import Tables, embeddings_of, in_parts, one_of
from sceneseek.structures import FloatArray

BEST_FRAMES = 5
"""Detections that a tracklet names as its best."""

_KEPT = 4096
"""Tracklets kept at hand: 8 MiB of 256-d sums. One that is seen again after it was put away is rebuilt."""

_REBUILT_AT_A_TIME = 200


class GrowingTracklet:
    """One person followed through a video, up to now.

    Sums are kept in float64 and added in the order of the frames, so that a tracklet rebuilt from its detections equals
    one that was never put away, bit for bit.

    Args:
        name: The gallery's name for it.
        media_key: The video.
    """

    def __init__(self, name: str, media_key: str) -> None:
        self.name = name
        self.media_key = media_key
        self.stored = False
        self._rows: dict[str, Any] = {}
        self._total: np.ndarray[Any, np.dtype[np.float64]] | None = None
        self._latest: FloatArray | None = None
        self._best: list[tuple[bool, float, int, str]] = []

    def see(self, row: dict[str, Any], embedding: FloatArray) -> None:
        """Add one detection, given as a row of the detections table; frames must not go back."""
        facts = self._rows
        if self._total is None:
            self._total = np.zeros(len(embedding), np.float64)
            facts.update(start_s=row["time_s"], captured_at=row["captured_at"], num_detections=0)
        self._total += embedding
        self._latest = embedding
        facts.update(end_s=row["time_s"], camera_id=row["camera_id"], last_frame=row["frame_index"])
        facts["num_detections"] += 1
        self._best.append((not row["flags"], float(row["score"]), -row["frame_index"], row["id"]))
        self._best = sorted(self._best, reverse=True)[:BEST_FRAMES]

    def row(self) -> dict[str, Any]:
        """The tracklet as a row of its table."""
        assert self._total is not None
        assert self._latest is not None
        length = np.linalg.norm(self._total)
        mean = self._total / length if length > 0 else self._latest
        return {
            "id": self.name,
            "media_key": self.media_key,
            "embedding": mean.astype(np.float32),
            "best_ids": [name for *_, name in self._best],
            **self._rows,
        }


class TrackletBook:
    """The tracklets that a writer is adding to.

    Args:
        tables: The gallery's.
        kept: How many to keep at hand.
    """

    def __init__(self, tables: Tables, kept: int = _KEPT) -> None:
        self._tables = tables
        self._kept = kept
        self._at_hand: OrderedDict[str, GrowingTracklet] = OrderedDict()
        self._changed: set[str] = set()
        self._highest: dict[str, int] = {}

    def see(self, record: MediaRecord, seen: Seen) -> None:
        """Add the people of a frame to their tracklets."""
        assert seen.people.embeddings is not None
        frame = seen.frame
        for i, name in enumerate(seen.tracklet_names(record.key)):
            if name is None:
                continue
            row = {
                "id": detection_id(record.key, frame.frame_index, i),
                "frame_index": frame.frame_index,
                "time_s": frame.time_s,
                "captured_at": captured_at(record, frame),
                "camera_id": camera_id_of(record, frame),
                "score": seen.people.scores[i],
                "flags": seen.flags[i] if seen.flags is not None else None,
            }
            self._take(record.key, name).see(row, seen.people.embeddings[i])
            self._changed.add(name)

    def write(self) -> None:
        """Write what has changed; what has not changed for long is put away."""
        changed = [self._at_hand[name] for name in sorted(self._changed)]
        table = self._tables[TRACKLETS]
        fresh = [tracklet for tracklet in changed if not tracklet.stored]
        if fresh:
            table.add(tracklet_rows(fresh, table.schema))
        write_again(table, [tracklet for tracklet in changed if tracklet.stored])
        for tracklet in changed:
            tracklet.stored = True
        self._changed.clear()
        while len(self._at_hand) > self._kept:
            self._at_hand.popitem(last=False)

    def forget(self, media_key: str) -> None:
        """Put away everything of a file whose rows were changed otherwise."""
        for name in [name for name, tracklet in self._at_hand.items() if tracklet.media_key == media_key]:
            del self._at_hand[name]
            self._changed.discard(name)
        self._highest.pop(media_key, None)

    def _take(self, media_key: str, name: str) -> GrowingTracklet:
        tracklet = self._at_hand.pop(name, None)
        if tracklet is None:
            # Linkers count upwards: whatever lies above the highest number is new, without asking the table.
            tracklet = self._stored(name) if tracklet_number(name) <= self._highest_of(media_key) else None
            tracklet = tracklet or GrowingTracklet(name, media_key)
        self._highest[media_key] = max(self._highest_of(media_key), tracklet_number(name))
        self._at_hand[name] = tracklet
        return tracklet

    def _highest_of(self, media_key: str) -> int:
        if media_key not in self._highest:
            known = self._tables[TRACKLETS].search().where(f"media_key = {sql_text(media_key)}").select(["id"])
            self._highest[media_key] = max(map(tracklet_number, known.to_arrow()["id"].to_pylist()), default=-1)
        return self._highest[media_key]

    def _stored(self, name: str) -> GrowingTracklet | None:
        return next(iter(rebuilt(self._tables, [name])), None)


def rebuilt(tables: Tables, names: Iterable[str]) -> list[GrowingTracklet]:
    """Tracklets as they follow from the detections table; those without detections are left out."""
    columns = ["id", "media_key", "frame_index", "time_s", "captured_at", "camera_id", "score", "flags", "tracklet_id",
               "embedding"]  # fmt: skip
    found = tables[DETECTIONS].search().where(one_of("tracklet_id", names)).select(columns).to_arrow()
    vectors = embeddings_of(found)
    rows = found.drop_columns(["embedding"]).to_pylist()
    growing: dict[str, GrowingTracklet] = {}
    for i in sorted(range(len(rows)), key=lambda i: (rows[i]["frame_index"], ordinal(rows[i]["id"]))):
        row = rows[i]
        tracklet = growing.setdefault(row["tracklet_id"], GrowingTracklet(row["tracklet_id"], row["media_key"]))
        tracklet.see(row, vectors[i])
        tracklet.stored = True
    return list(growing.values())


def refresh_tracklets(tables: Tables, names: Iterable[str]) -> None:
    """Bring tracklets in line with the detections that are left; those without any are removed."""
    for part in in_parts(names, _REBUILT_AT_A_TIME):
        left = rebuilt(tables, part)
        table = tables[TRACKLETS]
        write_again(table, left)
        gone = set(part) - {tracklet.name for tracklet in left}
        if gone:
            table.delete(one_of("id", sorted(gone)))


def tracklet_rows(tracklets: Iterable[GrowingTracklet], schema: pa.Schema) -> pa.Table:
    """Tracklets as rows of their table."""
    return pa.Table.from_pylist([tracklet.row() for tracklet in tracklets], schema=schema)


def write_again(table: Any, tracklets: list[GrowingTracklet]) -> None:
    """Replace rows of the tracklets table."""
    if tracklets:
        rows = tracklet_rows(tracklets, table.schema)
        table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(rows)


def ordinal(name: str) -> int:
    """Which person of its frame a detection is, from its name."""
    return int(name.rpartition(":")[2])
