"""The indexing pipeline: what is written, that it is bounded, stopped and resumed, and fed by cameras."""

from __future__ import annotations

import io
import threading
import time
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fake_predictor import (
    BLUE,
    RED,
    YELLOW,
    ColourPredictor,
    everything,
    frames_of,
    media_item,
    person,
    save_scene,
    scene,
    video_item,
)
from live_server import served
from patience import PATIENCE_S
from sceneseek.finder import Finder, expected_pictures, reading
from sceneseek.gallery import Gallery
from sceneseek.inference import media
from sceneseek.inference.streams import Listening, live_item
from sceneseek.structures import Frame, MediaItem, MediaProblem

BEGAN = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)


def new_finder(folder: Path, model: ColourPredictor | None = None, **options: int) -> Finder:
    model = model or ColourPredictor()
    gallery = Gallery.open_or_create(folder, model.name, model.fingerprint, model.embedding_dim)
    return Finder(model, gallery, **options)


def two_walkers(item: MediaItem, *, start_index: int = 0) -> Iterator[Frame]:
    """Red walks to the right for twelve seconds, blue to the left from the fifth second on."""
    for i in range(start_index, 12):
        x = 4 + 10 * i
        people = [(RED, (x, 20, x + 16, 70)), *([(BLUE, (140 - x, 74, 156 - x, 95))] if i >= 5 else [])]
        yield Frame(scene(*people), item.source, i, float(i), "yard", BEGAN + timedelta(seconds=i))


def walk(seconds: float = 12) -> MediaItem:
    return MediaItem("/videos/walk.mp4", "video", "walk", "yard", BEGAN, seconds, 1.0)


def test_people_of_a_video_become_sightings(tmp_path: Path) -> None:
    finder = new_finder(tmp_path / "g")
    finder.index([walk()], two_walkers, every_s=1)
    (red, blue) = finder.gallery.search(ColourPredictor().embed([scene(person(RED))], [_box()])[0][0], by="sighting")
    assert red.sighting is not None
    assert blue.sighting is not None
    assert (red.sighting.start_s, red.sighting.end_s, red.sighting.num_detections) == (0, 11, 12)
    assert (blue.sighting.start_s, blue.sighting.end_s, blue.sighting.num_detections) == (5, 11, 7)
    assert red.captured_at is not None
    assert BEGAN <= red.captured_at < BEGAN + timedelta(seconds=12)
    members = finder.gallery.tracklet(red.sighting.tracklet_id)
    assert [p.frame_index for p in members] == list(range(12))
    assert finder.gallery.cameras() == ["yard"]


def _box() -> np.ndarray:
    return np.array([[8, 20, 24, 70]], np.float32)


