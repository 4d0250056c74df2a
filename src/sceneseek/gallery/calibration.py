"""How far to trust a similarity: how often a stranger scores this high in this gallery.

A similarity of 0.6 means little by itself. It depends on the model, on the cameras, and on the query: somebody dressed in
plain black resembles half the gallery. What it is worth is estimated from the gallery alone, without knowing who anybody is:

1. **Strangers.** People seen beside each other in one frame are different people (``strangers``). Their similarities are
   a sample of how similar strangers are.
2. **The query's own scale.** Nearly everybody in a gallery is a stranger to a query. The median of the query's similarities to a
   sample of the gallery, and their spread below it, say where strangers lie *for this query*; similarities are counted in
   spreads above the median. (Speaker verification calls this Z-norm: Reynolds, 1997; Auckenthaler and others, 2000.)
   The spread is measured below the median, because the person themselves can only be above it.
3. **The frame's share.** People of one frame share its light, which makes them more alike than strangers are in general. The
   same median and spread, taken over the pairs of one frame, measure by how much, and it is taken out.
4. **The tail.** How often strangers score far above: a generalised Pareto distribution above the highest tenth of the
   pairs (``tails``).

All of it is estimated again on samples of the pictures drawn with replacement, which gives intervals. Fewer pairs than
``MIN_PAIRS``, or pictures than ``MIN_GROUPS``, and nothing is claimed; nor is a rate below what so many pairs can tell.
How well it holds: docs/explanation/trust.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sceneseek.gallery.strangers import groups, seen_beside, sightings, stranger_pairs
from sceneseek.gallery.tails import Tail
from sceneseek.structures import FloatArray, IntArray, Ranking

Float64Array = NDArray[np.float64]
By = Literal["sighting", "detection"]

MIN_PAIRS = 400
"""Comparisons of strangers, each pair in both directions, below which nothing is claimed."""
MIN_GROUPS = 20
"""Photographs or stretches of video that show several people, below which nothing is claimed."""
TAIL_SHARE = 0.1
REACH = 10.0
"""How far the fitted tail is believed beyond the data: to one in ten times as many pairs as there are."""
UNEXPECTED = 0.5
"""Strangers expected to score so high, below which a match counts as likely: none, in whole people."""
RESAMPLES = 40
_REFERENCE = 1024
_BELOW_MEDIAN = 0.1587
"""The share of a normal distribution that lies more than one standard deviation below its median."""
_BLOCK = 4096


class Rates(NamedTuple):
    """False-match rates with their 90 % intervals, each ``(N,)`` in [0, 1]."""

    rate: Float64Array
    low: Float64Array
    high: Float64Array


class Bulk(NamedTuple):
    """Where most of a sample lies: its median and the spread below it."""

    median: Any
    spread: Any

    @classmethod
    def of(cls, values: NDArray[Any]) -> Bulk:
        """Of the last axis."""
        low, median = np.quantile(values, (_BELOW_MEDIAN, 0.5), axis=-1)
        return cls(median, np.maximum(median - low, 1e-6))

    def scaled(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values in spreads above the median."""
        scaled: NDArray[Any] = (values - self.median) / self.spread
        return scaled


@dataclass(frozen=True, eq=False)
class Calibration:
    """What similarities are worth in one gallery.

    Attributes:
        by: What is ranked: sightings, where the most similar frame of a tracklet counts, or single detections.
        num_pairs: Comparisons of strangers that it rests on.
        num_groups: Photographs and stretches of video that they come from.
        tail: How often strangers score so many spreads above the query's median; ``None`` where nothing is claimed.
        resampled: The same, estimated from the pictures drawn with replacement.
        reference: ``(R, D)`` people of the gallery, at most one of each sighting, that tell a query's own scale.
        sightings_share: Sightings over detections in the gallery; 1 where single detections are ranked.
    """

    by: By
    num_pairs: int
    num_groups: int
    tail: Tail | None
    resampled: tuple[Tail, ...]
    reference: FloatArray
    sightings_share: float = 1.0

    @property
    def floor(self) -> float:
        """The smallest rate that is claimed."""
        return 1.0 / (REACH * max(self.num_pairs, 1))

    def rates(self, query: ArrayLike, similarities: ArrayLike) -> Rates | None:
        """How often a stranger scores as high with this query, for each similarity.

        Args:
            query: ``(D,)`` unit vector, as it was compared.
            similarities: ``(N,)`` cosines with it.

        Returns:
            ``None`` where it is not known.
        """
        if self.tail is None:
            return None
        asked = np.asarray(query, np.float32)
        scaled = Bulk.of(self.reference @ asked).scaled(np.asarray(similarities, np.float64))
        again = np.stack([tail.exceeded(scaled) for tail in self.resampled])
        low, high = np.quantile(again, (0.05, 0.95), axis=0)
        rate = self.tail.exceeded(scaled)
        lowest = self.floor
        return Rates(
            np.maximum(rate, lowest),
            np.maximum(np.minimum(low, rate), lowest),
            np.maximum(np.maximum(high, rate), lowest),
        )

    def applied(self, query: ArrayLike, ranking: Ranking, known: frozenset[int] = frozenset()) -> Ranking:
        """Write on each match how often strangers score as high, and how many matches are likely.

        Args:
            query: ``(D,)`` unit vector, as it was compared.
            ranking: What was found.
            known: Ranks of matches that were examples themselves: compared with themselves, they prove nothing.

        Returns:
            The ranking with ``false_match_rate``, ``strangers_expected`` and ``num_likely``.
        """
        similarities = [match.similarity for match in ranking]
        rates = self.rates(query, similarities) if similarities else None
        if rates is None:
            return ranking
        compared = ranking.searched * self.sightings_share
        matches = tuple(
            match
            if match.rank in known
            else replace(match, false_match_rate=float(rate), strangers_expected=float(rate * compared))
            for match, rate in zip(ranking, rates.rate, strict=True)
        )
        judged = [match.strangers_expected for match in matches if match.strangers_expected is not None]
        undecided = self.floor * compared >= UNEXPECTED and any(e <= self.floor * compared for e in judged)
        num_likely = len(known) + sum(expected < UNEXPECTED for expected in judged)
        return replace(ranking, matches=matches, num_likely=None if undecided else num_likely)


