"""Video files to frames, by the video's own clock.

A first pass reads the packets without decoding them: it knows every frame's time, so that a frame has the same index in
every run, wherever the run began, and so that a file that stops short of its own length is noticed.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np

from sceneseek.errors import VideoError
from sceneseek.pictures import MAX_PIXELS
from sceneseek.structures import Frame, ImageArray, MediaItem, MediaProblem

_CLOCK_TOLERANCE_S = Fraction(1, 2000)
# Some containers count in milliseconds: a frame half of one early is on time.

_CUT_S, _CUT_SHARE = 1.0, 0.02
# A video whose last frame comes this much before its stated end is called cut.

_OPTIONS = {"protocol_whitelist": "file"}
# A file may be a playlist that names other addresses; nothing but the file itself is opened.


def video_frames(item: MediaItem, every_s: float, start_index: int) -> Iterator[Frame | MediaProblem]:
    """Decode and sample one video; see ``media.frames_of``."""
    trouble = _Trouble()
    try:
        timeline = _Timeline.read(item.source)
        interval = Fraction(str(every_s))
        sampled = -1 if start_index <= 0 or timeline is None else timeline.slot_before(start_index, interval)
        for index, time, frame in _decoded(item.source, timeline, start_index, trouble):
            slot = _slot(time, interval, index)
            if slot <= sampled:
                continue
            sampled = slot
            if index >= start_index:
                image = _upright(frame)
                yield Frame(image, item.source, frame_index=index, time_s=float(time), camera_id=item.camera_id)
        trouble.compare_with(timeline)
    except VideoError as error:
        trouble.note(str(error))
    except (av.error.FFmpegError, OSError, MemoryError) as error:
        trouble.note(f"Decoding stopped ({_reason(error)}).")
    if trouble.sentences:
        yield MediaProblem(item.source, " ".join(trouble.sentences))


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

    def note(self, sentence: str) -> None:
        came = f" The {self.frames} frames before were used." if self.frames else ""
        self.sentences.append(sentence + came)

    def compare_with(self, timeline: _Timeline | None) -> None:
        """After the last frame: was it the last one that the file promised?"""
        if self.damaged:
            self.sentences.append(f"{self.damaged} damaged part(s) could not be decoded and were passed over.")
        expected = None if timeline is None else timeline.stated_end_s
        if self.frames and expected is not None and timeline is not None:
            end = float(self.last_time + timeline.allowance)
            if end < expected - max(_CUT_S, _CUT_SHARE * expected):
                self.sentences.append(
                    f"The video is cut: it should last {expected:.1f} s and ends after {end:.1f} s. What is there was "
                    "used; copy it again from its source for the rest."
                )
        if not self.frames and timeline is not None and not timeline.times:
            self.sentences.append("The video holds no picture that could be decoded. Copy it again from its source.")


@dataclass(frozen=True)
class _Timeline:
    """When each frame is shown.

    Attributes:
        times: Presentation time stamps in order, in units of ``unit``.
        keys: Those of frames that can be decoded without others.
        unit: Seconds per unit.
        stated_end_s: Where the file says that it ends, in seconds from its first frame; ``None`` when it does not say.
        exact: Whether every frame has a time of its own; where not, frames are counted as they are decoded.
    """

    times: list[int]
    keys: list[int]
    unit: Fraction
    stated_end_s: float | None
    exact: bool

    @classmethod
    def read(cls, path: str) -> _Timeline:
        with _opened(path) as (container, stream):
            stated = None
            if stream.duration is not None and stream.time_base is not None:
                stated = float(stream.duration * stream.time_base)
            elif container.duration is not None and not container.streams.audio:
                stated = container.duration / av.time_base
            times: list[int | None] = []
            keys: list[int] = []
            try:
                for packet in container.demux(stream):
                    if packet.size == 0 or packet.is_discard:
                        continue
                    times.append(packet.pts)
                    if packet.is_keyframe and packet.pts is not None:
                        keys.append(packet.pts)
            except av.error.FFmpegError:
                pass  # a cut file ends like this; decoding will come to the same place and say so
            known = sorted(t for t in times if t is not None)
            exact = bool(known) and len(set(known)) == len(times)
            return cls(known, sorted(keys), stream.time_base or Fraction(1, 1000), stated, exact)

    @property
    def allowance(self) -> Fraction:
        """What may lie between the last frame's time and the stated end: a late start, a long last frame."""
        if len(self.times) < 2:
            return Fraction(0)
        late_start = max(self.times[0], 0)
        return (late_start + Fraction(2 * (self.times[-1] - self.times[0]), len(self.times) - 1)) * self.unit

    def index_of(self, pts: int) -> int | None:
        """The place of a frame in order of time."""
        place = bisect.bisect_left(self.times, pts)
        return place if place < len(self.times) and self.times[place] == pts else None

    def seconds(self, pts: int) -> Fraction:
        """Seconds since the first frame."""
        return (pts - self.times[0]) * self.unit

    def key_before(self, index: int) -> int | None:
        """The last key frame that is not after frame ``index``."""
        place = bisect.bisect_right(self.keys, self.times[min(index, len(self.times) - 1)])
        return self.keys[place - 1] if place else None

    def slot_before(self, start_index: int, interval: Fraction) -> int:
        """Which sample the frame before ``start_index`` belongs to: the last one an earlier run can have taken."""
        if not self.exact:
            return -1
        index = min(start_index, len(self.times)) - 1
        return _slot(self.seconds(self.times[index]), interval, index)


