"""Questions to galleries whose truth is known, judged as the product judges them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.held_out import HeldOut
from benchmarks.pooled_rates import LIKELY, PooledRates
from sceneseek.gallery import HITS, Calibration, judged
from sceneseek.gallery.lookups import EmbeddingSample
from sceneseek.gallery.trust.calibration import calibrate
from sceneseek.gallery.trust.cohorts import Cohorts, group_names
from sceneseek.structures import Match, Ranking

TOP = 20
"""Matches of a question that are judged."""


@dataclass(frozen=True, eq=False)
class Judged:
    """One answer.

    Attributes:
        right: ``(M,)`` whether each match shows the person.
        likely: ``(M,)`` whether it was called likely.
        expected: ``(M,)`` others expected, as it was claimed.
        distant: Whether the answer was "nothing close".
        known: Whether anything was claimed at all.
    """

    right: np.ndarray
    likely: np.ndarray
    expected: np.ndarray
    distant: bool
    known: bool


class Judge:
    """A gallery whose strangers were seen on some of its cameras only.

    Args:
        world: The gallery and its truth.
        evidence: ``(N,)`` whose sightings may be used as strangers; everybody's when not given.
    """

    def __init__(self, world: HeldOut, evidence: np.ndarray | None = None) -> None:
        self.world = world
        everybody = world.sample
        some = np.arange(len(world.ids)) if evidence is None else np.flatnonzero(evidence)
        people = EmbeddingSample(everybody.embeddings[some], everybody.rows.take(some))
        self.names = np.array(group_names(everybody.rows))
        self.calibration: Calibration = calibrate(people, Cohorts.of(everybody), "sighting")
        reference = everybody.embeddings[np.random.default_rng(0).permutation(len(world.ids))]
        self.pooled = PooledRates.of(people, reference)

    def claimed(self, row: int, others: np.ndarray, before: bool) -> np.ndarray | None:
        """The rates of some of the gallery's detections, as strangers of ``row``."""
        query = self.world.embeddings[row]
        similarities = self.world.embeddings[others] @ query
        if before:
            return None if self.pooled is None else self.pooled.rates(query, similarities)
        few = self.calibration
        if few.strangers is None:
            return None
        few = replace(few, strangers=replace(few.strangers, resampled=few.strangers.resampled[:1]))
        rates = few.rates(query, similarities, self.names[others].tolist())
        return None if rates is None else rates.rate

    def answer(self, row: int, candidates: np.ndarray, before: bool) -> Judged:
        """Ask for the person of ``row`` among some detections, best of each sighting, without the own picture."""
        world, query = self.world, self.world.embeddings[row]
        similarities = world.embeddings[candidates] @ query
        order = candidates[np.argsort(-similarities, kind="stable")]
        order = order[np.sort(np.unique(world.units[order], return_index=True)[1])]
        hits = order[:HITS]
        matches = [self._match(rank, hit, float(world.embeddings[hit] @ query)) for rank, hit in enumerate(hits, 1)]
        right = world.person_ids[hits[:TOP]] == world.person_ids[row]
        if before:
            return self._pooled_answer(query, matches[:TOP], len(order), right)
        ranking = Ranking(tuple(matches[:TOP]), "", len(candidates))
        places = {world.ids[hit]: hit for hit in hits}

        def embeddings(ids: Sequence[str]) -> Any:
            return world.embeddings[[places[name] for name in ids]]

        found = judged(self.calibration, query, ranking, matches, embeddings)
        expected = [np.nan if match.others_expected is None else match.others_expected for match in found]
        return Judged(
            right, np.array([m.likely for m in found]), np.array(expected), found.standing == "distant",
            found.calibrated,
        )  # fmt: skip

    def _pooled_answer(self, query: np.ndarray, matches: list[Match], compared: int, right: np.ndarray) -> Judged:
        if self.pooled is None:
            nothing = np.full(len(matches), np.nan)
            return Judged(right, np.zeros(len(matches), bool), nothing, False, False)
        expected = self.pooled.rates(query, np.array([match.similarity for match in matches])) * compared
        return Judged(right, expected < LIKELY, expected, bool(expected[0] >= LIKELY), True)

    def _match(self, rank: int, hit: int, similarity: float) -> Match:
        row = self.world.rows[hit]
        return Match(
            rank, similarity, 1.0, (0.0, 0.0, 1.0, 1.0), row["source"], time_s=row["time_s"],
            camera_id=row["camera_id"], detection_id=self.world.ids[hit],
        )  # fmt: skip


def comparable(world: HeldOut, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Strangers and other pictures of the person of ``row``, as indices; those who are neither are left out."""
    return np.flatnonzero(world.strangers(row)), np.flatnonzero(world.same(row))
