"""What lies in a gallery's folder: the manifest, the tables and their columns, the journal.

::

    gallery/
      manifest.json       which model made it, and the format; written last, so a folder without one was never a gallery
      media.lance/        one row per file that was looked at, and how far
      frames.lance/       one row per picture that was searched, whoever is in it
      detections.lance/   one row per person found: where, when, and the embedding
      tracklets.lance/    one row per person followed through a video without a break
      thumbnails.lance/   one small JPEG per person, apart, so that no search ever reads them
      journal.json        only while a batch is being written: whose rows may be half there
      rewrites            how often rows were changed or removed, so that readers know what they may keep in memory
      writer.lock         held by the one process that writes
      index.lock          held while an index is built or files are merged
"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

MANIFEST = "manifest.json"
JOURNAL = "journal.json"
REWRITES = "rewrites"
LOCK = "writer.lock"
INDEX_LOCK = "index.lock"

MEDIA = "media"
FRAMES = "frames"
DETECTIONS = "detections"
TRACKLETS = "tracklets"
THUMBNAILS = "thumbnails"
TABLES = (MEDIA, FRAMES, DETECTIONS, TRACKLETS, THUMBNAILS)

INSTANT = pa.timestamp("us", tz="UTC")
"""A moment by the clock on the wall."""

NEW_IN_VERSION_2 = {
    MEDIA: (pa.field("captured_at", INSTANT),),
    DETECTIONS: (
        pa.field("captured_at", INSTANT),
        pa.field("tracklet_id", pa.string()),
        pa.field("flags", pa.list_(pa.string())),
        pa.field("sharpness", pa.float32()),
    ),
}
"""Columns that tables of version 1 lack. Null says that nobody looked, for flags too."""


def table_schema(name: str, embedding_dim: int) -> pa.Schema:
    """Columns of one of the tables. Everything a filter asks for lies beside the embedding, so no join is needed."""
    text, whole = pa.string(), pa.int64()
    embedding = pa.field("embedding", pa.list_(pa.float32(), embedding_dim), nullable=False)
    columns: dict[str, list[pa.Field]] = {
        MEDIA: [
            pa.field("key", text, nullable=False),
            pa.field("source", text, nullable=False),
            pa.field("aliases", pa.list_(text), nullable=False),
            pa.field("kind", text, nullable=False),
            pa.field("camera_id", text),
            pa.field("every_s", pa.float64()),
            pa.field("num_frames", whole, nullable=False),
            pa.field("num_people", whole, nullable=False),
            pa.field("next_frame", whole, nullable=False),
            pa.field("status", text, nullable=False),
            pa.field("problem", text, nullable=False),
            pa.field("indexed_at", text, nullable=False),
            *NEW_IN_VERSION_2[MEDIA],
        ],
        FRAMES: [
            pa.field("media_key", text, nullable=False),
            pa.field("frame_index", whole, nullable=False),
            pa.field("time_s", pa.float64()),
            pa.field("captured_at", INSTANT),
            pa.field("camera_id", text),
            pa.field("width", pa.int32(), nullable=False),
            pa.field("height", pa.int32(), nullable=False),
            pa.field("num_people", whole, nullable=False),
        ],
        DETECTIONS: [
            pa.field("id", text, nullable=False),
            pa.field("media_key", text, nullable=False),
            pa.field("source", text, nullable=False),
            pa.field("frame_index", whole, nullable=False),
            pa.field("time_s", pa.float64()),
            pa.field("camera_id", text),
            pa.field("width", pa.int32(), nullable=False),
            pa.field("height", pa.int32(), nullable=False),
            pa.field("x1", pa.float32(), nullable=False),
            pa.field("y1", pa.float32(), nullable=False),
            pa.field("x2", pa.float32(), nullable=False),
            pa.field("y2", pa.float32(), nullable=False),
            pa.field("score", pa.float32(), nullable=False),
            embedding,
            *NEW_IN_VERSION_2[DETECTIONS],
        ],
        TRACKLETS: [
            pa.field("id", text, nullable=False),
            pa.field("media_key", text, nullable=False),
            pa.field("camera_id", text),
            pa.field("start_s", pa.float64(), nullable=False),
            pa.field("end_s", pa.float64(), nullable=False),
            pa.field("captured_at", INSTANT),
            pa.field("last_frame", whole, nullable=False),
            pa.field("num_detections", whole, nullable=False),
            embedding,
            pa.field("best_ids", pa.list_(text), nullable=False),
        ],
        THUMBNAILS: [
            pa.field("id", text, nullable=False),
            pa.field("media_key", text, nullable=False),
            pa.field("frame_index", whole, nullable=False),
            pa.field("jpeg", pa.binary(), nullable=False),
        ],
    }
    return pa.schema(columns[name])


def detection_id(media_key: str, frame_index: int, ordinal: int) -> str:
    """The name of one person in one frame: the same whenever the same file is indexed by the same model."""
    return f"{media_key}:{frame_index}:{ordinal}"


def tracklet_id(media_key: str, number: int) -> str:
    """The gallery's name for a tracklet that its linker knows by a number.

    Example:
        >>> tracklet_id("a1b2", 17), tracklet_number("a1b2:t17")
        ('a1b2:t17', 17)
    """
    return f"{media_key}:t{number}"


def tracklet_number(name: str) -> int:
    """The linker's number of a tracklet, from the gallery's name for it."""
    return int(name.rpartition(":t")[2])


def now() -> str:
    """The time, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def sql_text(value: str) -> str:
    """A string as an SQL literal; file names hold quotes."""
    return "'" + value.replace("'", "''") + "'"


def sql_instant(value: datetime) -> str:
    """A moment as an SQL literal, to the microsecond."""
    return f"timestamp '{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z'"
