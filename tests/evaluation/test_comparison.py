"""Two runs, query by query: against a plain loop, and refusing what cannot be compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaluation.worlds import random_world, unit
from sceneseek.errors import ExtractionError
from sceneseek.evaluation import evaluate
from sceneseek.evaluation.comparison import Comparison, compare
from sceneseek.structures import QueryOutcomes, SearchReport


@pytest.fixture(scope="module")
def runs() -> tuple[SearchReport, SearchReport]:
    """A model, and the same model with noise in its embeddings."""
    extraction, scenes = random_world(1, images=60, people=8, queries=60)
    rng = np.random.default_rng(0)
    worse = unit(extraction.embeddings + rng.normal(scale=0.5, size=extraction.embeddings.shape))
    other = replace(extraction, embeddings=worse, provenance=replace(extraction.provenance, model="noisy"))
    return tuple(evaluate(e, scenes, bootstrap_samples=0, curve=False) for e in (extraction, other))


def shuffled(report: SearchReport) -> SearchReport:
    order = np.random.default_rng(3).permutation(len(report.outcomes))
    columns = {name: value[order] for name, value in vars(report.outcomes).items() if len(value)}
    return replace(report, outcomes=QueryOutcomes(**columns))


def test_the_interval_is_that_of_a_plain_loop_over_resampled_queries(runs: tuple[SearchReport, SearchReport]) -> None:
    first, second = runs
    got = compare(first, second, samples=3000).differences[0]
    mask = first.outcomes.answerable_mask
    gain = (second.outcomes.average_precision - first.outcomes.average_precision)[mask]
    rng = np.random.default_rng(9)
    means = [gain[rng.integers(0, len(gain), len(gain))].mean() for _ in range(3000)]
    assert got.value == pytest.approx(gain.mean())
    assert (got.first, got.second) == (pytest.approx(first.mean_ap.value), pytest.approx(second.mean_ap.value))
    assert (got.low, got.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.01)
    assert got.second_better == pytest.approx(np.mean(np.array(means) > 0), abs=0.02)


def test_pairing_narrows_the_interval(runs: tuple[SearchReport, SearchReport]) -> None:
    first, second = runs
    d = compare(first, second).differences[0]
    mask = first.outcomes.answerable_mask
    a, b = first.outcomes.average_precision[mask], second.outcomes.average_precision[mask]
    unpaired = 2 * 1.96 * np.sqrt((a.var() + b.var()) / len(a))
    assert d.high - d.low < 0.9 * unpaired


def test_queries_are_matched_by_id_not_by_place(runs: tuple[SearchReport, SearchReport]) -> None:
    first, second = runs
    assert compare(first, shuffled(second)) == compare(first, second)


def test_every_query_is_better_equal_or_worse(runs: tuple[SearchReport, SearchReport]) -> None:
    c = compare(*runs)
    assert len(c.better) + len(c.worse) + c.num_same == c.num_queries == runs[0].num_queries
    assert [x.change for x in c.better] == sorted((x.change for x in c.better), reverse=True)
    assert [x.change for x in c.worse] == sorted(x.change for x in c.worse)
    assert all(x.change > 0 for x in c.better)
    assert all(x.change < 0 for x in c.worse)
    back = compare(runs[1], runs[0])
    assert {x.query_id for x in back.better} == {x.query_id for x in c.worse}


def test_a_run_does_not_differ_from_itself(runs: tuple[SearchReport, SearchReport]) -> None:
    c: Comparison = compare(runs[0], runs[0])
    assert not c.better
    assert not c.worse
    for d in c.differences:
        assert (d.value, d.low, d.high, d.second_better, d.clear, d.verdict) == (0, 0, 0, 0.5, False, "not told apart")


def test_verdicts(runs: tuple[SearchReport, SearchReport]) -> None:
    d = compare(*runs).differences[0]
    assert replace(d, first=0.5, second=0.6, low=0.01, high=0.2).verdict == "better"
    assert replace(d, first=0.5, second=0.4, low=-0.2, high=-0.01).verdict == "worse"
    assert replace(d, first=0.5, second=0.6, low=-0.01, high=0.2).verdict == "not told apart"


def test_runs_over_different_data_are_refused(runs: tuple[SearchReport, SearchReport]) -> None:
    first, second = runs
    elsewhere = replace(second, provenance=replace(second.provenance, data="b", data_fingerprint="0" * 64))
    with pytest.raises(ExtractionError, match=r"different data: a world .* and b \(000000000000\)"):
        compare(first, elsewhere)


@pytest.mark.parametrize("switch", ["ap", "gallery_size", "cameras", "duplicates", "match"])
def test_runs_by_different_rules_are_refused(runs: tuple[SearchReport, SearchReport], switch: str) -> None:
    first, second = runs
    with pytest.raises(ExtractionError, match=f"different protocols: {switch} is .* and other"):
        compare(first, replace(second, protocol={**second.protocol, switch: "other"}))


def test_switches_of_the_system_are_compared_and_told(runs: tuple[SearchReport, SearchReport]) -> None:
    first, second = runs
    changed = replace(second, protocol={**second.protocol, "det_threshold": 0.2, "name": "modern, det_threshold=0.2"})
    assert compare(first, changed).differing == {"det_threshold": (0.5, 0.2)}
    boxes = replace(second, provenance=replace(second.provenance, boxes="truth"))
    assert compare(first, boxes).differing == {"boxes": ("detector", "truth")}


def test_changed_identities_or_galleries_are_refused(runs: tuple[SearchReport, SearchReport]) -> None:
    first, second = runs
    more = second.outcomes.num_positives.copy()
    more[3] += 1
    changed = replace(second, outcomes=replace(second.outcomes, num_positives=more))
    with pytest.raises(ExtractionError, match=f"query {second.outcomes.query_ids[3]} has .* right answers"):
        compare(first, changed)
    ids = second.outcomes.query_ids.copy()
    ids[0] = 777
    with pytest.raises(ExtractionError, match="queries or galleries changed"):
        compare(first, replace(second, outcomes=replace(second.outcomes, query_ids=ids)))


def test_queries_with_nobody_to_find_take_no_part(runs: tuple[SearchReport, SearchReport]) -> None:
    first, second = (
        replace(r, outcomes=replace(r.outcomes, num_positives=np.zeros_like(r.outcomes.num_positives))) for r in runs
    )
    assert compare(first, second) == Comparison((), 0, (), (), {})
