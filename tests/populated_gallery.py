"""A gallery of made-up people with all that a gallery keeps: vectors, thumbnails, tracklets, times, cameras."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

from sceneseek.gallery import Gallery, GalleryWriter
from sceneseek.gallery.schema import TABLES
from sceneseek.gallery.tables import Tables
from sceneseek.structures import Detections, Frame, ImageArray, MediaItem

DIM = 32
MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SCENE: ImageArray = np.zeros((96, 160, 3), np.uint8)
NUM_WALKERS = 3


def embedding(identity: int, view: int = 0) -> np.ndarray:
    """One person's unit vector; views of one person are 0.95 and more alike, strangers about 0."""
    person = np.random.default_rng(identity).normal(size=DIM)
    noise = np.random.default_rng((identity, view)).normal(size=DIM)
    vector = person / np.linalg.norm(person) + 0.2 * noise / np.linalg.norm(noise)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def jpeg(identity: int, view: int = 0) -> bytes:
    """A small picture, another one for each view."""
    pixels = np.random.default_rng((identity, view, 1)).integers(0, 256, (24, 12, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def photo(number: int, camera_id: str | None = None, folder: str = "/media") -> MediaItem:
    taken = MORNING + timedelta(days=number)
    return MediaItem(f"{folder}/{number}.jpg", "photo", f"photo{number:03d}", camera_id, taken)


def video(number: int, camera_id: str = "hall") -> MediaItem:
    return MediaItem(f"/media/{number}.mp4", "video", f"video{number:03d}", camera_id, MORNING + timedelta(days=number))


def add_photo(writer: GalleryWriter, item: MediaItem, identities: Sequence[int]) -> None:
    """A photograph of some people."""
    start = writer.plan(item).start_frame
    writer.begin(item)
    view = int(item.content_key.removeprefix("photo"))
    people = Detections(
        [[10.0 * i, 5.0, 10.0 * i + 8.0, 60.0] for i in range(len(identities))],
        [0.9] * len(identities),
        np.stack([embedding(identity, view) for identity in identities]),
    )
    frame = Frame(SCENE, item.source, 0, None, item.camera_id, item.captured_at)
    if not start:  # else an interrupted run has done it, and only the end is missing
        writer.add(item, frame, people, thumbnails=[jpeg(identity, view) for identity in identities])
    writer.finish(item)


def add_video(writer: GalleryWriter, item: MediaItem, num_frames: int = 12, first_identity: int = 100) -> None:
    """A video in which three people walk, one after the other and together: tracklets 0, 1 and 2."""
    start = writer.plan(item, 0.5).start_frame or 0
    writer.begin(item, 0.5)
    for index in range(start, num_frames):
        walkers = [w for w in range(NUM_WALKERS) if index % (w + 1) == 0]
        people = Detections(
            [[10.0 * w + index, 5.0, 10.0 * w + index + 8.0, 60.0] for w in walkers],
            [0.8] * len(walkers),
            np.stack([embedding(first_identity + w, index) for w in walkers]),
        )
        frame = Frame(SCENE, item.source, index, index / 2, item.camera_id)
        thumbnails = [jpeg(first_identity + w, index) for w in walkers]
        writer.add(item, frame, people, tracklet_ids=walkers, thumbnails=thumbnails, flags=[()] * len(walkers))
    writer.finish(item)


def populate(path: Path, num_photos: int = 40, num_videos: int = 1) -> Gallery:
    """Photograph ``i`` shows persons ``i`` and ``i + 1``, every third by camera "yard"; in videos people walk."""
    gallery = Gallery.create(path, "net", "abc123", DIM)
    with gallery.writer() as writer:
        for number in range(num_photos):
            add_photo(writer, photo(number, "yard" if number % 3 == 0 else "door"), [number, number + 1])
        for number in range(num_videos):
            add_video(writer, video(number))
    return gallery


def all_rows(gallery: Gallery) -> dict[str, list[dict[str, object]]]:
    """All rows of all tables, in an order that does not depend on how they came in; but for when it was written."""
    found = {}
    for name in TABLES:
        rows = [{**row, "indexed_at": ""} for row in Tables(gallery.path)[name].to_arrow().to_pylist()]
        found[name] = sorted(rows, key=lambda row: str(sorted(row.items(), key=str)))
    return found
