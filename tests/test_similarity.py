"""Similarity: larger is closer, ties have one answer, sizes must agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sceneseek import similarity
from sceneseek.errors import EmbeddingSizeError, ValueRefused


def test_a_vector_is_closest_to_itself() -> None:
    unit = similarity.normalise(np.random.default_rng(0).normal(size=(20, 8)))
    order, values = similarity.top_k(similarity.cosine(unit, unit), 1)
    assert order[:, 0].tolist() == list(range(20))
    np.testing.assert_allclose(values, 1.0)


def test_different_sizes_are_refused_with_both_shapes() -> None:
    with pytest.raises(EmbeddingSizeError, match=r"\(2, 256\).*\(3, 128\)"):
        similarity.cosine(np.ones((2, 256)), np.ones((3, 128)))


def test_a_zero_row_has_no_direction() -> None:
    with pytest.raises(ValueRefused, match="zero or non-finite"):
        similarity.normalise([[0.0, 0.0], [1.0, 0.0]])


@given(
    arrays(
        np.float32, st.tuples(st.integers(1, 4), st.integers(1, 30)), elements=st.sampled_from([-1.0, 0.0, 0.5, 1.0])
    ),
    st.integers(1, 40),
)
def test_top_k_is_a_stable_sort_cut_short(table: np.ndarray, k: int) -> None:
    order, values = similarity.top_k(table, k)
    expected = np.array([sorted(range(table.shape[1]), key=lambda i, row=row: (-row[i], i))[:k] for row in table])
    np.testing.assert_array_equal(order, expected)
    np.testing.assert_array_equal(values, np.take_along_axis(table, expected, axis=1))


def test_top_k_of_an_empty_gallery_is_empty() -> None:
    order, values = similarity.top_k(np.zeros((3, 0)), 5)
    assert order.shape == values.shape == (3, 0)
