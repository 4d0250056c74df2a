"""Opening video files: what is in them, and the packets and pictures that come out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av

from sceneseek.errors import PictureError, VideoError
from sceneseek.inference.formats import open_file
from sceneseek.pictures import MAX_PIXELS, picture_size
from sceneseek.words import without_passwords

FASTEST = 480
"""Pictures a second that no camera here exceeds: what a file says beyond it is the grid of its clock."""


_SMALLER_ONES, _HEADERS = b"MPF\0", 1 << 16


@dataclass(frozen=True)
class VideoFacts:
    """What a file says about one of its videos, before anything is decoded.

    Attributes:
        duration_s: How long it lasts, when it says so.
        frame_rate: Frames a second on average, when it says so.
        metadata: The file's and the video's own words, such as ``creation_time``.
    """

    duration_s: float | None
    frame_rate: float | None
    metadata: Mapping[str, str]


def facts_of(path: str) -> list[VideoFacts]:
    """What a file says about its videos, one entry for each; cover pictures do not count.

    Raises:
        VideoError: The file cannot be opened as a video, or holds none.
    """
    with opened(path) as (container, _):
        facts = []
        for stream in videos_of(container):
            length = None if stream.duration is None or stream.time_base is None else stream.duration * stream.time_base
            if length is None and container.duration is not None:
                length = container.duration / av.time_base
            rate = rate_of(stream)
            words = {**container.metadata, **stream.metadata}
            facts.append(VideoFacts(None if length is None else float(length), float(rate) if rate else None, words))
        return facts


def has_video(path: str) -> bool:
    """Whether a file can be opened as a video with pictures in it."""
    try:
        with opened(path):
            return True
    except VideoError:
        return False


def is_film_of_pictures(path: str) -> bool:
    """Whether a file of JPEG holds one after the other, as some cameras record, and is not one photograph."""
    try:
        with opened(path) as (container, stream):
            name = container.format.name
            if name not in ("mjpeg", "mpjpeg"):
                return False
            packets = list(itertools.islice((packet for packet in container.demux(stream) if packet.size), 2))
    except (VideoError, av.error.FFmpegError):
        return False
    if len(packets) < 2 or _SMALLER_ONES in bytes(packets[0])[:_HEADERS]:
        return False  # a photograph may hold smaller ones of itself behind it, and says so
    try:
        return picture_size(bytes(packets[0])) == picture_size(bytes(packets[1]))
    except PictureError:  # what phones write behind a photograph may look like the beginning of another
        return False


def rate_of(stream: Any) -> Fraction | None:
    """Pictures a second, as far as the container says; a mean that cannot be is passed over."""
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    return next((rate for rate in rates if rate and 0 < rate <= FASTEST), None)


@contextmanager
def opened(path: str, stream_index: int = 0) -> Iterator[tuple[Any, Any]]:
    """A file and one of its videos.

    Raises:
        VideoError: The file cannot be opened as a video, or there is no such video in it.
    """
    try:
        container = open_file(path)
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(
            f"This cannot be opened as a video ({reason_of(error)}): it is damaged, cut off before its index, or "
            "something else."
        ) from error
    with container:
        stream = video_of(container, stream_index)
        if stream is None:
            raise VideoError("The file holds no video, only sound or data." if not stream_index else "It is not there.")
        yield container, stream


def videos_of(container: Any) -> list[Any]:
    """The videos of a file, without cover pictures."""
    return [s for s in container.streams.video if "attached_pic" not in str(getattr(s, "disposition", ""))]


def video_of(container: Any, which: int = 0) -> Any | None:
    """One of the videos of an open container, cover pictures not counted; ``None`` when there are not as many.

    Raises:
        VideoError: Its codec is not known, or its frames are too large.
    """
    videos = videos_of(container)
    if which >= len(videos):
        return None
    stream = videos[which]
    if stream.codec_context is None:
        raise VideoError("The video's codec is not known here; convert it, for example to H.264.")
    check_size(stream.width, stream.height)
    return stream


def check_size(width: int, height: int) -> None:
    """Make sure that frames of this size may be decoded.

    Raises:
        VideoError: They are too large.
    """
    if width * height > MAX_PIXELS:
        raise VideoError(
            f"The frames are {width} x {height} pixels; at most {MAX_PIXELS / 1e6:.0f} megapixels are decoded."
        )


def pictures_in(packets: Iterator[Any], damaged: Callable[[], None] | None = None) -> Iterator[Any]:
    """Decode packet by packet, so that a damaged one costs no more than itself.

    Args:
        packets: Of one video, in the order of the file.
        damaged: Called for each packet that cannot be decoded.
    """
    for packet in packets:
        if packet.size == 0 and packet.dts is not None:
            continue  # a frame that a recorder left out; to a decoder, an empty packet is the end
        try:
            frames = packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            if damaged is not None:
                damaged()
            continue
        yield from frames


def reason_of(error: BaseException) -> str:
    """An error of the libraries in a few words."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return without_passwords(str(text).strip().split("\n")[0])
