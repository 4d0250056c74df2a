"""Video files to frames, by the video's own clock.

The timeline says which frames are wanted, so that a decoder need not look at all of them: it jumps to the key frame
before the next one where that saves work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from sceneseek.errors import ArchiveError, VideoError
from sceneseek.inference.formats import open_file
from sceneseek.inference.places import Place
from sceneseek.inference.sampling import ByClock, OnChange, Sampler, SceneChange
from sceneseek.inference.timelines import Timeline
from sceneseek.pictures import MAX_PIXELS
from sceneseek.structures import Frame, ImageArray, MediaItem, MediaProblem
from sceneseek.words import without_passwords

_CUT_S, _CUT_SHARE = 1.0, 0.02
# A video whose last frame comes this much before its stated end is called cut.

_WORTH_A_JUMP = 12
# A jump empties the decoder; it must save at least this many frames.


def video_frames(
    item: MediaItem, every_s: float, start_index: int, on_change: SceneChange | None = None
) -> Iterator[Frame | MediaProblem]:
    """Decode and sample one video; see ``media.frames_of``."""
    trouble = _Trouble()
    try:
        place = Place.of(item.source)
        with place.file() as path:
            yield from _sampled(item, _Footage.read(path, place.stream, trouble), every_s, start_index, on_change)
    except (VideoError, ArchiveError) as error:
        trouble.note(str(error).removeprefix(f"{item.source}: "))
    except (av.error.FFmpegError, OSError, MemoryError) as error:
        trouble.note(f"Decoding stopped ({_reason(error)}).")
    if trouble.sentences:
        yield MediaProblem(item.source, " ".join(trouble.sentences))


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
    with _opened(path) as (container, _):
        facts = []
        for stream in _videos(container):
            length = None if stream.duration is None or stream.time_base is None else stream.duration * stream.time_base
            if length is None and container.duration is not None:
                length = container.duration / av.time_base
            rate = stream.average_rate or stream.guessed_rate
            words = {**container.metadata, **stream.metadata}
            facts.append(VideoFacts(None if length is None else float(length), float(rate) if rate else None, words))
        return facts


def has_video(path: str) -> bool:
    """Whether a file can be opened as a video with pictures in it."""
    try:
        with _opened(path):
            return True
    except VideoError:
        return False


@dataclass
class _Trouble:
    """What went wrong while one video was decoded, and how far it came."""

    sentences: list[str] = field(default_factory=list)
    damaged: int = 0
    frames: int = 0
    last_time: Fraction = Fraction(0)

    def count_damage(self) -> None:
        self.damaged += 1

    def note(self, sentence: str) -> None:
        came = f" The {self.frames} frames before were used." if self.frames else ""
        self.sentences.append(sentence + came)

    def compare_with(self, timeline: Timeline) -> None:
        """After the last frame: was it the last one that the file promised?"""
        if self.damaged:
            self.sentences.append(f"{self.damaged} damaged part(s) could not be decoded and were passed over.")
        expected = timeline.stated_end_s
        if self.frames and expected is not None:
            end = float(self.last_time + timeline.allowance)
            if end < expected - max(_CUT_S, _CUT_SHARE * expected):
                self.sentences.append(
                    f"The video is cut: it should last {expected:.1f} s and ends after {end:.1f} s. What is there was "
                    "used; copy it again from its source for the rest."
                )
        if not self.frames and not len(timeline):
            self.sentences.append("The video holds no picture that could be decoded. Copy it again from its source.")


@dataclass(frozen=True)
class _Footage:
    """One video of a file, its timeline, and what goes wrong with it."""

    path: str
    stream: int
    timeline: Timeline
    trouble: _Trouble

    @classmethod
    def read(cls, path: str, stream: int, trouble: _Trouble) -> _Footage:
        with _opened(path, stream) as (container, video):
            return cls(path, stream, Timeline.read(container, video), trouble)


def _sampled(
    item: MediaItem, footage: _Footage, every_s: float, start_index: int, on_change: SceneChange | None
) -> Iterator[Frame]:
    timeline, interval = footage.timeline, Fraction(str(every_s))
    sampler: Sampler
    if on_change is not None:
        sampler, wanted, enter = OnChange(on_change), None, max(0, start_index - 1)
    else:
        sampler, enter = ByClock(interval, timeline.slot_before(start_index, interval)), start_index
        wanted = timeline.sampled(interval) if timeline.exact else None
    for index, time, frame in _decoded(footage, enter, wanted):
        if index < start_index:
            # The frame before the first new one is the last that an earlier run took.
            if isinstance(sampler, OnChange) and index == start_index - 1:
                sampler.refer_to(time, frame)
            elif isinstance(sampler, ByClock):
                sampler.takes(index, time, frame)
            continue
        if sampler.takes(index, time, frame):
            taken_at = None if item.captured_at is None else item.captured_at + timedelta(seconds=float(time))
            yield Frame(upright(frame), item.source, index, float(time), item.camera_id, taken_at)
    footage.trouble.compare_with(timeline)


class _NoEntryError(Exception):
    """A container could not be entered at a key frame."""


def _decoded(
    footage: _Footage, start_index: int, wanted: NDArray[np.int64] | None
) -> Iterator[tuple[int, Fraction, Any]]:
    """Decode frames with their indices and seconds, from ``start_index`` or just before.

    Args:
        footage: The video.
        start_index: The first frame that matters.
        wanted: The frames that matter, in order; others may be left out. ``None`` for all of them.
    """
    timeline, trouble = footage.timeline, footage.trouble
    if timeline.exact and start_index >= len(timeline):
        # All frames are done; only the end of the file is left to be judged.
        trouble.frames, trouble.last_time = len(timeline), timeline.seconds(timeline.times[-1])
        return
    came = start_index
    try:
        for index, time, frame in _decoded_jumping(footage, start_index, wanted):
            came = index + 1
            yield index, time, frame
    except _NoEntryError:
        trouble.frames = trouble.damaged = 0
        for index, time, frame in _decoded_jumping(footage, 0, None):
            if index >= came or came == start_index:
                yield index, time, frame


def _decoded_jumping(
    footage: _Footage, start_index: int, wanted: NDArray[np.int64] | None
) -> Iterator[tuple[int, Fraction, Any]]:
    timeline, trouble = footage.timeline, footage.trouble
    with _opened(footage.path, footage.stream) as (container, stream):
        stream.thread_type = "AUTO"
        target = _target(timeline, wanted, start_index) if timeline.exact else 0
        key = timeline.key_before(target) if timeline.exact and start_index > 0 else None
        while True:
            if key is not None:
                container.seek(key, stream=stream)
            entered = False
            jump = None
            for count, frame in enumerate(pictures_in(container, stream, trouble.count_damage)):
                placed = _placed(frame, count, timeline, stream)
                if placed is None:
                    continue
                index, time = placed
                if key is not None and not entered and index > target:
                    raise _NoEntryError
                entered = True
                trouble.frames += 1
                trouble.last_time = max(trouble.last_time, time)
                yield index, time, frame
                if wanted is not None and index >= target:
                    target = _target(timeline, wanted, index + 1)
                    jump = _worthwhile_jump(timeline, index, target)
                    if jump is not None:
                        break
            if key is not None and not entered:
                raise _NoEntryError
            if jump is None:
                return
            key = jump


def _target(timeline: Timeline, wanted: NDArray[np.int64] | None, index: int) -> int:
    """The next frame that matters, from ``index`` on; behind the last, the end of the video: is it there?"""
    if wanted is None:
        return index
    place = int(np.searchsorted(wanted, index))
    return int(wanted[place]) if place < len(wanted) else len(timeline) - 1


def _worthwhile_jump(timeline: Timeline, index: int, target: int) -> int | None:
    """The key frame from which to decode ``target``, when going there spares enough of what follows ``index``."""
    if target - index <= _WORTH_A_JUMP:
        return None
    key = timeline.key_before(target)
    place = None if key is None else timeline.index_of(key)
    return key if place is not None and place - index > _WORTH_A_JUMP else None


def _placed(frame: Any, count: int, timeline: Timeline, stream: Any) -> tuple[int, Fraction] | None:
    """A frame's index and its seconds; ``None`` for a frame that belongs to no packet of the timeline."""
    if timeline.exact:
        index = None if frame.pts is None else timeline.index_of(frame.pts)
        return None if index is None else (index, timeline.seconds(frame.pts))
    if frame.pts is not None and frame.time_base is not None:
        first = int(timeline.times[0]) if len(timeline) else stream.start_time or 0
        return count, (frame.pts - first) * frame.time_base
    return count, Fraction(count) / (stream.average_rate or stream.guessed_rate or 25)


