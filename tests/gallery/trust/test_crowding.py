"""Others expected: by how full a gallery is around a query."""

from __future__ import annotations

import numpy as np
import pytest

from sceneseek.gallery.trust.crowding import DEPTH, HITS, MIN_DEPTH, others_expected, pieces_of_evidence
from sceneseek.similarity import normalise

DIM = 256


def hits(similarities: np.ndarray, seed: int = 0) -> np.ndarray:
    """Unit vectors at these cosines with the first axis, and at random to each other."""
    rest = normalise(np.random.default_rng(seed).normal(size=(len(similarities), DIM - 1)))
    side = np.sqrt(1 - similarities[:, None] ** 2)
    return np.concatenate([similarities[:, None], side * rest], axis=1).astype(np.float32)


def strangers(count: int, seed: int) -> np.ndarray:
    """The best similarities of so many strangers, falling."""
    return np.sort(np.random.default_rng(seed).normal(0.1, 0.1, count))[::-1][:HITS]


def first_expected(seed: int, falls: object = None) -> float:
    near = strangers(3000, seed)
    return float(others_expected(near, hits(near, seed), np.array([0]), 0.95, falls).expected[0])  # type: ignore[arg-type]


def test_the_best_of_many_strangers_is_expected_about_once() -> None:
    firsts = np.array([first_expected(seed) for seed in range(200)])
    # The number that reach the best of them is exponential with mean 1: below 0.5 in 39 % of the cases.
    assert 0.15 < (firsts < 0.5).mean() < 0.5
    assert (firsts < 0.05).mean() < 0.08
    assert 0.5 < np.median(firsts) < 2


def test_somebody_who_stands_out_is_expected_to_be_the_person() -> None:
    near = np.concatenate([[0.9], strangers(3000, 1)])
    others = others_expected(near, hits(near), np.array([0, 1]), 0.95, None)
    assert others.expected[0] < 1e-3
    assert others.expected[1] > 0.3
    assert (others.low <= others.expected).all()
    assert (others.expected <= others.high).all()


def test_nine_pictures_of_one_person_are_no_witnesses_and_one_piece_of_evidence() -> None:
    one = normalise(hits(np.array([0.8]))[0] + np.random.default_rng(3).normal(size=(9, DIM)) * 0.01).astype(np.float32)
    near = np.concatenate([one[:, 0], strangers(3000, 1)])
    order = np.argsort(-near)
    pictures = np.concatenate([one, hits(strangers(3000, 1))])[order]
    near = near[order]
    alone = others_expected(near[8:], pictures[8:], np.array([0]), 0.95, None).expected[0]
    together = others_expected(near, pictures, np.array([8]), 0.95, None).expected[0]
    assert together == pytest.approx(alone, rel=1e-6)
    leaders = pieces_of_evidence(near, pictures)
    assert set(leaders[:9]) == {0}
    assert (leaders[9:] == np.arange(9, len(near))).mean() > 0.8


def test_strangers_in_general_are_heard_beside_the_hits() -> None:
    near = np.concatenate([[0.75], strangers(3000, 2)])
    by_hits = others_expected(near, hits(near), np.array([0]), 0.95, None)

    def slowly(similarities: np.ndarray) -> np.ndarray:
        return np.stack([np.exp(-similarities * pace) for pace in (5.0, 4.0, 6.0)])

    both = others_expected(near, hits(near), np.array([0]), 0.95, slowly)
    strangers_say = DEPTH * float(np.exp(-(0.75 - near[DEPTH + 1]) * 5.0))
    assert both.expected[0] == pytest.approx(np.sqrt(by_hits.expected[0] * strangers_say), rel=0.2)
    assert both.low[0] <= by_hits.expected[0]
    assert both.high[0] >= strangers_say * 0.8, "where the two disagree, so does the interval"


def test_few_hits_say_nothing() -> None:
    near = strangers(3000, 0)[: MIN_DEPTH + 2]
    assert np.isnan(others_expected(near[:-1], hits(near)[:-1], np.array([0]), 0.95, None).expected[0])
    assert not np.isnan(others_expected(near, hits(near), np.array([0]), 0.95, None).expected[0])
    assert others_expected(near, hits(near), np.zeros(0, np.int64), 0.95, None).expected.shape == (0,)


def test_a_closer_hit_is_never_trusted_less() -> None:
    for seed in range(5):
        near = np.concatenate([[0.8, 0.78, 0.75, 0.7], strangers(3000, seed)])
        pictures = hits(near, seed)
        pictures[1:3, 1:] = pictures[0, 1:]  # three hits are much alike, so that each has other witnesses
        others = others_expected(near, normalise(pictures).astype(np.float32), np.array([3, 0, 2, 1]), 0.6, None)
        order = [1, 3, 2, 0]
        for numbers in others:
            assert (np.diff(numbers[order]) >= -1e-12).all()
