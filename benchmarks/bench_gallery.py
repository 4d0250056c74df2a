"""Exact search in the gallery, beside one matrix product of the same size in NumPy."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.timing import seconds
from sceneseek.gallery import Gallery
from sceneseek.similarity import normalise, top_k
from sceneseek.structures import Detections, FloatArray, Frame, MediaItem

DIM = 256
PEOPLE_PER_FRAME = 20


def filled(folder: Path, count: int) -> tuple[Gallery, FloatArray]:
    """A gallery of ``count`` random people in one video, and their vectors."""
    vectors = normalise(np.random.default_rng(0).normal(size=(count, DIM))).astype(np.float32)
    gallery = Gallery.create(folder / "gallery", "random", "random", DIM)
    item = MediaItem("video.mp4", "video", "random")
    picture = np.zeros((384, 640, 3), np.uint8)
    boxes = np.tile(np.array([[10, 10, 60, 160]], np.float32), (PEOPLE_PER_FRAME, 1))
    scores = np.full(PEOPLE_PER_FRAME, 0.9, np.float32)
    with gallery.writer(commit_frames=2000) as writer:
        writer.begin(item)
        for index, start in enumerate(range(0, count, PEOPLE_PER_FRAME)):
            rows = vectors[start : start + PEOPLE_PER_FRAME]
            frame = Frame(picture, item.source, index, float(index))
            writer.add(item, frame, Detections(boxes, scores, rows))
        writer.finish(item)
    return gallery, vectors


def main() -> None:
    """Print milliseconds a query at several sizes."""
    for count in (10_000, 100_000):
        with tempfile.TemporaryDirectory() as folder:
            gallery, vectors = filled(Path(folder), count)
            query = vectors[0]
            taken = seconds(
                {
                    "gallery": lambda gallery=gallery, query=query: gallery.search(query, 20),
                    "numpy": lambda vectors=vectors, query=query: top_k((vectors @ query)[None], 20),
                }
            )
            print(
                f"{count:7d} people: {1000 * taken['gallery']:6.1f} ms a query, "
                f"{taken['gallery'] / taken['numpy']:.2f} times the bare matrix product"
            )
