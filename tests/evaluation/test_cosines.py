"""Similarities as defined, whatever is computed beside them, and the bound of what a fast product may be off."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sceneseek.evaluation.cosines import error_bound, exact_similarities, longest_product
from sceneseek.similarity import normalise


def defined(rows: np.ndarray, query: np.ndarray) -> list[np.float32]:
    return [np.float32(math.fsum((row.astype(float) * query.astype(float)).tolist())) for row in rows]


def unit(seed: int, count: int, dim: int, dtype: type = np.float32) -> np.ndarray:
    return normalise(np.random.default_rng(seed).normal(size=(count, dim))).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("dim", [1, 3, 256])
def test_exact_similarities_equal_exact_sums(dim: int, dtype: type) -> None:
    rows, query = unit(0, 400, dim, dtype), unit(1, 1, dim, dtype)[0]
    assert exact_similarities(rows, query).tolist() == defined(rows, query)


def test_cancelling_and_one_hot_rows_are_exactly_zero() -> None:
    query = np.full(4, 0.5, np.float32)
    rows = np.array([[0.5, -0.5, 0.5, -0.5], [0.7, 0.1, -0.7, -0.1]], np.float32)
    assert exact_similarities(rows, query).tolist() == [0.0, 0.0]
    assert exact_similarities(np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)[1]).tolist() == [0, 1, 0, 0]


def test_sums_on_the_edge_between_two_floats_are_decided_exactly() -> None:
    # 1 + 2^-24 lies halfway between two float32: it goes down to the even one. A sliver more goes up.
    query = np.array([1.0, 2.0**-12, 2.0**-30], np.float32)
    rows = np.array([[1.0, 2.0**-12, 0.0], [1.0, 2.0**-12, 2.0**-30], [1.0, 2.0**-12, -(2.0**-30)]], np.float32)
    assert exact_similarities(rows, query).tolist() == defined(rows, query)


@pytest.mark.parametrize("dim", [8, 64, 256, 1024])
def test_fast_products_stay_within_the_bound(dim: int) -> None:
    rows, queries = unit(2, 3000, dim), unit(3, 20, dim)
    rows[:20] = queries  # Cosines of one, where the error is largest.
    bound = error_bound(dim, longest_product(rows, queries))
    assert bound < 1.2e-7 * dim
    table = queries @ rows.T
    for i, query in enumerate(queries):
        exact = exact_similarities(rows, query)
        assert np.abs(table[i].astype(float) - exact).max() <= bound
        assert np.abs((rows @ query).astype(float) - exact).max() <= bound
