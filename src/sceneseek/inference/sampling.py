"""Which frames of a video are looked at: one each so many seconds, or one whenever the scene has changed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sceneseek.errors import ValueRefused

CLOCK_TOLERANCE_S = Fraction(1, 2000)
"""Some containers count in milliseconds: a frame half of one early is on time."""

_GRID = (48, 27)


class Sampler(Protocol):
    """Asked about each decoded frame of one video, in order."""

    def takes(self, index: int, time_s: Fraction, frame: Any) -> bool:
        """Whether to look at this frame, a PyAV one."""


@dataclass
class ByClock:
    """The first frame of each interval, by the video's own clock.

    Attributes:
        interval_s: Seconds; 0 takes every frame.
        done: Intervals up to this one were looked at by an earlier run.
        taken: Those that a frame was taken of since; frames may come out of order.
    """

    interval_s: Fraction
    done: int = -1
    taken: set[int] = field(default_factory=set, repr=False)

    def takes(self, index: int, time_s: Fraction, frame: Any) -> bool:
        """Whether this is the first frame of its interval."""
        slot = slot_of(time_s, self.interval_s, index)
        if slot <= self.done or slot in self.taken:
            return False
        self.taken.add(slot)
        return True


def slot_of(time_s: Fraction, interval_s: Fraction, index: int) -> int:
    """The number of the interval that a frame falls into; without sampling, each frame has its own."""
    return index if interval_s == 0 else math.floor((time_s + CLOCK_TOLERANCE_S) / interval_s)


@dataclass(frozen=True)
class SceneChange:
    """When a scene counts as changed since the last frame that was looked at.

    The picture is reduced to 48 x 27 cells. A cell has changed when its colour differs by more than ``difference``; the
    scene has when more than ``share`` of the cells have. A cut changes most cells, somebody who walks in a few.

    Attributes:
        share: Share of the cells, 0 to 1.
        difference: Grey levels, of the channel that differs most. Above noise and flicker.
        shortest_s: Frames closer than this to the last one are passed over.
        longest_s: After this long a frame is taken though nothing has changed.
    """

    share: float = 0.03
    difference: float = 25.0
    shortest_s: float = 0.2
    longest_s: float = 10.0

    def __post_init__(self) -> None:
        if not (0 < self.share < 1 and self.difference > 0 and 0 <= self.shortest_s <= self.longest_s < math.inf):
            raise ValueRefused(
                f"{self}: expected a share between 0 and 1, a positive difference and 0 <= shortest_s <= longest_s."
            )

    @property
    def every_s(self) -> float:
        """How a gallery remembers this way of sampling: below zero, the longest pause."""
        return -self.longest_s


@dataclass
class OnChange:
    """A frame whenever the scene has changed since the last one taken.

    Attributes:
        rule: When that is.
        last_s: The time of the last frame taken.
        reference: Its cells.
    """

    rule: SceneChange
    last_s: Fraction | None = None
    reference: NDArray[np.int16] | None = field(default=None, repr=False)

    def takes(self, index: int, time_s: Fraction, frame: Any) -> bool:
        """Whether the scene has changed, or nothing was taken for long."""
        since = None if self.last_s is None else float(time_s - self.last_s + CLOCK_TOLERANCE_S)
        if since is not None and since < self.rule.shortest_s:
            return False
        cells = cells_of(frame)
        if since is None or since >= self.rule.longest_s or self._differs(cells):
            self.last_s, self.reference = time_s, cells
            return True
        return False

    def refer_to(self, time_s: Fraction, frame: Any) -> None:
        """Go on from a frame that an earlier run took."""
        self.last_s, self.reference = time_s, cells_of(frame)

    def _differs(self, cells: NDArray[np.int16]) -> bool:
        assert self.reference is not None
        changed = np.abs(cells - self.reference).max(axis=2) > self.rule.difference
        return float(changed.mean()) > self.rule.share


def cells_of(frame: Any) -> NDArray[np.int16]:
    """The mean colours of a picture's cells, ``(27, 48, 3)``, scaled where the picture is decoded: that is cheap."""
    width, height = _GRID
    small = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
    return np.asarray(small.to_ndarray(), np.int16)
