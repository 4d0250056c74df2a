"""Means over seeds, and how sure they are: Student's t for a few independent runs.

The seeds are the sample. An interval says how far the mean of a few runs may be from that of many, on these data; it
does not say what other data would show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import special

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean of a few runs.

    Attributes:
        mean: The mean.
        deviation: Standard deviation between runs (divisor ``n - 1``); ``None`` for one run.
        low: Lower end of the interval of the mean; ``None`` for one run.
        high: Upper end.
        count: Runs.
    """

    mean: float
    deviation: float | None
    low: float | None
    high: float | None
    count: int

    def overlaps(self, other: Estimate) -> bool | None:
        """Whether the intervals share a value; ``None`` where one of them is not known."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return None
        return self.low <= other.high and other.low <= self.high

    @property
    def holds_zero(self) -> bool | None:
        """Whether 0 lies in the interval: a difference that is not told apart from none."""
        return None if self.low is None or self.high is None else self.low <= 0.0 <= self.high


def estimate(values: Sequence[float]) -> Estimate:
    """Mean, spread and interval of the mean.

    Args:
        values: One per run, at least one.

    Example:
        >>> found = estimate([0.50, 0.54, 0.52])
        >>> round(found.mean, 3), round(found.deviation, 3), round(found.low, 3), round(found.high, 3)
        (0.52, 0.02, 0.47, 0.57)
    """
    count = len(values)
    mean = math.fsum(values) / count
    if count == 1:
        return Estimate(mean, None, None, None, 1)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    half = float(special.stdtrit(count - 1, 0.5 + CONFIDENCE / 2)) * deviation / math.sqrt(count)
    return Estimate(mean, deviation, mean - half, mean + half, count)


def difference(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Estimate | None:
    """The paired difference over the seeds that both have, ours minus theirs; ``None`` where they share none.

    Runs of one seed see the same scenes in the same order, so the difference may vary less than either.

    Args:
        ours: Values by seed.
        theirs: Values by seed.
    """
    shared = sorted(ours.keys() & theirs.keys())
    return estimate([ours[seed] - theirs[seed] for seed in shared]) if shared else None
