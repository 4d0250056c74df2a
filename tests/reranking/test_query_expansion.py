"""Query expansion and database-side augmentation: equal to their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reranking.reference_reranking import augmented, crowd, expanded_query, similarities
from sceneseek.errors import ValueRefused
from sceneseek.reranking import augment_database, expand_query, nearest


@pytest.mark.parametrize("coarse", [False, True], ids=["distinct", "many ties"])
@pytest.mark.parametrize(("n", "alpha"), [(5, 3.0), (5, 0.0), (1, 1.0), (99, 0.5)])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_definition(seed: int, n: int, alpha: float, coarse: bool) -> None:
    rows = crowd(seed, 30, coarse=coarse)
    query, gallery = rows[0], rows[1:]
    found = expand_query(query, gallery, similarities(query, gallery), n=n, alpha=alpha)
    np.testing.assert_allclose(found, expanded_query(query, gallery, n, alpha), rtol=0, atol=1e-14)
    everybody = augment_database(gallery, n=n, alpha=alpha)
    np.testing.assert_allclose(everybody, augmented(gallery, n, alpha), rtol=0, atol=1e-14)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(0, 40), alpha=st.floats(0, 10))
def test_order_does_not_matter_and_rows_stay_unit(seed: int, n: int, alpha: float) -> None:
    rows = crowd(seed, 25)
    query, gallery = rows[0], rows[1:]
    order = np.random.default_rng(seed).permutation(len(gallery))
    straight = expand_query(query, gallery, n=n, alpha=alpha)
    np.testing.assert_allclose(expand_query(query, gallery[order], n=n, alpha=alpha), straight, atol=1e-14)
    whole = augment_database(gallery, n=n, alpha=alpha)
    np.testing.assert_allclose(augment_database(gallery[order], n=n, alpha=alpha), whole[order], atol=1e-14)
    # With n = 0 the rows come back as they were given, float32 units.
    np.testing.assert_allclose(np.linalg.norm([straight, *whole], axis=1), 1.0, atol=1e-6)


def test_nothing_to_expand_with_changes_nothing() -> None:
    rows = crowd(1, 9)
    assert np.array_equal(expand_query(rows[0], rows[1:], n=0), rows[0])
    assert np.array_equal(expand_query(rows[0], rows[:0]), rows[0])
    assert np.array_equal(augment_database(rows, n=0), rows)
    assert augment_database(rows[:0]).shape == (0, 6)


def test_a_large_alpha_leaves_only_exact_copies() -> None:
    gallery = np.array([[1.0, 0.0], [0.9, np.sqrt(0.19)]])
    np.testing.assert_allclose(expand_query([1.0, 0.0], gallery, n=2, alpha=1e4), [1.0, 0.0])


def test_opposites_weigh_nothing_unless_all_weigh_alike() -> None:
    gallery = np.array([[-0.6, 0.8]])
    assert expand_query([1.0, 0.0], gallery, n=1, alpha=2.0).tolist() == [1.0, 0.0]
    average = np.array([0.4, 0.8])
    np.testing.assert_allclose(expand_query([1.0, 0.0], gallery, n=1, alpha=0.0), average / np.linalg.norm(average))


def test_a_sum_that_cancels_out_leaves_the_query() -> None:
    assert expand_query([1.0, 0.0], [[-1.0, 0.0]], n=1, alpha=0.0).tolist() == [1.0, 0.0]


def test_of_equal_similarities_the_earlier_takes_part() -> None:
    gallery = np.array([[0.6, 0.8, 0.0], [0.6, 0.0, 0.8]])
    assert expand_query([1.0, 0.0, 0.0], gallery, n=1, alpha=0.0)[2] == 0.0


def test_neighbours_found_before_give_the_same() -> None:
    rows = crowd(2, 30)
    assert np.array_equal(augment_database(rows, nearest(rows, 12), n=4), augment_database(rows, n=4))


@pytest.mark.parametrize("parameters", [{"n": -1}, {"alpha": -0.5}, {"alpha": float("nan")}])
def test_impossible_parameters_are_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(ValueRefused, match="at least 0"):
        expand_query([1.0], [[1.0]], **parameters)
