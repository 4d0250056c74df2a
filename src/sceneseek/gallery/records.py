"""What the rows of a gallery say, one class per table, and how each is written down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sceneseek.errors import ValueRefused
from sceneseek.gallery.schema import MEDIA, detection_id, table_schema, tracklet_id
from sceneseek.structures import Detections, FloatArray, Frame, Match
from sceneseek.words import plain, without_password, without_passwords


class MediaStatus(StrEnum):
    """How far a file has come."""

    INDEXING = "indexing"
    """Begun; the next run goes on at ``next_frame``."""
    COMPLETE = "complete"
    """Read to its end."""
    DAMAGED = "damaged"
    """Read as far as it goes, see ``problem``. Tried again only when not one frame of it could be used."""


@dataclass(frozen=True)
class MediaRecord:
    """One file that was looked at.

    Attributes:
        key: The content key; equal for equal files, whatever their names.
        source: The file's path or the stream's address, as matches show it.
        aliases: Other paths at which the same content was met.
        kind: ``"photo"``, ``"video"`` or ``"stream"``.
        camera_id: Which camera, when known.
        every_s: Seconds between the frames taken of a video; ``None`` for a photograph.
        num_frames: Frames searched for people so far.
        num_people: People found so far.
        next_frame: Frames below this index are done.
        status: How far it has come.
        problem: What went wrong, empty when nothing did.
        indexed_at: When it was last written, ISO 8601 in UTC.
        captured_at: When the photograph was taken or the video begins by the clock on the wall, in UTC, when known.
    """

    key: str
    source: str
    kind: str
    aliases: tuple[str, ...] = ()
    camera_id: str | None = None
    every_s: float | None = None
    num_frames: int = 0
    num_people: int = 0
    next_frame: int = 0
    status: MediaStatus = MediaStatus.INDEXING
    problem: str = ""
    indexed_at: str = ""
    captured_at: datetime | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """All paths at which this content was met, the one that matches show first."""
        return (self.source, *self.aliases)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> MediaRecord:
        """Read one row of the media table."""
        source, *aliases = map(without_password, (row["source"], *row["aliases"]))
        problem, status = without_passwords(row["problem"]), MediaStatus(row["status"])
        return cls(**{**row, "source": source, "aliases": tuple(aliases), "status": status, "problem": problem})


@dataclass(frozen=True, eq=False)
class StoredPerson:
    """One person in one frame, as the gallery remembers them.

    Attributes:
        detection_id: The gallery's name for this person in this frame.
        embedding: ``(D,)`` float32 unit vector.
        box: ``(x1, y1, x2, y2)`` in pixels of the original image.
        score: The detector's confidence that this is a person.
        source: The photograph or video.
        media_key: Its content key.
        frame_index: 0 for a photograph.
        time_s: Seconds from the start of the video, when there is one.
        captured_at: When it was taken by the clock on the wall, in UTC, when known.
        camera_id: Which camera, when known.
        width: Width of the scene in pixels.
        height: Height of the scene in pixels.
        tracklet_id: The tracklet this is a part of; ``None`` where nobody was followed.
        flags: What speaks against trusting it; empty also where nobody looked.
        sharpness: A measure of focus, when it was taken.
    """

    detection_id: str
    embedding: FloatArray
    box: tuple[float, float, float, float]
    score: float
    source: str
    media_key: str
    frame_index: int
    time_s: float | None
    captured_at: datetime | None
    camera_id: str | None
    width: int
    height: int
    tracklet_id: str | None = None
    flags: tuple[str, ...] = ()
    sharpness: float | None = None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> StoredPerson:
        """Read one row of the detections table; columns that an early format lacks count as null."""
        return cls(
            detection_id=row["id"],
            embedding=np.asarray(row["embedding"], np.float32),
            box=(row["x1"], row["y1"], row["x2"], row["y2"]),
            score=row["score"],
            source=without_password(row["source"]),
            media_key=row["media_key"],
            frame_index=row["frame_index"],
            time_s=row["time_s"],
            captured_at=row.get("captured_at"),
            camera_id=row["camera_id"],
            width=row["width"],
            height=row["height"],
            tracklet_id=row.get("tracklet_id"),
            flags=tuple(row.get("flags") or ()),
            sharpness=row.get("sharpness"),
        )

    def as_match(self) -> Match:
        """The person as a match of themselves, for whatever shows matches."""
        return Match(
            rank=1,
            similarity=1.0,
            score=self.score,
            box=self.box,
            source=self.source,
            frame_index=self.frame_index,
            time_s=self.time_s,
            camera_id=self.camera_id,
            detection_id=self.detection_id,
            width=self.width,
            height=self.height,
            media_key=self.media_key,
            captured_at=self.captured_at,
            flags=self.flags,
        )


@dataclass(frozen=True)
class StoredFrame:
    """One picture that was searched for people.

    Attributes:
        media_key: The content key of its file.
        frame_index: 0 for a photograph.
        time_s: Seconds from the start of the video, when there is one.
        captured_at: When it was taken by the clock on the wall, in UTC, when known.
        camera_id: Which camera, when known.
        width: In pixels.
        height: In pixels.
        people: Who was found in it, in the order in which the model found them.
    """

    media_key: str
    frame_index: int
    time_s: float | None
    captured_at: datetime | None
    camera_id: str | None
    width: int
    height: int
    people: tuple[StoredPerson, ...] = ()


@dataclass(frozen=True, eq=False)
class StoredTracklet:
    """One person followed through a video without a break.

    Attributes:
        tracklet_id: The gallery's name for it.
        media_key: The content key of the video.
        camera_id: Which camera, when known.
        start_s: Time of its first frame, seconds from the start of the video.
        end_s: Time of its last frame.
        captured_at: Its first frame by the clock on the wall, in UTC, when known.
        num_detections: In how many searched frames the person was found.
        embedding: ``(D,)``, the mean of its embeddings, scaled to length one.
        best_ids: Its best frames' detections, the best first: without flags before flagged, then by score.
    """

    tracklet_id: str
    media_key: str
    camera_id: str | None
    start_s: float
    end_s: float
    captured_at: datetime | None
    num_detections: int
    embedding: FloatArray
    best_ids: tuple[str, ...]

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> StoredTracklet:
        """Read one row of the tracklets table."""
        return cls(
            tracklet_id=row["id"],
            media_key=row["media_key"],
            camera_id=row["camera_id"],
            start_s=row["start_s"],
            end_s=row["end_s"],
            captured_at=row["captured_at"],
            num_detections=row["num_detections"],
            embedding=np.asarray(row["embedding"], np.float32),
            best_ids=tuple(row["best_ids"]),
        )


@dataclass(frozen=True, eq=False)
class Seen:
    """What the writer is told about one frame.

    Attributes:
        frame: The frame.
        people: ``N`` people with embeddings.
        tracklet_ids: ``N`` numbers of the linker, ``None`` for a person that belongs to no tracklet.
        flags: ``N`` tuples.
        thumbnails: ``N`` JPEG files.
        sharpness: ``(N,)``.

    Raises:
        ValueRefused: One of them does not have one entry per person, or there are tracklets in a picture without time.
    """

    frame: Frame
    people: Detections
    tracklet_ids: Sequence[int | None] | None = None
    flags: Sequence[Sequence[str]] | None = None
    thumbnails: Sequence[bytes | None] | None = None
    sharpness: Sequence[float] | FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("tracklet_ids", "flags", "thumbnails", "sharpness"):
            value = getattr(self, name)
            if value is not None and len(value) != len(self.people):
                raise ValueRefused(f"{name} has {len(value)} entries for {len(self.people)} people; expected one each.")
        if self.frame.time_s is None and any(number is not None for number in self.tracklet_ids or ()):
            raise ValueRefused(
                f"frame {self.frame.frame_index} of {self.frame.source} has no time, but tracklets; a tracklet lasts "
                "from one time to another."
            )

    def tracklet_names(self, media_key: str) -> list[str | None]:
        """The gallery's names of the tracklets, one per person."""
        numbers = self.tracklet_ids if self.tracklet_ids is not None else [None] * len(self.people)
        return [None if number is None else tracklet_id(media_key, int(number)) for number in numbers]


