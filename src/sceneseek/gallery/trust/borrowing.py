"""What one camera says of its strangers, and what is borrowed where it says too little.

The rate at which strangers reach a level is a number for each camera. Cameras differ; so the rate of one is taken to
be drawn from a gamma distribution around what the others say, and what was counted on the camera itself is Poisson
evidence about it. Then the rate has a closed form (the posterior mean of a gamma-Poisson model): with nothing counted
it is what the others say, with much it is the camera's own. How far cameras differ is measured by leaving each out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv

from sceneseek.gallery.trust.tails import Tail

Float64Array = NDArray[np.float64]

LEVELS = (0.1, 0.03, 0.01)
"""Rates at which cameras are compared with each other."""
DOUBT = 1.0
"""Squared relative difference between cameras that is assumed before any were compared: off by as much again."""
_PRIOR_CAMERAS = 3.0
"""How many compared cameras that assumption is worth."""
_DOUBTS = (0.25, 4.0)
_KNOTS = 64
_EXACT = 256
"""The highest levels of a camera are kept one by one, those below as knots."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was counted on one camera.

    Attributes:
        pairs: Pairs of strangers.
        levels: ``(K,)`` rising levels.
        reached: ``(K,)`` how many of the pairs reach each level.
    """

    pairs: float
    levels: Float64Array
    reached: Float64Array

    @classmethod
    def of(cls, values: Float64Array, weights: Float64Array) -> Evidence:
        """From the levels of pairs and what each counts, ``(N,)``."""
        order = np.argsort(values, kind="stable")
        levels, above = values[order], np.cumsum(weights[order][::-1])[::-1]
        knots = np.linspace(0, max(len(levels) - _EXACT - 1, 0), _KNOTS).astype(np.int64)
        kept = np.union1d(knots, np.arange(max(len(levels) - _EXACT, 0), len(levels)))
        return cls(float(weights.sum()), levels[kept], above[kept])

    def count(self, values: Float64Array) -> Float64Array:
        """How many pairs reach each value."""
        if not len(self.levels):
            return np.zeros(np.shape(values))
        between = np.interp(values, self.levels, self.reached, left=self.pairs, right=0.0)
        return np.asarray(between, np.float64)


NOTHING = Evidence(0.0, np.zeros(0), np.zeros(0))
"""Of a camera that never showed two people side by side."""


def rate(borrowed: Float64Array, counted: Float64Array, pairs: ArrayLike, strength: float) -> Float64Array:
    """The rate of strangers on one camera, by its own evidence and that of others.

    Args:
        borrowed: What the others say, 0 to 1.
        counted: How many of the camera's own pairs reach the level.
        pairs: How many it has.
        strength: Shape of the gamma distribution of cameras around ``borrowed``: small where cameras differ much.

    Example:
        >>> rate(np.array([0.01]), np.array([0.0]), 0.0, 1.0)  # nothing of its own: what the others say
        array([0.01])
        >>> rate(np.array([0.01]), np.array([300.0]), 10_000.0, 1.0).round(4)  # much of its own: its own
        array([0.0298])
    """
    safe = np.maximum(borrowed, 1e-12)
    found: Float64Array = np.minimum((counted + strength) / (np.asarray(pairs) + strength / safe), 1.0)
    return found


def doubtful(rates: Float64Array, counted: Float64Array, strength: float, quantile: Float64Array) -> Float64Array:
    """What a rate may be instead, at quantiles of the gamma distribution that it is the mean of."""
    shape = counted + strength
    return np.asarray(rates * gammaincinv(shape, quantile) / shape, np.float64)


def strength_of(levels: Mapping[int, Float64Array], weights: Mapping[int, Float64Array], share: float) -> float:
    """How firmly cameras agree: each is judged by the tail of all others.

    Args:
        levels: The levels of each camera's pairs.
        weights: What each pair counts.
        share: The part of a sample that is its tail.

    Returns:
        The shape of the gamma distribution of cameras; 1 where too few cameras can be compared.
    """
    total, weight = DOUBT * _PRIOR_CAMERAS, _PRIOR_CAMERAS
    for camera, own in levels.items():
        others = [other for other in levels if other != camera and len(levels[other])]
        if not len(own) or not others:
            continue
        pooled = np.concatenate([levels[other] for other in others])
        counts = np.concatenate([weights[other] for other in others])
        tail = Tail.fit(pooled, share, weights=counts)
        expected = np.array([level * weights[camera].sum() for level in LEVELS])
        claimed = tail.exceeded(own)
        found = np.array([float(weights[camera][claimed <= level].sum()) for level in LEVELS])
        # Beyond what chance scatters (Poisson), relative to what was expected; few expected pairs say little.
        excess = ((found - expected) ** 2 - expected) / np.maximum(expected, 1.0) ** 2
        trust = expected / (expected + 1.0)
        total += float((trust * excess).sum() / len(LEVELS))
        weight += float(trust.sum() / len(LEVELS))
    return 1.0 / float(np.clip(total / weight, *_DOUBTS))
