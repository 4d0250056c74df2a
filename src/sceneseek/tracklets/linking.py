"""Linking on line: frame by frame, each person to the tracklet that they go on, or to a new one.

The trackers of multi-object tracking predict by motion and expect every frame. A gallery looks once a second, where a
walker has crossed half the picture and nothing but the appearance holds; so here appearance and place are weighed
together (see ``evidence``) and assigned one to one (Kuhn, 1955). There is no motion model: between frames it would
guess, and at the rates at which it could know, place and appearance suffice (``benchmarks/bench_tracklets.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from sceneseek.errors import ValueRefused
from sceneseek.similarity import normalise
from sceneseek.structures import Detections, FloatArray, Frame
from sceneseek.tracklets.evidence import LinkingEvidence, Nats

_VIEWS = 30
"""Views of one person that are remembered at most."""


def tracklet_number(frame_index: int, ordinal: int) -> int:
    """The number of a tracklet within its video, after the detection that began it: the same in each run.

    Example:
        >>> tracklet_number(40, 2)
        400002
    """
    return frame_index * _PEOPLE_PER_FRAME + ordinal


_PEOPLE_PER_FRAME = 10_000


@dataclass
class _Open:
    """A tracklet that may go on: what was seen of it within the linker's patience."""

    number: int
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_VIEWS))
    boxes: deque[FloatArray] = field(default_factory=lambda: deque(maxlen=_VIEWS))
    embeddings: deque[FloatArray] = field(default_factory=lambda: deque(maxlen=_VIEWS))

    def see(self, time_s: float, box: FloatArray, embedding: FloatArray) -> None:
        self.times.append(time_s)
        self.boxes.append(box)
        self.embeddings.append(embedding)

    def forget_before(self, time_s: float) -> None:
        while self.times and self.times[0] < time_s:
            self.times.popleft()
            self.boxes.popleft()
            self.embeddings.popleft()


class TrackletLinker:
    """Links the detections of one video into tracklets, frame after frame.

    A tracklet ends when its person was out of sight for longer than the patience: whoever comes back later begins a new
    one, which a search by appearance will find too. The linker remembers what it saw within the patience and nothing
    else. So its state is small, and a run that was killed goes on exactly as if it had not been: ``recall`` the stored
    detections of those seconds, then ``update`` with what comes next.

    Args:
        patience_s: Seconds out of sight after which a tracklet has ended. At least twice the time between two
            frames, or one missed detection ends it: see ``patience_for``.
        evidence: What decides whether two detections are one person.

    Raises:
        ValueRefused: The patience is no positive number of seconds.
    """

    def __init__(self, patience_s: float = 4.0, evidence: LinkingEvidence | None = None) -> None:
        if not (patience_s > 0 and np.isfinite(patience_s)):
            raise ValueRefused(f"patience_s is {patience_s}; expected seconds, more than 0.")
        self.patience_s = patience_s
        self.evidence = evidence or LinkingEvidence()
        self._open: dict[int, _Open] = {}
        self._last_frame = -1

    def update(self, frame: Frame, people: Detections) -> list[int]:
        """Take the next frame.

        Args:
            frame: Later than all before; its time on the video's clock is known.
            people: Who was found in it, ``N`` people with embeddings.

        Returns:
            The number of the tracklet of each of the ``N`` people, no two of them the same.

        Raises:
            ValueRefused: The frame has no time, is not later than the one before, or its people have no embeddings.
        """
        if frame.time_s is None or frame.frame_index <= self._last_frame:
            raise ValueRefused(
                f"{frame.source}: frame {frame.frame_index} at {frame.time_s} s cannot follow frame "
                f"{self._last_frame}; expected frames of one video in order, each with its time."
            )
        if people.embeddings is None:
            raise ValueRefused("the detections have no embeddings; expected those of a re-identification model.")
        self._last_frame = frame.frame_index
        self._forget(frame.time_s)
        numbers = [tracklet_number(frame.frame_index, i) for i in range(len(people))]
        height, width = frame.image.shape[:2]
        candidates = list(self._open.values())
        for row, column in _assigned(self._weigh(candidates, frame.time_s, people, (width, height))):
            numbers[column] = candidates[row].number
        self._see(frame.time_s, people.boxes, people.embeddings, numbers)
        return numbers

    def recall(
        self,
        frame_index: int,
        time_s: float,
        boxes: Sequence[ArrayLike] | FloatArray,
        embeddings: Sequence[FloatArray] | FloatArray,
        numbers: Sequence[int],
    ) -> None:
        """Remember a frame that an earlier run has linked; frames in order, those within the patience suffice.

        Args:
            frame_index: Which frame.
            time_s: Its time on the video's clock, seconds.
            boxes: ``(N, 4)`` ``xyxy``.
            embeddings: ``(N, D)`` unit rows.
            numbers: The tracklet of each.
        """
        self._last_frame = frame_index
        self._forget(time_s)
        self._see(time_s, np.asarray(boxes, np.float32), np.asarray(embeddings, np.float32), numbers)

    def _forget(self, now_s: float) -> None:
        for number, tracklet in list(self._open.items()):
            tracklet.forget_before(now_s - self.patience_s)
            if not tracklet.times:
                del self._open[number]

    def _see(self, time_s: float, boxes: FloatArray, embeddings: FloatArray, numbers: Sequence[int]) -> None:
        for number, box, embedding in zip(numbers, boxes, embeddings, strict=True):
            self._open.setdefault(number, _Open(number)).see(time_s, box, embedding)

    def _weigh(self, candidates: list[_Open], now_s: float, people: Detections, picture: tuple[int, int]) -> Nats:
        """Evidence that each candidate goes on as each person, ``(candidates, people)``."""
        if not candidates or not len(people):
            return np.zeros((len(candidates), len(people)))
        assert people.embeddings is not None
        means = normalise(np.stack([np.mean(c.embeddings, axis=0) for c in candidates]))
        latest = np.stack([c.embeddings[-1] for c in candidates])
        # Somebody who turns round looks like their last view; somebody half hidden a moment ago like all before.
        alike = np.maximum(means @ people.embeddings.T, latest @ people.embeddings.T)
        last_boxes = np.stack([c.boxes[-1] for c in candidates])
        gaps = np.array([now_s - c.times[-1] for c in candidates])
        evidence = self.evidence
        return evidence.appearance(alike) + evidence.place(last_boxes, people.boxes, gaps, picture) - evidence.newcomer


def patience_for(every_s: float) -> float:
    """The patience for frames that are ``every_s`` seconds apart: four seconds, or one missed frame and a half.

    Example:
        >>> patience_for(1.0), patience_for(10.0)
        (4.0, 25.0)
    """
    return max(_PATIENCE_S, 2.5 * every_s)


_PATIENCE_S = 4.0


def _assigned(evidence: Nats) -> list[tuple[int, int]]:
    """One-to-one pairs with the most evidence in all, among those for which anything speaks."""
    rows, columns = linear_sum_assignment(np.maximum(evidence, 0.0), maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if evidence[r, c] > 0]
