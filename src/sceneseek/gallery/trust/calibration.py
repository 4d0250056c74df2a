"""How far to trust a similarity: how often a stranger scores this high, with this query, on this camera.

A similarity of 0.6 means little by itself. It depends on the model, on the camera, and on the query: somebody dressed
in plain black resembles half the gallery. What it is worth is estimated from the gallery alone, without knowing who
anybody is:

1. **Strangers.** People seen beside each other in one frame are different people (``strangers``). Their similarities
   are a sample of how similar strangers are. A pair that was photographed many times counts once (``alike``).
2. **The query's own scale, camera by camera.** Nearly everybody on a camera is a stranger to a query. The median of the
   query's similarities to the people of that camera, and their spread below it, say where strangers lie for *this*
   query *there*; similarities are counted in spreads above that median (``cohorts``).
3. **The frame's share.** People of one frame share its light, which makes them more alike than strangers of one camera
   are in general. The same median and spread, taken over the pairs of one frame, tell by how much, and it is taken out.
4. **The tail.** How often strangers score far above: a generalised Pareto distribution (``tails``).
5. **Borrowing.** What all cameras say together, corrected by what was seen on the camera itself; where nobody was seen
   side by side, the doubt is as large as cameras were found to differ (``borrowing``).

All of it is estimated again with the people weighted at random, which gives intervals. With fewer than ``MIN_PAIRS``
pairs or ``MIN_PEOPLE`` people in them nothing is claimed. How well it holds is measured by
``python -m benchmarks calibration`` and told in docs/explanation/trust.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from sceneseek.errors import ValueRefused
from sceneseek.gallery.filters import Filters
from sceneseek.gallery.lookups import EmbeddingSample
from sceneseek.gallery.store import By
from sceneseek.gallery.trust import alike, borrowing
from sceneseek.gallery.trust.borrowing import NOTHING, Evidence
from sceneseek.gallery.trust.cohorts import Bulk, Cohorts, group_names
from sceneseek.gallery.trust.strangers import Pairs, SeenBeside, numbered, seen_beside, sightings, stranger_pairs
from sceneseek.gallery.trust.tails import Tail
from sceneseek.structures import FloatArray, IntArray
from sceneseek.words import counted

Float64Array = NDArray[np.float64]

MIN_PAIRS = 100
"""Different pairs of strangers below which nothing is claimed."""
MIN_PEOPLE = 15
"""Different people in them, below which nothing is claimed."""
MIN_OWN_PAIRS = 30.0
"""Pairs of strangers of one camera from which its rates are called its own."""
REACH = 10.0
"""How far the fitted tail is believed beyond the data: to one in ten times as many pairs as there are."""
RESAMPLES = 40
NEAR_SHARE = 0.05
"""Of a gallery's people, the part whose nearest other picture is called far from them."""

_TAIL_PAIRS = 60.0
"""Pairs wanted in the tail, of which it takes at least a fiftieth and at most a fifth of all."""
_TAIL_SHARES = (0.02, 0.2)
_EVEN = 200.0
"""Pairs from which a camera counts no more, so that one crowded street does not speak for all."""
_FRAME_PAIRS = 50.0
"""Pairs that the frame's share of all cameras counts for beside a camera's own."""
_NEIGHBOURS = 512
_BLOCK = 1024


