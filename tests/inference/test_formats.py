"""Files that lead to other files are opened as nothing: lists, playlists, patterns, whatever their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gallery_server import write_video
from sceneseek.errors import VideoError
from sceneseek.inference import discover, frames_of
from sceneseek.inference.video import facts_of, has_video
from sceneseek.structures import Frame, MediaItem, MediaProblem

SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
LISTS = {
    "concat": "ffconcat version 1.0\nfile secret.mp4\n",
    "concat with bytes before": "\ufeffffconcat version 1.0\nfile 'secret.mp4'\nduration 2\n",
    "concat of a hidden file": "ffconcat version 1.0\nfile .hidden.mp4\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    "hls of segments": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsegment.ts\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT2S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">'
    "<BaseURL>secret.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "sdp": SDP,
    "subtitles": "1\n00:00:00,000 --> 00:00:01,000\nsecret.mp4\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A secret film beside which a list may lie."""
    folder = tmp_path_factory.mktemp("lists")
    pictures = np.random.default_rng(0).integers(0, 255, (8, 96, 160, 3), np.uint8)
    for name in ("secret.mp4", ".hidden.mp4", "segment.ts"):
        write_video(folder / name, iter(pictures), rate=4)
    return folder


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    for kind, text in LISTS.items():
        for ending in ("mp4", "mkv", "ts", "avi", "ffconcat", "m3u8"):
            path = folder / "given" / f"{kind}.{ending}"
            path.parent.mkdir(exist_ok=True)
            for name in ("secret.mp4", ".hidden.mp4", "segment.ts"):
                if not (path.parent / name).exists():
                    (path.parent / name).hardlink_to(folder / name)
            path.write_text(text, encoding="utf-8")
            yield kind, path


def test_lists_are_no_videos(folder: Path) -> None:
    for kind, path in files(folder):
        assert not has_video(str(path)), (kind, path.suffix)
        with pytest.raises(VideoError):
            facts_of(str(path))


def test_patterns_of_pictures_are_no_videos(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    for i in range(3):
        Image.new("RGB", (64, 64)).save(folder / f"frame{i}.png")
    for name in ("frame%d.png", "frame*.png", "concat:secret.mp4|secret.mp4", "lavfi:testsrc", "async:secret.mp4"):
        monkeypatch.chdir(folder)
        assert not has_video(name), name


def test_indexing_follows_no_list(folder: Path) -> None:
    """Each list is a problem, or counts as nothing; not one frame comes out of it."""
    found = dict(files(folder))
    sources = {str(path) for path in found.values()}
    for item in discover([str(folder / "given")]):
        if isinstance(item, MediaItem) and item.source in sources:
            got = list(frames_of(item, every_s=0))
            assert not any(isinstance(frame, Frame) for frame in got)
            assert any(isinstance(frame, MediaProblem) for frame in got)


def test_real_videos_are_opened(folder: Path) -> None:
    assert facts_of(str(folder / "secret.mp4"))[0].duration_s == pytest.approx(2.0, abs=0.5)
    assert has_video(str(folder / "segment.ts"))
