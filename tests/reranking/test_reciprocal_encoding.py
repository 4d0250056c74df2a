"""k-reciprocal encoding: equal to its definition, with and without neighbours found before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reranking.reference_reranking import crowd, similarities
from reranking.reference_reranking import k_reciprocal as reference
from sceneseek.errors import ValueRefused
from sceneseek.reranking import k_reciprocal, nearest

HALF_A_UNIT = 0.51e-12
"""Results are rounded to 12 decimals; sums of a few dozen values of at most 1, in any order, differ by far less."""


@pytest.mark.parametrize("coarse", [False, True], ids=["distinct", "many ties"])
@pytest.mark.parametrize(("k1", "k2", "share"), [(20, 6, 0.3), (5, 1, 0.0), (1, 2, 0.5), (9, 3, 0.0)])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_definition(seed: int, k1: int, k2: int, share: float, coarse: bool) -> None:
    rows = crowd(seed, 46, coarse=coarse)
    query, gallery = rows[0], rows[1:]
    found = k_reciprocal(query, gallery, similarities(query, gallery), k1=k1, k2=k2, lambda_=share)
    assert np.abs(found - reference(query, gallery, k1, k2, share)).max() <= HALF_A_UNIT


@pytest.mark.parametrize("size", [1, 2, 3, 21])
def test_equals_the_definition_in_galleries_smaller_than_a_neighbourhood(size: int) -> None:
    rows = crowd(size, size + 1)
    found = k_reciprocal(rows[0], rows[1:])
    assert np.abs(found - reference(rows[0], rows[1:], 20, 6, 0.3)).max() <= HALF_A_UNIT


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_the_gallery_does_not_matter(seed: int) -> None:
    rows = crowd(seed, 30)
    query, gallery = rows[0], rows[1:]
    order = np.random.default_rng(seed).permutation(len(gallery))
    straight = k_reciprocal(query, gallery, k1=6, k2=3)
    # Sums in another order may fall on the other side of a rounding boundary: a whole unit, not more.
    assert np.abs(k_reciprocal(query, gallery[order], k1=6, k2=3) - straight[order]).max() <= 2 * HALF_A_UNIT


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), k1=st.integers(1, 25), coarse=st.booleans())
def test_lambda_one_keeps_the_ranking_ties_included(seed: int, k1: int, coarse: bool) -> None:
    rows = crowd(seed, 30, coarse=coarse)
    before = similarities(rows[0], rows[1:])
    after = k_reciprocal(rows[0], rows[1:], before, k1=k1, k2=1, lambda_=1.0)
    assert np.array_equal(np.unique(before, return_inverse=True)[1], np.unique(after, return_inverse=True)[1])
    assert ((after >= 0) & (after <= 1)).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0, 1), coarse=st.booleans())
def test_results_lie_between_zero_and_one(seed: int, share: float, coarse: bool) -> None:
    rows = crowd(seed, 25, coarse=coarse)
    after = k_reciprocal(rows[0], rows[1:], k1=5, k2=2, lambda_=share)
    assert ((after >= 0) & (after <= 1)).all()


def test_neighbours_found_before_give_the_same() -> None:
    rows = crowd(8, 60)
    query, gallery = rows[0], rows[1:]
    before = similarities(query, gallery)
    lists = nearest(gallery, 30)
    assert np.array_equal(k_reciprocal(query, gallery, before, lists), k_reciprocal(query, gallery, before))


def test_reciprocal_company_lifts_the_person_above_a_stranger_as_near() -> None:
    # Stranger and person are equally near to the query, the stranger listed first; only the person's neighbours are
    # the query's.
    strangers = [[np.cos(a), 0.0, np.sin(a)] for a in (0.45, 0.6, 0.65, 0.7, 0.75)]
    person = [[np.cos(a), np.sin(a), 0.0] for a in (0.45, 0.2, 0.25, 0.3)]
    gallery = np.array(strangers + person)
    query = np.array([1.0, 0.0, 0.0])
    before = similarities(query, gallery)
    assert before[0] == before[5]
    after = k_reciprocal(query, gallery, k1=4, k2=1)
    assert after[5] > after[0] + 0.3


def test_empty_gallery() -> None:
    assert k_reciprocal([1.0, 0.0], np.zeros((0, 2))).tolist() == []


def test_identical_people_have_distance_zero() -> None:
    rows = np.array([[0.0, 1.0]] * 5)
    assert k_reciprocal(rows[0], rows[1:], k1=2, k2=1, lambda_=1.0).tolist() == [1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("parameters", [{"k1": 0}, {"k2": 0}, {"k1": 3, "k2": 5}, {"lambda_": 1.1}, {"lambda_": -0.1}])
def test_impossible_parameters_are_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(ValueRefused, match="expected"):
        k_reciprocal([1.0, 0.0], np.eye(2), **parameters)
