"""What is whole is not called cut, however long its last picture or its subtitles last; what is cut is."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from films import film, joined, numbered, watched
from sceneseek.inference.wholeness import ending_of

COUNT = 40


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.avi", "a.flv", "a.ts"])
@pytest.mark.parametrize("times", [[i / 10 for i in range(COUNT)], [0.0], [*(i / 10 for i in range(20)), 30.0]])
def test_a_long_last_picture_is_no_cut(tmp_path: Path, name: str, times: list[float]) -> None:
    frames, problem, _ = watched(film(tmp_path / name, numbered(len(times)), times=times, last_s=30), every_s=0)
    assert not problem
    assert len(frames) == len(times)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_other_tracks_may_be_longer(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        sound = container.add_stream("aac" if name != "a.avi" else "pcm_s16le", rate=8000)
        for i in range(10):
            frame = av.VideoFrame.from_ndarray(numbered(10)[i])
            frame.pts = i
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for _ in range(20):
            form, kind = ("s16", np.int16) if name == "a.avi" else ("fltp", np.float32)
            noise = av.AudioFrame.from_ndarray(np.zeros((1, 8000), kind), format=form, layout="mono")
            noise.sample_rate = 8000
            container.mux(sound.encode(noise))
        container.mux(sound.encode())
    frames, problem, _ = watched(path, every_s=0)
    assert not problem
    assert len(frames) == 10


CUT = {
    "a.ts": {}, "a.mkv": {}, "a.avi": {}, "a.flv": {}, "a.mp4 in fragments": {"movflags": "frag_keyframe+empty_moov"},
    "a.mp4": {"movflags": "faststart"}, "a.mpg": {}, "a.ogv": {}, "a.wmv": {}, "a.vob": {},
    "a.ivf": {}, "a.264": {}, "a.m2v": {}, "a.mjpg": {},
}  # fmt: skip
CODECS = {
    ".mpg": "mpeg2video", ".vob": "mpeg2video", ".m2v": "mpeg2video", ".ogv": "libtheora", ".wmv": "wmv2",
    ".avi": "mpeg4", ".ivf": "libvpx", ".mjpg": "mjpeg",
}  # fmt: skip
FORMS = {".264": "h264", ".m2v": "mpeg2video", ".mjpg": "mjpeg"}


@pytest.mark.parametrize("what", [name for name in CUT if name != "a.ogv" or "libtheora" in av.codecs_available])
def test_what_is_cut_is_called_so(tmp_path: Path, what: str) -> None:
    name = what.split()[0]
    suffix = Path(name).suffix
    codec, form = CODECS.get(suffix, "libx264"), FORMS.get(suffix)
    # In grey noise, so that there is something to cut.
    noise = [np.random.default_rng(i).integers(0, 255, (64, 96, 1), np.uint8).repeat(3, axis=2) for i in range(COUNT)]
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    whole = film(tmp_path / f"whole_{name}", noise, codec, mux=CUT[what], form=form, pix_fmt=pix_fmt)
    assert not watched(whole)[1]
    for share in (0.3, 0.6, 0.9):
        contents = whole.read_bytes()
        (tmp_path / name).write_bytes(contents[: int(len(contents) * share)])
        frames, problem, _ = watched(tmp_path / name, every_s=0)
        assert frames
        assert "The video is cut" in problem
        assert "copy it again" in problem


def test_a_transport_stream_that_is_cut_between_its_packets(tmp_path: Path) -> None:
    noise = [np.random.default_rng(i).integers(0, 255, (64, 96, 1), np.uint8).repeat(3, axis=2) for i in range(20)]
    whole = film(tmp_path / "whole.ts", noise)
    contents = whole.read_bytes()
    packets = len(contents) // 188
    cuts = range(packets // 2, packets, packets // 40)
    called = complete = 0
    for kept in cuts:
        (tmp_path / "a.ts").write_bytes(contents[: kept * 188])
        is_whole = ending_of(str(tmp_path / "a.ts"), "mpegts").is_whole
        is_called = "is cut" in watched(tmp_path / "a.ts")[1]
        assert is_called or is_whole is not False
        called, complete = called + is_called, complete + bool(is_whole)  # between two pictures, nobody can tell
    assert called >= (len(cuts) - complete) * 3 // 4
    assert complete < len(cuts) // 4


@pytest.mark.parametrize(
    ("name", "codec", "step"), [("a.ts", "libx264", 188), ("a.ts", "mpeg2video", 188), ("a.mpg", "mpeg2video", 2048)]
)
def test_a_picture_that_is_cut_where_a_packet_ends_is_found(tmp_path: Path, name: str, codec: str, step: int) -> None:
    """Every fifth packet, as where six tenths of a file are left, ends where the next would begin."""
    noise = [np.random.default_rng(i).integers(0, 255, (64, 96, 1), np.uint8).repeat(3, axis=2) for i in range(12)]
    whole = film(tmp_path / f"whole_{name}", noise, codec, b_frames=2)
    contents, sizes = whole.read_bytes(), packet_sizes(whole)
    torn = called = 0
    for kept in range(len(contents) // step // 2, len(contents) // step, max(1, len(contents) // step // 30)):
        (tmp_path / name).write_bytes(contents[: kept * step])
        left = packet_sizes(tmp_path / name)
        if left[-1] < sizes[len(left) - 1]:
            torn += 1
            called += "is cut" in watched(tmp_path / name, every_s=1)[1]
    assert torn
    assert called >= torn * 2 // 3, "what ends within its last row passes for whole"


def packet_sizes(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [packet.size for packet in container.demux(video=0) if packet.size]


def test_a_hole_in_a_matroska_file_is_told(tmp_path: Path) -> None:
    contents = bytearray(film(tmp_path / "whole.mkv", numbered(COUNT)).read_bytes())
    half = len(contents) // 2
    contents[half : half + 300] = bytes(300)
    (tmp_path / "a.mkv").write_bytes(contents)
    frames, problem, _ = watched(tmp_path / "a.mkv", every_s=0)
    assert 0 < len(frames) < COUNT
    assert "damaged from byte" in problem


def test_pauses_and_what_stands_behind_a_matroska_file_are_no_holes(tmp_path: Path) -> None:
    pauses = film(tmp_path / "a.mkv", numbered(8), times=[0, 0.1, 0.2, 9, 9.1, 30, 30.1, 30.2], last_s=20)
    assert not watched(pauses, every_s=0)[1]
    pauses.write_bytes(pauses.read_bytes() + bytes(5000))
    assert not watched(pauses, every_s=0)[1]


def test_missing_parts_of_a_transmission_are_told(tmp_path: Path) -> None:
    contents = film(tmp_path / "whole.ts", numbered(COUNT)).read_bytes()
    half = len(contents) // 188 // 2 * 188
    (tmp_path / "a.ts").write_bytes(contents[:half] + contents[half + 20 * 188 :])
    frames, _, note = watched(tmp_path / "a.ts", every_s=0)
    assert len(frames) < COUNT
    assert "missing in 1 place" in note
    assert "missing" not in watched(joined(tmp_path / "two.ts", tmp_path / "whole.ts", tmp_path / "whole.ts"))[2]


@pytest.mark.parametrize(("mark", "frame"), [(0x80, 144_000), (0, 120_000)])
def test_frames_of_one_size(tmp_path: Path, mark: int, frame: int) -> None:
    path = tmp_path / "a.dv"
    path.write_bytes(bytes([0x1F, 7, 0, mark]).ljust(3 * frame, b"\0"))
    assert ending_of(str(path), "dv").is_whole
    path.write_bytes(path.read_bytes()[: 2 * frame + 5])
    assert ending_of(str(path), "dv").missing == frame - 5


def test_keys_with_the_sizes_of_what_follows(tmp_path: Path) -> None:
    path = tmp_path / "a.mxf"
    key = bytes.fromhex("060e2b34020501010d01020101020400")
    path.write_bytes((key + b"\x83\0\x01\0" + bytes(256)) * 3 + key + b"\x04" + bytes(4))
    assert ending_of(str(path), "mxf").is_whole
    path.write_bytes(path.read_bytes()[:700])
    assert ending_of(str(path), "mxf").is_whole is False


@pytest.mark.parametrize("width", [192, 204])
def test_wider_packets(tmp_path: Path, width: int) -> None:
    contents = film(tmp_path / "a.ts", numbered(COUNT)).read_bytes()
    packets = [contents[at : at + 188] for at in range(0, len(contents), 188)]
    wide = b"".join(b"\0" * 4 + packet if width == 192 else packet + b"\0" * 16 for packet in packets)
    path = tmp_path / "wide.m2ts"
    path.write_bytes(wide)
    assert ending_of(str(path), "mpegts").is_whole
    path.write_bytes(wide[: len(wide) * 6 // 10 + 1])
    assert ending_of(str(path), "mpegts").is_whole is False


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.flv", "libx264"), ("a.wmv", "wmv2")])
def test_recordings_that_cannot_be_joined_are_not_lost_in_silence(tmp_path: Path, name: str, codec: str) -> None:
    one = film(tmp_path / name, numbered(10), codec)
    both = joined(tmp_path / f"both_{name}", one, one)
    frames, problem, _ = watched(both, every_s=0)
    assert len(frames) == 10
    assert f"At byte {one.stat().st_size:,} a second recording begins" in problem


def test_what_cameras_write_behind_a_video_is_neither_a_cut_nor_a_recording(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", numbered(10))
    with path.open("ab") as file:
        file.write(b"\0\0\0\1SEFT" + bytes(60))
    assert not watched(path)[1]
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", 64, b"free") + bytes(56))
    assert not watched(path)[1]


@pytest.mark.parametrize(
    ("container", "head"),
    [("avi", b"RIFF\0\0\0\0AVI LIST"), ("mov,mp4", b""), ("matroska,webm", b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff"),
     ("mpegts", b"text"), ("ogg", b""), ("flv", b"FLV"), ("asf", bytes(30)), ("mpeg", b"\0\0\1\xba"), ("nut", b"nut")],
)  # fmt: skip
def test_headers_that_say_nothing_prove_nothing(tmp_path: Path, container: str, head: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(head)
    assert ending_of(str(path), container).is_whole is not True


@pytest.mark.parametrize(
    "container", ["avi", "mov", "matroska", "mpegts", "ogg", "flv", "asf", "mpeg", "dv", "ivf", "mxf"]
)
def test_no_bytes_stop_the_work(tmp_path: Path, container: str) -> None:
    path = tmp_path / "a"
    rng = np.random.default_rng(0)
    marks = [b"RIFF", b"OggS", b"\0\0\1\xba", b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"G" * 400, b"FLV\x01", b"moov"]
    for _ in range(200):
        parts = [marks[i] + rng.bytes(int(rng.integers(0, 60))) for i in rng.integers(0, len(marks), 5)]
        path.write_bytes(b"".join(parts))
        ending = ending_of(str(path), container)
        assert ending.missing >= 0
