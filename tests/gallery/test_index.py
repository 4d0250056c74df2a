"""The index of large galleries: the same answers through one interface, while it is built, refreshed and outgrown."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_predictor import scene
from sceneseek.errors import ValueRefused
from sceneseek.gallery import By, Filters, Gallery, index
from sceneseek.gallery.index import PeopleIndex, build, is_due, partitions_for, people_index
from sceneseek.gallery.lock import Lock
from sceneseek.gallery.purging import leftovers
from sceneseek.gallery.schema import DETECTIONS, INDEX_LOCK, TABLES
from sceneseek.similarity import normalise
from sceneseek.structures import Detections, FloatArray, Frame, MediaItem

DIM = 64
PER_FRAME = 50
CAMERAS = ("door", "yard", "it's", None)


def crowd(count: int, seed: int = 0) -> FloatArray:
    """Views of ``count / 10`` people, as networks see them: alike, but not in tight clusters."""
    random = np.random.default_rng(seed)
    centres = normalise(random.normal(size=(count // 10 + 1, DIM)))
    noise = normalise(random.normal(size=(count, DIM)))
    return normalise(centres[random.integers(len(centres), size=count)] + 0.8 * noise).astype(np.float32)


def fill(gallery: Gallery, name: str, vectors: FloatArray, commit_frames: int = 20) -> None:
    """One video; the person in the first place of each frame is followed through 20 frames, the others are not."""
    number = len(gallery.media())
    item = MediaItem(f"/m/{name}.mp4", "video", name, CAMERAS[number % 4], datetime(2026, 1, 1, number, tzinfo=UTC))
    with gallery.writer(commit_frames=commit_frames, commit_seconds=1e9) as writer:
        writer.begin(item, 1.0)
        for i, start in enumerate(range(0, len(vectors), PER_FRAME)):
            rows = vectors[start : start + PER_FRAME]
            boxes = np.tile([0.0, 0.0, 5.0, 9.0], (len(rows), 1))
            scores = np.linspace(0.5, 0.99, len(rows))
            followed = [i // 20, *[None] * (len(rows) - 1)]
            frame = Frame(scene(), item.source, i, float(i))
            writer.add(item, frame, Detections(boxes, scores, rows), tracklet_ids=followed)
        writer.finish(item)


@pytest.fixture(scope="module")
def vectors() -> FloatArray:
    return crowd(4000)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, vectors: FloatArray) -> Iterator[Gallery]:
    """4,000 people of whom 3,000 lie in the index."""
    gallery = Gallery.create(tmp_path_factory.mktemp("index") / "g", "net", "abc", DIM)
    gallery.exact_below = 10_000
    for i, part in enumerate(np.split(vectors[:3000], 3)):
        fill(gallery, f"v{i}", part)
    gallery.exact_below = 500
    assert gallery.optimise().action == "built"
    gallery.exact_below = 10_000
    fill(gallery, "late", vectors[3000:])
    gallery.exact_below = 500
    found = people_index(gallery._tables[DETECTIONS])
    assert found == PeopleIndex("people_p14", 14, 1, 3000, 1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "NARROW", 300)
        yield gallery


def test_recall_and_similarities_against_exact(gallery: Gallery, vectors: FloatArray) -> None:
    queries = normalise(vectors[::100] + 0.5 * crowd(len(vectors[::100]), 9))
    bys: tuple[By, By] = ("sighting", "detection")
    for by in bys:
        approximate = gallery.search_many(queries, 10, by=by)
        exact = gallery.search_many(queries, 10, by=by, exact=True)
        hits = 0
        for query, a, b in zip(queries, approximate, exact, strict=True):
            assert a.method == {
                "by": by,
                "index": "approximate (all 14 partitions by code, the best 100 compared exactly)",
            }
            assert b.method == {"by": by, "index": "exact"}
            assert a.searched == b.searched == 4000
            assert len(a) == len(b) == 10
            for match in a:
                place = int(match.media_key[1:]) * 1000 if match.media_key != "late" else 3000
                row = place + match.frame_index * PER_FRAME + int(match.detection_id.rpartition(":")[2])
                assert match.similarity == pytest.approx(float(vectors[row] @ query), abs=1e-6)
            hits += len({m.detection_id for m in a} & {m.detection_id for m in b})
        assert hits >= 0.95 * 10 * len(queries)


def test_fewer_partitions_can_be_looked_at(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "PROBED_SHARE", 0.1)
    method = gallery.search(crowd(1)[0]).method
    assert method["index"] == "approximate (2 of 14 partitions by code, the best 100 compared exactly)"


def test_whoever_came_after_the_index_is_found(gallery: Gallery, vectors: FloatArray) -> None:
    for i in (3000, 3333, 3999):
        (best,) = gallery.search(vectors[i], 1, by="detection")
        assert best.detection_id == f"late:{(i - 3000) // PER_FRAME}:{i % PER_FRAME}"
        assert best.similarity == pytest.approx(1)


filters = st.builds(
    Filters,
    cameras=st.none() | st.just(("door", "it's")),
    since_s=st.none() | st.sampled_from([2, 15]),
    until_s=st.none() | st.sampled_from([17, 18]),
    min_score=st.none() | st.sampled_from([0.7, 0.98]),
    before=st.none() | st.just(datetime(2026, 1, 1, 2, tzinfo=UTC)),
)


@settings(max_examples=12, deadline=None)
@given(f=filters, row=st.integers(0, 3999))
def test_filters_hold_and_narrow_ones_are_exact(gallery: Gallery, vectors: FloatArray, f: Filters, row: int) -> None:
    answer = gallery.search(vectors[row], 10, f, by="detection")
    exact = gallery.search(vectors[row], 10, f, by="detection", exact=True)
    assert answer.searched == exact.searched
    assert {m.detection_id for m in answer} <= {
        m.detection_id for m in gallery.search(vectors[row], 4000, f, by="detection", exact=True)
    }
    assert len(answer) == len(exact)
    if exact.searched <= 300:
        assert answer.method["index"] == "exact"
        assert answer.matches == exact.matches
    else:
        assert answer.method["index"].startswith("approximate")
        assert len({m.detection_id for m in answer} & {m.detection_id for m in exact}) >= 9


def test_by_sighting_fetches_on_until_there_are_enough(tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "g", "net", "abc", DIM)
    query, others = crowd(1, 5)[0], crowd(2000, 6)
    item = MediaItem("/m/v.mp4", "video", "v")
    with gallery.writer(commit_frames=1000, commit_seconds=1e9) as writer:
        writer.begin(item, 1.0)
        for i in range(500):  # one person fills the first five hundred places
            rows = normalise(np.stack([query + 0.02 * others[i], *others[4 * i : 4 * i + 3]])).astype(np.float32)
            people = Detections(np.tile([0.0, 0.0, 5.0, 9.0], (4, 1)), np.full(4, 0.9), rows)
            writer.add(item, Frame(scene(), item.source, i, float(i)), people, tracklet_ids=[0, None, None, i // 2 + 1])
        writer.finish(item)
    gallery.exact_below = 500
    gallery.optimise()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "NARROW", 300)
        answer = gallery.search(query, 10)
    assert answer.method["index"].startswith("approximate")
    names = [m.sighting.tracklet_id if m.sighting else m.detection_id for m in answer]
    assert len(answer) == len(set(names)) == 10
    assert names[0] == "v:t0"
    assert answer.matches[0].sighting is not None
    assert answer.matches[0].sighting.num_detections == 500
    exact = gallery.search(query, 10, exact=True)
    assert len({m.detection_id for m in answer} & {m.detection_id for m in exact}) >= 9


def test_the_removed_are_not_found(tmp_path: Path) -> None:
    vectors = crowd(1500)
    gallery = Gallery.create(tmp_path / "g", "net", "abc", DIM)
    fill(gallery, "v", vectors)
    fill(gallery, "w", vectors[:500])
    gallery.exact_below = 500
    gallery.optimise()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "NARROW", 0)
        assert {m.detection_id for m in gallery.search(vectors[77], 2, by="detection")} == {"v:1:27", "w:1:27"}
        with gallery.writer() as writer:
            writer.remove_people(["v:1:27"])
            writer.remove_media(["w"])
        answer = gallery.search(vectors[77], 1499, by="detection")
        assert answer.method["index"].startswith("approximate")
        assert answer.searched == 1499
        assert not {"v:1:27", "w:1:27"} & {m.detection_id for m in answer}
        gallery.compact(purge=True)
        again = gallery.search(vectors[77], 1499, by="detection")
        assert again.method["index"].startswith("approximate"), "it was built again"
        assert not {"v:1:27", "w:1:27"} & {m.detection_id for m in again}
    found = people_index(gallery._tables[DETECTIONS])
    assert found is not None
    assert (found.num_indexed, found.num_waiting) == (1499, 0)


def test_purging_leaves_nothing_of_former_indexes(tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "g", "net", "abc", DIM)
    fill(gallery, "v", crowd(1000))
    gallery.exact_below = 500
    gallery.optimise()
    with gallery.writer() as writer:
        writer.remove_people(["v:1:27"])
        assert writer.purge(), "an index was dropped"
        for name in TABLES:
            assert leftovers(gallery.path / f"{name}.lance") == []


def test_a_writer_builds_and_refreshes_while_readers_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sceneseek.gallery import compaction, writer

    monkeypatch.setattr(writer, "_COMPACT_EVERY", 8)
    monkeypatch.setattr(compaction, "_MANY_FILES", 2)
    monkeypatch.setattr(index, "NARROW", 0)
    vectors = crowd(4000, 3)
    gallery = Gallery.create(tmp_path / "g", "net", "abc", DIM)
    gallery.exact_below = 1000
    reader = Gallery.open(gallery.path)
    reader.exact_below = 1000
    done = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            fill(gallery, "v", vectors, commit_frames=2)
        except BaseException as error:
            failures.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=write)
    thread.start()
    counts, ways = [], set()
    while not done.is_set():
        answer = reader.search(vectors[3], 5, by="detection")
        counts.append(answer.searched)
        ways.add(answer.method["index"])
        if answer.searched:
            assert answer.matches[0].detection_id == "v:0:3"
    thread.join()
    assert not failures
    assert counts == sorted(counts)
    assert all(count % (2 * PER_FRAME) == 0 for count in counts), "a batch is seen whole or not at all"
    assert "exact" in ways
    found = people_index(gallery._tables[DETECTIONS])
    assert found is not None, "it is there when the writer has closed"
    assert found.num_indexed + found.num_waiting == 4000
    assert reader.search(vectors[3], 5).method["index"].startswith("approximate")
    gallery.compact()
    found = people_index(gallery._tables[DETECTIONS])
    assert found is not None
    assert (found.num_indexed, found.num_waiting) == (4000, 0), "merging files takes everybody in"


def test_when_an_index_is_due(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    table = gallery._tables[DETECTIONS]
    assert not is_due(table, 500)
    assert not is_due(table, 4000), "exact up to and with the limit"
    monkeypatch.setattr(index, "_MANY_SEGMENTS", 0)
    assert is_due(table, 500), "in too many parts"
    monkeypatch.undo()
    monkeypatch.setattr(index, "partitions_for", lambda people: 28)
    assert is_due(table, 500), "outgrown"
    assert partitions_for(1_000_000) == 250


def test_only_one_builds(gallery: Gallery) -> None:
    with Lock(gallery.path / INDEX_LOCK).when_free():
        done = build(gallery.path, 500, force=True)
    assert (done.action, done.num_people, done.num_indexed) == ("busy", 4000, 3000)
    assert build(gallery.path, 500).action == "none"


def test_a_failing_build_costs_nobody_their_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*arguments: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(index, "_build", failing)
    gallery = Gallery.create(tmp_path / "g", "net", "abc", DIM)
    gallery.exact_below = 100
    with caplog.at_level(logging.ERROR):
        fill(gallery, "v", crowd(500))
    assert "no index could be built" in caplog.text
    assert gallery.search(crowd(1)[0]).method["index"] == "exact"
    with pytest.raises(ValueRefused, match="top is 0"):
        gallery.search(crowd(1)[0], 0)
