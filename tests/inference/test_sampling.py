"""Which frames are taken: sparse sampling that jumps, several videos in a file, changes of the scene."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from sceneseek.errors import ValueRefused
from sceneseek.inference import decoding
from sceneseek.inference.media import discover, frames_of
from sceneseek.inference.sampling import SceneChange
from sceneseek.inference.timelines import Timeline
from sceneseek.structures import Frame, MediaItem, MediaProblem

from .test_video import CONTAINERS, COUNT, frames_decoded, make, watch

RATE = 10


def encode(path: Path, *videos: list[np.ndarray], metadata: dict[str, str] | None = None) -> Path:
    """Write a file with one or several videos, ten frames a second."""
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata.update(metadata or {})
        streams = []
        for pictures in videos:
            stream = container.add_stream("libx264", rate=RATE, options={"crf": "12"})
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt, stream.gop_size = "yuv420p", 15
            streams.append(stream)
        for stream, pictures in zip(streams, videos, strict=True):
            for i, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(picture)
                frame.pts, frame.time_base = i, Fraction(1, RATE)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return path


def flat(value: int, count: int, size: tuple[int, int] = (64, 96)) -> list[np.ndarray]:
    return [np.full((*size, 3), value, np.uint8)] * count


@pytest.mark.parametrize(("name", "codec"), CONTAINERS)
def test_sparse_sampling_jumps_over_what_is_not_wanted(
    tmp_path: Path, name: str, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / name, codec)
    every, _ = watch(path, every_s=0)
    pixels = {f.frame_index: f.image for f in every}
    decoded = frames_decoded(monkeypatch)
    monkeypatch.setattr(decoding, "_WORTH_A_JUMP", 4)
    frames, problems = watch(path, every_s=2)
    assert not problems
    assert [f.frame_index for f in frames] == [0, 20, 40]
    assert all(np.array_equal(f.image, pixels[f.frame_index]) for f in frames)
    if name.endswith(("mp4", "mkv")):
        assert len(decoded) < COUNT * 2 // 3
    rest, _ = watch(path, every_s=2, start_index=21)
    assert [f.frame_index for f in rest] == [40]


def test_a_container_that_cannot_be_entered_is_decoded_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.mp4")
    whole, _ = watch(path, every_s=1)
    monkeypatch.setattr(decoding, "_WORTH_A_JUMP", 1)
    entry_before = Timeline.entry_before
    # A key frame is promised behind the frame that is wanted: arriving there, the frame has been missed.
    monkeypatch.setattr(Timeline, "entry_before", lambda self, index: entry_before(self, min(index + 9, COUNT - 1)))
    frames, problems = watch(path, every_s=1)
    assert not problems
    assert [f.frame_index for f in frames] == [f.frame_index for f in whole]


def test_each_video_of_a_file_is_an_item(tmp_path: Path) -> None:
    path = encode(tmp_path / "dash.mkv", flat(40, 20), flat(200, 30, (48, 64)))
    first, second = discover(path, camera="car")
    assert isinstance(first, MediaItem)
    assert isinstance(second, MediaItem)
    assert (first.source, second.source) == (str(path), f"{path}#video-2")
    assert (first.camera_id, second.camera_id) == ("car video 1", "car video 2")
    assert first.content_key != second.content_key
    inside = [f for f in frames_of(first, every_s=1) if isinstance(f, Frame)]
    outside = [f for f in frames_of(second, every_s=1) if isinstance(f, Frame)]
    assert [len(inside), len(outside)] == [2, 3]
    assert abs(int(inside[0].image.mean()) - 40) < 6
    assert outside[0].image.shape == (48, 64, 3)
    assert abs(int(outside[0].image.mean()) - 200) < 6
    (problem,) = frames_of(MediaItem(f"{path}#video-3", "video", "k"))
    assert isinstance(problem, MediaProblem)


def test_what_a_video_says_of_itself_becomes_the_item(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", flat(40, 25), metadata={"creation_time": "2026-07-15T12:03:10Z"})
    (item,) = discover(path)
    assert isinstance(item, MediaItem)
    assert item.captured_at is not None
    assert item.captured_at.isoformat() == "2026-07-15T12:03:10+00:00"
    assert item.duration_s == pytest.approx(2.5, abs=0.1)
    assert item.frame_rate == pytest.approx(10)
    last = [f for f in frames_of(item, every_s=1) if isinstance(f, Frame)][-1]
    assert last.captured_at is not None
    assert last.captured_at.second == 12


def walk() -> list[np.ndarray]:
    """Two seconds of an empty scene with noise, a walker for two seconds, two seconds of nobody, and a cut."""
    rng = np.random.default_rng(1)
    frames = []
    for i in range(80):
        picture = np.full((96, 160, 3), 60 if i < 60 else 180, np.int16)
        if 20 <= i < 40:
            picture[20:80, 7 * (i - 20) : 7 * (i - 20) + 24] = (220, 60, 30)
        frames.append((picture + rng.integers(-4, 5, picture.shape)).clip(0, 255).astype(np.uint8))
    return frames


def changes(path: Path, start_index: int = 0, **rule: float) -> list[int]:
    (item,) = discover(path)
    assert isinstance(item, MediaItem)
    answers = frames_of(item, on_change=SceneChange(**rule), start_index=start_index)
    return [f.frame_index for f in answers if isinstance(f, Frame)]


def test_frames_are_taken_when_the_scene_changes(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", walk())
    taken = changes(path)
    assert taken[0] == 0
    assert not [i for i in taken if 0 < i < 20], "nothing happens at first"
    assert len([i for i in taken if 20 <= i < 42]) >= 4, "the walker is seen again and again"
    assert not [i for i in taken if 43 <= i < 60], "nobody is there"
    assert [i for i in taken if i >= 60] == [60], "a cut is one change"
    assert changes(path, longest_s=1)[1] == 10, "after a while a frame is taken anyway"


def test_scene_changes_go_on_where_an_earlier_run_stopped(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", walk())
    whole = changes(path)
    for taken in whole:
        assert changes(path, start_index=taken + 1) == [i for i in whole if i > taken]


def test_rules_that_make_no_sense_are_refused() -> None:
    for rule in ({"share": 0.0}, {"share": 1.5}, {"difference": 0.0}, {"shortest_s": 5.0, "longest_s": 1.0}):
        with pytest.raises(ValueRefused, match="expected a share"):
            SceneChange(**rule)
