"""The finder: index and find with a model that needs no weights; killed, interrupted, and fed with bad files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_predictor import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    YELLOW,
    ColourPredictor,
    contents,
    everything,
    frames_of,
    media_item,
    person,
    save_scene,
    scene,
    video_item,
)
from indexing_process import NUM_VIDEO_FRAMES, index
from patience import until
from sceneseek.errors import BoxError, GalleryError, GalleryModelError, PictureError, ValueRefused
from sceneseek.finder import Finder, IndexSummary
from sceneseek.gallery import FrameKey, Gallery
from sceneseek.structures import Detections, Frame, ImageArray, MediaItem, MediaNote, MediaProblem, PassedOver
from suite.thoroughness import so_often

COLOURS = (RED, GREEN, BLUE, YELLOW, PURPLE, ORANGE)


def new_finder(folder: Path, model: ColourPredictor | None = None, **options: int) -> Finder:
    model = model or ColourPredictor()
    gallery = Gallery.open_or_create(folder, model.name, model.fingerprint, model.embedding_dim)
    return Finder(model, gallery, **options)


@pytest.fixture
def photos(tmp_path: Path) -> list[MediaItem]:
    """Six photographs; number ``i`` shows person ``i`` and the next one."""
    shown = [(person(COLOURS[i], i % 5), person(COLOURS[(i + 1) % 6], (i + 2) % 5)) for i in range(6)]
    paths = [save_scene(tmp_path / "media" / f"{i}.png", *people) for i, people in enumerate(shown)]
    return [media_item(path, f"camera {i % 2}") for i, path in enumerate(paths)]


def test_people_are_found_again(tmp_path: Path, photos: list[MediaItem]) -> None:
    finder = new_finder(tmp_path / "g")
    summary = finder.index([*photos, video_item("hall", 8)], frames_of)
    assert summary == IndexSummary(photos=6, videos=1, frames=6 + 4, people=12 + 4)
    ranking = finder.find([(scene(person(BLUE)), None)], top=2)
    assert {Path(m.source).name for m in ranking} == {"2.png", "1.png"}
    assert ranking.matches[0].similarity == pytest.approx(1, abs=1e-5)
    assert ranking.searched == 16
    assert ranking.model == "colour"


def test_indexing_again_adds_nothing(tmp_path: Path, photos: list[MediaItem]) -> None:
    finder = new_finder(tmp_path / "g")
    items = [*photos, video_item("hall", 8)]
    finder.index(items, frames_of)
    before, calls = contents(finder.gallery), len(finder.model.batches)  # type: ignore[attr-defined]
    assert finder.index(items, frames_of) == IndexSummary(already=7)
    assert contents(finder.gallery) == before
    assert len(finder.model.batches) == calls, "no picture was looked at again"  # type: ignore[attr-defined]


def test_new_and_changed_files_are_taken_in(tmp_path: Path, photos: list[MediaItem]) -> None:
    finder = new_finder(tmp_path / "g")
    finder.index(photos[:3], frames_of)
    changed = media_item(save_scene(Path(photos[0].source), person(PURPLE)))
    copy = media_item(save_scene(tmp_path / "elsewhere" / "copy.png", person(PURPLE)))
    summary = finder.index([changed, *photos[1:4], copy], frames_of)
    assert summary == IndexSummary(photos=2, frames=2, people=3, already=3)
    names = [Path(str(r["source"])).name for r in contents(finder.gallery)]
    assert sorted(names) == ["0.png", "1.png", "1.png", "2.png", "2.png", "3.png", "3.png"]
    assert finder.gallery.places(changed.source) == (changed.source, copy.source)


def test_pictures_are_handed_over_in_groups(tmp_path: Path, photos: list[MediaItem]) -> None:
    model = ColourPredictor()
    new_finder(tmp_path / "g", model, group_frames=4).index(photos, frames_of)
    assert model.batches == [4, 2]


def test_large_pictures_are_handed_over_one_by_one(tmp_path: Path) -> None:
    class Blind(ColourPredictor):
        def _detect(self, image: ImageArray) -> Detections:
            return Detections.empty(self.embedding_dim)

    model = Blind()

    def large(item: MediaItem) -> Iterator[Frame]:
        yield Frame(np.broadcast_to(np.uint8(0), (5000, 7000, 3)), item.source)

    items = [MediaItem(f"/{i}.jpg", "photo", str(i)) for i in range(3)]
    new_finder(tmp_path / "g", model).index(items, large)
    assert model.batches == [1, 1, 1]


class Picky(ColourPredictor):
    """Fails on any batch that shows purple."""

    def _detect(self, image: ImageArray) -> Detections:
        if (image == PURPLE).all(axis=2).any():
            raise RuntimeError("no purple please")
        return super()._detect(image)


def test_bad_files_are_reported_and_stop_nothing(tmp_path: Path, photos: list[MediaItem]) -> None:
    finder = new_finder(tmp_path / "g", Picky())

    def flawed(item: MediaItem) -> Iterator[Frame | MediaProblem]:
        if item is photos[0]:
            raise PictureError("truncated after 12 bytes.")
        if item is photos[1]:
            raise ZeroDivisionError("a bug in a decoder")
        yield from frames_of(item)
        if item.kind == "video":
            yield MediaProblem(item.source, "cut after 4 frames.")

    video = video_item("hall", 8)
    not_there = MediaProblem("/nowhere.jpg", "no such file.")
    hostile = MediaItem("/m/\udcff.jpg", "photo", "hostile")
    summary = finder.index([not_there, *photos, hostile, video], flawed)
    assert (summary.photos, summary.videos, summary.already) == (2, 1, 0)
    reasons = {Path(p.source).name: p.reason for p in summary.problems}
    assert reasons.keys() == {"nowhere.jpg", "0.png", "1.png", "3.png", "4.png", "\udcff.jpg", "hall.mp4"}
    assert reasons["0.png"] == "truncated after 12 bytes."
    assert "ZeroDivisionError: a bug in a decoder" in reasons["1.png"]
    assert "no purple please" in reasons["3.png"]
    assert reasons["hall.mp4"] == "cut after 4 frames."
    again = finder.index([*photos, video], frames_of)
    assert (again.photos, again.already) == (2, 3), "what could not be used at all is given another chance"
    assert "cut after" in {Path(p.source).name: p.reason for p in again.problems}["hall.mp4"]


def test_doubts_are_notes_and_no_problems(tmp_path: Path, photos: list[MediaItem]) -> None:
    finder = new_finder(tmp_path / "g")
    doubtful = replace(photos[0], doubt="The time is not known: the name may be day and month.")
    left = PassedOver("/m", "2 files of kinds that are not read: .rar 2.", {".rar": 2})

    def open_item(item: MediaItem) -> Iterator[Frame | MediaProblem]:
        yield from frames_of(item)
        if item.kind == "video":
            yield MediaNote(item.source, "The clock starts again.")

    video = video_item("hall", 8)
    heard: list[tuple[int, int | None]] = []
    summary = finder.index(
        [doubtful, video, left], open_item, progress=lambda done, total, note="": heard.append((done, total))
    )
    assert not summary.problems
    assert summary.notes == (
        MediaNote(doubtful.source, doubtful.doubt),
        MediaNote(video.source, "The clock starts again."),
        left,
    )
    assert heard[-1] == (2, 2), "what was left alone is nothing to wait for"
    assert finder.gallery.info().num_damaged == 0
    again = finder.index([doubtful, video], open_item)
    assert again.already == 2
    assert [note.reason for note in again.notes] == [doubtful.doubt, "The clock starts again."]


def test_a_video_frame_that_cannot_be_searched_is_named(tmp_path: Path) -> None:
    def with_purple(item: MediaItem) -> Iterator[Frame]:
        for i in range(5):
            yield Frame(scene(person(PURPLE if i == 3 else RED)), item.source, i, i / 2)

    summary = new_finder(tmp_path / "g", Picky()).index([video_item("hall", 5)], with_purple)
    assert (summary.frames, summary.people) == (4, 4)
    assert "frame 3: " in summary.problems[0].reason


def test_copies_in_one_run_are_indexed_once(tmp_path: Path, photos: list[MediaItem]) -> None:
    copies = [MediaItem(f"/copies/{i}.png", "photo", photos[0].content_key) for i in range(3)]
    summary = new_finder(tmp_path / "g").index([photos[0], *copies], frames_of)
    assert (summary.photos, summary.already, summary.people) == (1, 3, 2)


def test_an_error_while_looking_for_files_is_raised_and_the_lock_released(
    tmp_path: Path, photos: list[MediaItem]
) -> None:
    finder = new_finder(tmp_path / "g")

    def listing() -> Iterator[MediaItem]:
        yield photos[0]
        raise PermissionError("not yours")

    with pytest.raises(PermissionError, match="not yours"):
        finder.index(listing(), frames_of)
    assert finder.index(photos, frames_of).photos == 6
    assert not [t for t in threading.enumerate() if t.name == "sceneseek-read-ahead"]


def test_progress_counts_files(tmp_path: Path, photos: list[MediaItem]) -> None:
    heard: list[tuple[int, int | None]] = []

    def listen(done: int, total: int | None, note: str = "") -> None:
        heard.append((done, total))

    new_finder(tmp_path / "g").index(photos, frames_of, progress=listen)
    assert heard == [(i, 6) for i in range(1, 7)]


def test_a_second_writer_is_told_who_writes(tmp_path: Path, photos: list[MediaItem]) -> None:
    finder = new_finder(tmp_path / "g")
    with finder.gallery.writer(), pytest.raises(GalleryError, match=f"process {os.getpid()}"):
        finder.index(photos, frames_of)


def test_a_gallery_of_another_model_is_refused(tmp_path: Path) -> None:
    new_finder(tmp_path / "g")
    with pytest.raises(GalleryModelError, match="colour"):
        Finder(ColourPredictor("tint", "tint-1"), Gallery.open(tmp_path / "g"))


def test_the_surest_person_is_sought_when_no_box_is_given(tmp_path: Path) -> None:
    finder = new_finder(tmp_path / "g")
    picture = scene((RED, (2, 2, 12, 12)), (GREEN, (40, 10, 80, 80)))
    found = finder.locate(picture)
    assert found.box == (40, 10, 80, 80)
    assert found.score is not None
    given_box = finder.locate(picture, (2, 2, 12, 12))
    assert given_box.score is None
    assert given_box.embedding[0] > given_box.embedding[1]


@pytest.mark.parametrize(
    "box", [(5, 5, 5, 9), (1, 2, 3), (0, 0, float("inf"), 1), (500, 5, 600, 9), (-9, -9, 0.5, 0.5)]
)
def test_query_boxes_are_checked(tmp_path: Path, box: tuple[float, ...]) -> None:
    with pytest.raises(BoxError, match="box"):
        new_finder(tmp_path / "g").locate(scene(person(RED)), box)


def test_a_query_box_is_cut_to_its_picture(tmp_path: Path) -> None:
    assert new_finder(tmp_path / "g").locate(scene(person(RED)), (-50, -50, 999, 999)).box == (0, 0, 160, 96)


def test_nobody_in_the_query_says_what_to_do(tmp_path: Path) -> None:
    finder = new_finder(tmp_path / "g")
    with pytest.raises(ValueRefused, match="--box"):
        finder.find([(scene(), None)])
    with pytest.raises(ValueRefused, match="no query picture"):
        finder.find([])


def test_several_views_rank_by_their_mean(tmp_path: Path, photos: list[MediaItem]) -> None:
    finder = new_finder(tmp_path / "g")
    finder.index(photos, frames_of)
    views = [finder.locate(scene(person(c))) for c in (RED, YELLOW)]
    mean = np.mean([v.embedding for v in views], axis=0)
    expected = mean / np.linalg.norm(mean)
    ranking = finder.find([(scene(person(RED)), None), (scene(person(YELLOW)), None)], top=100)
    rows = {r["id"]: np.float32(r["embedding"]) for r in contents(finder.gallery)}
    assert len(ranking) == 12
    for match in ranking:
        assert match.similarity == pytest.approx(float(rows[match.detection_id] @ expected), abs=1e-6)


def test_filters_reach_the_search(tmp_path: Path, photos: list[MediaItem]) -> None:
    finder = new_finder(tmp_path / "g")
    finder.index([*photos, video_item("hall", 20, "hall")], frames_of, every_s=0.5)
    query = [(scene(person(RED)), None)]
    assert {m.camera_id for m in finder.find(query, cameras=["camera 1"])} == {"camera 1"}
    times = [m.time_s for m in finder.find(query, top=99, since=2.0, until=4.0)]
    assert times
    assert all(t is not None and 2 <= t <= 4 for t in times)
    assert {m.source for m in finder.find(query, sources=[photos[3].source])} == {photos[3].source}
    own = FrameKey(photos[0].content_key)
    assert photos[0].source not in {m.source for m in finder.find(query, top=99, exclude=[own])}
    assert finder.find(query, min_score=0.999).searched == 0


class Stopped(Exception):
    """Ends a run at a given picture, as a crash would."""


@settings(max_examples=so_often(6, short=3), deadline=None)
@given(stops=st.lists(st.integers(1, 30), max_size=4), commit_frames=st.integers(1, 6), group_frames=st.integers(1, 5))
def test_however_often_it_is_interrupted_the_gallery_ends_the_same(
    stops: list[int], commit_frames: int, group_frames: int
) -> None:
    densely = partial(frames_of, every_s=0.5)
    items = [video_item("a", 12), video_item("b", 9, "yard"), video_item("c", 1)]

    def contents_after(stops: Sequence[int], folder: Path) -> dict[str, list[dict[str, object]]]:
        finder = new_finder(folder, group_frames=group_frames, commit_frames=commit_frames)
        for stop in stops:
            calls = 0

            def stopping(done: int, total: int | None, note: str = "", stop: int = stop) -> None:
                nonlocal calls
                calls += 1
                if calls == stop:
                    raise Stopped

            try:
                finder.index(items, densely, every_s=0.5, progress=stopping)
            except Stopped:
                continue
        finder.index(items, densely, every_s=0.5)
        assert finder.index(items, densely, every_s=0.5) == IndexSummary(already=3)
        return everything(finder.gallery)

    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        kept, reference = contents_after(stops, Path(one)), contents_after([], Path(two))
        assert kept == reference
        assert len(reference["tracklets"]) < len(reference["detections"]) == len(reference["thumbnails"])


def kept_in(gallery: Path) -> int:
    return sum(record.num_frames for record in Gallery.open(gallery).media())


@pytest.mark.processes
def test_a_killed_process_continues_and_ends_with_the_same_gallery(tmp_path: Path) -> None:
    media = tmp_path / "media"
    for i in range(40):
        save_scene(media / f"{i:02d}.png", person((80 + 4 * i, 200 - 3 * i, 90), i % 5))
    total = 40 + NUM_VIDEO_FRAMES
    index(tmp_path / "reference", media, ColourPredictor())
    killed = tmp_path / "killed"
    places = [Path(__file__).parent, Path(__file__).parent.parent / "src"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}
    kept = 0
    for share in (0.2, 0.6):  # inside the video, and among the photographs behind it
        most = round(0.9 * total) - kept
        process = subprocess.Popen(
            [sys.executable, "-m", "indexing_process", str(killed), str(media), str(most)],
            env=environment,
            cwd=tmp_path,
        )

        def enough(process: subprocess.Popen[bytes] = process, least: float = share * total) -> bool:
            assert process.poll() is None, "it was to be killed before it ended"
            return (killed / "manifest.json").exists() and kept_in(killed) >= least

        until(enough)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        kept = kept_in(killed)
        assert share * total <= kept < total
    summary = index(killed, media, ColourPredictor())
    assert summary.frames == total - kept, "what was written is not done again"
    assert everything(Gallery.open(killed)) == everything(Gallery.open(tmp_path / "reference"))
    assert index(killed, media, ColourPredictor()) == IndexSummary(already=41)
