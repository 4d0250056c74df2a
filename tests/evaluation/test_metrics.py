"""Average precision, ranks and intervals against an independent implementation and their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc, average_precision_score, precision_recall_curve

from sceneseek.errors import ValueRefused
from sceneseek.evaluation.metrics import average_precision, cumulative_match, first_hit_rank, mean_score

rankings = st.lists(st.tuples(st.integers(-6, 6), st.booleans()), min_size=1, max_size=40)


@settings(max_examples=200, deadline=None)
@given(rankings)
def test_step_rule_equals_scikit_learn(entries: list[tuple[int, bool]]) -> None:
    similarities, hits = np.array([e[0] for e in entries]) / 7, np.array([e[1] for e in entries])
    if hits.any():
        assert average_precision(similarities, hits) == pytest.approx(
            average_precision_score(hits, similarities), abs=1e-12
        )


@settings(max_examples=200, deadline=None)
@given(rankings)
def test_trapezoid_rule_equals_the_area_under_scikit_learns_curve(entries: list[tuple[int, bool]]) -> None:
    similarities, hits = np.array([e[0] for e in entries]) / 7, np.array([e[1] for e in entries])
    if hits.any():
        precision, recall, _ = precision_recall_curve(hits, similarities)
        assert average_precision(similarities, hits, rule="trapezoid") == pytest.approx(
            auc(recall, precision), abs=1e-12
        )


@settings(max_examples=100, deadline=None)
@given(rankings, st.floats(-3, 3), st.sampled_from([0.25, 0.5, 2.0, 8.0]), st.randoms(use_true_random=False))
def test_shift_scale_and_order_do_not_matter(
    entries: list[tuple[int, bool]], shift: float, scale: float, shuffle: object
) -> None:
    before = np.array([e[0] for e in entries], float), np.array([e[1] for e in entries])
    order = shuffle.sample(range(len(entries)), len(entries))
    after = before[0][order] * scale + round(shift * 8) / 8, before[1][order]
    for rule in ("step", "trapezoid"):
        a, b = average_precision(*before, rule=rule), average_precision(*after, rule=rule)
        assert a == b or (math.isnan(a) and math.isnan(b))


def test_edge_cases_are_defined() -> None:
    assert math.isnan(average_precision([], []))
    assert math.isnan(average_precision([0.5], [False]))
    assert average_precision([0.5], [False], num_positives=2) == 0.0
    assert average_precision([], [], num_positives=2) == 0.0
    assert average_precision([0.5], [True], num_positives=4) == 0.25
    with pytest.raises(ValueRefused, match="2 hits but only 1"):
        average_precision([0.5, 0.4], [True, True], num_positives=1)


def test_first_hit_rank() -> None:
    assert first_hit_rank([], []) == 0
    assert first_hit_rank([0.1, 0.2], [False, False]) == 0
    assert first_hit_rank([0.1, 0.2, 0.3], [True, True, False]) == 2
    assert first_hit_rank([0.3, 0.3, 0.3], [False, True, False]) == 2


def test_cumulative_match() -> None:
    assert cumulative_match(np.array([1, 3, 0, 9]), 4).tolist() == [0.25, 0.25, 0.5, 0.5]
    assert cumulative_match(np.zeros(0, np.int64), 2).tolist() == [0.0, 0.0]


def test_interval_holds_the_mean_narrows_with_queries_and_repeats() -> None:
    rng = np.random.default_rng(0)
    few, many = rng.random(20), rng.random(2000)
    a, b = mean_score(few), mean_score(many)
    assert a.low <= a.value <= a.high
    assert (b.high - b.low) < (a.high - a.low) / 5
    # The normal approximation: 1.96 standard errors.
    assert b.high - b.low == pytest.approx(2 * 1.96 * many.std() / math.sqrt(2000), rel=0.1)
    assert mean_score(few) == a
    assert mean_score([0.5, math.nan]).value == 0.5
    assert mean_score([]).value is None
    assert mean_score([1.0, 1.0]).interval == "100.0 to 100.0"