def media_rows(records: Iterable[MediaRecord]) -> pa.Table:
    """Records as rows of the media table."""
    rows = [{**asdict(r), "aliases": list(r.aliases), "status": str(r.status)} for r in records]
    return pa.Table.from_pylist(rows, schema=table_schema(MEDIA, 0))


def captured_at(record: MediaRecord, frame: Frame) -> datetime | None:
    """When a frame was taken: as it says itself, or else as far into its video as it lies."""
    if frame.captured_at is not None or record.captured_at is None:
        return frame.captured_at
    return record.captured_at + timedelta(seconds=frame.time_s or 0.0)


def detection_columns(record: MediaRecord, seen: Seen) -> dict[str, list[Any] | NDArray[Any]]:
    """The people of one frame as columns of the detections table; the embeddings are ``(N, D)``."""
    frame, people = seen.frame, seen.people
    assert people.embeddings is not None
    n = len(people)
    height, width = frame.image.shape[:2]
    x1, y1, x2, y2 = people.boxes.T
    unknown = np.full(n, np.nan, np.float32)
    return {
        "id": [detection_id(record.key, frame.frame_index, i) for i in range(n)],
        "media_key": [record.key] * n,
        "source": [record.source] * n,
        "frame_index": [frame.frame_index] * n,
        "time_s": [frame.time_s] * n,
        "camera_id": [camera_id_of(record, frame)] * n,
        "width": [width] * n,
        "height": [height] * n,
        "x1": x1,
        "y1": y1,
        "x2": x2,
        "y2": y2,
        "score": people.scores,
        "embedding": people.embeddings,
        "captured_at": [captured_at(record, frame)] * n,
        "tracklet_id": seen.tracklet_names(record.key),
        "flags": [None] * n if seen.flags is None else [list(flags) for flags in seen.flags],
        "sharpness": unknown if seen.sharpness is None else np.asarray(seen.sharpness, np.float32),
    }


