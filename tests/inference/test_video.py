from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from sceneseek.inference import decoding
from sceneseek.inference.media import discover, frames_of
from sceneseek.structures import Frame, MediaItem, MediaProblem

WIDTH, HEIGHT, RATE, COUNT, GOP = 96, 64, 10, 60, 8


def picture(index: int) -> np.ndarray:
    """A frame that tells its index: a bar as wide as the index, and a corner that shows what is up."""
    image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    image[16:, : index + 8] = 220
    image[:16, :24] = (255, 0, 0)
    return image


def index_shown(image: np.ndarray) -> int:
    return int((image[40].mean(axis=1) > 130).sum()) - 8


def make(
    path: Path, codec: str = "libx264", *, options: dict[str, str] | None = None, times: list[int] | None = None
) -> Path:
    """Encode ``COUNT`` frames; ``times`` are in tenths of a second."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.gop_size = WIDTH, HEIGHT, GOP
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.bit_rate = 2_000_000
        for i in range(COUNT):
            frame = av.VideoFrame.from_ndarray(picture(i))
            frame.pts, frame.time_base = i if times is None else times[i], Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def frames_decoded(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A list that grows with each frame that is decoded."""
    decoded: list[object] = []
    original = decoding.pictures_in

    def counted(*given: Any) -> Iterator[Any]:
        for frame in original(*given):
            decoded.append(frame)
            yield frame

    monkeypatch.setattr(decoding, "pictures_in", counted)
    return decoded


def item_of(path: Path) -> MediaItem:
    (item,) = discover(path)
    assert isinstance(item, MediaItem)
    return item


def watch(path: Path, **options: float) -> tuple[list[Frame], list[MediaProblem]]:
    answers = list(frames_of(item_of(path), **options))  # type: ignore[arg-type]
    return [a for a in answers if isinstance(a, Frame)], [a for a in answers if isinstance(a, MediaProblem)]


CONTAINERS = [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4"), ("a.ts", "libx264"), ("a.webm", "libvpx")]


@pytest.mark.parametrize(("name", "codec"), [*CONTAINERS, ("a.mov", "mjpeg")])
def test_every_container_is_sampled_by_time(tmp_path: Path, name: str, codec: str) -> None:
    frames, problems = watch(make(tmp_path / name, codec), every_s=0.5)
    assert not problems
    assert [f.frame_index for f in frames] == list(range(0, COUNT, 5))
    assert [f.time_s for f in frames] == pytest.approx([i / RATE for i in range(0, COUNT, 5)], abs=1e-3)
    assert all(abs(index_shown(f.image) - f.frame_index) <= 1 for f in frames)
    assert frames[0].image.shape == (HEIGHT, WIDTH, 3)
    assert frames[0].image.dtype == np.uint8


@pytest.mark.parametrize(("name", "codec"), CONTAINERS)
@pytest.mark.parametrize("start", [1, 26, 31, COUNT])
def test_an_interrupted_run_goes_on_as_if_it_had_never_stopped(
    tmp_path: Path, name: str, codec: str, start: int
) -> None:
    path = make(tmp_path / name, codec)
    whole, _ = watch(path, every_s=0.5)
    rest, problems = watch(path, every_s=0.5, start_index=start)
    assert not problems
    assert [f.frame_index for f in rest] == [f.frame_index for f in whole if f.frame_index >= start]
    pixels = {f.frame_index: f.image for f in whole}
    assert all(np.array_equal(f.image, pixels[f.frame_index]) for f in rest)


def test_going_on_enters_at_a_key_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.mp4")
    decoded = frames_decoded(monkeypatch)
    watch(path, every_s=0, start_index=COUNT - 2)
    assert len(decoded) <= GOP + 2


def test_every_frame(tmp_path: Path) -> None:
    frames, _ = watch(make(tmp_path / "a.mp4"), every_s=0)
    assert [f.frame_index for f in frames] == list(range(COUNT))


def test_a_variable_frame_rate_is_sampled_by_the_clock(tmp_path: Path) -> None:
    times = np.cumsum([1 if i % 10 else 30 for i in range(COUNT)]).tolist()  # bursts with pauses of three seconds
    frames, problems = watch(make(tmp_path / "a.mkv", times=times), every_s=1)
    assert not problems
    shown = [round((f.time_s or 0) * RATE) for f in frames]
    assert shown == [round(times[f.frame_index] - times[0]) for f in frames]
    # One frame per second in which there is any.
    assert len({t // RATE for t in shown}) == len(shown) == len({(t - times[0]) // RATE for t in times})


def test_a_turned_video_is_shown_upright(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4")
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # the display matrix of the track header, version 0
    quarter = np.array([0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000], ">i4").tobytes()
    data[at : at + 36] = quarter
    path.write_bytes(bytes(data))
    frames, _ = watch(path, every_s=10)
    assert frames[0].image.shape == (WIDTH, HEIGHT, 3)
    assert frames[0].image[4, -4].tolist() == pytest.approx([255, 0, 0], abs=40)  # top left goes to the top right


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_video_cut_in_the_middle_gives_what_there_is_and_says_so(tmp_path: Path, name: str) -> None:
    whole = make(tmp_path / f"whole_{name}", options={"movflags": "faststart"} if name.endswith("mp4") else None)
    cut = tmp_path / name
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    frames, problems = watch(cut, every_s=0.5)
    assert 3 <= len(frames) < COUNT // 5
    assert [f.frame_index for f in frames] == list(range(0, 5 * len(frames), 5))
    (problem,) = problems
    assert "cut: it should last" in problem.reason
    again, told_again = watch(cut, every_s=0.5, start_index=frames[-1].frame_index + 1)
    assert not again
    assert "cut" in told_again[0].reason


def test_a_video_without_its_index_is_reported(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mp4")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    frames, problems = watch(cut)
    assert not frames
    assert "cannot be opened as a video" in problems[0].reason


def test_damage_in_the_middle_costs_no_more_than_itself(tmp_path: Path) -> None:
    path = make(tmp_path / "a.avi", "mpeg4")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    path.write_bytes(bytes(data))
    frames, _ = watch(path, every_s=0.5)
    assert frames[-1].frame_index >= COUNT - 10
    assert len(frames) >= COUNT // 5 - 3


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    frames, problems = watch(path)
    assert not frames
    assert "no video" in problems[0].reason


def test_a_text_named_like_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("I am a text.\n" * 50, encoding="utf-8")
    frames, problems = watch(path)
    assert not frames
    assert "cannot be opened as a video" in problems[0].reason


def test_a_playlist_in_disguise_opens_nothing_else(tmp_path: Path) -> None:
    inner = make(tmp_path / "inner.mp4")
    path = tmp_path / "list.mp4"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:6,\nhttp://127.0.0.1:9/{inner.name}\n#EXT-X-ENDLIST\n")
    frames, problems = watch(path)
    assert not frames
    assert problems


def test_memory_stays_flat(tmp_path: Path) -> None:
    item = item_of(make(tmp_path / "a.mp4"))
    tracemalloc.start()
    for _ in frames_of(item, every_s=0):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < COUNT * WIDTH * HEIGHT * 3 / 4


def test_stopping_early_closes_the_file(tmp_path: Path) -> None:
    frames = frames_of(item_of(make(tmp_path / "a.mp4")))
    next(frames)
    frames.close()  # type: ignore[attr-defined]
