"""Looking up single entries of a gallery by their names: people, frames, tracklets, small pictures, samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sceneseek.errors import NotInGalleryError, ValueRefused
from sceneseek.gallery.records import MediaRecord, StoredFrame, StoredPerson, StoredTracklet
from sceneseek.gallery.schema import DETECTIONS, FRAMES, MEDIA, THUMBNAILS, TRACKLETS, sql_text
from sceneseek.gallery.search import complete
from sceneseek.gallery.tables import Tables, embeddings_of, in_parts, one_of
from sceneseek.gallery.tracklets import ordinal
from sceneseek.structures import FloatArray, Sighting


@dataclass(frozen=True, eq=False)
class EmbeddingSample:
    """People drawn from a gallery, with what tells who may be whom; ``N`` rows.

    Attributes:
        embeddings: ``(N, D)`` float32 unit rows.
        rows: The columns ``id``, ``media_key``, ``source``, ``frame_index``, ``camera_id``, ``tracklet_id``,
            ``time_s``, ``captured_at``, ``score``, ``flags`` and ``x1`` to ``y2``.
    """

    embeddings: FloatArray
    rows: pa.Table


@dataclass(frozen=True, eq=False)
class SearchedFrames:
    """The pictures of one file that were searched, in order; ``N`` of them.

    Attributes:
        indices: ``(N,)`` int64, their frame indices, growing.
        times_s: ``(N,)`` float64, seconds from the start of the video; not a number where there is no time.
        num_people: ``(N,)`` int64, how many people were found in each and are still remembered.
    """

    indices: NDArray[np.int64]
    times_s: NDArray[np.float64]
    num_people: NDArray[np.int64]

    def __len__(self) -> int:
        """How many were searched."""
        return len(self.indices)

    def place_of(self, frame_index: int) -> int:
        """Which of them a frame is, or the last one before it; 0 where there is none before it."""
        return max(0, int(np.searchsorted(self.indices, frame_index, "right")) - 1)

    def outline(self, parts: int) -> list[tuple[int, int]]:
        """The whole in stretches of equal length, ``parts`` of them at most.

        Returns:
            Of each stretch the place of its first picture, and the most people that any of its pictures shows.
        """
        edges = np.unique(np.linspace(0, len(self), min(parts, len(self)), endpoint=False).astype(np.int64))
        return list(zip(edges.tolist(), np.maximum.reduceat(self.num_people, edges).tolist(), strict=True))


_SAMPLED = ("id", "media_key", "source", "frame_index", "camera_id", "tracklet_id", "time_s", "captured_at", "score",
            "flags", "x1", "y1", "x2", "y2")  # fmt: skip


def people_by_id(tables: Tables, detection_ids: Sequence[str]) -> list[StoredPerson]:
    """People in the order asked for.

    Raises:
        NotInGalleryError: Somebody is not there.
    """
    found: dict[str, StoredPerson] = {}
    for part in in_parts(dict.fromkeys(detection_ids)):
        found.update((p.detection_id, p) for p in _people(tables, one_of("id", part)))
    missing = [name for name in detection_ids if name not in found]
    if missing:
        raise NotInGalleryError(f"the gallery has no detection {missing[0]!r}; it may have been forgotten meanwhile.")
    return [found[name] for name in detection_ids]


def thumbnails_by_id(tables: Tables, detection_ids: Iterable[str]) -> dict[str, bytes]:
    """JPEG files by detection id, where there are any."""
    found: dict[str, bytes] = {}
    for part in in_parts(dict.fromkeys(detection_ids)) if THUMBNAILS in tables else []:
        rows = tables[THUMBNAILS].search().where(one_of("id", part)).select(["id", "jpeg"]).to_arrow().to_pylist()
        found.update((row["id"], row["jpeg"]) for row in rows)
    return found


def people_of_tracklet(tables: Tables, tracklet_id: str) -> list[StoredPerson]:
    """The detections of one tracklet, in time order.

    Raises:
        NotInGalleryError: There is no such tracklet.
    """
    people = _people(tables, f"tracklet_id = {sql_text(tracklet_id)}") if TRACKLETS in tables else []
    if not people:
        raise NotInGalleryError(f"the gallery has no tracklet {tracklet_id!r}; it may have been forgotten meanwhile.")
    return people


def stored_tracklets(tables: Tables, media_keys: Collection[str] | None = None) -> list[StoredTracklet]:
    """Tracklets, of some files or of all, in the order of their beginning."""
    if TRACKLETS not in tables:
        return []
    query = tables[TRACKLETS].search()
    query = query if media_keys is None else query.where(one_of("media_key", media_keys) if media_keys else "false")
    rows = query.to_arrow().to_pylist()
    return [StoredTracklet.from_row(row) for row in sorted(rows, key=lambda r: (r["media_key"], r["start_s"], r["id"]))]


def sightings_by_id(tables: Tables, tracklet_ids: Iterable[str]) -> dict[str, Sighting]:
    """From when to when the people of some tracklets were seen."""
    found: dict[str, Sighting] = {}
    for part in in_parts(dict.fromkeys(tracklet_ids)):
        columns = ["id", "start_s", "end_s", "num_detections"]
        for row in tables[TRACKLETS].search().where(one_of("id", part)).select(columns).to_arrow().to_pylist():
            found[row["id"]] = Sighting(row["id"], row["start_s"], row["end_s"], row["num_detections"])
    return found


def frame_at(tables: Tables, media_key: str, frame_index: int) -> StoredFrame:
    """One frame with its people.

    Raises:
        NotInGalleryError: That frame was not searched.
    """
    frames = _frames(tables, f"media_key = {sql_text(media_key)} AND frame_index = {int(frame_index)}")
    if not frames:
        raise NotInGalleryError(f"the gallery has no frame {frame_index} of a file with key {media_key!r}.")
    return frames[0]


def frames_around(tables: Tables, media_key: str, frame_index: int, before: int, after: int) -> list[StoredFrame]:
    """A frame's neighbours among the searched frames of its file, with itself when it was searched, in order."""
    if before < 0 or after < 0:
        raise ValueRefused(f"before is {before} and after is {after}; expected numbers of frames, 0 or more.")
    own = f"media_key = {sql_text(media_key)}"
    name = FRAMES if FRAMES in tables else DETECTIONS
    table = tables[name].search().where(own).select(["frame_index"]).to_arrow()
    indices = np.unique(table["frame_index"].to_numpy())
    first, last = np.searchsorted(indices, [frame_index, frame_index + 1])
    near = indices[max(0, first - before) : last + after]
    if not len(near):
        return []
    return _frames(tables, f"{own} AND frame_index >= {near[0]} AND frame_index <= {near[-1]}")


