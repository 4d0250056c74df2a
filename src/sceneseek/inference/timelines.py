"""When each frame of a video is shown: read from the packets, without decoding them.

It is read before a video is decoded, so that a frame has the same index in every run, wherever the run began, so that a
decoder can jump to the key frame before the next picture that is wanted, and so that a file that stops short of its own
length is noticed.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from sceneseek.inference.sampling import CLOCK_TOLERANCE_S, slot_of
from sceneseek.structures import IntArray


@dataclass(frozen=True, eq=False)
class Timeline:
    """When each frame is shown.

    Attributes:
        times: ``(N,)`` presentation time stamps in order, in units of ``unit``.
        keys: Those of frames that can be decoded without others.
        unit: Seconds per unit.
        stated_end_s: Where the file says that it ends, in seconds from its first frame; ``None`` when it does not say.
        exact: Whether every frame has a time of its own; where not, frames are counted as they are decoded.
    """

    times: IntArray
    keys: IntArray
    unit: Fraction
    stated_end_s: float | None
    exact: bool

    @classmethod
    def read(cls, container: Any, stream: Any) -> Timeline:
        """Read all packets of a video that was just opened."""
        stated = None
        if stream.duration is not None and stream.time_base is not None:
            stated = float(stream.duration * stream.time_base)
        elif container.duration is not None and not container.streams.audio:
            stated = container.duration / av.time_base
        times, keys = array("q"), array("q")
        untimed = 0
        try:
            for packet in container.demux(stream):
                if packet.size == 0 or packet.is_discard:
                    continue
                if packet.pts is None:
                    untimed += 1
                    continue
                times.append(packet.pts)
                if packet.is_keyframe:
                    keys.append(packet.pts)
        except av.error.FFmpegError:
            pass  # a cut file ends like this; decoding will come to the same place and say so
        known = np.sort(np.frombuffer(times, np.int64)) if times else np.zeros(0, np.int64)
        entries = np.sort(np.frombuffer(keys, np.int64)) if keys else np.zeros(0, np.int64)
        exact = bool(len(known)) and untimed == 0 and bool((np.diff(known) > 0).all())
        return cls(known, entries, stream.time_base or Fraction(1, 1000), stated, exact)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def allowance(self) -> Fraction:
        """What may lie between the last frame's time and the stated end: a late start, a long last frame."""
        if len(self) < 2:
            return Fraction(0)
        late_start = max(int(self.times[0]), 0)
        return (late_start + Fraction(2 * int(self.times[-1] - self.times[0]), len(self) - 1)) * self.unit

    def index_of(self, pts: int) -> int | None:
        """The place of a frame in order of time."""
        place = int(np.searchsorted(self.times, pts))
        return place if place < len(self) and self.times[place] == pts else None

    def seconds(self, pts: int) -> Fraction:
        """Seconds since the first frame."""
        return (int(pts) - int(self.times[0])) * self.unit

    def key_before(self, index: int) -> int | None:
        """The time stamp of the last key frame that is not after frame ``index``."""
        place = int(np.searchsorted(self.keys, self.times[min(index, len(self) - 1)], side="right"))
        return int(self.keys[place - 1]) if place else None

    def slot_before(self, start_index: int, interval: Fraction) -> int:
        """Which sample the frame before ``start_index`` belongs to: the last one an earlier run can have taken."""
        if not self.exact or start_index <= 0:
            return -1
        index = min(start_index, len(self)) - 1
        return slot_of(self.seconds(self.times[index]), interval, index)

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
