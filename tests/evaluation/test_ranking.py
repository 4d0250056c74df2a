"""Standings without sorting, from similarities that are off by up to an error, against sorting the true ones."""

from __future__ import annotations

import numpy as np
import pytest

from sceneseek.evaluation.ranking import standing

ERROR = 1e-3


def line(seed: int, size: int, hits: int, ties: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True similarities, similarities off by up to the error, and hits; some entries are not ranked."""
    rng = np.random.default_rng(seed)
    true = rng.normal(scale=0.2, size=size).astype(np.float32)
    if ties:
        true = np.round(true, 2)
    near = (true + rng.uniform(-0.99, 0.99, size) * ERROR).astype(np.float32)
    out = rng.random(size) < 0.1
    true[out] = near[out] = -np.inf
    chosen = np.sort(rng.choice(np.flatnonzero(~out), min(hits, int((~out).sum())), replace=False))
    return true, near, chosen


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("size", "hits"), [(3, 1), (11, 2), (40, 0), (300, 5), (9000, 40), (5000, 0)])
@pytest.mark.parametrize("seed", range(3))
def test_standing_equals_sorting(seed: int, size: int, hits: int, ties: bool) -> None:
    true, near, chosen = line(seed, size, hits, ties)
    asked = []

    def exact(entries: np.ndarray) -> np.ndarray:
        asked.append(len(entries))
        return true[entries]

    found = standing(near.copy(), exact, ERROR, chosen, true[chosen], 10)
    ranked = np.flatnonzero(np.isfinite(true))
    order = ranked[np.argsort(-true[ranked], kind="stable")]
    place = {int(entry): i + 1 for i, entry in enumerate(order)}
    assert found.top.tolist() == order[:10].tolist()
    assert found.top_similarities.tolist() == true[order[:10]].tolist()
    assert found.ranks.tolist() == [place[int(h)] for h in chosen]
    assert found.at_least.tolist() == [int((true[ranked] >= true[h]).sum()) for h in chosen]
    assert found.above.tolist() == [int((true[ranked] > true[h]).sum()) for h in chosen]
    assert sum(asked) < max(200, 0.4 * size), "almost everything was computed again"


def test_nothing_ranked() -> None:
    nothing = np.full(5000, -np.inf, np.float32)
    found = standing(nothing, lambda entries: nothing[entries], ERROR, np.zeros(0, np.int64), nothing[:0], 10)
    assert (len(found.top), len(found.ranks)) == (0, 0)


def test_everything_equal_ranks_in_order() -> None:
    equal = np.full(5000, 0.5, np.float32)
    hits = np.array([7, 4000])
    found = standing(equal.copy(), lambda entries: equal[entries], ERROR, hits, equal[hits], 10)
    assert found.top.tolist() == list(range(10))
    assert found.ranks.tolist() == [8, 4001]
    assert (found.at_least.tolist(), found.above.tolist()) == ([5000, 5000], [0, 0])