def pictures_in(container: Any, stream: Any, damaged: Callable[[], None] | None = None) -> Iterator[Any]:
    """Decode packet by packet, so that a damaged one costs no more than itself.

    Args:
        container: Open, as PyAV opens it.
        stream: The video in it.
        damaged: Called for each packet that cannot be decoded.
    """
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.EOFError:
            return
        except av.error.InvalidDataError:
            if damaged is not None:
                damaged()
            continue
        yield from frames


def video_of(container: Any, which: int = 0) -> Any | None:
    """One of the videos of an open container, cover pictures not counted; ``None`` when there are not as many.

    Raises:
        VideoError: Its codec is not known, or its frames are too large.
    """
    videos = _videos(container)
    if which >= len(videos):
        return None
    stream = videos[which]
    if stream.codec_context is None:
        raise VideoError("The video's codec is not known here; convert it, for example to H.264.")
    if stream.width * stream.height > MAX_PIXELS:
        raise VideoError(
            f"The frames are {stream.width} x {stream.height} pixels; at most {MAX_PIXELS / 1e6:.0f} megapixels are "
            "decoded."
        )
    return stream


@contextmanager
def _opened(path: str, stream_index: int = 0) -> Iterator[tuple[Any, Any]]:
    try:
        container = open_file(path)
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(
            f"This cannot be opened as a video ({_reason(error)}): it is damaged, cut off before its index, or "
            "something else."
        ) from error
    with container:
        stream = video_of(container, stream_index)
        if stream is None:
            raise VideoError("The file holds no video, only sound or data." if not stream_index else "It is not there.")
        yield container, stream


def _videos(container: Any) -> list[Any]:
    """The videos of a file, without cover pictures."""
    return [s for s in container.streams.video if "attached_pic" not in str(getattr(s, "disposition", ""))]


def upright(frame: Any) -> ImageArray:
    """The pixels of a decoded frame, ``(H, W, 3)`` uint8 RGB, turned as its display matrix says."""
    pixels = frame.to_ndarray(format="rgb24")
    quarter_turns = round(frame.rotation / 90) % 4  # counter-clockwise, from the display matrix
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns) if quarter_turns else pixels)


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return without_passwords(str(text).strip().split("\n")[0])
