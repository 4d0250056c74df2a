"""From a place in a video on: frames with their index and their seconds, decoded without those that nobody wants.

The timeline says which frames are wanted, so that a decoder need not look at all of them: it jumps to the key frame
before the next one where that saves work. Most files are entered by time. Where times are missing or come twice, the
packets are known by their number in the file, and those before the place of entry are read and not decoded.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import av
import numpy as np
from numpy.typing import NDArray

from sceneseek.inference.containers import opened, pictures_in
from sceneseek.inference.display import Display
from sceneseek.inference.timelines import Entry, Timeline, is_numbered
from sceneseek.structures import ImageArray

_WORTH_A_JUMP = 12
# A jump empties the decoder; it must save at least this many frames.

_FIRST_FRAMES = 48
# So many are decoded to see whether they come in the order of their times.


_LAST_ROW = 0xAF


@dataclass(frozen=True)
class Moment:
    """A decoded frame.

    Attributes:
        index: Its place in order of time.
        seconds: From the first frame.
        frame: As PyAV decodes it.
        display: Makes a picture of it.
    """

    index: int
    seconds: Fraction
    frame: Any
    display: Display

    def picture(self) -> ImageArray:
        """Its pixels as they are to be seen, ``(H, W, 3)`` uint8 RGB."""
        return self.display.picture(self.frame)


@dataclass
class Course:
    """How decoding went.

    Attributes:
        damaged: Packets that could not be decoded.
        frames: Frames that were.
        last_s: The time of the latest.
        remarks: What was doubtful about the pictures, in sentences.
    """

    damaged: int = 0
    frames: int = 0
    last_s: Fraction = Fraction(0)
    remarks: tuple[str, ...] = ()

    def count_damage(self) -> None:
        """One more packet could not be decoded."""
        self.damaged += 1


@dataclass(frozen=True)
class Footage:
    """One video of a file, and its timeline.

    Attributes:
        path: The file.
        stream: Which of the videos in it, counted from 0.
        timeline: When each frame is shown.
        course: How decoding goes.
        container: The format of the file.
        others: How many more videos it holds.
    """

    path: str
    stream: int
    timeline: Timeline
    course: Course = field(default_factory=Course)
    container: str = ""
    others: int = 0

    @classmethod
    def read(cls, path: str, stream: int) -> Footage:
        """Read the timeline of a video.

        Raises:
            VideoError: The file cannot be opened as a video, or there is no such video in it.
        """
        with opened(path, stream) as (container, video):
            timeline = Timeline.read(container, video, lambda: _comes_in_order(path, stream))
            others = len(container.streams.video) - 1
            return cls(path, stream, timeline, container=container.format.name, others=others)

    def moments(self, start_index: int = 0, wanted: NDArray[np.int64] | None = None) -> Iterator[Moment]:
        """Decode frames, from ``start_index`` or just before.

        Args:
            start_index: The first frame that matters.
            wanted: The frames that matter, in order; others may be left out. ``None`` for all of them.
        """
        timeline, course = self.timeline, self.course
        if len(timeline) and start_index >= len(timeline):
            # All frames are done; only the end of the file is left to be judged.
            course.frames, course.last_s = len(timeline), timeline.seconds(-1)
            return
        came = start_index
        try:
            for moment in self._jumping(start_index, wanted):
                came = moment.index + 1
                yield moment
        except _NoEntryError:
            course.frames = course.damaged = 0
            for moment in self._jumping(0, None):
                if moment.index >= came or came == start_index:
                    yield moment

    def ends_torn(self) -> bool:
        """Whether the last picture in the file is damaged, by a decoder that forgives nothing.

        Decoded by one thread: with several, chance has a say. Only the last counts: those behind a key frame may refer
        to others before it, which are not decoded here.
        """
        entry = self.timeline.entry_before(len(self.timeline) - 1)
        first = entry.key if entry is not None and self.timeline.numbered else 0
        is_torn = False
        with opened(self.path, self.stream) as (container, stream):
            stream.thread_type = "NONE"
            stream.codec_context.options = {"err_detect": "explode"}
            if entry is not None and not self.timeline.numbered:
                container.seek(entry.key, stream=stream)
            for packet in itertools.islice(filter(is_numbered, container.demux(stream)), first, None):
                try:
                    is_torn = any(frame.is_corrupt for frame in packet.decode()) or _lacks_rows(packet, stream)
                except av.error.FFmpegError:
                    is_torn = True
        return is_torn

    def _jumping(self, start_index: int, wanted: NDArray[np.int64] | None) -> Iterator[Moment]:
        timeline, course = self.timeline, self.course
        with opened(self.path, self.stream) as (container, stream):
            stream.thread_type = "AUTO"
            display = Display(stream)
            way = _way(timeline, container, stream, course.count_damage)
            target = _target(timeline, wanted, start_index)
            entry = timeline.entry_before(target) if start_index > 0 else None
            floor = 0
            while True:
                jump = None
                if entry is not None:
                    way.enter(entry.key)
                    display.forget()
                entered = False
                for index, frame in way.frames():
                    if entry is not None and not entered and index > target:
                        raise _NoEntryError
                    entered = True
                    course.frames += 1
                    course.last_s = max(course.last_s, timeline.seconds(index))
                    if index >= floor:
                        yield Moment(index, timeline.seconds(index), frame, display)
                    course.remarks = display.remarks
                    if wanted is not None and index >= target:
                        target = _target(timeline, wanted, index + 1)
                        jump = _worthwhile_jump(timeline, index, target)
                        if jump is not None:
                            break
                if entry is not None and not entered:
                    raise _NoEntryError
                if jump is None:
                    return
                # What comes before the target is decoded on the way, and may lack what it refers to.
                entry, floor = jump, target


def _lacks_rows(packet: Any, stream: Any) -> bool:
    """Whether a picture of MPEG-1 or MPEG-2 ends before its last row: decoders fill it up without a word."""
    if stream.codec_context.name not in ("mpeg1video", "mpeg2video"):
        return False
    data, at = bytes(packet), packet.size
    while (at := data.rfind(b"\0\0\1", 0, at)) >= 0:
        row = data[at + 3] if at + 3 < len(data) else 0
        if 1 <= row <= _LAST_ROW:
            # Half pictures have half the rows; a picture so high that rows are numbered anew is none of a camera.
            return row not in (math.ceil(stream.height / 16), math.ceil(stream.height / 32))
    return False


class _NoEntryError(Exception):
    """A container could not be entered at a key frame."""


class _Way(Protocol):
    """How packets of a file are reached and told apart."""

    def enter(self, key: int) -> None:
        """Go to a key frame."""

    def frames(self) -> Iterator[tuple[int, Any]]:
        """Decode from there on: frames with their indices."""


@dataclass
class _ByTime:
    """Frames are known by their times, each of which comes once."""

    timeline: Timeline
    container: Any
    stream: Any
    damaged: Callable[[], None]

    def enter(self, key: int) -> None:
        self.container.seek(key, stream=self.stream)

    def frames(self) -> Iterator[tuple[int, Any]]:
        index = -1
        for frame in pictures_in(self.container.demux(self.stream), self.damaged):
            # A packet may hold two frames, and a time for one.
            place = index + 1 if frame.pts is None else self.timeline.index_of(frame.pts)
            if place is not None and place < len(self.timeline):
                index = place
                yield index, frame


class _ByNumber:
    """Frames are known by the number of their packet in the file."""

    def __init__(self, timeline: Timeline, container: Any, stream: Any, damaged: Callable[[], None]) -> None:
        self._timeline, self._stream, self._damaged = timeline, stream, damaged
        self._packets = container.demux(stream)
        self._numbers = itertools.count()
        self._keys = set(timeline.entries[:, 1].tolist())
        self._enter_at = 0
        self._next = 0

    def enter(self, key: int) -> None:
        self._enter_at = self._next = key
        self._stream.codec_context.flush_buffers()

    def frames(self) -> Iterator[tuple[int, Any]]:
        last = len(self._timeline) - 1
        for frame in pictures_in(self._renumbered(), self._damaged):
            self._next = min(self._index_of(frame.pts), last) + 1
            yield self._next - 1, frame

    def _renumbered(self) -> Iterator[Any]:
        """Packets whose time is their number: the decoder hands it on to their frames."""
        for packet in self._packets:
            if is_numbered(packet):
                number = next(self._numbers)
                if number < self._enter_at:
                    continue
                packet.pts, packet.dts = number, None
            elif packet.size:
                packet.pts = packet.dts = None
            yield packet

    def _index_of(self, number: int | None) -> int:
        ranks = self._timeline.ranks
        if number is None or not 0 <= number <= len(self._timeline):
            return self._next
        if ranks is not None:
            return int(ranks[number])
        # Pictures are counted as they come; a key frame sets the count right, where some before it did not come.
        return max(self._next, number) if number in self._keys else self._next


def _way(timeline: Timeline, container: Any, stream: Any, damaged: Callable[[], None]) -> _Way:
    kind = _ByNumber if timeline.numbered else _ByTime
    return kind(timeline, container, stream, damaged)


def _comes_in_order(path: str, which: int) -> bool:
    """Whether the times of the first frames of a video grow as they come out of the decoder."""
    with opened(path, which) as (container, stream):
        frames = itertools.islice(pictures_in(container.demux(stream)), _FIRST_FRAMES)
        times = [frame.pts for frame in frames if frame.pts is not None]
    return times == sorted(times)


def _target(timeline: Timeline, wanted: NDArray[np.int64] | None, index: int) -> int:
    """The next frame that matters, from ``index`` on; behind the last, the end of the video: is it there?"""
    if wanted is None:
        return index
    place = int(np.searchsorted(wanted, index))
    return int(wanted[place]) if place < len(wanted) else len(timeline) - 1


def _worthwhile_jump(timeline: Timeline, index: int, target: int) -> Entry | None:
    """The key frame from which to decode ``target``, when going there spares enough of what follows ``index``."""
    if target - index <= _WORTH_A_JUMP:
        return None
    entry = timeline.entry_before(target)
    return entry if entry is not None and entry.index - index > _WORTH_A_JUMP else None
