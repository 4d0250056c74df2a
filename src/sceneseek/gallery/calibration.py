"""How far to trust a similarity: how often a stranger scores this high in this gallery.

A similarity of 0.6 means little by itself. It depends on the model, on the cameras, and on the query: somebody dressed
in plain black resembles half the gallery. What it is worth is estimated from the gallery alone, without knowing who
anybody is:

1. **Strangers.** People seen beside each other in one frame are different people (``strangers``). Their similarities
   are a sample of how similar strangers are.
2. **The query's own scale.** Nearly everybody in a gallery is a stranger to a query. The median of the query's
   similarities to a sample of the gallery, and their spread below it, say where strangers lie *for this query*;
   similarities are counted in spreads above that median. The spread is measured below the median, because the person
   themselves can only lie above it. (Speaker verification normalises scores against a cohort in the same way: Z-norm
   and T-norm, Auckenthaler, Carey and Lloyd-Thomas, 2000.)
3. **The frame's share.** People of one frame share its light, which makes them more alike than strangers are in
   general. The same median and spread, taken over the pairs of one frame, tell by how much, and it is taken out.
4. **The tail.** How often strangers score far above: a generalised Pareto distribution for the highest tenth of the
   pairs (``tails``).

All of it is estimated again on pictures drawn with replacement, which gives intervals. With fewer pairs than
``MIN_PAIRS``, or pictures than ``MIN_GROUPS``, nothing is claimed; nor is a rate below what so many pairs can tell. How
well it holds is measured by ``python -m benchmarks calibration`` and told in docs/explanation/trust.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sceneseek.errors import ValueRefused
from sceneseek.gallery.lookups import EmbeddingSample
from sceneseek.gallery.store import By
from sceneseek.gallery.strangers import groups, seen_beside, sightings, stranger_pairs
from sceneseek.gallery.tails import Tail
from sceneseek.structures import UNEXPECTED, FloatArray, IntArray, Ranking

Float64Array = NDArray[np.float64]

MIN_PAIRS = 400
"""Comparisons of strangers, each pair in both directions, below which nothing is claimed."""
MIN_GROUPS = 20
"""Photographs or stretches of video that show several people, below which nothing is claimed."""
TAIL_SHARE = 0.1
REACH = 10.0
"""How far the fitted tail is believed beyond the data: to one in ten times as many pairs as there are."""
RESAMPLES = 40
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

    def of_rows(self, rows: IntArray) -> Bulk:
        """Where there is one of each row: those of some rows."""
        return Bulk(self.median[rows], self.spread[rows])

    def scaled(self, values: Any) -> Any:
        """Values in spreads above the median."""
        return (values - self.median) / self.spread


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

    @property
    def summary(self) -> str:
        """What it rests on, one line for people."""
        pictures = "picture" if self.num_groups == 1 else "pictures"
        found = f"{self.num_pairs:,} comparisons of strangers in {self.num_groups:,} {pictures}"
        if self.tail is None:
            return f"not known: {found}; at least {MIN_PAIRS} in {MIN_GROUPS} are needed"
        return f"estimated from {found}"

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
        return Rates(*(np.maximum(r, self.floor) for r in (rate, np.minimum(low, rate), np.maximum(high, rate))))

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
        num_likely = len(known) + sum(match.likely for match in matches)
        return replace(ranking, matches=matches, num_likely=None if undecided else num_likely)


def calibrate(people: EmbeddingSample, reference: FloatArray, by: By = "sighting", seed: int = 0) -> Calibration:
    """Estimate what similarities are worth from people of a gallery.

    Args:
        people: Whole frames and whole tracklets, as far as possible.
        reference: ``(R, D)`` people of the whole gallery, at most one of each sighting.
        by: What is ranked.
        seed: Of the resampling.

    Returns:
        A calibration without a tail where too little is known, or where it would rest on a single picture.
    """
    embeddings, rows = people.embeddings, people.rows
    units = sightings(rows) if by == "sighting" else np.arange(len(embeddings))
    share = len(np.unique(units)) / max(len(units), 1)
    beside = seen_beside(rows)
    pairs = stranger_pairs(embeddings, units, beside)
    group = groups(rows)
    present = np.unique(group[pairs.anchors])
    nothing = Calibration(by, len(pairs.anchors), len(present), None, (), reference, share)
    if len(pairs.anchors) < MIN_PAIRS or len(present) < MIN_GROUPS:
        return nothing
    bulks = _bulks(embeddings, reference)
    alike = np.einsum("pd,pd->p", embeddings[beside.left], embeddings[beside.right])
    in_frame = _by_group(group[beside.left], bulks.of_rows(beside.left).scaled(alike), group)
    ranked = _by_group(group[pairs.anchors], bulks.of_rows(pairs.anchors).scaled(pairs.similarities), group)

    equal = float(np.median(bulks.scaled(np.ones(len(embeddings)))))

    def tail(chosen: IntArray) -> Tail:
        """Of strangers, seen from where the pairs of one frame have their bulk."""
        bulk = Bulk.of(np.concatenate([in_frame[i] for i in chosen]))
        strangers = bulk.scaled(np.concatenate([ranked[i] for i in chosen]))
        return Tail.fit(strangers, TAIL_SHARE, largest=float(bulk.scaled(equal)))

    generator = np.random.default_rng(seed)
    draws = (generator.choice(present, len(present)) for _ in range(RESAMPLES * 5 // 4))
    try:
        whole, resampled = tail(present), tuple(islice(_fitted(tail, draws), RESAMPLES))
    except ValueRefused:
        return nothing
    # Where one group holds most comparisons, draws without it have no tail: a gallery with many such is not known.
    return replace(nothing, tail=whole, resampled=resampled) if len(resampled) == RESAMPLES else nothing


def _fitted(tail: Callable[[IntArray], Tail], draws: Iterable[IntArray]) -> Iterator[Tail]:
    """The tails of those draws that have one."""
    for chosen in draws:
        with suppress(ValueRefused):
            yield tail(chosen)


def _bulks(embeddings: FloatArray, reference: FloatArray) -> Bulk:
    """Each row's own scale, ``(N,)``."""
    blocks = [Bulk.of(embeddings[start : start + _BLOCK] @ reference.T) for start in range(0, len(embeddings), _BLOCK)]
    return Bulk(np.concatenate([b.median for b in blocks]), np.concatenate([b.spread for b in blocks]))


def _by_group(own: IntArray, values: Float64Array, groups: IntArray) -> list[Float64Array]:
    """Values, split by the group each belongs to."""
    order = np.argsort(own, kind="stable")
    return np.split(values[order], np.searchsorted(own[order], np.arange(1, groups.max(initial=0) + 1)))
