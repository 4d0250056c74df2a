"""Intervals against resampling by a plain loop, and against what theory says."""

from __future__ import annotations

import numpy as np
import pytest

from sceneseek.evaluation import bootstrap


def looped(values: np.ndarray, samples: int) -> tuple[float, float]:
    rng = np.random.default_rng(1)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(samples)]
    return tuple(np.quantile(means, [0.025, 0.975]))


@pytest.mark.parametrize("seed", range(3))
def test_a_mean_has_the_interval_of_a_plain_loop(seed: int) -> None:
    values = np.random.default_rng(seed).random(300) ** 3
    assert bootstrap.mean_interval(values, 4000) == pytest.approx(looped(values, 4000), abs=2e-3)


def test_a_ratio_resamples_both_of_its_parts() -> None:
    rng = np.random.default_rng(0)
    wholes = rng.integers(0, 9, 200)
    parts = rng.binomial(wholes, 0.7)
    ratios = []
    for _ in range(4000):
        drawn = rng.integers(0, 200, 200)
        ratios.append(parts[drawn].sum() / wholes[drawn].sum())
    assert bootstrap.ratio_interval(parts, wholes, 4000) == pytest.approx(
        tuple(np.quantile(ratios, [0.025, 0.975])), abs=3e-3
    )


def test_any_score_of_weighted_entries_has_an_interval() -> None:
    """The weighted mean of pooled entries is a ratio over their units."""
    rng = np.random.default_rng(2)
    units = np.sort(rng.integers(0, 50, 400))
    values = rng.random(400)
    sums, counts = np.bincount(units, values, 50), np.bincount(units, minlength=50)
    got = bootstrap.pooled_interval(lambda _, w: (w @ values) / w.sum(axis=1), units, 50, values.mean(), 1000)
    assert got == pytest.approx(bootstrap.ratio_interval(sums, counts, 1000))


def test_intervals_repeat_and_do_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random(100)
    whole = bootstrap.mean_interval(values, 500)
    assert bootstrap.mean_interval(values, 500) == whole
    monkeypatch.setattr(bootstrap, "_BLOCK", 3000)
    assert bootstrap.mean_interval(values, 500) == pytest.approx(whole)


def test_columns_are_resampled_alike() -> None:
    values = np.random.default_rng(0).random(80)
    means = bootstrap.resampled_means(np.stack([values, 1 - values], axis=1), 300)
    np.testing.assert_allclose(means.sum(axis=1), 1.0)
    assert means.shape == (300, 2)


def test_nothing_to_resample_has_no_interval() -> None:
    assert bootstrap.mean_interval([np.nan, np.nan]) is None
    assert bootstrap.mean_interval([0.5], 0) is None
    assert bootstrap.ratio_interval([0, 0], [0, 0]) is None
    assert bootstrap.ratio_interval([], []) is None
    assert bootstrap.pooled_interval(lambda _, w: w.sum(1), [], 0, 0.0) is None


def test_entries_that_do_not_count_are_not_drawn() -> None:
    values = np.random.default_rng(0).random(50)
    with_gaps = np.insert(values, [0, 10, 50], np.nan)
    assert bootstrap.mean_interval(with_gaps) == bootstrap.mean_interval(values)


def test_the_interval_holds_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        low, high = bootstrap.mean_interval(rng.random(60) < 0.6, 400)
        covered += low <= 0.6 <= high
    assert 0.90 <= covered / 200 <= 0.99