class Rates(NamedTuple):
    """False-match rates with their 90 % intervals, each ``(N,)`` in [0, 1].

    Attributes:
        rate: How often a stranger scores as high.
        low: Lower end.
        high: Upper end.
        own: ``(N,)`` whether enough strangers were seen on the camera itself; else the rate is borrowed from others.
    """

    rate: Float64Array
    low: Float64Array
    high: Float64Array
    own: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Strangers:
    """What the strangers of a gallery say.

    Attributes:
        tail: How often strangers score so many spreads above the query's median, on all cameras together.
        resampled: The same, with the people weighted at random.
        strength: How firmly cameras agree, see ``borrowing``.
        evidence: What was counted on each camera, by the name of its group.
        small: Pairs of strangers of each camera that is judged among all small ones, by its name: those alone may say
            that it was judged by itself.
    """

    tail: Tail
    resampled: tuple[Tail, ...]
    strength: float
    evidence: Mapping[str, Evidence]
    small: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Calibration:
    """What similarities are worth in one gallery.

    Attributes:
        by: What is ranked: sightings, where the most similar frame of a tracklet counts, or single detections.
        num_pairs: Different pairs of strangers that it rests on.
        num_people: Different people in them.
        num_groups: Cameras, videos and folders in which they were seen.
        strangers: What they say; ``None`` where too little is known, and nothing is claimed.
        near: The similarity that all but ``NEAR_SHARE`` of the gallery's people have to their nearest other picture.
        likeness: The similarity from which two pictures are taken for one person's.
        cohorts: People of the gallery who tell a query's own scale.
        sightings_share: Sightings over detections in the gallery; 1 where single detections are ranked.
    """

    by: By
    num_pairs: float
    num_people: int
    num_groups: int
    strangers: Strangers | None
    near: float
    likeness: float
    cohorts: Cohorts
    sightings_share: float = 1.0

    @property
    def floor(self) -> float:
        """The smallest rate that is claimed."""
        return 1.0 / (REACH * max(self.num_pairs, 1.0))

    @property
    def summary(self) -> str:
        """What it rests on, one line for people."""
        pairs = counted(round(self.num_pairs), "pair")
        found = f"{pairs} of strangers on {counted(self.num_groups, 'camera or folder', 'cameras or folders')}"
        if self.strangers is None:
            people = counted(self.num_people, "person", "people")
            return f"not known: {found}, {people}; at least {MIN_PAIRS} pairs of {MIN_PEOPLE} people are needed"
        return f"estimated from {found}"

    def rates(self, query: ArrayLike, similarities: ArrayLike, groups: Sequence[str]) -> Rates | None:
        """How often a stranger scores as high with this query, for each similarity.

        Args:
            query: ``(D,)`` unit vector, as it was compared.
            similarities: ``(N,)`` cosines with it.
            groups: Where the ``N`` people were seen, see ``cohorts.group_name``.

        Returns:
            ``None`` where it is not known.
        """
        if self.strangers is None:
            return None
        levels = self._levels(query, np.asarray(similarities, np.float64))
        own = np.array([self.cohorts.number(name) for name in groups], np.int64)
        levels = levels[np.arange(len(own)), own]
        counted, pairs = self._counted(levels, own)
        # What other small cameras showed says nothing about this one.
        elsewhere = np.array([self._seen_elsewhere(name) for name in groups], bool)
        counted[elsewhere], pairs[elsewhere] = 0.0, 0.0
        strength = self.strangers.strength
        rates = self._posterior(self.strangers.tail, levels, counted, pairs)
        again = np.stack([self._posterior(tail, levels, counted, pairs) for tail in self.strangers.resampled])
        drawn = borrowing.doubtful(again, counted, strength, _quantiles(len(again))[:, None])
        low, high = np.quantile(drawn, (0.05, 0.95), axis=0)
        best, least, most = (
            np.clip(part, self.floor, 1.0) for part in (rates, np.minimum(low, rates), np.maximum(high, rates))
        )
        return Rates(best, least, most, pairs >= MIN_OWN_PAIRS)

    def expected(
        self, query: ArrayLike, similarities: ArrayLike, compared: float, filters: Filters | None = None
    ) -> Float64Array | None:
        """How many strangers score as high among all who were compared, on whichever camera.

        Args:
            query: ``(D,)`` unit vector.
            similarities: ``(N,)``.
            compared: How many sightings or detections were compared.
            filters: Which of the gallery's people took part.

        Returns:
            ``(1 + RESAMPLES, N)``, the best estimate first; ``None`` where it is not known.
        """
        if self.strangers is None:
            return None
        levels = self._levels(query, np.asarray(similarities, np.float64))
        counted, pairs = self._counted(levels, np.arange(levels.shape[1]))
        tails = (self.strangers.tail, *self.strangers.resampled)
        weights = compared * self.cohorts.passing(filters)
        return np.stack([self._posterior(tail, levels, counted, pairs) @ weights for tail in tails])

    def _levels(self, query: ArrayLike, similarities: Float64Array) -> Float64Array:
        """Similarities in spreads above where strangers lie for this query, on each camera, ``(N, G)``."""
        levels = self.cohorts.scales(np.asarray(query, np.float32)).scaled(similarities[:, None])
        return np.asarray(levels, np.float64)

    def _seen_elsewhere(self, name: str) -> bool:
        """Whether a camera is judged among the small ones without having shown enough strangers itself."""
        assert self.strangers is not None
        return self.cohorts.is_small(name) and self.strangers.small.get(name, 0.0) < MIN_OWN_PAIRS

    @cached_property
    def _evidence(self) -> tuple[Evidence, ...]:
        assert self.strangers is not None
        return tuple(self.strangers.evidence.get(name, NOTHING) for name in self.cohorts.names)

    def _counted(self, levels: Float64Array, groups: IntArray) -> tuple[Float64Array, Float64Array]:
        """How many pairs of the last axis' groups reach each level, and how many there are."""
        counts = np.zeros(levels.shape)
        pairs = np.array([self._evidence[group].pairs for group in groups])
        for group in np.unique(groups):
            here = groups == group
            counts[..., here] = self._evidence[group].count(levels[..., here])
        return counts, pairs

    def _posterior(self, tail: Tail, levels: Float64Array, counted: Float64Array, pairs: Float64Array) -> Float64Array:
        assert self.strangers is not None
        return borrowing.rate(np.maximum(tail.exceeded(levels), self.floor), counted, pairs, self.strangers.strength)


