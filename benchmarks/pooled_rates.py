"""The rates of before, to compare with: one scale and one tail for a whole gallery, wherever its people were seen.

Kept as it was up to version 0.1: the query's own scale is taken over everybody in the gallery, the frame's share over
all frames, and the tail over all pairs, each as often as it was photographed. A match was called likely where the rate,
times the number compared, left less than half a stranger; an answer had "nobody" where no match did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sceneseek.gallery.lookups import EmbeddingSample
from sceneseek.gallery.trust.cohorts import Bulk
from sceneseek.gallery.trust.strangers import seen_beside, sightings, stranger_pairs
from sceneseek.gallery.trust.tails import Tail

MIN_PAIRS = 400
LIKELY = 0.5


@dataclass(frozen=True, eq=False)
class PooledRates:
    """The calibration of one gallery.

    Attributes:
        tail: Of all strangers.
        reference: ``(R, D)`` people of the gallery.
        floor: The smallest rate that is claimed.
    """

    tail: Tail
    reference: np.ndarray
    floor: float

    @classmethod
    def of(cls, people: EmbeddingSample, reference: np.ndarray) -> PooledRates | None:
        """From people of a gallery; ``None`` where too few of them were seen side by side."""
        embeddings, beside = people.embeddings, seen_beside(people.rows)
        pairs = stranger_pairs(embeddings, sightings(people.rows), beside)
        if len(pairs.anchors) < MIN_PAIRS:
            return None
        reference = reference[:1024]
        bulks = Bulk.of(embeddings @ reference.T)
        alike = np.einsum("pd,pd->p", embeddings[beside.left], embeddings[beside.right])
        shared = Bulk.of(_scaled(bulks, beside.left, alike))
        levels = shared.scaled(_scaled(bulks, pairs.anchors, pairs.similarities))
        equal = shared.scaled(float(np.median(bulks.scaled(np.ones(len(embeddings))))))
        return cls(Tail.fit(levels, 0.1, equal), reference, 1.0 / (10.0 * len(pairs.anchors)))

    def rates(self, query: np.ndarray, similarities: np.ndarray) -> np.ndarray:
        """How often a stranger was said to score as high."""
        scale = Bulk.of(self.reference @ query)
        return np.maximum(self.tail.exceeded(scale.scaled(similarities)), self.floor)


def _scaled(bulks: Bulk, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    return Bulk(bulks.median[rows], bulks.spread[rows]).scaled(values.astype(np.float64))