def calibrate(
    embeddings: FloatArray,
    rows: Any,
    reference: FloatArray,
    by: By = "sighting",
    sightings_share: float = 1.0,
    seed: int = 0,
) -> Calibration:
    """Estimate what similarities are worth from people of a gallery.

    Args:
        embeddings: ``(N, D)`` unit rows of people, whole frames and whole tracklets as far as possible.
        rows: A table with their ``id``, ``media_key``, ``frame_index``, ``time_s``, ``tracklet_id`` and boxes.
        reference: ``(R, D)`` people of the whole gallery, at most one of each sighting.
        by: What is ranked.
        sightings_share: Sightings over detections in the gallery.
        seed: Of the resampling.
    """
    share = sightings_share if by == "sighting" else 1.0
    own = np.arange(len(embeddings))
    beside = seen_beside(rows)
    pairs = stranger_pairs(embeddings, sightings(rows) if by == "sighting" else own, beside)
    group = groups(rows)
    num_groups = len(np.unique(group[pairs.anchors]))
    if len(pairs.anchors) < MIN_PAIRS or num_groups < MIN_GROUPS:
        return Calibration(by, len(pairs.anchors), num_groups, None, (), reference, share)
    scales = _bulks(embeddings, reference, np.unique(np.concatenate([pairs.anchors, beside.left])))
    once = np.einsum("pd,pd->p", embeddings[beside.left], embeddings[beside.right])
    frame = _Scored(group[beside.left], _scaled(scales, beside.left, once))
    ranked = _Scored(group[pairs.anchors], _scaled(scales, pairs.anchors, pairs.similarities))
    generator = np.random.default_rng(seed)
    everything = np.arange(num_groups)
    resampled = [_tail(frame, ranked, generator.choice(num_groups, num_groups)) for _ in range(RESAMPLES)]
    return Calibration(
        by, len(pairs.anchors), num_groups, _tail(frame, ranked, everything), tuple(resampled), reference, share
    )


@dataclass(frozen=True, eq=False)
class _Scored:
    """Scaled similarities of strangers, by group."""

    group: IntArray
    values: Float64Array

    @cached_property
    def by_group(self) -> list[Float64Array]:
        order = np.argsort(self.group, kind="stable")
        starts = np.flatnonzero(np.diff(self.group[order], prepend=-1))
        return np.split(self.values[order], starts[1:])

    def of(self, chosen: IntArray) -> Float64Array:
        return np.concatenate([self.by_group[i] for i in chosen])


def _tail(frame: _Scored, ranked: _Scored, chosen: IntArray) -> Tail:
    """The tail of strangers, seen from where the pairs of one frame have their bulk."""
    return Tail.fit(Bulk.of(frame.of(chosen)).scaled(ranked.of(chosen)), TAIL_SHARE)


def _bulks(embeddings: FloatArray, reference: FloatArray, anchors: IntArray) -> dict[str, Float64Array]:
    """The own scale of each anchor, ``(N,)``; not a number for other rows."""
    median, spread = np.full((2, len(embeddings)), np.nan)
    for start in range(0, len(anchors), _BLOCK):
        here = anchors[start : start + _BLOCK]
        median[here], spread[here] = Bulk.of(embeddings[here] @ reference.T)
    return {"median": median, "spread": spread}


def _scaled(scales: dict[str, Float64Array], anchors: IntArray, values: FloatArray) -> Float64Array:
    scaled: Float64Array = (values - scales["median"][anchors]) / scales["spread"][anchors]
    return scaled