def searched_frames(tables: Tables, media_key: str) -> SearchedFrames:
    """The pictures of one file that were searched, in order.

    Raises:
        NotInGalleryError: No picture of such a file was searched.
    """
    own = f"media_key = {sql_text(media_key)}"
    seen_in = tables[DETECTIONS].search().where(own).select(["frame_index", "time_s"]).to_arrow()
    name = FRAMES if FRAMES in tables else DETECTIONS
    rows = tables[name].search().where(own).select(["frame_index", "time_s"]).to_arrow()
    if not rows.num_rows:
        raise NotInGalleryError(f"the gallery has no picture of a file with key {media_key!r}.")
    indices, first = np.unique(rows["frame_index"].to_numpy(), return_index=True)
    times = rows["time_s"].to_numpy().astype(np.float64)[first]
    people = np.zeros(len(indices), np.int64)
    np.add.at(people, np.searchsorted(indices, seen_in["frame_index"].to_numpy()), 1)
    return SearchedFrames(indices, times, people)


def camera_names(tables: Tables) -> list[str]:
    """Names of all cameras, sorted."""
    name = FRAMES if FRAMES in tables else DETECTIONS
    names = tables[name].search().select(["camera_id"]).to_arrow()["camera_id"].unique().to_pylist()
    return sorted(camera for camera in names if camera is not None)


def media_records(tables: Tables) -> list[MediaRecord]:
    """Every file, in no particular order."""
    return [MediaRecord.from_row(row) for row in tables[MEDIA].to_arrow().to_pylist()]


def places_of(tables: Tables, source: str) -> tuple[str, ...]:
    """All paths at which the content of ``source`` was met, ``source`` first."""
    rows = tables[MEDIA].search().where(f"source = {sql_text(source)}").select(["aliases"]).limit(1).to_list()
    return (source, *(alias for row in rows for alias in row["aliases"]))


def sample(tables: Tables, count: int, seed: int, run: int = 1) -> EmbeddingSample:
    """Draw people at random, without repeating anybody, the same ones for the same gallery and seed.

    Args:
        tables: The gallery's.
        count: How many; everybody when there are no more.
        seed: Of the random generator.
        run: Draw stretches of this many neighbours: people of one frame, and of frames that follow each other, lie side
            by side, so stretches hold people who were seen together.

    Raises:
        ValueRefused: ``count`` or ``run`` is below 1.
    """
    if count < 1 or run < 1:
        raise ValueRefused(f"count is {count} and run is {run}; expected at least 1.")
    table = tables[DETECTIONS]
    total = int(table.count_rows())
    num_runs = -(-total // run)
    chosen = np.sort(np.random.default_rng(seed).permutation(num_runs)[: -(-count // run)])
    offsets = (chosen[:, None] * run + np.arange(run)).reshape(-1)
    offsets = offsets[offsets < total][:count]
    names = [name for name in (*_SAMPLED, "embedding") if name in table.schema.names]
    rows = table.take_offsets(offsets.tolist()).select(names).to_arrow()
    return EmbeddingSample(embeddings_of(rows), complete(rows.drop_columns(["embedding"])).select(list(_SAMPLED)))


def _people(tables: Tables, condition: str) -> list[StoredPerson]:
    rows = tables[DETECTIONS].search().where(condition).to_arrow().to_pylist()
    people = [StoredPerson.from_row(row) for row in rows]
    return sorted(people, key=lambda p: (p.media_key, p.frame_index, ordinal(p.detection_id)))


def _frames(tables: Tables, condition: str) -> list[StoredFrame]:
    """Frames with their people, in order."""
    people: defaultdict[int, list[StoredPerson]] = defaultdict(list)
    for person in _people(tables, condition):
        people[person.frame_index].append(person)
    if FRAMES in tables:
        rows: list[dict[str, Any]] = tables[FRAMES].search().where(condition).to_arrow().to_pylist()
    else:
        # Version 1 remembers frames by the people in them.
        same = ("media_key", "frame_index", "time_s", "captured_at", "camera_id", "width", "height")
        rows = [{name: getattr(group[0], name) for name in same} for group in people.values()]
    return [
        StoredFrame(
            media_key=row["media_key"],
            frame_index=row["frame_index"],
            time_s=row["time_s"],
            captured_at=row["captured_at"],
            camera_id=row["camera_id"],
            width=row["width"],
            height=row["height"],
            people=tuple(people[row["frame_index"]]),
        )
        for row in sorted(rows, key=lambda row: row["frame_index"])
    ]