def calibrate(people: EmbeddingSample, cohorts: Cohorts, by: By = "sighting", seed: int = 0) -> Calibration:
    """Estimate what similarities are worth from people of a gallery.

    Args:
        people: Whole frames and whole tracklets, as far as possible.
        cohorts: People of the whole gallery, by camera.
        by: What is ranked.
        seed: Of the resampling.

    Returns:
        A calibration that claims nothing where too little is known.
    """
    embeddings, rows = people.embeddings, people.rows
    units = sightings(rows) if by == "sighting" else np.arange(len(embeddings))
    names = np.array(group_names(rows), dtype=object)
    beside = seen_beside(rows)
    pairs = stranger_pairs(embeddings, units, beside)
    threshold = alike.likeness(np.einsum("pd,pd->p", embeddings[beside.left], embeddings[beside.right]), len(units))
    groups = np.array([cohorts.number(name) for name in names], np.int64)
    persons = alike.one_person(embeddings, groups, threshold)
    known = _Known(embeddings, units, names, groups, persons, pairs, beside, cohorts)
    return Calibration(
        by=by,
        num_pairs=float(known.weights.sum()),
        num_people=len(np.unique(persons[pairs.anchors])),
        num_groups=len(set(names[pairs.anchors])),
        strangers=known.strangers(seed) if known.enough else None,
        near=_near(embeddings, rows, seed),
        likeness=threshold,
        cohorts=cohorts,
        sightings_share=len(np.unique(units)) / max(len(units), 1),
    )