def test_each_person_has_flags_sharpness_and_a_small_picture(tmp_path: Path) -> None:
    finder = new_finder(tmp_path / "g")
    item = media_item(save_scene(tmp_path / "a.png", person(RED), (BLUE, (100, 40, 160, 96))))
    finder.index([item], frames_of)
    red, blue = sorted(everything(finder.gallery)["detections"], key=lambda row: float(row["x1"]))  # type: ignore[arg-type]
    assert red["tracklet_id"] is None
    assert "small" in red["flags"]  # type: ignore[operator]
    assert "cut" in blue["flags"]  # type: ignore[operator]
    assert red["sharpness"] is not None
    jpeg = finder.gallery.thumbnail(str(red["id"]))
    assert jpeg is not None
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert picture.format == "JPEG"
        middle = np.asarray(picture)[picture.height // 2, picture.width // 2]
    assert np.abs(middle.astype(int) - RED).max() < 40


def test_stopping_keeps_what_was_seen_and_the_next_run_goes_on(tmp_path: Path) -> None:
    finder = new_finder(tmp_path / "g", group_frames=2, commit_frames=3)
    items = [video_item("a", 30), video_item("b", 20), media_item(save_scene(tmp_path / "z.png", person(YELLOW)))]
    densely = partial(frames_of, every_s=0.5)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 12

    first = finder.index(items, densely, every_s=0.5, stop=stop)
    assert first.stopped
    assert 5 <= first.frames < 20
    assert len(everything(finder.gallery)["frames"]) == first.frames, "all that was looked at is written"
    second = finder.index(items, densely, every_s=0.5)
    assert not second.stopped
    assert first.frames + second.frames == 51
    reference = new_finder(tmp_path / "reference")
    reference.index(items, densely, every_s=0.5)
    assert everything(finder.gallery) == everything(reference.gallery)


def test_memory_is_bounded_when_the_disk_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sceneseek.finder import indexing
    from sceneseek.gallery import GalleryWriter

    monkeypatch.setattr(indexing, "_BEHIND_PIXELS", 3 * 160 * 96)
    add = GalleryWriter.add

    def slowly(self: GalleryWriter, *given: object, **named: object) -> None:
        time.sleep(0.005)
        add(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(GalleryWriter, "add", slowly)
    alive: weakref.WeakSet[Frame] = weakref.WeakSet()
    most = 0

    def counted(item: MediaItem) -> Iterator[Frame]:
        nonlocal most
        for frame in frames_of(item, every_s=0.5):
            alive.add(frame)
            most = max(most, len(alive))
            yield frame
            del frame

    new_finder(tmp_path / "g", group_frames=4).index([video_item("a", 120)], counted, every_s=0.5)
    assert most <= 4 + 4 + 3 + 4, "read ahead, a group, waiting to be written, and a few in hands"


def test_the_model_does_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sceneseek.gallery import GalleryWriter

    at_the_model, at_the_disk = threading.Event(), threading.Event()
    overlapped = False
    commit = GalleryWriter.commit

    def slowly(self: GalleryWriter) -> None:
        nonlocal overlapped
        at_the_disk.set()
        # The first commit comes long before the last picture, so a model that does not wait gets here.
        overlapped = overlapped or at_the_model.wait(PATIENCE_S)
        at_the_disk.clear()
        commit(self)

    class Watching(ColourPredictor):
        def detect(self, images: object) -> list:  # type: ignore[type-arg, override]
            if at_the_disk.is_set():
                at_the_model.set()
            return super().detect(images)  # type: ignore[arg-type]

    monkeypatch.setattr(GalleryWriter, "commit", slowly)
    finder = new_finder(tmp_path / "g", Watching(), group_frames=2, commit_frames=10)
    finder.index([video_item("a", 40)], partial(frames_of, every_s=0.5), every_s=0.5)
    assert overlapped


def test_progress_counts_pictures_where_videos_say_how_long_they_are(tmp_path: Path) -> None:
    heard: list[tuple[int, int | None, str]] = []
    photo = media_item(save_scene(tmp_path / "a.png", person(RED)))
    finder = new_finder(tmp_path / "g", group_frames=3)
    finder.index(
        [MediaProblem("/gone.jpg", "gone."), walk(), photo],
        two_walkers_and_photos,
        every_s=1,
        progress=lambda done, total, note="": heard.append((done, total, note)),
    )
    assert {total for _, total, _ in heard} == {14}
    assert [done for done, _, _ in heard] == [1, *range(1, 13), 13, 14]
    assert heard[5][2] == "walk.mp4 0:04 of 0:12"
    assert expected_pictures(walk(), 0.5) == 24
    assert expected_pictures(walk(), 0) == 12
    assert expected_pictures(walk(), -10.0) == 12
    assert expected_pictures(video_item("a", 3), 1) is None


def two_walkers_and_photos(item: MediaItem) -> Iterator[Frame]:
    yield from two_walkers(item) if item.kind == "video" else frames_of(item)


def test_cameras_are_watched_beside_files_and_again_after_a_cable_was_pulled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_FAREWELL_S", PATIENCE_S)
    finder = new_finder(tmp_path / "g")
    photo = media_item(save_scene(tmp_path / "a.png", person(RED)))
    with served("mjpeg") as camera, served("ts") as second:
        live = list(media.discover([f"http://127.0.0.1:{c.port}/door" for c in (camera, second)]))
        seen = {item.source: 0 for item in live}

        def stop() -> bool:
            first, other = seen.values()
            return camera.connections >= 2 and first >= 8 and other >= 4

        listening = Listening(stop=stop, first_wait_s=0.05, longest_wait_s=0.1, silence_s=PATIENCE_S)

        def open_item(item: MediaItem) -> Iterator[Frame | MediaProblem]:
            if item.kind == "photo":
                yield from frames_of(item)
                return
            for answer in media.frames_of(item, every_s=0.1, listening=listening):
                seen[item.source] += isinstance(answer, Frame)
                if item is live[0] and seen[item.source] == 4:
                    camera.unplug(for_attempts=3)
                yield answer

        summary = finder.index([*live, photo], open_item, every_s=0.1, stop=stop)
        assert camera.connections == 2
    assert (summary.photos, summary.streams) == (1, 2)
    (problem,) = summary.problems
    assert "fell silent once" in problem.reason
    records = {record.source: record for record in finder.gallery.media()}
    first, other = (records[item.source] for item in live)
    assert first.kind == "stream"
    assert first.num_frames >= 2
    assert other.num_frames >= 2
    assert str(other.status) == "complete", "a watching that was stopped is whole"
    names = tuple(item.camera_id for item in live if isinstance(item, MediaItem))
    yellow = finder.find([(scene((YELLOW, (60, 20, 80, 80))), None)], cameras=names, top=5)
    assert yellow.matches[0].sighting is not None
    assert yellow.matches[0].captured_at is not None
    again = list(media.discover(str(live[0].source)))
    finder.index(again, lambda item: iter(()), every_s=0.1)
    assert sum(record.kind == "stream" for record in finder.gallery.media()) == 3, "watching again replaces nothing"


def test_a_camera_that_is_faster_than_the_model_is_shown_as_it_is_now(tmp_path: Path) -> None:
    all_sent = threading.Event()

    class Slow(ColourPredictor):
        def detect(self, images: object) -> list:  # type: ignore[type-arg, override]
            assert all_sent.wait(PATIENCE_S)
            return super().detect(images)  # type: ignore[arg-type]

    def open_item(item: MediaItem) -> Iterator[Frame | MediaProblem]:
        for i in range(60):
            yield Frame(scene(person(RED)), item.source, i, i / 25, item.camera_id, BEGAN + timedelta(seconds=i / 25))
        all_sent.set()

    finder = new_finder(tmp_path / "g", Slow(), group_frames=1)
    summary = finder.index([live_item("rtsp://camera.local/1", "door")], open_item, every_s=0)
    times = [float(row["time_s"]) for row in everything(finder.gallery)["frames"]]  # type: ignore[arg-type]
    assert summary.frames == len(times) < 20, "the others gave way"
    assert max(times) == 59 / 25, "the last picture is the newest one"
