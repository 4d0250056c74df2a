"""A model without weights for tests: it finds rectangles of one colour on black and embeds their colour.

Honest work on real pixels, deterministic, and without torch, so that what stands around a model is tested quickly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import lancedb
import numpy as np
from PIL import Image
from scipy import ndimage

from sceneseek.gallery import Gallery
from sceneseek.structures import Detections, FloatArray, Frame, ImageArray, MediaItem

RED, GREEN, BLUE = (220, 30, 30), (30, 200, 40), (40, 60, 230)
YELLOW, PURPLE, ORANGE = (230, 220, 40), (160, 40, 200), (240, 140, 20)
BACKGROUND = 12


class ColourPredictor:
    """Finds bright rectangles; the larger, the surer. ``embedding_dim`` numbers: mean colour, then zeros."""

    def __init__(self, name: str = "colour", fingerprint: str = "colour-1", embedding_dim: int = 8) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.embedding_dim = embedding_dim
        self.batches: list[int] = []

    def detect(self, images: Sequence[ImageArray]) -> list[Detections]:
        self.batches.append(len(images))
        return [self._detect(image) for image in images]

    def embed(self, images: Sequence[ImageArray], boxes: Sequence[FloatArray]) -> list[FloatArray]:
        return [
            np.concatenate([self._embed(image, box) for box in rows]).astype(np.float32)
            for image, rows in zip(images, boxes, strict=True)
        ]

    def _detect(self, image: ImageArray) -> Detections:
        areas, count = ndimage.label(image.max(axis=2) > 90)
        boxes, scores = [], []
        for rows, columns in ndimage.find_objects(areas):
            box = (columns.start, rows.start, columns.stop, rows.stop)
            area = (box[2] - box[0]) * (box[3] - box[1])
            if area >= 40:
                boxes.append(box)
                scores.append(min(0.99, 0.5 + area / 10_000))
        if not count or not boxes:
            return Detections.empty(self.embedding_dim)
        found = np.asarray(boxes, np.float32)
        return Detections(found, np.asarray(scores, np.float32), self.embed([image], [found])[0])

    def _embed(self, image: ImageArray, box: FloatArray) -> FloatArray:
        x1, y1, x2, y2 = (round(float(v)) for v in box)
        colour = image[y1:y2, x1:x2].reshape(-1, 3).mean(axis=0) / 255 - 0.4
        vector = np.zeros((1, self.embedding_dim), np.float32)
        vector[0, :3] = colour + 1e-4
        return vector / np.linalg.norm(vector)


def scene(
    *people: tuple[tuple[int, int, int], tuple[int, int, int, int]], size: tuple[int, int] = (160, 96)
) -> ImageArray:
    """A dark scene of ``size`` (width, height) with coloured rectangles: ``(colour, (x1, y1, x2, y2))``."""
    image = np.full((size[1], size[0], 3), BACKGROUND, np.uint8)
    for colour, (x1, y1, x2, y2) in people:
        image[y1:y2, x1:x2] = colour
    return image


def person(colour: tuple[int, int, int], place: int = 0) -> tuple[tuple[int, int, int], tuple[int, int, int, int]]:
    """A rectangle at one of five places of a scene."""
    return colour, (8 + 30 * place, 20, 24 + 30 * place, 70)


def save_scene(path: Path, *people: tuple[tuple[int, int, int], tuple[int, int, int, int]]) -> Path:
    """Write a scene as PNG, so that pixels survive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene(*people)).save(path)
    return path


def media_item(path: Path, camera_id: str | None = None) -> MediaItem:
    """A photograph on disk as ``discover`` would name it."""
    key = hashlib.sha256(path.read_bytes()).hexdigest()[:20]
    return MediaItem(str(path.absolute()), "photo", key, camera_id)


def video_item(name: str, num_frames: int, camera_id: str | None = None) -> MediaItem:
    """A video that exists only as numbers: frame ``i`` holds one or two people whose colours depend on ``i``."""
    return MediaItem(f"/videos/{name}.mp4", "video", f"{name}-{num_frames}", camera_id)


def frames_of(item: MediaItem, *, every_s: float = 1.0, start_index: int = 0) -> Iterator[Frame]:
    """Read photographs from disk and make the frames of ``video_item`` up. One video frame lasts half a second."""
    if item.kind == "photo":
        with Image.open(item.source) as picture:
            yield Frame(np.asarray(picture.convert("RGB")), item.source, 0, None, item.camera_id)
        return
    num_frames = int(item.content_key.rpartition("-")[2])
    step = max(1, round(every_s * 2))
    for index in range(0, num_frames, step):
        if index >= start_index:
            people = [person((100 + index * 7 % 150, 60 + index * 13 % 180, 120), index % 3)]
            people += [person((200, 80, 100 + index * 11 % 150), 4)] if index % 2 else []
            yield Frame(scene(*people), item.source, index, index / 2, item.camera_id)


def contents(gallery: Gallery) -> list[dict[str, object]]:
    """Everything a gallery says about people, in the order of their ids; floats exactly as they are."""
    table = lancedb.connect(gallery.path).open_table("detections").to_arrow()
    return sorted(table.to_pylist(), key=lambda row: row["id"])


def everything(gallery: Gallery) -> dict[str, list[dict[str, object]]]:
    """Everything a gallery says, table by table, in a fixed order; when it was written is left out."""
    database = lancedb.connect(gallery.path)
    tables = {}
    for name in ("media", "frames", "detections", "tracklets", "thumbnails"):
        rows = database.open_table(name).to_arrow().to_pylist()
        for row in rows:
            row.pop("indexed_at", None)
        keys = [name for name in ("id", "key", "media_key", "frame_index") if rows and name in rows[0]]
        tables[name] = sorted(rows, key=lambda row, keys=keys: [row[key] for key in keys])  # type: ignore[misc]
    return tables
