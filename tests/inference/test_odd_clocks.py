"""Films whose clocks start again, overflow, are absurd or missing: every picture is found, once, and times grow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from films import Stamp, Stamps, film, item_of, joined, mistimed, number_in, numbered, restamped, times_of, watched
from sceneseek.inference import decoding
from sceneseek.inference.sampling import SceneChange
from sceneseek.structures import Frame

COUNT = 40
WRAP = 1 << 33
BEGAN = datetime(2026, 9, 4, 12, 3, 10, tzinfo=UTC)


def tenths(count: int = COUNT) -> list[float]:
    return [round(number / 10, 2) for number in range(count)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of transport stream with reordered pictures."""
    return film(tmp_path_factory.mktemp("films") / "plain.ts", numbered(COUNT), b_frames=2)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grey recording of four seconds and a red one of two, joined."""
    folder = tmp_path_factory.mktemp("films")
    grey = film(folder / "1.ts", numbered(COUNT), b_frames=2)
    red = film(folder / "2.ts", numbered(20, (220, 20, 20)), b_frames=2)
    return joined(folder / "two.ts", grey, red)


def numbers(frames: list[Frame]) -> list[int]:
    return [number_in(frame.image) for frame in frames]


def is_red(frame: Frame) -> bool:
    return bool(frame.image[40, 2, 0] > 150 > frame.image[40, 2, 1])


@pytest.mark.parametrize(
    ("suffix", "codec", "b_frames"),
    [(".ts", "libx264", 0), (".ts", "mpeg2video", 2), (".mpg", "mpeg2video", 2), (".mkv", "libx264", 2),
     (".avi", "libx264", 2), (".avi", "mpeg4", 2)],
)  # fmt: skip
def test_joined_recordings_are_both_read(tmp_path: Path, suffix: str, codec: str, b_frames: int) -> None:
    first = film(tmp_path / f"1{suffix}", numbered(30), codec, b_frames=b_frames)
    second = film(tmp_path / f"2{suffix}", numbered(20, (220, 20, 20)), codec, b_frames=b_frames)
    both = joined(tmp_path / f"both{suffix}", first, second)
    frames, problem, _ = watched(both, every_s=0)
    assert not problem
    assert [frame.frame_index for frame in frames] == list(range(50))
    assert times_of(frames) == tenths(50)
    assert [is_red(frame) for frame in frames] == [False] * 30 + [True] * 20
    assert all(
        abs(shown - number) <= 1 for shown, number in zip(numbers(frames), [*range(30), *range(20)], strict=True)
    )


def test_joined_recordings_are_sampled_through(two: Path) -> None:
    frames, _, note = watched(two, every_s=1)
    assert times_of(frames) == [0, 1, 2, 3, 4, 5]
    assert sum(map(is_red, frames)) == 2
    assert "starts again at 0:04" in note
    half, _, _ = watched(two, every_s=0.5)
    assert len(half) == 12
    changes, _, _ = watched(two, on_change=SceneChange(longest_s=1))
    assert any(map(is_red, changes))
    assert times_of(changes)[-1] >= 4


def test_the_wall_clock_is_not_known_behind_a_join(two: Path) -> None:
    frames, _, _ = watched(replace(item_of(two), captured_at=BEGAN), every_s=1)
    assert [frame.captured_at for frame in frames] == [
        *(BEGAN + timedelta(seconds=second) for second in range(4)), None, None,
    ]  # fmt: skip


@pytest.mark.parametrize("start", [1, 13, 39, 40, 41, 55, 60])
def test_an_interrupted_run_goes_on_in_joined_recordings(two: Path, start: int) -> None:
    for every_s in (0, 0.5):
        whole, _, note = watched(two, every_s=every_s)
        rest, _, again = watched(two, every_s=every_s, start_index=start)
        assert again == note
        expected = [frame for frame in whole if frame.frame_index >= start]
        assert [frame.frame_index for frame in rest] == [frame.frame_index for frame in expected]
        assert all(np.array_equal(a.image, b.image) for a, b in zip(rest, expected, strict=True))


def test_packets_before_the_picture_that_is_wanted_are_not_decoded(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    original = decoding.pictures_in

    def counted(*given: object) -> object:
        for frame in original(*given):  # type: ignore[arg-type]
            decoded.append(frame)
            yield frame

    monkeypatch.setattr(decoding, "pictures_in", counted)
    frames, _, _ = watched(two, every_s=0, start_index=58)
    assert [frame.frame_index for frame in frames] == [58, 59]
    assert len(decoded) <= 12
    decoded.clear()
    monkeypatch.setattr(decoding, "_WORTH_A_JUMP", 4)
    sparse, _, _ = watched(two, every_s=2)
    assert times_of(sparse) == [0, 2, 4]
    assert is_red(sparse[2])
    assert len(decoded) < 45


def moved(shown: Stamp, decoded: Stamp, by: int) -> tuple[Stamp, Stamp]:
    return (None if shown is None else shown + by, None if decoded is None else decoded + by)


ODD: dict[str, tuple[Stamps, float, str]] = {
    "overflow": (lambda n, p, d: moved(p, d, WRAP - 250_000), 0, ""),
    "before nought": (lambda n, p, d: moved(p, d, WRAP - 100), 0, ""),
    "one far ahead": (lambda n, p, d: moved(p, d, 10**9 if n == 21 else 0), 0.11, "without a usable time"),
    "two at nought": (lambda n, p, d: (5, None) if n in (21, 22) else (p, d), 0.1, "without a usable time"),
    "none": (lambda n, p, d: (None, None), 0, "holds no clock"),
    "all the same": (lambda n, p, d: (900_000, None), 0, "holds no clock"),
    "at key frames": (lambda n, p, d: (None, None) if n % 8 else (p, d), 0.11, "without a usable time"),
    "four in five": (lambda n, p, d: (p, d) if n % 5 else (None, None), 0.21, "without a usable time"),
    "one shown far behind": (lambda n, p, d: ((p or 0) + 20 * 90_000 if n == 21 else p, d), 0, "without a usable time"),
    "one shown far before": (lambda n, p, d: ((p or 0) - 20 * 90_000 if n == 21 else p, d), 0, "without a usable time"),
    "one some seconds ahead": (lambda n, p, d: moved(p, d, 270_000 if n == 21 else 0), 0, "without a usable time"),
    "one some seconds behind": (lambda n, p, d: moved(p, d, -270_000 if n == 21 else 0), 0, "without a usable time"),
    "one decoded far ahead": (lambda n, p, d: (p, moved(p, d, 10**7)[1] if n == 21 else d), 0, ""),
    "some twice": (lambda n, p, d: moved(p, d, 0 if n % 7 else -9000), 0.11, "with the time of another"),
    "of showing alone": (lambda n, p, d: (p, None), 0, ""),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_times_cost_no_picture(tmp_path: Path, plain: Path, name: str) -> None:
    stamps, off_s, told = ODD[name]
    frames, problem, note = watched(restamped(tmp_path / "a.ts", plain, stamps), every_s=0)
    assert not problem
    assert [frame.frame_index for frame in frames] == list(range(COUNT))
    assert all(abs(shown - number) <= 1 for shown, number in zip(numbers(frames), range(COUNT), strict=True))
    assert max(abs(a - b) for a, b in zip(times_of(frames), tenths(), strict=True)) <= off_s + 1e-6
    assert told in note
    assert bool(told) == bool(note)
    sampled, _, _ = watched(tmp_path / "a.ts", every_s=1)
    assert len(sampled) in (4, 5)


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize(  # a first picture long before the others may be meant
    ("number", "by_ms"), [(0, 20_000), *((number, by_ms) for number in (7, 8, 21) for by_ms in (20_000, -15_000))]
)
def test_a_wrong_time_where_containers_say_only_when_pictures_are_shown(
    tmp_path: Path, b_frames: int, number: int, by_ms: int
) -> None:
    plain = film(tmp_path / "plain.mkv", numbered(COUNT), b_frames=b_frames)
    frames, problem, note = watched(mistimed(tmp_path / "a.mkv", plain, number, by_ms), every_s=0)
    assert not problem
    assert [frame.frame_index for frame in frames] == list(range(COUNT))
    assert max(abs(a - b) for a, b in zip(times_of(frames), tenths(), strict=True)) <= 0.11
    assert "1 of 40 pictures came without a usable time" in note
    assert all(abs(shown - number) <= 1 for shown, number in zip(numbers(frames), range(COUNT), strict=True))


def test_a_clock_set_back_in_mid_recording(tmp_path: Path, plain: Path) -> None:
    back = restamped(tmp_path / "a.ts", plain, lambda n, p, d: moved(p, d, 0 if n < 20 else -90_000))
    frames, _, note = watched(back, every_s=0)
    assert [frame.frame_index for frame in frames] == list(range(COUNT))
    assert all(a < b for a, b in zip(times_of(frames), times_of(frames)[1:], strict=False))
    assert note


def test_a_clock_set_ahead_in_mid_recording(tmp_path: Path, plain: Path) -> None:
    ahead = restamped(tmp_path / "a.ts", plain, lambda n, p, d: moved(p, d, 0 if n < 24 else 10**8))
    frames, _, note = watched(ahead, every_s=1)
    assert len(frames) >= 4
    assert "leaps ahead" in note


def test_frames_that_containers_cannot_time_come_in_order(tmp_path: Path) -> None:
    """AVI says when a frame is decoded, and nothing of when it is shown."""
    path = film(tmp_path / "a.avi", numbered(COUNT), b_frames=3)
    frames, problem, note = watched(path, every_s=0)
    assert (problem, note) == ("", "")
    assert [frame.frame_index for frame in frames] == list(range(COUNT))
    assert all(abs(shown - number) <= 1 for shown, number in zip(numbers(frames), range(COUNT), strict=True))
    for start in (1, 8, 9, 30):
        rest, _, _ = watched(path, every_s=0, start_index=start)
        assert [frame.frame_index for frame in rest] == list(range(start, COUNT))
        assert np.array_equal(rest[0].image, frames[start].image)


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [("a.264", "libx264", "h264"), ("a.h264", "libx264", "h264"), ("a.265", "libx265", "hevc")],
)
def test_bare_video_is_timed_by_the_rate_among_its_pictures(tmp_path: Path, name: str, codec: str, form: str) -> None:
    options = {"x265-params": "log-level=error"} if codec == "libx265" else {}
    path = film(tmp_path / name, numbered(COUNT), codec, form=form, b_frames=2, options=options)
    frames, problem, note = watched(path, every_s=1)
    assert not problem
    assert times_of(frames) == [0, 1, 2, 3]
    assert [frame.frame_index for frame in frames] == [0, 10, 20, 30]
    assert "counted at the 10 pictures a second" in note


def test_a_guessed_rate_is_called_a_guess_and_dates_the_first_picture_alone(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mjpg", numbered(COUNT), "mjpeg", form="mjpeg", pix_fmt="yuvj420p")
    frames, _, note = watched(replace(item_of(path), captured_at=BEGAN), every_s=0)
    assert len(frames) == COUNT
    assert times_of(frames)[:3] == [0, 0.04, 0.08]
    assert "25 pictures a second, which is a guess" in note
    assert [frame.captured_at for frame in frames] == [BEGAN] + [None] * (COUNT - 1)


@pytest.mark.parametrize("name", ["a.mjpg", "a.mjpeg", "a.bin"])
def test_motion_jpeg_as_cameras_write_it(tmp_path: Path, name: str) -> None:
    """JPEG files one behind the other, each with all that stands at the beginning of a photograph."""
    with (tmp_path / name).open("wb") as file:
        for picture in numbered(5):
            Image.fromarray(picture).save(file, "JPEG")
    frames, problem, note = watched(tmp_path / name, every_s=0)
    assert not problem
    assert "is a guess" in note
    assert numbers(frames) == pytest.approx(range(5), abs=1)


def test_long_pauses_are_no_leaps(tmp_path: Path) -> None:
    times = [0, 0.1, 0.2, 30, 30.1, 95, 95.1]
    for name in ("a.mp4", "a.mkv"):
        frames, problem, note = watched(film(tmp_path / name, numbered(7), times=times, b_frames=2), every_s=0)
        assert (problem, note) == ("", "")
        assert times_of(frames) == times


def test_a_mean_rate_that_lies_is_not_believed(tmp_path: Path) -> None:
    """That of DV is the grid of its clock, 60,000 a second."""
    picture = av.VideoFrame.from_ndarray(np.full((576, 720, 3), 60, np.uint8)).reformat(format="yuv420p")
    with av.open(str(tmp_path / "a.dv"), "w", format="dv") as container:
        stream = container.add_stream("dvvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
        for number in range(5):
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    assert item_of(tmp_path / "a.dv").frame_rate == pytest.approx(25)
