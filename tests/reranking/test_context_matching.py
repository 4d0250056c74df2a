"""CBGM: equal to its definition, kind to the query, and without the released code's defects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reranking.reference_reranking import cbgm as reference
from reranking.reference_reranking import crowd, similarities, unit
from sceneseek.errors import ValueRefused
from sceneseek.reranking import context_bipartite_graph_matching as cbgm
from sceneseek.reranking import query_context


def world(seed: int, people: int = 24, images: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A query, its company, a gallery, and the image of each detection."""
    rng = np.random.default_rng(seed)
    rows = crowd(seed, people + 5)
    return rows[0], rows[1:5], rows[5:], np.sort(rng.integers(0, images, people))


@pytest.mark.parametrize(("k1", "k2"), [(10, 3), (30, 4), (1, 2), (3, 5), (24, 1)])
@pytest.mark.parametrize("seed", range(6))
def test_equals_the_definition_exactly(seed: int, k1: int, k2: int) -> None:
    query, company, gallery, images = world(seed)
    found = cbgm(similarities(query, gallery), images, company, gallery, k1=k1, k2=k2)
    assert found.tolist() == reference(query, company, gallery, images.tolist(), k1, k2)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), k1=st.integers(0, 30), k2=st.integers(1, 6))
def test_no_similarity_falls_and_images_out_of_reach_stay(seed: int, k1: int, k2: int) -> None:
    query, company, gallery, images = world(seed)
    before = similarities(query, gallery)
    after = cbgm(before, images, company, gallery, k1=k1, k2=k2)
    assert (after >= before).all()
    reached = np.unique(images[np.argsort(-before, kind="stable")[:k1]])
    assert np.array_equal(after[~np.isin(images, reached)], before[~np.isin(images, reached)])
    # One query has one place in an image.
    assert all((after[images == image] != before[images == image]).sum() <= 1 for image in reached)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_detections_does_not_matter(seed: int) -> None:
    query, company, gallery, images = world(seed)
    order = np.random.default_rng(seed).permutation(len(gallery))
    before = similarities(query, gallery)
    straight = cbgm(before, images, company, gallery)
    assert np.array_equal(cbgm(before[order], images[order], company, gallery[order]), straight[order])


@pytest.mark.parametrize(("k1", "k2"), [(0, 3), (10, 1)])
def test_without_images_or_without_company_nothing_changes(k1: int, k2: int) -> None:
    query, company, gallery, images = world(3)
    before = similarities(query, gallery)
    assert np.array_equal(cbgm(before, images, company, gallery, k1=k1, k2=k2), before)
    assert np.array_equal(cbgm(before, images, company[:0], gallery), before)


def test_does_not_write_into_its_arguments() -> None:
    query, company, gallery, images = world(2)
    before = similarities(query, gallery)
    before.flags.writeable = False
    after = cbgm(before, images, company, gallery)
    assert (after != before).any()


def test_empty_gallery() -> None:
    assert cbgm(np.zeros(0, np.float32), [], np.eye(3), np.zeros((0, 3))).tolist() == []


def test_query_may_stay_alone_where_detections_are_few() -> None:
    # One detection: it is the companion beyond doubt, so the query has no partner there and keeps its similarity.
    after = cbgm(np.array([0.6], np.float32), [0], [[0.0, 1.0]], [[0.6, 0.8]], k2=2)
    assert after.tolist() == np.array([0.6], np.float32).tolist()


def test_largest_weight_is_taken_not_the_sum() -> None:
    after = cbgm(np.array([0.5, 0.0], np.float32), [0, 0], [[0.0, 1.0]], [[0.5, 0.0], [0.0, 0.75]], k2=2)
    assert after.tolist() == [0.75, 0.0]


def test_of_equal_similarities_the_earlier_selects_its_image() -> None:
    gallery = np.array([[0.5, 0.0], [0.0, 0.75], [0.5, 0.0], [0.0, 0.75]])
    before = np.array([0.5, 0.0, 0.5, 0.0], np.float32)
    assert cbgm(before, [4, 4, 9, 9], [[0.0, 1.0]], gallery, k1=1, k2=2).tolist() == [0.75, 0.0, 0.5, 0.0]


def test_company_leaves_the_query_out_and_is_sorted_by_score() -> None:
    query = [100, 100, 200, 300]
    boxes = [[0, 0, 50, 100], [102, 98, 201, 305], [300, 0, 350, 100], [400, 0, 450, 100]]
    assert query_context(query, boxes, [0.6, 0.99, 0.9, 0.6], k2=3).tolist() == [2, 0]
    assert query_context(query, boxes, [0.6, 0.99, 0.9, 0.6], k2=9).tolist() == [2, 0, 3]
    assert query_context(query, boxes, [0.6, 0.99, 0.9, 0.6], k2=1).tolist() == []
    assert query_context(query, np.zeros((0, 4)), [], k2=3).tolist() == []


def test_box_at_the_suppression_threshold_is_company() -> None:
    # Suppression removes what overlaps more than the threshold: IoU 0.5 exactly stays.
    assert query_context([0, 0, 10, 10], [[0, 0, 10, 5]], [1.0], k2=2).tolist() == [0]


def test_query_box_check_of_the_released_code_passes_for_a_stranger_and_is_not_needed_here() -> None:
    query_box = np.array([10.0, 10.0, 50.0, 110.0])
    stranger_box = np.array([300.0, 20.0, 340.0, 120.0])
    assert (query_box - stranger_box).sum() <= 0.001  # The check: no absolute value, so that it holds all the same.
    query, stranger = unit(np.array([1.0, 0.2, 0.0])), unit(np.array([0.0, 1.0, 0.3]))
    gallery = unit(np.array([[1.0, 0.1, 0.1], [0.0, 1.0, 0.2]]))
    before = similarities(query, gallery)
    # There, score 1 brings the stranger to the first place, and the stranger's match is taken for the query's.
    taken_for_the_query = reference(stranger, query[None], gallery, [0, 0], 10, 2)
    assert int(np.argmax(taken_for_the_query)) == 1
    company = query_context(query_box, stranger_box[None], [1.0], k2=2)
    after = cbgm(before, [0, 0], stranger[None][company], gallery, k2=2)
    assert int(np.argmax(after)) == 0
    assert after[1] == before[1]


@pytest.mark.parametrize(("k1", "k2"), [(-1, 3), (10, 0)])
def test_impossible_parameters_are_refused(k1: int, k2: int) -> None:
    with pytest.raises(ValueRefused, match="k1 of at least 0"):
        cbgm([0.5], [0], [[1.0]], [[1.0]], k1=k1, k2=k2)
