"""Writing: batches, resuming, copies, changed files, and a crash at each step."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import small_galleries
from fake_predictor import contents, scene
from sceneseek.errors import EmbeddingSizeError, GalleryError
from sceneseek.gallery import Filters, Gallery, GalleryWriter, MediaStatus, Plan
from sceneseek.structures import Detections, Frame, MediaItem

DIM = 4


def people(count: int, seed: int = 0) -> Detections:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 50, (count, 2))
    embeddings = random.normal(size=(count, DIM)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return Detections(np.hstack([corner, corner + 10]), random.uniform(0, 1, count), embeddings)


def write_file(writer: GalleryWriter, item: MediaItem, counts: list[int], every_s: float | None = None) -> None:
    """Index one file whose frame ``i`` shows ``counts[i]`` people, from where the plan says."""
    start = writer.plan(item, every_s).start_frame
    if start is None:
        writer.recognise(item)
        return
    writer.begin(item, every_s)
    for index, count in enumerate(counts):
        if index >= start:
            time_s = index / 2 if item.kind == "video" else None
            writer.add(item, Frame(scene(), item.source, index, time_s), people(count, index))
    writer.finish(item)


def photo(source: str, key: str, camera_id: str | None = None) -> MediaItem:
    return MediaItem(source, "photo", key, camera_id)


VIDEO = MediaItem("/m/v.mp4", "video", "v")


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return Gallery.create(tmp_path / "gallery", "net", "abc", DIM)


def test_known_files_need_nothing(gallery: Gallery) -> None:
    with gallery.writer() as writer:
        write_file(writer, photo("/m/a.jpg", "a"), [2])
        assert writer.plan(photo("/m/a.jpg", "a")) == Plan(None)
    before = contents(gallery)
    with gallery.writer() as writer:
        assert writer.plan(photo("/m/a.jpg", "a")) == Plan(None)
        write_file(writer, photo("/m/a.jpg", "a"), [2])
    assert contents(gallery) == before


def test_a_copy_adds_nobody_and_is_remembered(gallery: Gallery) -> None:
    with gallery.writer() as writer:
        write_file(writer, photo("/m/a.jpg", "a"), [2])
        write_file(writer, photo("/m/copy.jpg", "a"), [2])
    assert len(gallery) == 2
    (record,) = gallery.media()
    assert record.sources == ("/m/a.jpg", "/m/copy.jpg")


def test_a_changed_file_replaces_what_was_found_in_it(gallery: Gallery) -> None:
    with gallery.writer() as writer:
        write_file(writer, photo("/m/a.jpg", "old"), [3])
        write_file(writer, photo("/m/b.jpg", "b"), [1])
    with gallery.writer() as writer:
        write_file(writer, photo("/m/a.jpg", "new"), [2])
    assert [row["id"] for row in contents(gallery)] == ["b:0:0", "new:0:0", "new:0:1"]
    assert {r.key for r in gallery.media()} == {"b", "new"}


def test_a_changed_file_whose_old_content_lives_elsewhere_keeps_it_there(gallery: Gallery) -> None:
    with gallery.writer() as writer:
        write_file(writer, photo("/m/a.jpg", "old"), [3])
    with gallery.writer() as writer:
        write_file(writer, photo("/m/a.jpg", "new"), [1])
        write_file(writer, photo("/m/moved.jpg", "old"), [3])  # met after its place was taken
    assert {row["id"]: row["source"] for row in contents(gallery)} == {
        "new:0:0": "/m/a.jpg",
        **{f"old:0:{i}": "/m/moved.jpg" for i in range(3)},
    }


def test_files_that_swap_their_names_lose_nobody(gallery: Gallery) -> None:
    with gallery.writer() as writer:
        write_file(writer, photo("/m/a.jpg", "one"), [1])
        write_file(writer, photo("/m/b.jpg", "two"), [2])
    with gallery.writer() as writer:
        write_file(writer, photo("/m/a.jpg", "two"), [2])
        write_file(writer, photo("/m/b.jpg", "one"), [1])
    assert {r.key: r.sources for r in gallery.media()} == {"one": ("/m/b.jpg",), "two": ("/m/a.jpg",)}
    assert {row["id"]: row["source"] for row in contents(gallery)} == {
        "one:0:0": "/m/b.jpg",
        "two:0:0": "/m/a.jpg",
        "two:0:1": "/m/a.jpg",
    }


def test_a_camera_named_later_is_taken_over(gallery: Gallery) -> None:
    with gallery.writer() as writer:
        write_file(writer, photo("/m/a.jpg", "a"), [2])
    with gallery.writer() as writer:
        write_file(writer, photo("/m/a.jpg", "a", "it's the door"), [2])
    assert {row["camera_id"] for row in contents(gallery)} == {"it's the door"}
    query = people(1).embeddings[0]
    assert gallery.search(query, filters=Filters(cameras=("it's the door",))).searched == 2


def test_a_video_sampled_otherwise_is_done_again(gallery: Gallery) -> None:
    with gallery.writer() as writer:
        write_file(writer, VIDEO, [1, 1, 1, 1], every_s=0.5)
        assert writer.plan(VIDEO, 0.5) == Plan(None)
        assert writer.plan(VIDEO, None) == Plan(None), "without a rate, any will do"
        assert writer.plan(VIDEO, 1.0) == Plan(0)
    with gallery.writer() as writer:
        write_file(writer, VIDEO, [1, 2], every_s=1.0)
    assert len(contents(gallery)) == 3
    (record,) = gallery.media()
    assert (record.num_frames, record.num_people, record.every_s) == (2, 3, 1.0)


def test_a_damaged_file_is_tried_again_only_when_nothing_of_it_was_used(gallery: Gallery) -> None:
    with gallery.writer() as writer:
        writer.begin(photo("/m/a.jpg", "a"))
        writer.finish(photo("/m/a.jpg", "a"), "truncated")
        writer.begin(VIDEO, 1.0)
        writer.add(VIDEO, Frame(scene(), VIDEO.source, 0), people(1))
        writer.finish(VIDEO, "cut after frame 0")
    with gallery.writer() as writer:
        assert writer.plan(photo("/m/a.jpg", "a")) == Plan(0)
        assert writer.plan(VIDEO, 1.0) == Plan(None, "cut after frame 0")
        assert writer.recognise(VIDEO) == "cut after frame 0"
        write_file(writer, photo("/m/a.jpg", "a"), [1])
    assert {r.key: (r.status, r.problem) for r in gallery.media()} == {
        "a": (MediaStatus.COMPLETE, ""),
        "v": (MediaStatus.DAMAGED, "cut after frame 0"),
    }


def test_a_doubt_about_a_file_is_no_damage(gallery: Gallery) -> None:
    with gallery.writer() as writer:
        writer.begin(VIDEO, 1.0)
        writer.add(VIDEO, Frame(scene(), VIDEO.source, 0), people(1))
        writer.finish(VIDEO, note="times are guessed")
        writer.begin(photo("/m/a.jpg", "a"))
        writer.finish(photo("/m/a.jpg", "a"), "truncated", "its time is doubtful")
    assert {r.key: (r.status, r.problem) for r in gallery.media()} == {
        "a": (MediaStatus.DAMAGED, "truncated its time is doubtful"),
        "v": (MediaStatus.COMPLETE, "times are guessed"),
    }
    assert gallery.info().num_damaged == 1
    with gallery.writer() as writer:
        assert writer.plan(VIDEO, 1.0) == Plan(None)
        assert writer.recognise(VIDEO) == ""
        assert writer.note_on(VIDEO) == "times are guessed"
        assert writer.note_on(photo("/m/a.jpg", "a")) == ""
        assert writer.note_on(photo("/m/b.jpg", "b")) == ""


def test_embeddings_of_another_size_are_refused(gallery: Gallery) -> None:
    with gallery.writer() as writer:
        writer.begin(VIDEO, 1.0)
        with pytest.raises(EmbeddingSizeError, match="no embeddings"):
            writer.add(VIDEO, Frame(scene(), VIDEO.source), Detections([[0, 0, 1, 1]], [0.5]))
        with pytest.raises(EmbeddingSizeError, match="size 2"):
            writer.add(VIDEO, Frame(scene(), VIDEO.source), Detections([[0, 0, 1, 1]], [0.5], [[1, 0]]))


class Killed(Exception):
    """Stands for a process that dies: nothing runs after it."""


@pytest.mark.parametrize("step", ["_journal", "_detections", "_write_media", "_forget_journal"])
@pytest.mark.parametrize("before", [True, False])
def test_a_crash_at_any_step_of_a_batch_loses_and_doubles_nobody(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, step: str, before: bool
) -> None:
    counts = [1, 0, 2, 1, 3, 1, 2, 2]
    photos = [photo(f"/m/{i}.jpg", f"p{i}") for i in range(3)]

    def run() -> None:
        with gallery.writer(commit_frames=3, commit_seconds=1e9) as writer:
            writer_under_test.append(writer)
            write_file(writer, VIDEO, counts, every_s=0.5)
            for item in photos:
                write_file(writer, item, [2])

    writer_under_test: list[GalleryWriter] = []
    reference = Gallery.create(gallery.path.parent / "reference", "net", "abc", DIM)
    with reference.writer() as writer:
        write_file(writer, VIDEO, counts, every_s=0.5)
        for item in photos:
            write_file(writer, item, [2])

    for crash_at in (1, 2):
        calls = 0

        def dying(real: object, crash_at: int = crash_at) -> object:
            def call(*args: object) -> object:
                nonlocal calls
                calls += 1
                if calls == crash_at and before:
                    raise Killed
                result = real(*args)  # type: ignore[operator]
                if calls == crash_at:
                    raise Killed
                return result

            return call

        with monkeypatch.context() as patch:
            if step == "_detections":
                table_type = type(gallery._tables["detections"])
                patch.setattr(table_type, "add", dying(table_type.add))
            else:
                patch.setattr(GalleryWriter, step, dying(getattr(GalleryWriter, step)))
            with pytest.raises(Killed):
                run()
    run()
    assert contents(gallery) == contents(reference)
    assert {(r.key, r.num_frames, r.num_people, r.status) for r in gallery.media()} == {
        (r.key, r.num_frames, r.num_people, r.status) for r in reference.media()
    }
    assert not (gallery.path / "journal.json").exists()


def test_an_error_keeps_whole_batches_and_a_stopped_user_keeps_all(gallery: Gallery) -> None:
    def index_and_raise(item: MediaItem, error: BaseException) -> None:
        with gallery.writer(commit_frames=2, commit_seconds=1e9) as writer:
            writer.begin(item, 1.0)
            for index in range(3):
                writer.add(item, Frame(scene(), item.source, index), people(1, index))
            raise error

    with pytest.raises(ValueError, match="bug"):
        index_and_raise(VIDEO, ValueError("bug"))
    assert [row["frame_index"] for row in contents(gallery)] == [0, 1]
    other = MediaItem("/m/w.mp4", "video", "w")
    with pytest.raises(KeyboardInterrupt):
        index_and_raise(other, KeyboardInterrupt())
    with gallery.writer() as writer:
        assert writer.plan(VIDEO, 1.0) == Plan(2)
        assert writer.plan(other, 1.0) == Plan(3)


def test_a_damaged_journal_is_reported(gallery: Gallery) -> None:
    (gallery.path / "journal.json").write_text("{")
    with pytest.raises(GalleryError, match="journal"), gallery.writer():
        pass
    (gallery.path / "journal.json").unlink()
    with gallery.writer():
        pass  # the failed attempt released its lock


@settings(max_examples=12, deadline=None)
@given(
    files=st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=6), min_size=1, max_size=5),
    commit_frames=st.integers(1, 7),
)
def test_what_went_in_comes_out_to_the_last_bit(files: list[list[int]], commit_frames: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery.create(folder, "net", "abc", DIM)
        expected = {}
        with gallery.writer(commit_frames=commit_frames) as writer:
            for number, counts in enumerate(files):
                item = MediaItem(f"/m/Ünïcode '{number}'.mp4", "video", f"v{number}", f"camera {number % 2}")
                write_file(writer, item, counts, every_s=0.5)
                for index, count in enumerate(counts):
                    found = people(count, index)
                    for i in range(count):
                        expected[f"v{number}:{index}:{i}"] = (item.source, item.camera_id, index / 2, found[i])
        rows = contents(gallery)
        assert [row["id"] for row in rows] == sorted(expected)
        for row in rows:
            source, camera_id, time_s, found = expected[row["id"]]
            assert (row["source"], row["camera_id"], row["time_s"]) == (source, camera_id, time_s)
            assert np.array_equal(np.float32([row[k] for k in ("x1", "y1", "x2", "y2")]), found.boxes[0])
            assert np.float32(row["score"]) == found.scores[0]
            assert np.array_equal(np.float32(row["embedding"]), found.embeddings[0])


def test_what_the_database_remembers_of_batches_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that earlier versions of the tables consist of would grow with the square of the batches."""
    sizes = []
    for bound in (1 << 30, 16 << 10):
        monkeypatch.setattr("sceneseek.gallery.writer._METADATA_BYTES", bound)
        gallery = Gallery.create(tmp_path / str(bound), "net", "abc", small_galleries.DIM)
        with gallery.writer(commit_frames=1) as writer:
            small_galleries.write_video(writer, small_galleries.video("a"), [[0, 1]] * 12)
            sizes.append(writer._tables.session.size_bytes)
        assert len(gallery) == 24
    assert sizes[1] < 2 * (16 << 10) < sizes[0] / 10
