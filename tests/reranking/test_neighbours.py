"""Neighbour lists: found once, they give those of any gallery."""

from __future__ import annotations

import numpy as np
import pytest

from reranking.reference_reranking import crowd, similarity
from sceneseek.reranking import Nearest, Neighbours, nearest, neighbours


def loop(gallery: np.ndarray, k: int) -> Nearest:
    table = [[1.0 if i == j else similarity(a, b) for j, b in enumerate(gallery)] for i, a in enumerate(gallery)]
    order = [sorted(range(len(gallery)), key=lambda j, i=i: (j != i, -table[i][j], j))[:k] for i in range(len(gallery))]
    near = [[table[i][j] for j in row] for i, row in enumerate(order)]
    return Nearest(np.array(order), np.array(near, np.float32), np.array([min(row) for row in table], np.float32))


def assert_same(found: Nearest, expected: Nearest) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("coarse", [False, True], ids=["distinct", "many ties"])
@pytest.mark.parametrize("k", [1, 4, 100])
def test_equals_the_definition(k: int, coarse: bool) -> None:
    rows = crowd(5, 40, coarse=coarse)
    assert_same(nearest(rows, k), loop(rows, k))


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = crowd(6, 50)
    whole = nearest(rows, 7)
    monkeypatch.setattr(neighbours, "_BLOCK_ENTRIES", 150)
    assert_same(nearest(rows, 7), whole)
    assert_same(nearest(rows, 7, np.array([3, 40])), Nearest(*(part[[3, 40]] for part in whole)))


@pytest.mark.parametrize("coarse", [False, True], ids=["distinct", "many ties"])
@pytest.mark.parametrize(("share", "depth"), [(1.0, 16), (0.9, 16), (0.4, 16), (0.1, 16), (0.25, 80)])
def test_lists_of_a_gallery_follow_from_those_of_the_collection(
    share: float, depth: int, coarse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # At a share of 0.1 most lists hold too few members, at 0.25 some of those who resemble least are missing: they are
    # compared again.
    monkeypatch.setattr(neighbours, "_DIRECT", 0)
    rows = crowd(7, 120, coarse=coarse)
    collection = Neighbours(rows, depth)
    members = np.flatnonzero(np.random.default_rng(1).random(len(rows)) < share)
    assert_same(collection.within(members, 5), loop(rows[members], 5))


def test_small_galleries_and_deep_lists_are_compared_anew() -> None:
    rows = crowd(7, 40)
    members = np.arange(0, 40, 2)
    assert_same(Neighbours(rows, depth=4).within(members, 9), loop(rows[members], 9))


def test_nobody() -> None:
    found = Neighbours(np.zeros((0, 3))).within(np.zeros(0, np.int64), 4)
    assert found.order.shape == (0, 0)
    assert found.lowest.shape == (0,)