def detection_rows(parts: Sequence[dict[str, list[Any] | NDArray[Any]]], schema: pa.Schema) -> pa.Table:
    """Columns of several frames, at least one, as rows of the detections table; a number that is none is null."""
    columns: dict[str, Any] = {}
    for field in schema:
        values = [part[field.name] for part in parts]
        if not isinstance(values[0], np.ndarray):
            columns[field.name] = pa.array([v for value in values for v in value], field.type)
            continue
        joined = np.concatenate(values)
        if joined.ndim == 2:
            columns[field.name] = pa.FixedSizeListArray.from_arrays(pa.array(joined.reshape(-1)), joined.shape[1])
        else:
            columns[field.name] = pa.array(joined, field.type, from_pandas=True)
    return pa.Table.from_pydict(columns, schema=schema)


def frame_row(record: MediaRecord, seen: Seen) -> dict[str, Any]:
    """A frame as a row of the frames table."""
    frame = seen.frame
    return {
        "media_key": record.key,
        "frame_index": frame.frame_index,
        "time_s": frame.time_s,
        "captured_at": captured_at(record, frame),
        "camera_id": camera_id_of(record, frame),
        "width": frame.image.shape[1],
        "height": frame.image.shape[0],
        "num_people": len(seen.people),
    }


def thumbnail_rows(record: MediaRecord, seen: Seen) -> list[dict[str, Any]]:
    """The small pictures of one frame's people, where there are any, as rows of the thumbnails table."""
    index = seen.frame.frame_index
    return [
        {"id": detection_id(record.key, index, i), "media_key": record.key, "frame_index": index, "jpeg": jpeg}
        for i, jpeg in enumerate(seen.thumbnails or ())
        if jpeg is not None
    ]


def camera_id_of(record: MediaRecord, frame: Frame) -> str | None:
    """Which camera saw a frame, by a name that is fit to be kept: photographs and folders name cameras as they like."""
    return plain(frame.camera_id) if frame.camera_id is not None else record.camera_id