def _slot(time: Fraction, interval: Fraction, index: int) -> int:
    """The number of the sampling interval that a frame falls into; without sampling, each frame has its own."""
    return index if interval == 0 else math.floor((time + _CLOCK_TOLERANCE_S) / interval)


def _decoded(
    path: str, timeline: _Timeline, start_index: int, trouble: _Trouble
) -> Iterator[tuple[int, Fraction, Any]]:
    """Decode frames with their indices and seconds, from just before ``start_index`` where that is possible."""
    if timeline.exact and start_index > 0:
        if start_index >= len(timeline.times):
            # All frames are done; only the end of the file is left to be judged.
            trouble.frames, trouble.last_time = len(timeline.times), timeline.seconds(timeline.times[-1])
            return
        key = timeline.key_before(start_index)
        frames = None if key is None else _decoded_from(path, timeline, key, trouble)
        first = None if frames is None else next(frames, None)
        if frames is not None and first is not None and first[0] <= start_index:
            yield first
            yield from frames
            return
        trouble.frames = trouble.damaged = 0  # the container could not be entered there
    yield from _decoded_from(path, timeline, None, trouble)


def _decoded_from(
    path: str, timeline: _Timeline, key: int | None, trouble: _Trouble
) -> Iterator[tuple[int, Fraction, Any]]:
    with _opened(path) as (container, stream):
        stream.thread_type = "AUTO"
        if key is not None:
            container.seek(key, stream=stream)
        for count, frame in enumerate(_pictures(container, stream, trouble)):
            placed = _placed(frame, count, timeline, stream)
            if placed is None:
                continue
            trouble.frames += 1
            trouble.last_time = placed[1]
            yield (*placed, frame)


def _placed(frame: Any, count: int, timeline: _Timeline, stream: Any) -> tuple[int, Fraction] | None:
    """A frame's index and its seconds; ``None`` for a frame that belongs to no packet of the timeline."""
    if timeline.exact:
        index = None if frame.pts is None else timeline.index_of(frame.pts)
        return None if index is None else (index, timeline.seconds(frame.pts))
    if frame.pts is not None and frame.time_base is not None:
        return count, (frame.pts - (timeline.times[0] if timeline.times else stream.start_time or 0)) * frame.time_base
    return count, Fraction(count) / (stream.average_rate or stream.guessed_rate or 25)


def _pictures(container: Any, stream: Any, trouble: _Trouble) -> Iterator[Any]:
    """Decode packet by packet, so that a damaged one costs no more than itself."""
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.EOFError:
            return
        except av.error.InvalidDataError:
            trouble.damaged += 1
            continue
        yield from frames


@contextmanager
def _opened(path: str) -> Iterator[tuple[Any, Any]]:
    try:
        container = av.open(path, options=_OPTIONS)
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(
            f"This cannot be opened as a video ({_reason(error)}): it is damaged, cut off before its index, or "
            "something else."
        ) from error
    with container:
        pictures = [s for s in container.streams.video if "attached_pic" not in _disposition(s)]
        if not pictures:
            raise VideoError("The file holds no video, only sound or data.")
        stream = pictures[0]
        if stream.codec_context is None:
            raise VideoError("The video's codec is not known here; convert it, for example to H.264.")
        if stream.width * stream.height > MAX_PIXELS:
            raise VideoError(
                f"The frames are {stream.width} x {stream.height} pixels; at most {MAX_PIXELS / 1e6:.0f} megapixels "
                "are decoded."
            )
        yield container, stream


def _disposition(stream: Any) -> str:
    return str(getattr(stream, "disposition", ""))


def _upright(frame: Any) -> ImageArray:
    pixels = frame.to_ndarray(format="rgb24")
    quarter_turns = round(frame.rotation / 90) % 4  # counter-clockwise, from the display matrix
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns) if quarter_turns else pixels)


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).strip().split("\n")[0]
