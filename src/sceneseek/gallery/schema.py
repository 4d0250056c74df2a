"""What lies in a gallery's folder: the manifest, the two tables, the journal.

::

    gallery/
      manifest.json       which model made it; written last, so a folder without one was never a gallery
      media.lance/        one row per file that was looked at, and how far
      detections.lance/   one row per person found: where, when, and the embedding
      journal.json        only while a batch is being written: whose rows may be half there
      writer.lock         held by the one process that writes
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa

from sceneseek.errors import GalleryError, GalleryMissingError
from sceneseek.structures import Detections, FloatArray, Frame

FORMAT = "sceneseek gallery"
VERSION = 1

MANIFEST = "manifest.json"
JOURNAL = "journal.json"
LOCK = "writer.lock"
MEDIA = "media"
DETECTIONS = "detections"

MEDIA_SCHEMA = pa.schema([
    pa.field("key", pa.string(), nullable=False),
    pa.field("source", pa.string(), nullable=False),
    pa.field("aliases", pa.list_(pa.string()), nullable=False),
    pa.field("kind", pa.string(), nullable=False),
    pa.field("camera_id", pa.string()),
    pa.field("every_s", pa.float64()),
    pa.field("num_frames", pa.int64(), nullable=False),
    pa.field("num_people", pa.int64(), nullable=False),
    pa.field("next_frame", pa.int64(), nullable=False),
    pa.field("status", pa.string(), nullable=False),
    pa.field("problem", pa.string(), nullable=False),
    pa.field("indexed_at", pa.string(), nullable=False),
])  # fmt: skip


def detection_schema(embedding_dim: int) -> pa.Schema:
    """Columns of the detections table. Everything a filter asks for lies beside the embedding, so no join is needed."""
    return pa.schema([
        pa.field("id", pa.string(), nullable=False),
        pa.field("media_key", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("frame_index", pa.int64(), nullable=False),
        pa.field("time_s", pa.float64()),
        pa.field("camera_id", pa.string()),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("x1", pa.float32(), nullable=False),
        pa.field("y1", pa.float32(), nullable=False),
        pa.field("x2", pa.float32(), nullable=False),
        pa.field("y2", pa.float32(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("embedding", pa.list_(pa.float32(), embedding_dim), nullable=False),
    ])  # fmt: skip


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
        source: The file's path, as matches show it.
        aliases: Other paths at which the same content was met.
        kind: ``"photo"`` or ``"video"``.
        camera_id: Which camera, when known.
        every_s: Seconds between the frames taken of a video; ``None`` for a photograph.
        num_frames: Frames searched for people so far.
        num_people: People found so far.
        next_frame: Frames below this index are done.
        status: How far it has come.
        problem: What went wrong, empty when nothing did.
        indexed_at: When it was last written, ISO 8601 in UTC.
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

    @property
    def sources(self) -> tuple[str, ...]:
        """All paths at which this content was met, the one that matches show first."""
        return (self.source, *self.aliases)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> MediaRecord:
        """Read one row of the media table."""
        return cls(**{**row, "aliases": tuple(row["aliases"]), "status": MediaStatus(row["status"])})


def media_rows(records: Iterable[MediaRecord]) -> pa.Table:
    """Records as rows of the media table."""
    rows = [{**asdict(r), "aliases": list(r.aliases), "status": str(r.status)} for r in records]
    return pa.Table.from_pylist(rows, schema=MEDIA_SCHEMA)


def detection_id(media_key: str, frame_index: int, ordinal: int) -> str:
    """The name of one person in one frame: the same whenever the same file is indexed by the same model."""
    return f"{media_key}:{frame_index}:{ordinal}"


def detection_rows(record: MediaRecord, frame: Frame, people: Detections, embeddings: FloatArray) -> pa.Table:
    """The people of one frame as rows of the detections table; ``embeddings`` is ``(N, D)``."""
    n, embedding_dim = embeddings.shape
    height, width = frame.image.shape[:2]
    camera_id = frame.camera_id if frame.camera_id is not None else record.camera_id
    x1, y1, x2, y2 = people.boxes.T
    columns = {
        "id": [detection_id(record.key, frame.frame_index, i) for i in range(n)],
        "media_key": [record.key] * n,
        "source": [record.source] * n,
        "frame_index": [frame.frame_index] * n,
        "time_s": [frame.time_s] * n,
        "camera_id": [camera_id] * n,
        "width": [width] * n,
        "height": [height] * n,
        "x1": x1,
        "y1": y1,
        "x2": x2,
        "y2": y2,
        "score": people.scores,
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(embeddings.reshape(-1)), embedding_dim),
    }
    return pa.Table.from_pydict(columns, schema=detection_schema(embedding_dim))


@dataclass(frozen=True)
class Manifest:
    """Which model made a gallery.

    Attributes:
        model: The model's name, with which it can be loaded again.
        fingerprint: A digest of its weights and preprocessing; only equal fingerprints can be compared.
        embedding_dim: Length of an embedding.
        created: ISO 8601 in UTC.
    """

    model: str
    fingerprint: str
    embedding_dim: int
    created: str

    @classmethod
    def new(cls, model: str, fingerprint: str, embedding_dim: int) -> Manifest:
        """A manifest made now."""
        return cls(model, fingerprint, embedding_dim, now())

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read ``folder``'s manifest.

        Raises:
            GalleryMissingError: There is none.
            GalleryError: It is damaged or of a later version.
        """
        path = folder / MANIFEST
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            raise GalleryMissingError(
                f"{folder} is not a gallery (it has no {MANIFEST}). Make one with: "
                "sceneseek index PATHS --gallery FOLDER"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise GalleryError(f"{path} cannot be read: {error}.") from error
        try:
            fields = json.loads(text)
            if fields.pop("format") != FORMAT:
                raise GalleryMissingError(f"{folder} is not a gallery: its {MANIFEST} belongs to something else.")
            version = int(fields.pop("version"))
            if version > VERSION:
                raise GalleryError(
                    f"{folder} has gallery format {version}; this sceneseek reads up to {VERSION}. Update sceneseek."
                )
            return cls(
                str(fields["model"]),
                str(fields["fingerprint"]),
                int(fields["embedding_dim"]),
                str(fields["created"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise GalleryError(
                f"{path} is damaged ({error!r}). Index the media again into another --gallery folder."
            ) from error

    def write(self, folder: Path) -> None:
        """Write the manifest, whole or not at all."""
        fields = {"format": FORMAT, "version": VERSION, **asdict(self)}
        write_whole(folder / MANIFEST, json.dumps(fields, indent=2) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step: a reader, or a run after a crash, sees the old text or the new, never a part."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def now() -> str:
    """The time, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def sql_text(value: str) -> str:
    """A string as an SQL literal; file names hold quotes."""
    return "'" + value.replace("'", "''") + "'"
