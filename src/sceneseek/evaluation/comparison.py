"""Two runs over the same queries: how far apart they are, how sure that is, and which queries make the difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sceneseek.errors import ExtractionError
from sceneseek.evaluation import bootstrap
from sceneseek.structures import FloatArray, IntArray, QueryOutcomes, SearchReport

SYSTEM_SWITCHES = frozenset({"det_threshold", "query_feature", "confidence_weighted", "rerank", "reranking", "name"})
"""Switches that belong to what is measured, not to how it is measured: runs that differ in them may be compared."""


@dataclass(frozen=True)
class Difference:
    """One score of two runs; all in [0, 1], the difference in [-1, 1].

    Attributes:
        name: The score's name.
        first: Of the first run.
        second: Of the second.
        low: Lower end of the paired 95 % interval of ``second - first``.
        high: Upper end.
        second_better: The share of resamples in which the second run is better; equal counts half.
    """

    name: str
    first: float
    second: float
    low: float
    high: float
    second_better: float

    @property
    def value(self) -> float:
        """``second - first``."""
        return self.second - self.first

    @property
    def clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0

    @property
    def verdict(self) -> str:
        """What may be said, in words."""
        if not self.clear:
            return "not told apart"
        return "better" if self.value > 0 else "worse"


@dataclass(frozen=True)
class QueryChange:
    """What became of one query in two runs; ranks are of the first hit, 0 for none."""

    query_id: int
    first_ap: float
    second_ap: float
    first_rank: int
    second_rank: int

    @property
    def change(self) -> float:
        """By how much the second run's AP is higher."""
        return self.second_ap - self.first_ap


@dataclass(frozen=True)
class Comparison:
    """The second run against the first.

    Attributes:
        differences: One per headline score.
        num_queries: Queries with somebody to find, in both.
        better: Those that the second run answers better (AP), the most first.
        worse: Those it answers worse, the most first.
        differing: Switches in which the two systems differ, with both values.
    """

    differences: tuple[Difference, ...]
    num_queries: int
    better: tuple[QueryChange, ...]
    worse: tuple[QueryChange, ...]
    differing: Mapping[str, tuple[object, object]]

    @property
    def num_same(self) -> int:
        """Queries that are answered equally well."""
        return self.num_queries - len(self.better) - len(self.worse)


def compare(first: SearchReport, second: SearchReport, samples: int = bootstrap.SAMPLES) -> Comparison:
    """Compare two runs query by query.

    Queries are matched by id. Their differences are resampled (paired bootstrap): what makes a query hard for both runs
    cancels out, so that the interval is much narrower than those of the two scores suggest.

    Args:
        first: The run to compare with.
        second: The run that is better or worse.
        samples: Bootstrap samples.

    Returns:
        The comparison.

    Raises:
        ExtractionError: The runs are over different data, queries or rules; the message says which.
    """
    _require_same_task(first, second)
    places = {int(q): i for i, q in enumerate(second.outcomes.query_ids)}
    order = np.array([places[int(q)] for q in first.outcomes.query_ids], np.int64)
    mask = first.outcomes.answerable_mask
    names, ours = _scores(first, first.outcomes, np.flatnonzero(mask))
    _, theirs = _scores(second, second.outcomes, order[mask])
    changes = [
        QueryChange(int(q), float(a), float(b), int(r), int(s))
        for q, a, b, r, s in zip(
            first.outcomes.query_ids[mask], ours[:, 0], theirs[:, 0], first.outcomes.first_hit_rank[mask],
            second.outcomes.first_hit_rank[order[mask]], strict=True,
        )
    ]  # fmt: skip
    return Comparison(
        differences=_differences(names, ours, theirs, samples),
        num_queries=int(mask.sum()),
        better=tuple(sorted((c for c in changes if c.change > 0), key=lambda c: (-c.change, c.query_id))),
        worse=tuple(sorted((c for c in changes if c.change < 0), key=lambda c: (c.change, c.query_id))),
        differing=_differing_systems(first, second),
    )


def _scores(report: SearchReport, outcomes: QueryOutcomes, rows: IntArray) -> tuple[list[str], FloatArray]:
    """AP and top-k of each query, ``(N, 1 + K)``."""
    ranks = outcomes.first_hit_rank[rows]
    columns = [outcomes.average_precision[rows], *((ranks > 0) & (ranks <= k) for k in report.top_k)]
    return ["mAP", *(f"top-{k}" for k in report.top_k)], np.stack([c.astype(np.float64) for c in columns], axis=1)


def _differences(names: list[str], ours: FloatArray, theirs: FloatArray, samples: int) -> tuple[Difference, ...]:
    if len(ours) == 0:
        return ()
    drawn = bootstrap.resampled_means(theirs - ours, max(samples, 1))
    found = []
    for i, name in enumerate(names):
        a, b = float(ours[:, i].mean()), float(theirs[:, i].mean())
        low, high = bootstrap.percentiles(drawn[:, i], b - a)
        wins = float((drawn[:, i] > 0).mean() + (drawn[:, i] == 0).mean() / 2)
        found.append(Difference(name, a, b, low, high, wins))
    return tuple(found)


def _require_same_task(first: SearchReport, second: SearchReport) -> None:
    a, b = first.provenance, second.provenance
    if a.data_fingerprint != b.data_fingerprint:
        raise ExtractionError(
            f"the runs are over different data: {a.data} (annotations {a.data_fingerprint[:12]}) and {b.data} "
            f"({b.data_fingerprint[:12]}). Evaluate both models on the same annotations to compare them."
        )
    names = [n for n in {**first.protocol, **second.protocol} if n not in SYSTEM_SWITCHES]
    odd = [n for n in names if first.protocol.get(n) != second.protocol.get(n)]
    if odd:
        differ = "; ".join(f"{n} is {first.protocol.get(n)} and {second.protocol.get(n)}" for n in odd)
        raise ExtractionError(
            f"{a.model} and {b.model} were measured by different protocols: {differ}. "
            "Score both with the same switches (kept extractions make that a matter of seconds)."
        )
    ours = dict(zip(first.outcomes.query_ids.tolist(), first.outcomes.num_positives.tolist(), strict=True))
    theirs = dict(zip(second.outcomes.query_ids.tolist(), second.outcomes.num_positives.tolist(), strict=True))
    for query_id in sorted(ours.keys() | theirs.keys()):
        if ours.get(query_id) != theirs.get(query_id):
            raise ExtractionError(
                f"query {query_id} has {ours.get(query_id, 'no')} right answers in the gallery in one run and "
                f"{theirs.get(query_id, 'no')} in the other: identities, queries or galleries changed in between. "
                "Score both runs again."
            )


def _differing_systems(first: SearchReport, second: SearchReport) -> dict[str, tuple[object, object]]:
    pairs = {n: (first.protocol.get(n), second.protocol.get(n)) for n in {**first.protocol, **second.protocol}}
    pairs.pop("name", None)  # says the other switches again
    pairs["boxes"] = (first.provenance.boxes, second.provenance.boxes)
    return {n: pair for n, pair in pairs.items() if pair[0] != pair[1]}
