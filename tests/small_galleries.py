"""Small made-up galleries with cameras, times, tracklets, flags and thumbnails, for tests of the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lancedb
import numpy as np

from fake_predictor import scene
from sceneseek.gallery import Gallery, GalleryWriter
from sceneseek.gallery.schema import TABLES
from sceneseek.structures import Detections, Frame, MediaItem

DIM = 4
BEGIN = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
FLAGS = ((), ("small",), ("blurred", "cut"), ("unsure",))


def people(count: int, seed: int = 0) -> Detections:
    """Random people."""
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 50, (count, 2))
    embeddings = random.normal(size=(count, DIM)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return Detections(np.hstack([corner, corner + 10]), random.uniform(0, 1, count), embeddings)


def video(name: str, camera_id: str | None = None, captured_at: datetime | None = BEGIN) -> MediaItem:
    return MediaItem(f"/m/{name}.mp4", "video", name, camera_id, captured_at)


def write_frame(writer: GalleryWriter, item: MediaItem, index: int, numbers: Sequence[int | None]) -> None:
    """Add one frame, half a second after the one before, with one person for each tracklet number."""
    found = people(len(numbers), index)
    writer.add(
        item,
        Frame(scene(), item.source, index, index / 2),
        found,
        tracklet_ids=numbers,
        flags=[FLAGS[(index + i) % len(FLAGS)] for i in range(len(numbers))],
        thumbnails=[thumbnail(item, index, i) if i != 2 else None for i in range(len(numbers))],
        sharpness=np.arange(len(numbers)) + 0.5,
    )


def write_video(writer: GalleryWriter, item: MediaItem, frames: Sequence[Sequence[int | None]]) -> None:
    """Index a video, from where the plan says; ``frames[i]`` holds the tracklet numbers of frame ``i``."""
    start = writer.plan(item, 0.5).start_frame
    if start is None:
        writer.recognise(item)
        return
    writer.begin(item, 0.5)
    for index in range(start, len(frames)):
        write_frame(writer, item, index, frames[index])
    writer.finish(item)


def thumbnail(item: MediaItem, index: int, ordinal: int) -> bytes:
    """Stands for a JPEG file."""
    return f"small picture {item.content_key} {index} {ordinal}".encode()


def new_gallery(folder: Path, *videos: tuple[MediaItem, Sequence[Sequence[int | None]]]) -> Gallery:
    """A gallery of some videos."""
    gallery = Gallery.create(folder, "net", "abc", DIM)
    with gallery.writer(commit_frames=3, commit_seconds=1e9) as writer:
        for item, frames in videos:
            write_video(writer, item, frames)
    return gallery


def everything(gallery: Gallery) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, in an order that does not depend on how they were written, without clock times."""
    database: Any = lancedb.connect(gallery.path)
    tables = {name: database.open_table(name).to_arrow().to_pylist() for name in TABLES}
    for rows in tables.values():
        for row in rows:
            row.pop("indexed_at", None)
        rows.sort(key=repr)
    return tables


def at(frame: int) -> datetime:
    """When frame ``frame`` of a video was taken."""
    return BEGIN + timedelta(seconds=frame / 2)
