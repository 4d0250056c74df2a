"""A gallery of ten thousand, a hundred thousand and a million people: filling, index, disk, memory, latency, recall.

Synthetic embeddings of 256 numbers: views of identities around random centres, without any coarser structure, which is
the hardest case for an index. Twenty people a frame, one frame a second, each followed for five frames; thumbnails of
4 kB of noise. Each part runs in a process of its own, so that its peak memory is its own.

Environment: ``MILLION_SIZES`` (default ``10000,100000``: a million takes its time) and
``MILLION_FOLDER``, where the galleries are made and removed again (default: where temporary files go; a million people
with their thumbnails take 10 GB).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from sceneseek.gallery import Filters, Gallery, index
from sceneseek.gallery.schema import TABLES
from sceneseek.gallery.store import MEMORY_LIMIT
from sceneseek.similarity import normalise, top_k
from sceneseek.structures import Detections, FloatArray, Frame, MediaItem

DIM = 256
PER_FRAME = 20
FOLLOWED = 5
NUM_VIDEOS = 100
NUM_CAMERAS = 50
SHARES = (0.1, 0.25, 0.5)
QUERIES = 200
EXACT_QUERIES = 40
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

# A hundredth of all people, and a half.
NARROW = Filters(cameras=("camera 1",), after=BEGIN, before=BEGIN + timedelta(hours=23))
BROAD = Filters(cameras=tuple(f"camera {i}" for i in range(25)))


class Population:
    """People as a network might see them, the same each time."""

    def __init__(self, count: int) -> None:
        self.count = count
        random = np.random.default_rng(0)
        self._centres = normalise(random.normal(size=(max(1, count // 50), DIM))).astype(np.float32)

    def stretches(self) -> Iterator[tuple[int, FloatArray]]:
        """Five frames at a time: the first frame's number and embeddings ``(5, 20, D)``."""
        size = FOLLOWED * PER_FRAME
        for number in range(self.count // size):
            random = np.random.default_rng([1, number])
            who = self._centres[random.integers(len(self._centres), size=PER_FRAME)]
            looks = who + 0.6 * normalise(random.normal(size=(PER_FRAME, DIM)))
            views = looks[None] + 0.5 * normalise(random.normal(size=(FOLLOWED, PER_FRAME, DIM)))
            yield number * FOLLOWED, normalise(views).astype(np.float32)

    def vectors(self) -> FloatArray:
        """Everybody, ``(count, D)``."""
        return np.concatenate([views.reshape(-1, DIM) for _, views in self.stretches()])

    def queries(self, count: int) -> FloatArray:
        """New views of some of them."""
        random = np.random.default_rng(2)
        who = self._centres[random.integers(len(self._centres), size=count)]
        return normalise(who + 0.8 * normalise(random.normal(size=(count, DIM)))).astype(np.float32)


def fill(gallery: Gallery, population: Population) -> float:
    """Write everybody into the gallery; seconds spent in the writer."""
    picture = np.zeros((384, 640, 3), np.uint8)
    boxes = np.tile(np.array([[10, 10, 60, 160]], np.float32), (PER_FRAME, 1))
    noise = np.random.default_rng(3).bytes(1 << 20)
    spent = 0.0
    item: MediaItem | None = None
    frames_per_video = population.count // PER_FRAME // NUM_VIDEOS
    with gallery.writer() as writer:
        for first, views in population.stretches():
            for step, rows in enumerate(views):
                number, index = divmod(first + step, frames_per_video)
                scores = np.linspace(0.3, 0.99, PER_FRAME, dtype=np.float32)
                people = Detections(boxes, scores, rows)
                thumbnails = [noise[(place := (7919 * (first + step) + 4099 * i) % 1_000_000) : place + 4096]
                              for i in range(PER_FRAME)]  # fmt: skip
                start = time.perf_counter()
                if index == 0:
                    if item is not None:
                        writer.finish(item)
                    begin = BEGIN + timedelta(days=number // NUM_CAMERAS)
                    name = f"{number:020d}"
                    item = MediaItem(f"/videos/{name}.mp4", "video", name, f"camera {number % NUM_CAMERAS}", begin)
                    writer.begin(item, 1.0)
                assert item is not None
                writer.add(
                    item,
                    Frame(picture, item.source, index, float(index), item.camera_id),
                    people,
                    tracklet_ids=[index // FOLLOWED * PER_FRAME + i for i in range(PER_FRAME)],
                    flags=[()] * PER_FRAME,
                    thumbnails=thumbnails,
                )
                spent += time.perf_counter() - start
        assert item is not None
        start = time.perf_counter()
        writer.finish(item)
    return spent + time.perf_counter() - start


def part_fill(folder: Path, count: int) -> dict[str, float]:
    gallery = Gallery.create(folder / "gallery", "synthetic", "synthetic", DIM)
    gallery.exact_below = 1 << 60
    seconds = fill(gallery, Population(count))
    return {"people/s": count / seconds, "peak MB": peak()}


def part_build(folder: Path, count: int) -> dict[str, float]:
    gallery = Gallery.open(folder / "gallery")
    gallery.exact_below = 0
    used = sum(os.times()[:2])
    done = gallery.optimise()
    assert done.num_indexed == count
    return {"s": done.seconds, "CPU s": sum(os.times()[:2]) - used, "partitions": done.partitions, "peak MB": peak()}


def part_approximate(folder: Path, count: int) -> dict[str, Any]:
    gallery = Gallery.open(folder / "gallery")
    gallery.exact_below = 0
    queries = Population(count).queries(QUERIES)
    start = time.perf_counter()
    assert gallery.search(queries[0]).method["index"].startswith("approximate") or count <= 20_000
    first = time.perf_counter() - start
    result: dict[str, Any] = {"first": 1000 * first, **latencies(gallery, queries, {}, {})}
    start = time.perf_counter()
    found = gallery.search_many(queries[:100], 20, by="detection")
    result["batch"] = 10 * (time.perf_counter() - start)
    found += gallery.search_many(queries[100:], 20, by="detection")
    name = found[0].matches[0].detection_id
    result["person"] = typical(lambda: gallery.person(name))[0]
    result["thumbnail"] = typical(lambda: gallery.thumbnail(name))[0]
    result["frame"] = typical(lambda: gallery.frames_around(found[0].matches[0].media_key, 30))[0]
    result["peak MB"] = peak()
    names = {"1.0": [[m.detection_id for m in ranking] for ranking in found]}
    for share in SHARES:
        index.PROBED_SHARE = share
        start = time.perf_counter()
        answers = [gallery.search(query, 20, by="detection") for query in queries]
        result[f"share {share}"] = 1000 * (time.perf_counter() - start) / len(queries)
        names[str(share)] = [[m.detection_id for m in ranking] for ranking in answers]
    (folder / "approximate.json").write_text(json.dumps(names))
    return result


def part_exact(folder: Path, count: int) -> dict[str, Any]:
    gallery = Gallery.open(folder / "gallery")
    population = Population(count)
    queries = population.queries(QUERIES)
    gallery.memory_limit = 0
    from_disk = typical(lambda: gallery.search(queries[0], exact=True), 5)[0]
    result: dict[str, Any] = {"disk": from_disk, "disk peak MB": peak()}
    gallery.memory_limit = MEMORY_LIMIT
    start = time.perf_counter()
    gallery.search(queries[0], exact=True)
    result["first"] = 1000 * (time.perf_counter() - start)
    result["peak MB"] = peak()
    vectors = population.vectors()
    bare = {"numpy": lambda q: top_k((vectors @ q)[None], 20)}
    result |= latencies(gallery, queries[:EXACT_QUERIES], {"exact": True}, bare)
    start = time.perf_counter()
    exact = gallery.search_many(queries[:100], 20, by="detection", exact=True)
    result["batch"] = 10 * (time.perf_counter() - start)
    exact += gallery.search_many(queries[100:], 20, by="detection", exact=True)
    approximate = json.loads((folder / "approximate.json").read_text())
    for share, answers in approximate.items():
        for k in (10, 20):
            pairs = zip(exact, answers, strict=False)
            hits = [len({m.detection_id for m in ranking.matches[:k]} & set(names[:k])) / k for ranking, names in pairs]
            result[f"recall@{k}, {share}"] = float(np.mean(hits))
    return result


def latencies(
    gallery: Gallery, queries: FloatArray, options: dict[str, Any], more: dict[str, Callable[[FloatArray], object]]
) -> dict[str, list[float]]:
    """Milliseconds, median and 95th percentile, of kinds of questions in turn: a drifting machine harms all alike."""
    kinds: dict[str, Callable[[FloatArray], object]] = {
        "detection": lambda q: gallery.search(q, 20, by="detection", **options),
        "sighting": lambda q: gallery.search(q, 20, by="sighting", **options),
        "narrow": lambda q: gallery.search(q, 20, NARROW, by="sighting", **options),
        "broad": lambda q: gallery.search(q, 20, BROAD, by="sighting", **options),
        **more,
    }
    taken: dict[str, list[float]] = {name: [] for name in kinds}
    for query in queries:
        for name, ask in kinds.items():
            taken[name].append(timed(lambda ask=ask, query=query: ask(query)))
    return {name: [float(np.quantile(times, q)) for q in (0.5, 0.95)] for name, times in taken.items()}


def typical(work: Callable[[], object], repeats: int = 20) -> list[float]:
    times = [timed(work) for _ in range(repeats)]
    return [float(np.quantile(times, q)) for q in (0.5, 0.95)]


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def peak() -> float:
    """Largest memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def sizes_on_disk(gallery: Path) -> dict[str, float]:
    """MB of each table, and of its indexes."""

    def size(folder: Path) -> float:
        return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6

    tables = {name: size(gallery / f"{name}.lance") for name in TABLES}
    return {**tables, "indexes": sum(size(gallery / f"{name}.lance" / "_indices") for name in TABLES)}


def part(name: str, folder: Path, count: int) -> dict[str, Any]:
    """Run one part in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.bench_million", name, str(folder), str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def report(count: int, folder: Path) -> None:
    """Measure one size and print it."""
    print(f"\n{count:,} people; load of the machine {os.getloadavg()[0]:.1f}")
    filled = part("fill", folder, count)
    print(f"  fill: {filled['people/s']:,.0f} people/s, peak {filled['peak MB']:,.0f} MB")
    built = part("build", folder, count)
    print(
        f"  index: {built['s']:.0f} s ({built['CPU s']:.0f} s CPU), {built['partitions']} partitions, "
        f"peak {built['peak MB']:,.0f} MB"
    )
    disk = sizes_on_disk(folder / "gallery")
    print("  disk MB: " + ", ".join(f"{name} {size:,.1f}" for name, size in disk.items()))
    approximate, exact = part("approximate", folder, count), part("exact", folder, count)
    numpy = exact["numpy"][0]
    print(f"  bare NumPy: p50 {numpy:.1f} ms, p95 {exact['numpy'][1]:.1f}")
    for way, figures in (("exact", exact), ("approximate", approximate)):
        print(f"  {way}: first {figures['first']:,.0f} ms, peak {figures['peak MB']:,.0f} MB")
        for kind in ("detection", "sighting", "narrow", "broad"):
            p50, p95 = figures[kind]
            print(f"    {kind}: p50 {p50:.1f} ms ({p50 / numpy:.2f} times NumPy), p95 {p95:.1f}")
        print(f"    batch of 100: {figures['batch']:.1f} ms each")
    print(f"  exact from disk: {exact['disk']:.0f} ms, peak {exact['disk peak MB']:,.0f} MB")
    for share in (*SHARES, 1.0):
        recalls = f"{exact[f'recall@10, {share}']:.4f} at 10, {exact[f'recall@20, {share}']:.4f} at 20"
        speed = approximate["batch"] if share == 1.0 else approximate[f"share {share}"]
        print(f"  {share:.0%} of the partitions: recall {recalls}, mean {speed:.1f} ms")
    print(f"  look-ups: person {approximate['person']:.1f} ms, thumbnail {approximate['thumbnail']:.1f} ms, "
          f"eleven frames {approximate['frame']:.1f} ms; load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip


def main() -> None:
    """Print everything for each size."""
    kept = os.environ.get("MILLION_FOLDER")
    for count in map(int, os.environ.get("MILLION_SIZES", "10000,100000").split(",")):
        with tempfile.TemporaryDirectory(dir=kept) as folder:
            report(count, Path(folder))


if __name__ == "__main__":
    chosen, place, number = sys.argv[1:]
    parts = {"fill": part_fill, "build": part_build, "approximate": part_approximate, "exact": part_exact}
    print(json.dumps(parts[chosen](Path(place), int(number))))
