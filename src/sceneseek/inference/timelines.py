"""When each frame of a video is shown: read from the packets, without decoding them.

It is read before a video is decoded, so that a frame has the same index in every run, wherever the run began, so that a
decoder can jump to the key frame before the next picture that is wanted, and so that a file that stops short of its own
length is noticed. Most files say all that in their packets; the clocks of others are put straight first.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from sceneseek.inference.clocks import FINER, UNKNOWN, Clock, Stamps, counted_clock, straightened
from sceneseek.inference.containers import FASTEST
from sceneseek.inference.sampling import CLOCK_TOLERANCE_S, slot_of
from sceneseek.structures import BoolArray, IntArray
from sceneseek.words import counted

_CLOCKLESS = frozenset({
    "h264", "hevc", "vvc", "evc", "obu", "m4v", "mpegvideo", "mjpeg", "mpjpeg", "h263", "h261", "vc1", "dirac",
    "cavsvideo", "avs2", "avs3", "dnxhd", "rawvideo", "image2",
})  # fmt: skip
"""Formats that are nothing but pictures in a row; libav makes times up for them."""

_TRANSMITTED = frozenset({"mpegts", "mpeg", "flv", "live_flv", "rtsp", "rtp", "dhav"})
_PAUSE = 4
"""After so many usual steps without a picture, some may be missing."""
_GUESSED_RATE = Fraction(25)
_NAL_BYTES = 512
"""So much of a key frame is looked at to find out whether it is independent of what came before."""


@dataclass(frozen=True)
class Entry:
    """A place from which a video can be decoded.

    Attributes:
        index: The frame that is decoded first.
        key: What leads there: its time stamp in the file, or the number of its packet.
    """

    index: int
    key: int


@dataclass(frozen=True, eq=False)
class Timeline:
    """When each frame is shown.

    Attributes:
        times: ``(N,)`` when each is shown, in order, in units of ``unit``.
        unit: Seconds per unit.
        entries: ``(K, 2)`` frames that can be decoded without others: index, and time stamp or packet; see ``Entry``.
        numbered: Whether packets are told apart by their number in the file, since their times are none, or not theirs.
        ranks: ``(N,)`` where the frame of each packet is in the order of showing; ``None`` where pictures are counted
            as they come out of the decoder.
        stated_end_s: Where the file says that this video ends, in seconds from its first frame; ``None`` when it does
            not say.
        last_s: How long the last frame is shown, when it is said.
        is_torn: Whether the last packet is incomplete.
        dated_until: The first frame whose wall-clock time nobody knows; ``None`` when all are known.
        remarks: What is doubtful about the times, in sentences.
    """

    times: IntArray
    unit: Fraction
    entries: IntArray
    numbered: bool = False
    ranks: IntArray | None = None
    stated_end_s: float | None = None
    last_s: Fraction = Fraction(0)
    is_torn: bool = False
    dated_until: int | None = None
    remarks: tuple[str, ...] = ()

    @classmethod
    def read(cls, container: Any, stream: Any, comes_in_order: Callable[[], bool]) -> Timeline:
        """Read all packets of a video that was just opened.

        Args:
            container: The file.
            stream: The video in it.
            comes_in_order: Asked where the times may be those of decoding: whether they grow from frame to frame.
        """
        packets = _Packets.read(container, stream)
        stamps = packets.stamps
        clock = _clock_of(container, stream, stamps)
        if clock is None and packets.may_say_when_decoded and not comes_in_order():
            clock = Clock(stamps.shown * FINER, stamps.unit / FINER, ordered=False)
        timeline = _plain(stamps) if clock is None else _numbered(clock, packets)
        # Where recordings were joined, the numbers of their packets do not fit together either.
        gaps = packets.incomplete - packets.is_torn - (clock.restarts if clock is not None else 0)
        last = int(stamps.lasting[packets.last]) if len(stamps) else 0
        return replace(
            timeline,
            stated_end_s=_stated_end(container, stream),
            last_s=last * stamps.unit,
            is_torn=packets.is_torn,
            remarks=(*timeline.remarks, *_gap_remarks(gaps)),
        )

    def __len__(self) -> int:
        return len(self.times)

    @property
    def allowance(self) -> Fraction:
        """What may lie between the last frame's time and the stated end: a late start, a long last frame."""
        if len(self) < 2:
            return self.last_s
        mean = Fraction(int(self.times[-1] - self.times[0]), len(self) - 1)
        return max(int(self.times[0]), 0) * self.unit + max(self.last_s, 2 * mean * self.unit)

    @property
    def has_gaps(self) -> bool:
        """Whether pictures may be missing: between two of them, or between the last and the stated end."""
        if len(self) < 2:
            return True
        steps = np.diff(self.times)
        usual = max(1, int(np.median(steps)))
        end = float(self.seconds(-1) + max(self.last_s, _PAUSE * usual * self.unit))
        return int(steps.max()) > _PAUSE * usual or (self.stated_end_s is not None and end < self.stated_end_s)

    def index_of(self, pts: int) -> int | None:
        """The place of a frame in order of time."""
        place = int(np.searchsorted(self.times, pts))
        return place if place < len(self) and self.times[place] == pts else None

    def seconds(self, index: int) -> Fraction:
        """Seconds from the first frame to another."""
        return (int(self.times[index]) - int(self.times[0])) * self.unit

    def index_at(self, seconds: float) -> int:
        """The first frame that is not shown before a moment, in seconds from the first frame."""
        first = int(self.times[0]) if len(self) else 0
        return int(np.searchsorted(self.times, first + math.ceil(Fraction(seconds) / self.unit)))

    def entry_before(self, index: int) -> Entry | None:
        """The last place from which frame ``index`` can be decoded."""
        place = int(np.searchsorted(self.entries[:, 0], min(index, len(self) - 1), side="right"))
        return Entry(*map(int, self.entries[place - 1])) if place else None

    def slot_before(self, start_index: int, interval: Fraction) -> int:
        """Which sample the frame before ``start_index`` belongs to: the last one an earlier run can have taken."""
        if not len(self) or start_index <= 0:
            return -1
        index = min(start_index, len(self)) - 1
        return slot_of(self.seconds(index), interval, index)

    def sampled(self, interval: Fraction) -> NDArray[np.int64]:
        """Indices of the frames that sampling by the clock takes."""
        if interval == 0:
            return np.arange(len(self))
        # ``slot_of`` for all of them at once, in whole numbers: a day of video has millions of frames.
        factor = self.unit / interval
        shift = CLOCK_TOLERANCE_S / interval
        scale = factor.denominator * shift.denominator
        step, offset = factor.numerator * shift.denominator, shift.numerator * factor.denominator
        first = int(self.times[0]) if len(self) else 0
        slots = np.fromiter((((t - first) * step + offset) // scale for t in self.times.tolist()), np.int64, len(self))
        return np.flatnonzero(np.diff(slots, prepend=-1) > 0)


def _gap_remarks(gaps: int) -> list[str]:
    if gaps <= 0:
        return []
    places = counted(gaps, "place")
    return [
        f"Parts of the transmission are missing in {places}: pictures there are damaged or lost. All others are used."
    ]


def is_clockless(container: Any) -> bool:
    """Whether a file is nothing but pictures in a row."""
    name = container.format.name
    return name in _CLOCKLESS or name.endswith("_pipe")


def is_numbered(packet: Any) -> bool:
    """Whether a packet is one of those that are counted: it holds a picture, and one that is to be shown."""
    return packet.size > 0 and not packet.is_discard


@dataclass(frozen=True, eq=False)
class _Packets:
    """What the packets of a video say.

    Attributes:
        stamps: Their times.
        closed: ``(N,)`` which key frames nothing that follows reaches back over.
        reordering: Whether frames may be shown in another order than they are decoded in.
        is_torn: Whether the last one in the file is incomplete.
        incomplete: How many are.
    """

    stamps: Stamps
    closed: BoolArray
    reordering: bool
    is_torn: bool
    incomplete: int

    @property
    def last(self) -> int:
        """The packet whose picture is shown last."""
        return int(self.stamps.shown.argmax())

    @property
    def may_say_when_decoded(self) -> bool:
        """Whether the times may be those of decoding, as in containers that have no others."""
        return self.reordering and len(self.stamps) > 1 and bool((np.diff(self.stamps.shown) > 0).all())

    @classmethod
    def read(cls, container: Any, stream: Any) -> _Packets:
        """Read all packets of a video that was just opened."""
        shown, decoded, lasting, keys, closed = array("q"), array("q"), array("q"), array("b"), array("b")
        is_torn, incomplete = False, 0
        reordering = bool(getattr(stream.codec_context, "has_b_frames", False))
        try:
            for packet in container.demux(stream):
                if not is_numbered(packet):
                    continue
                pts, dts = packet.pts, packet.dts
                shown.append(UNKNOWN if pts is None else pts)
                decoded.append(UNKNOWN if dts is None else dts)
                lasting.append(packet.duration or 0)
                keys.append(packet.is_keyframe)
                closed.append(packet.is_keyframe and (not reordering or _is_closed(packet)))
                is_torn = packet.is_corrupt
                incomplete += is_torn
        except av.error.FFmpegError:
            pass  # a cut file ends like this; decoding will come to the same place and say so
        stamps = Stamps(
            _integers(shown),
            _integers(decoded),
            _integers(lasting),
            _flags(keys),
            stream.time_base or Fraction(1, 1000),
            container.format.name in _TRANSMITTED,
        )
        return cls(stamps, _flags(closed), reordering, is_torn, incomplete)


def _clock_of(container: Any, stream: Any, stamps: Stamps) -> Clock | None:
    """The clock that counts in place of the times that packets say; ``None`` where these are sound."""
    if is_clockless(container):
        return _made_up(stream, len(stamps))
    if not len(stamps) or stamps.is_sound:
        return None
    clock = straightened(stamps) or _made_up(stream, len(stamps))
    return None if clock.as_said else clock


def _plain(stamps: Stamps) -> Timeline:
    times = np.sort(stamps.shown)
    keys = np.sort(stamps.shown[stamps.keys])
    return Timeline(times, stamps.unit, np.stack([np.searchsorted(times, keys), keys], axis=1))


def _numbered(clock: Clock, packets: _Packets) -> Timeline:
    if not clock.ordered:
        keys = np.flatnonzero(packets.closed)
        entries = np.stack([keys, keys], axis=1)
        return Timeline(clock.times, clock.unit, entries, True, dated_until=clock.dated_until, remarks=clock.remarks)
    order = np.argsort(clock.times, kind="stable")
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    keys = np.flatnonzero(packets.stamps.keys)
    entries = np.stack([ranks[keys], keys], axis=1)
    return Timeline(
        clock.times[order], clock.unit, entries, True, ranks, dated_until=clock.dated_until, remarks=clock.remarks
    )


def _made_up(stream: Any, count: int) -> Clock:
    """A clock for pictures without one, at the rate that is written among them or, failing that, at a usual one."""
    own = stream.codec_context.framerate
    stated = bool(own) and 0 < own <= FASTEST
    return counted_clock(count, own if stated else _GUESSED_RATE, guessed=not stated)


def _stated_end(container: Any, stream: Any) -> float | None:
    """Where a file says that one of its videos ends; what it says of itself may mean another of its tracks."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return float(container.duration / av.time_base)
    return None


def _is_closed(packet: Any) -> bool:
    """Whether a key frame of H.264 or H.265 begins anew: nothing after it reaches back to what came before."""
    codec = packet.stream.codec_context.name
    data = bytes(memoryview(packet)[:_NAL_BYTES])
    starts = [place + 3 for place in _places(data, b"\0\0\1") if place + 3 < len(data)]
    if codec == "h264":
        return any(data[at] & 0x1F == 5 for at in starts)
    if codec == "hevc":
        return any(data[at] >> 1 & 0x3F in (19, 20) for at in starts)
    return False


def _places(data: bytes, what: bytes) -> list[int]:
    places, at = [], data.find(what)
    while at >= 0:
        places.append(at)
        at = data.find(what, at + 1)
    return places


def _integers(values: array[int]) -> IntArray:
    return np.frombuffer(values, np.int64) if values else np.zeros(0, np.int64)


def _flags(values: array[int]) -> BoolArray:
    return np.frombuffer(values, np.int8).astype(bool) if values else np.zeros(0, bool)
