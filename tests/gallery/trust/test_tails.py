"""Tails: fitted to samples whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import genpareto

from sceneseek.errors import ValueRefused
from sceneseek.gallery.trust.tails import Tail


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.25])
def test_a_generalised_pareto_tail_is_recovered(shape: float) -> None:
    sample = genpareto.rvs(shape, scale=2.0, size=40_000, random_state=7)
    tail = Tail.fit(sample, share=0.2)
    assert tail.shape == pytest.approx(shape, abs=0.05)
    for rate in (1e-2, 1e-3, 1e-4):
        value = genpareto.isf(rate, shape, scale=2.0)
        assert tail.exceeded([value])[0] == pytest.approx(rate, rel=0.35)


def test_a_normal_tail_is_met_beyond_the_sample() -> None:
    values = np.random.default_rng(0).normal(size=5_000)
    claimed = Tail.fit(values, share=0.1, largest=8.0).exceeded([3.0, 4.0])
    assert 0.3 < claimed[0] / 1.35e-3 < 3
    assert 0.1 < claimed[1] / 3.17e-5 < 10


def test_below_the_threshold_the_sample_itself_counts() -> None:
    values = np.random.default_rng(1).normal(size=2_001)
    tail = Tail.fit(values, share=0.1)
    for value in (-1.5, 0.0, 1.0):
        assert tail.exceeded([value])[0] == pytest.approx((values >= value).mean(), abs=0.02)
    assert tail.exceeded([values.min() - 1])[0] == 1
    falling = tail.exceeded(np.linspace(-4, 6, 300))
    assert (np.diff(falling) <= 1e-12).all()


def test_what_is_possible_is_never_called_impossible() -> None:
    bounded = np.random.default_rng(2).uniform(size=400)  # its tail ends at 1
    assert Tail.fit(bounded, share=0.1).exceeded([1.5])[0] == 0
    assert Tail.fit(bounded, share=0.1, largest=2.0).exceeded([1.5])[0] > 0
    assert Tail.fit(bounded, share=0.1, largest=2.0).exceeded([2.1])[0] < 1e-9


def test_too_few_values_make_no_tail() -> None:
    with pytest.raises(ValueRefused, match="four different values; found 1"):
        Tail.fit(np.ones(100), share=0.1)


def test_an_observation_that_counts_twice_counts_as_two() -> None:
    values = np.random.default_rng(3).exponential(size=600)
    counts = np.random.default_rng(4).integers(1, 4, 600)
    weighted = Tail.fit(values, share=0.1, weights=counts)
    repeated = Tail.fit(np.repeat(values, counts), share=0.1)
    asked = np.linspace(0.0, 8.0, 40)
    np.testing.assert_allclose(weighted.exceeded(asked), repeated.exceeded(asked), rtol=0.15, atol=0.002)
    nothing = Tail.fit(np.append(values, 1e6), share=0.1, weights=np.append(counts, 0))
    np.testing.assert_array_equal(nothing.exceeded(asked), weighted.exceeded(asked))
