"""Exact search: against the definition, with filters in memory and on disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_predictor import scene
from sceneseek.errors import ValueRefused
from sceneseek.gallery import By, Filters, FrameKey, Gallery
from sceneseek.gallery.schema import DETECTIONS
from sceneseek.gallery.search import best_indices, blocks_of, search_blocks
from sceneseek.structures import Detections, Frame, MediaItem

DIM = 6
CAMERAS = ("door", "yard", "it's", None)
SOURCES = ("/m/a/one.mp4", "/m/a/two.mp4", "/m/ab.jpg", "/m/b/tr%_.jpg")
FLAGS = ((), ("small",), ("it's", "blurred"))
BEGIN = datetime(2026, 3, 1, 23, 59, 59, 500_001, tzinfo=UTC)
MOMENTS = (BEGIN, BEGIN + timedelta(seconds=3.5), BEGIN.astimezone().replace(microsecond=0), BEGIN + timedelta(days=1))


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """Some 120 people in four files; two without a time in a film, one without one on the wall."""
    random = np.random.default_rng(7)
    gallery = Gallery.create(tmp_path_factory.mktemp("search") / "gallery", "net", "abc", DIM)
    with gallery.writer(commit_frames=4) as writer:
        for number, (source, camera_id) in enumerate(zip(SOURCES, CAMERAS, strict=True)):
            is_video = source.endswith("mp4")
            captured_at = BEGIN if number != 1 else None
            item = MediaItem(source, "video" if is_video else "photo", f"key{number}", camera_id, captured_at)
            writer.begin(item, 0.5)
            for index in range(20 if is_video else 1):
                n = 2 if is_video else 20
                embeddings = random.normal(size=(n, DIM)).astype(np.float32)
                embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
                boxes = np.tile([0.0, 0.0, 5.0, 9.0], (n, 1))
                time_s = index * 0.5 if is_video else None
                frame = Frame(scene(), source, index, time_s, camera_id)
                writer.add(
                    item,
                    frame,
                    Detections(boxes, random.uniform(0, 1, n).round(2), embeddings),
                    tracklet_ids=[index // 7, None if index % 5 == 0 else 100] if is_video else None,
                    flags=[FLAGS[(index + i) % 3] for i in range(n)] if number != 2 else None,
                )
            writer.finish(item)
    assert len(gallery) == 120
    return gallery


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=DIM).astype(np.float32)
    return vector / np.linalg.norm(vector)


filters = st.builds(
    Filters,
    cameras=st.none() | st.lists(st.sampled_from([c for c in CAMERAS if c] + ["no such"]), min_size=1, max_size=2),
    sources=st.none() | st.lists(st.sampled_from([*SOURCES, "/m/a", "/m/a/", "/m", "/m/b"]), min_size=1, max_size=2),
    since_s=st.none() | st.sampled_from([-1, 0, 0.5, 3.25]),
    until_s=st.none() | st.sampled_from([3.25, 4.5, 100]),
    min_score=st.none() | st.sampled_from([0.0, 0.25, 0.3, 0.99]),
    exclude=st.lists(st.builds(FrameKey, st.sampled_from(["key0", "key2", "x'y"]), st.integers(0, 3)), max_size=2),
    after=st.none() | st.sampled_from(MOMENTS[:3]),
    before=st.none() | st.sampled_from([MOMENTS[1], MOMENTS[3]]),
    exclude_flags=st.lists(st.sampled_from(["small", "it's", "cut"]), max_size=2),
    media_keys=st.none() | st.lists(st.sampled_from(["key0", "key1", "key3", "no'"]), min_size=1, max_size=3),
)


def passes(row: dict[str, object], f: Filters) -> bool:
    """The definition, one person at a time."""
    source, time_s = str(row["source"]), row["time_s"]
    return (
        (f.cameras is None or row["camera_id"] in f.cameras)
        and (f.sources is None or any(source == s or source.startswith(s.rstrip("/") + "/") for s in f.sources))
        and (f.since_s is None or (time_s is not None and time_s >= f.since_s))
        and (f.until_s is None or (time_s is not None and time_s <= f.until_s))
        and (f.min_score is None or np.float32(row["score"]) >= np.float32(f.min_score))
        and (row["media_key"], row["frame_index"]) not in f.exclude
        and (f.after is None or (row["captured_at"] is not None and row["captured_at"] >= f.after))
        and (f.before is None or (row["captured_at"] is not None and row["captured_at"] <= f.before))
        and not set(f.exclude_flags) & set(row["flags"] or ())
        and (f.media_keys is None or row["media_key"] in f.media_keys)
    )


def best_first(rows: list[dict[str, object]], query: np.ndarray, by: str) -> list[tuple[float, dict[str, object]]]:
    """The definition: everybody sorted by similarity; by sighting, whoever comes after another of theirs drops out."""
    ranked = sorted(((float(np.float32(row["embedding"]) @ query), row) for row in rows), key=lambda pair: -pair[0])
    if by == "detection":
        return ranked
    seen: set[object] = set()
    kept = []
    for similarity, row in ranked:
        if row["tracklet_id"] is None or row["tracklet_id"] not in seen:
            kept.append((similarity, row))
        seen.add(row["tracklet_id"])
    return kept


@settings(max_examples=60, deadline=None)
@given(f=filters, seed=st.integers(0, 10), top=st.integers(1, 150), by=st.sampled_from(["sighting", "detection"]))
def test_search_is_its_definition_in_memory_and_from_disk(
    gallery: Gallery, f: Filters, seed: int, top: int, by: By
) -> None:
    rows = [row for row in gallery._tables[DETECTIONS].to_arrow().to_pylist() if passes(row, f)]
    query = unit(seed)
    expected = best_first(rows, query, by)[:top]
    gallery.memory_limit = 1 << 30
    in_memory = gallery.search(query, top, f, by=by)
    gallery.memory_limit = 0
    from_disk = gallery.search(query, top, f, by=by)
    for answer in (in_memory, from_disk):
        assert answer.searched == len(rows)
        assert [m.detection_id for m in answer] == [row["id"] for _, row in expected]
        assert np.allclose([m.similarity for m in answer], [s for s, _ in expected], atol=1e-6)
        assert [m.rank for m in answer] == list(range(1, len(expected) + 1))
        assert answer.method == {"by": by, "index": "exact"}


def test_a_match_says_all_that_is_known(gallery: Gallery) -> None:
    rows = {row["id"]: row for row in gallery._tables[DETECTIONS].to_arrow().to_pylist()}
    for by in ("sighting", "detection"):
        for match in gallery.search(unit(3), 200, by=by):
            row = rows[match.detection_id]
            assert (match.media_key, match.captured_at) == (row["media_key"], row["captured_at"])
            assert match.flags == tuple(row["flags"] or ())
            assert (match.sighting is None) == (row["tracklet_id"] is None or by == "detection")
            if match.sighting is not None:
                own = [r["time_s"] for r in rows.values() if r["tracklet_id"] == row["tracklet_id"]]
                seen = match.sighting
                assert (seen.tracklet_id, seen.num_detections) == (row["tracklet_id"], len(own))
                assert (seen.start_s, seen.end_s) == (min(own), max(own))


@settings(max_examples=10, deadline=None)
@given(f=filters, seeds=st.lists(st.integers(0, 99), min_size=1, max_size=70), memory=st.sampled_from([0, 1 << 30]))
def test_questions_asked_together_get_the_answers_of_each(
    gallery: Gallery, f: Filters, seeds: list[int], memory: int
) -> None:
    gallery.memory_limit = memory
    together = gallery.search_many(np.array([unit(seed) for seed in seeds]), 9, f)
    for seed, answer in zip(seeds, together, strict=True):
        alone = gallery.search(unit(seed), 9, f)
        assert [m.detection_id for m in alone] == [m.detection_id for m in answer]
        assert np.allclose([m.similarity for m in alone], [m.similarity for m in answer], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    people=st.lists(st.tuples(st.integers(-2, 2), st.sampled_from([0] * 30 + [-1, 1, 2, 3])), min_size=40, max_size=90),
    top=st.integers(1, 8),
)
def test_the_best_of_each_sighting_with_many_equals(people: list[tuple[int, int]], top: int) -> None:
    similarities = np.array([s for s, _ in people], np.float32)
    sightings = np.array([number for _, number in people])
    seen: set[int] = set()
    expected = []
    for i in sorted(range(len(people)), key=lambda i: -people[i][0]):
        if sightings[i] < 0 or sightings[i] not in seen:
            expected.append(i)
        seen.add(int(sightings[i]))
    assert best_indices(similarities, top, sightings).tolist() == expected[:top]


@settings(max_examples=20, deadline=None)
@given(block_rows=st.integers(1, 130), top=st.integers(1, 130))
def test_the_size_of_blocks_does_not_matter(gallery: Gallery, block_rows: int, top: int) -> None:
    batches = gallery._tables[DETECTIONS].to_arrow().to_batches(max_chunksize=7)
    (whole,) = search_blocks(blocks_of(batches), unit(1)[None], top, Filters())
    (parts,) = search_blocks(blocks_of(batches, block_rows), unit(1)[None], top, Filters())
    assert whole.rows == parts.rows
    assert whole.searched == parts.searched == 120


def test_equal_similarities_keep_the_gallerys_order(tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "g", "net", "abc", 2)
    item = MediaItem("/m/a.jpg", "photo", "a")
    with gallery.writer() as writer:
        writer.begin(item)
        embeddings = np.tile(np.float32([[1, 0]]), (30, 1))
        writer.add(
            item, Frame(scene(), item.source), Detections(np.tile([0, 0, 1, 1], (30, 1)), np.ones(30), embeddings)
        )
        writer.finish(item)
    answer = gallery.search(np.float32([1, 0]), top=7)
    assert [m.detection_id for m in answer] == [f"a:0:{i}" for i in range(7)]
    assert {m.similarity for m in answer} == {1.0}


def test_filters_say_what_they_are() -> None:
    f = Filters(
        cameras=("a", "b"),
        since_s=3,
        min_score=0.5,
        exclude=(FrameKey("k"),),
        after=datetime(2026, 1, 2, 3, tzinfo=UTC),
        exclude_flags=("small",),
    )
    assert f.described() == {
        "camera": "a, b",
        "since": "3 s",
        "after": "2026-01-02 03:00:00 UTC",
        "score": "at least 0.5",
        "flagged": "small left out",
        "the examples' own pictures": "left out",
    }
    assert Filters().described() == {}
    assert Filters().sql() is None


def test_filters_that_cannot_hold_are_refused() -> None:
    with pytest.raises(ValueRefused, match="swap"):
        Filters(since_s=9, until_s=3)
    with pytest.raises(ValueRefused, match="not a number"):
        Filters(since_s=float("nan"))
    with pytest.raises(ValueRefused, match="no time zone"):
        Filters(after=datetime(2026, 1, 2))
    with pytest.raises(ValueRefused, match="swap"):
        Filters(after=BEGIN, before=BEGIN - timedelta(seconds=1))
    with pytest.raises(ValueRefused, match="sequence"):
        Filters(cameras="door")  # type: ignore[arg-type]


def test_a_hostile_name_in_a_filter_stays_text(gallery: Gallery) -> None:
    gallery.memory_limit = 0
    hostile = Filters(cameras=("x') OR 1=1 --",), sources=("'; DROP TABLE detections; --",))
    assert gallery.search(unit(0), filters=hostile).searched == 0
    assert len(gallery) == 120
