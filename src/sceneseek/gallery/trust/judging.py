"""What a similarity is worth, written on each match: rate, others expected, and one word for both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sceneseek.gallery.filters import Filters
from sceneseek.gallery.trust.calibration import Calibration
from sceneseek.gallery.trust.cohorts import group_name
from sceneseek.gallery.trust.crowding import others_expected, pieces_of_evidence
from sceneseek.structures import FloatArray, Match, Ranking, Standing

LIKELY = 0.5
"""Others expected to score as high, below which a match is likely: half a person."""
LIKELY_AT_MOST = 2.0
"""... and the upper end of its interval: two people."""
DISTANT = 10.0
"""Strangers expected to score as high, from which a match may be called distant."""
DISTANT_BY_HITS = 1.0
"""The same where only the hits tell."""

Float64Array = NDArray[np.float64]
EmbeddingsOf = Callable[[Sequence[str]], FloatArray]
"""Embeddings ``(N, D)`` of detections by their ids."""
_BEST_FIRST: tuple[Standing, ...] = ("likely", "possible", "distant")


def judged(
    calibration: Calibration,
    query: ArrayLike,
    ranking: Ranking,
    hits: Sequence[Match],
    embeddings_of: EmbeddingsOf,
    *,
    filters: Filters | None = None,
    examples: frozenset[int] = frozenset(),
) -> Ranking:
    """Write on each match how far to trust it, and on the ranking what the answer is.

    Args:
        calibration: What similarities are worth in this gallery.
        query: ``(D,)`` unit vector, as it was compared.
        ranking: What was found.
        hits: The best hits by similarity, the matches among them: ``HITS`` where there are so many.
        embeddings_of: Looks up the embeddings of hits.
        filters: Which of the gallery's people were compared.
        examples: Ranks of matches that were examples themselves: compared with themselves, they prove nothing.

    Returns:
        The ranking with rates, expected others, pieces of evidence and standings.
    """
    shown = [match for match in ranking if match.rank not in examples]
    known = {match.detection_id for match in ranking if match.rank in examples}
    asked = _Asked(calibration, query, ranking.searched * calibration.sightings_share, filters)
    rated = asked.rated(shown)
    around = asked.around(shown, [hit for hit in hits if hit.detection_id not in known], embeddings_of)
    found = {match.rank: asked.stood(replace(match, **rated[i], **around[i])) for i, match in enumerate(shown)}
    best = next((word for word in _BEST_FIRST if any(match.standing == word for match in found.values())), None)
    return replace(
        ranking,
        matches=tuple(found.get(match.rank, match) for match in ranking),
        standing=best,
        calibrated=calibration.strangers is not None,
    )


@dataclass(frozen=True, eq=False)
class _Asked:
    """One question to a calibrated gallery."""

    calibration: Calibration
    query: ArrayLike
    compared: float
    filters: Filters | None

    def rated(self, matches: Sequence[Match]) -> list[dict[str, Any]]:
        """How often strangers score as high as each match on its camera, as fields of a match."""
        groups = [group_name(match.camera_id, match.source, match.time_s) for match in matches]
        rates = self.calibration.rates(self.query, [match.similarity for match in matches], groups) if matches else None
        if rates is None:
            return [{} for _ in matches]
        return [
            {"false_match_rate": float(r), "rate_interval": (float(low), float(high)), "rate_borrowed": not own}
            for r, low, high, own in zip(*rates, strict=True)
        ]

    def around(
        self, matches: Sequence[Match], hits: Sequence[Match], embeddings_of: EmbeddingsOf
    ) -> list[dict[str, Any]]:
        """How many others are expected as high as each match, and whose other pictures it is, as fields of a match."""
        places = {hit.detection_id: place for place, hit in enumerate(hits)}
        judged = np.array([places[match.detection_id] for match in matches], np.int64)
        if not len(judged):
            return []
        similarities = np.array([hit.similarity for hit in hits], np.float32)
        embeddings = embeddings_of([hit.detection_id for hit in hits])
        falls = None if self.calibration.strangers is None else self.strangers_expected
        others = others_expected(similarities, embeddings, judged, self.calibration.likeness, falls)
        leaders = pieces_of_evidence(similarities, embeddings)[judged]
        ranks = np.array([match.rank for match in matches])
        return [
            {"piece": int(ranks[leaders == leader].min()), **_numbers(*number)}
            for leader, *number in zip(leaders, *others, strict=True)
        ]

    def stood(self, match: Match) -> Match:
        """A match with its word."""
        return replace(match, standing="likely" if self._is_likely(match) else self._how_near(match))

    def strangers_expected(self, similarities: Float64Array) -> Float64Array:
        numbers = self.calibration.expected(self.query, similarities, self.compared, self.filters)
        assert numbers is not None
        return numbers

    def _is_likely(self, match: Match) -> bool:
        if self.calibration.strangers is None or match.others_expected is None or match.others_interval is None:
            return False
        return match.others_expected < LIKELY and match.others_interval[1] < LIKELY_AT_MOST

    def _how_near(self, match: Match) -> Standing:
        """Whether a match that is not likely is at least close.

        It is distant where it resembles the query less than nearly everybody in the gallery resembles their nearest
        other picture, and many strangers do as well.
        """
        if match.similarity >= self.calibration.near:
            return "possible"
        if self.calibration.strangers is not None:
            return "distant" if self.strangers_expected(np.array([match.similarity]))[0, 0] >= DISTANT else "possible"
        return "distant" if (match.others_expected or 0.0) >= DISTANT_BY_HITS else "possible"


def _numbers(expected: float, low: float, high: float) -> dict[str, Any]:
    """Fields of a match; none where it is not known."""
    if np.isnan(expected):
        return {}
    return {"others_expected": float(expected), "others_interval": (float(low), float(high))}
