"""What a camera says of itself, and what it borrows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import gamma

from sceneseek.gallery.trust.borrowing import NOTHING, Evidence, doubtful, rate, strength_of

ONES = np.ones(1)


def test_nothing_of_its_own_is_what_others_say_and_much_of_its_own_is_its_own() -> None:
    assert rate(ONES * 0.02, ONES * 0, 0.0, 1.0) == pytest.approx(0.02)
    assert rate(ONES * 0.02, ONES * 5000, 100_000.0, 1.0) == pytest.approx(0.05, rel=0.01)
    between = rate(ONES * 0.02, ONES * 5, 100.0, 1.0)[0]
    assert 0.02 < between < 0.05
    assert rate(ONES, ONES * 3, 3.0, 1.0) == pytest.approx(1.0)


def test_it_is_the_posterior_mean_of_a_gamma_poisson_model() -> None:
    strength, borrowed, pairs, counted = 2.0, 0.01, 400.0, 7.0
    rates = np.linspace(1e-6, 0.2, 400_001)
    prior = gamma.pdf(rates, strength, scale=borrowed / strength)
    weights = prior * np.exp(-pairs * rates) * rates**counted
    assert rate(ONES * borrowed, ONES * counted, pairs, strength)[0] == pytest.approx(
        (weights * rates).sum() / weights.sum(), rel=1e-4
    )


def test_doubt_shrinks_with_what_was_counted() -> None:
    low, high = (doubtful(ONES * 0.01, ONES * 0, 1.0, ONES * q)[0] for q in (0.05, 0.95))
    assert low < 0.001
    assert high == pytest.approx(0.03, rel=0.01)
    assert doubtful(ONES * 0.01, ONES * 400, 1.0, ONES * 0.95)[0] < 0.0115


def test_evidence_counts_the_pairs_that_reach_a_level() -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=3000), rng.uniform(0.2, 1.0, 3000)
    evidence = Evidence.of(values, weights)
    assert len(evidence.levels) < 400, "it is kept in a file"
    for level in (-5.0, -1.0, 0.0, 1.0, 2.5):
        assert evidence.count(np.array([level]))[0] == pytest.approx(weights[values >= level].sum(), rel=0.03, abs=1.0)
    assert evidence.count(np.array([9.0]))[0] == 0
    assert NOTHING.count(np.array([0.0]))[0] == 0


def test_cameras_that_agree_lend_firmly_and_cameras_that_differ_do_not() -> None:
    rng = np.random.default_rng(1)

    def cameras(shifts: np.ndarray) -> float:
        levels = {i: rng.normal(shift, 1.0, 2000) for i, shift in enumerate(shifts)}
        return strength_of(levels, {i: np.ones(2000) for i in levels}, share=0.1)

    alike, different = cameras(np.zeros(8)), cameras(np.linspace(-1.5, 1.5, 8))
    assert alike > 2 * different
    assert strength_of({0: rng.normal(size=50)}, {0: np.ones(50)}, share=0.1) == pytest.approx(1.0)