@dataclass(frozen=True, eq=False)
class _Known:
    """A sample of ``N`` people and the ``P`` pairs of them who are certainly strangers."""

    embeddings: FloatArray
    units: IntArray
    names: NDArray[np.object_]
    groups: IntArray
    persons: IntArray
    pairs: Pairs
    beside: SeenBeside
    cohorts: Cohorts

    @property
    def enough(self) -> bool:
        return self.weights.sum() >= MIN_PAIRS and len(np.unique(self.persons[self.pairs.anchors])) >= MIN_PEOPLE

    @cached_property
    def _others(self) -> IntArray:
        """Who the stranger of each pair is, by the first frame of the sighting."""
        return self.persons[np.unique(self.units, return_index=True)[1]][self.pairs.others]

    @cached_property
    def weights(self) -> Float64Array:
        """What each pair counts, ``(P,)``: two people count once, however often they were compared."""
        return _once(self.persons[self.pairs.anchors], self._others)

    def strangers(self, seed: int) -> Strangers | None:
        bulks = self._bulks()
        of_anchor = self.groups[self.pairs.anchors]
        shares, any_share = self._frame_shares(bulks)
        levels = _of_rows(bulks, self.pairs.anchors).scaled(self.pairs.similarities.astype(np.float64))
        levels = Bulk(*(np.array([getattr(shares[g], f) for g in of_anchor]) for f in Bulk._fields)).scaled(levels)
        equal = float(np.median(any_share.scaled(bulks.scaled(np.ones(len(self.embeddings))))))
        present = np.unique(of_anchor)
        per_group = np.bincount(of_anchor, self.weights, minlength=len(self.cohorts.names))
        counts = self.weights / (per_group[of_anchor] + _EVEN)
        share = float(np.clip(_TAIL_PAIRS / self.weights.sum(), *_TAIL_SHARES))
        try:
            tail = Tail.fit(levels, share, equal, counts)
            resampled = tuple(Tail.fit(levels, share, equal, counts * drawn) for drawn in self._drawn(seed))
            strength = borrowing.strength_of(
                {int(g): levels[of_anchor == g] for g in present},
                {int(g): self.weights[of_anchor == g] for g in present},
                share,
            )
        except ValueRefused:
            return None
        names = self.cohorts.names
        return Strangers(
            tail=tail,
            resampled=resampled,
            strength=strength,
            evidence={names[g]: Evidence.of(levels[of_anchor == g], self.weights[of_anchor == g]) for g in present},
            small=self._small(),
        )

    def _small(self) -> dict[str, float]:
        """Pairs of each camera that has no group of its own."""
        pairs: dict[str, float] = {}
        for name, weight in zip(self.names[self.pairs.anchors], self.weights, strict=True):
            if self.cohorts.is_small(name):
                pairs[name] = pairs.get(name, 0.0) + float(weight)
        return pairs

    def _bulks(self) -> Bulk:
        """Each row's own scale on its own camera, ``(N,)``."""
        median, spread = np.zeros(len(self.embeddings)), np.ones(len(self.embeddings))
        for group in np.unique(self.groups):
            here = np.flatnonzero(self.groups == group)
            for start in range(0, len(here), _BLOCK):
                some = here[start : start + _BLOCK]
                median[some], spread[some] = self.cohorts.scale(int(group), self.embeddings[some])
        return Bulk(median, spread)

    def _frame_shares(self, bulks: Bulk) -> tuple[list[Bulk], Bulk]:
        """Where the pairs of one frame have their bulk, for each group and for all together."""
        left, right = self.beside.left, self.beside.right
        alone = np.einsum("pd,pd->p", self.embeddings[left], self.embeddings[right]).astype(np.float64)
        levels, weights = _of_rows(bulks, left).scaled(alone), _once(self.persons[left], self.persons[right])
        together = Bulk.of_weighted(levels, weights)
        shares = []
        for group in range(len(self.cohorts.names)):
            here = self.groups[left] == group
            if not here.any():
                shares.append(together)
                continue
            own, pairs = Bulk.of_weighted(levels[here], weights[here]), weights[here].sum()
            part = pairs / (pairs + _FRAME_PAIRS)
            shares.append(Bulk(*(part * a + (1.0 - part) * b for a, b in zip(own, together, strict=True))))
        return shares, together

    def _drawn(self, seed: int) -> list[Float64Array]:
        """What each pair counts when every person counts at random: pairs that share a person are not independent."""
        generator = np.random.default_rng(seed)
        people = generator.exponential(size=(RESAMPLES, int(self.persons.max()) + 1))
        return [drawn[self.persons[self.pairs.anchors]] * drawn[self._others] for drawn in people]


def _once(left: IntArray, right: IntArray) -> Float64Array:
    """One over how often each pair of people occurs, in either order, ``(P,)``."""
    first, second = np.minimum(left, right), np.maximum(left, right)
    keys = first * (int(second.max(initial=0)) + 1) + second
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / counts[inverse], np.float64)


def _of_rows(bulks: Bulk, rows: IntArray) -> Bulk:
    return Bulk(bulks.median[rows], bulks.spread[rows])


def _quantiles(count: int) -> Float64Array:
    """Evenly spaced quantiles in a fixed disorder, so that they meet resampled tails of all kinds."""
    return np.random.default_rng(0).permutation((np.arange(count) + 0.5) / count)


def _near(embeddings: FloatArray, rows: pa.Table, seed: int) -> float:
    """The similarity to their nearest other picture that all but few people of the sample have."""
    frames, units = numbered(rows["media_key"], rows["frame_index"]), sightings(rows)
    chosen = np.random.default_rng(seed).permutation(len(embeddings))[:_NEIGHBOURS]
    similarities = embeddings[chosen] @ embeddings.T
    similarities[(frames[chosen, None] == frames) | (units[chosen, None] == units)] = -1.0
    return float(np.quantile(similarities.max(axis=1, initial=-1.0), NEAR_SHARE)) if len(chosen) else -1.0
