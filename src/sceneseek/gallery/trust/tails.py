"""How often a number is exceeded, also far beyond where most of a sample lies: a fitted tail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sceneseek.errors import ValueRefused

Float64Array = NDArray[np.float64]

BODY_KNOTS = 64
"""Quantiles kept of what lies below the tail."""
_EXPONENTIAL = 1e-6
"""Shapes nearer to 0 are the exponential distribution, to the last digit that matters."""


@dataclass(frozen=True, eq=False)
class Tail:
    """The distribution of a weighted sample: its quantiles up to a threshold, a generalised Pareto distribution above.

    What exceeds a high threshold follows a generalised Pareto distribution, whatever the sample came from, as the
    threshold rises (Balkema and de Haan, 1974; Pickands, 1975).

    Attributes:
        threshold: Where the fitted tail begins.
        share: The part of the sample above it.
        scale: Of the fitted distribution, above 0.
        shape: Of the fitted distribution: at 0 it falls exponentially, above 0 more slowly; below 0 it ends.
        body: ``(K,)`` rising quantiles of the sample from its minimum to the threshold, at even steps.
    """

    threshold: float
    share: float
    scale: float
    shape: float
    body: Float64Array

    @classmethod
    def fit(cls, sample: ArrayLike, share: float, largest: float = -np.inf, weights: ArrayLike | None = None) -> Tail:
        """Fit the tail by probability-weighted moments.

        Closed, and for samples of some hundreds closer to the truth than maximum likelihood.

        Source: Hosking and Wallis, 1987, *Parameter and quantile estimation for the generalized Pareto distribution*.

        Differs from the paper: observations may carry weights, with plotting positions in the middle of each weight. A
        tail of negative shape ends somewhere, and a small sample often lets it end too soon, which would call the
        possible impossible: it may not end before ``largest``; the mean is kept.

        Args:
            sample: ``(N,)``.
            share: The part of the sample that is the tail, above 0 and below 1.
            largest: A value that is possible; nothing is asked of the end of the tail when not given.
            weights: ``(N,)`` how much each observation counts, 0 or more; all alike when not given.

        Raises:
            ValueRefused: There are fewer than four different values in the tail.

        Example:
            >>> tail = Tail.fit(np.random.default_rng(0).exponential(2.0, 20_000), share=0.1)
            >>> round(tail.threshold, 1), tail.exceeded([0.0, 10.0]).round(3).tolist()
            (4.6, [1.0, 0.007])
        """
        values = np.asarray(sample, np.float64)
        counts = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
        values, counts = values[counts > 0], counts[counts > 0]
        order = np.argsort(values, kind="stable")
        values, counts = values[order], counts[order]
        reached = np.cumsum(counts)
        total = float(reached[-1]) if len(reached) else 0.0
        cut = int(np.searchsorted(reached, (1.0 - share) * total * (1 + 1e-12), side="right"))
        above = values[cut:]
        if len(np.unique(above)) < 4:
            raise ValueRefused(f"a tail needs at least four different values; found {len(np.unique(above))}.")
        threshold = float(values[max(cut - 1, 0)])
        scale, shape = _moments(above - threshold, counts[cut:], largest - threshold)
        middles = (reached - counts / 2)[: max(cut, 1)]
        body = np.interp(np.linspace(middles[0], middles[-1], BODY_KNOTS), middles, values[: max(cut, 1)])
        return cls(threshold, float(counts[cut:].sum()) / total, scale, shape, body)

    def exceeded(self, values: ArrayLike) -> Float64Array:
        """How often each value is reached or exceeded, 0 to 1."""
        asked = np.asarray(values, np.float64)
        below = np.interp(asked, self.body, np.linspace(0.0, 1.0 - self.share, len(self.body)))
        return np.where(asked > self.threshold, self.share * self._beyond(asked - self.threshold), 1.0 - below)

    def _beyond(self, exceedances: Float64Array) -> Float64Array:
        """The part of the fitted tail that reaches an exceedance."""
        scaled = np.maximum(exceedances, 0.0) / self.scale
        if abs(self.shape) < _EXPONENTIAL:
            return np.exp(-scaled)
        left = np.maximum(1.0 + self.shape * scaled, 0.0)
        with np.errstate(divide="ignore"):
            part: Float64Array = left ** (-1.0 / self.shape)
        return part


def _moments(exceedances: Float64Array, counts: Float64Array, largest: float) -> tuple[float, float]:
    """Scale and shape from the first two probability-weighted moments of rising exceedances."""
    total = float(counts.sum())
    exceeding = 1.0 - (np.cumsum(counts) - counts / 2) / total
    mean = float(counts @ exceedances) / total
    weighted = float(counts @ (exceedances * exceeding)) / total
    shape = 2.0 - mean / (mean - 2.0 * weighted)
    # The mean is scale / (1 - shape), and a tail of negative shape ends at scale / -shape.
    least = -mean / (largest - mean) if largest > mean else -np.inf
    shape = max(shape, least)
    return mean * (1.0 - shape), shape
