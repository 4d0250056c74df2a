"""Indexing video from end to end, beside the model alone on the same pictures; and memory over a long video.

Decoding, tracklets, small pictures and the gallery's disk are meant to hide behind the network. The ratio says how
well: 1 would be a pipeline that costs nothing. Model and pipeline take turns, so that a drifting machine harms both
alike. The ratio of processor seconds says what the pipeline costs where the network leaves no core idle.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np

from benchmarks.walks import Walk
from sceneseek.finder import Finder, IndexSummary
from sceneseek.gallery import Gallery
from sceneseek.inference.media import discover, frames_of
from sceneseek.inference.predictor import load_predictor
from sceneseek.structures import Detections, Frame, ImageArray, MediaItem, PersonModel

TURNS = 3
SECONDS = 24
GROUP = 8


def main() -> None:
    """Print pictures a second and their ratio, and memory at each tenth of a long video."""
    with tempfile.TemporaryDirectory() as folder:
        model = load_predictor("dcinet-synthetic")
        walk = Walk(seconds=SECONDS)
        for rate, every_s in ((2, 0.0), (25, 0.5), (25, 1.0)):
            video = encoded(walk, Path(folder) / f"{rate}.mp4", rate)
            overlap(model, video, every_s, f"{rate} frames/s, one looked at each {every_s or 1 / rate:g} s")
        memory(Path(folder))
        memory_of_writing(Path(folder))


def encoded(walk: Walk, path: Path, rate: int) -> MediaItem:
    """Walkers as H.264, 640x384, with a key frame every two seconds."""
    if not path.exists():
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "23"})
            stream.width, stream.height, stream.pix_fmt, stream.gop_size = 640, 384, "yuv420p", 2 * rate
            for i, (_, picture, _, _) in enumerate(walk.frames(rate)):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = i, Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    (item,) = discover(path)
    assert isinstance(item, MediaItem)
    return item


def overlap(model: PersonModel, video: MediaItem, every_s: float, title: str) -> None:
    """Compare the pipeline with the model alone."""
    images = [f.image for f in frames_of(video, every_s=every_s) if isinstance(f, Frame)]
    model.detect(images[:GROUP])
    alone, whole, costs = [], [], []
    for _ in range(TURNS):
        begun, cpu = time.perf_counter(), time.process_time()
        for start in range(0, len(images), GROUP):
            model.detect(images[start : start + GROUP])
        alone.append(len(images) / (time.perf_counter() - begun))
        own_cpu, cpu = time.process_time() - cpu, time.process_time()
        whole.append(index(model, video, every_s).frames_per_second)
        costs.append(own_cpu / (time.process_time() - cpu))
    ratios = [w / a for w, a in zip(whole, alone, strict=True)]
    print(
        f"{title}: {len(images)} pictures, model alone {statistics.median(alone):.1f}/s, "
        f"end to end {statistics.median(whole):.1f}/s, ratio {statistics.median(ratios):.3f} "
        f"({', '.join(f'{ratio:.3f}' for ratio in ratios)}), of processor seconds {statistics.median(costs):.3f}",
        flush=True,
    )


def index(model: PersonModel, video: MediaItem, every_s: float) -> IndexSummary:
    """Index a video into a fresh gallery."""
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery.create(Path(folder) / "g", model.name, model.fingerprint, model.embedding_dim)
        opened = partial(frames_of, every_s=every_s)
        return Finder(model, gallery, group_frames=GROUP).index([video], opened, every_s=every_s)


class Quick:
    """Finds three people in every picture at once, so that a long video passes in a minute."""

    name, fingerprint, embedding_dim = "quick", "quick-1", 256

    def __init__(self) -> None:
        rows = np.random.default_rng(0).normal(size=(3, self.embedding_dim))
        self._embeddings = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def detect(self, images: Sequence[ImageArray]) -> list[Detections]:
        """The same three, for each picture."""
        boxes = [[10, 20, 60, 150], [100, 30, 150, 170], [200, 10, 260, 180]]
        return [Detections(boxes, [0.9, 0.8, 0.7], self._embeddings) for _ in images]

    def embed(self, images: Sequence[ImageArray], boxes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """One of the three for each box."""
        return [self._embeddings[: len(rows)] for rows in boxes]


def memory(folder: Path) -> None:
    """Index twenty minutes of video and print the memory of the process as it goes on."""
    path, seconds, rate = folder / "long.mp4", 1200, 10
    rng = np.random.default_rng(0)
    tile = rng.integers(0, 255, (192, 640, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "35"})
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
        for i in range(seconds * rate):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(tile[:, i % 320 : i % 320 + 320]), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (item,) = discover(path)
    assert isinstance(item, MediaItem)
    total, every_s = seconds * rate // 2, 0.2
    seen: list[float] = []

    def note(done: int, expected: int | None, text: str = "") -> None:
        if done * 10 >= total * (len(seen) + 1):
            seen.append(resident())

    gallery = Gallery.create(folder / "long", Quick.name, Quick.fingerprint, Quick.embedding_dim)
    before = resident()
    opened = partial(frames_of, every_s=every_s)
    summary = Finder(Quick(), gallery).index([item], opened, every_s=every_s, progress=note)
    tenths = ", ".join(f"{value:.0f}" for value in seen)
    print(
        f"memory: {before:.0f} MB before, then at each tenth of {summary.frames:,} pictures with {summary.people:,} "
        f"people {tenths} MB; {summary.frames_per_second:.0f} pictures/s without a network"
    )


def memory_of_writing(folder: Path, batches: int = 360) -> None:
    """Hand made-up people to the gallery's writer alone and print the memory of the process, ten times.

    Files are merged after 200 batches.
    """
    quick, image = Quick(), np.zeros((192, 320, 3), np.uint8)
    (people,) = quick.detect([image])
    item = MediaItem("/videos/made-up.mp4", "video", "made-up", "door")
    gallery = Gallery.create(folder / "written", quick.name, quick.fingerprint, quick.embedding_dim)
    seen: list[float] = []
    with gallery.writer() as writer:
        writer.begin(item, 0.2)
        for batch in range(batches):
            for index in range(64 * batch, 64 * (batch + 1)):
                frame = Frame(image, item.source, index, 0.2 * index)
                writer.add(item, frame, people, tracklet_ids=range(3), thumbnails=[bytes(4000)] * 3)
            if (batch + 1) * 10 >= batches * (len(seen) + 1):
                seen.append(resident())
        writer.finish(item)
    print(f"memory of the writer alone, at each tenth of {batches} batches: {', '.join(f'{mb:.0f}' for mb in seen)} MB")


def resident() -> float:
    """Memory of this process that lies in RAM, MB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096 / 1e6
