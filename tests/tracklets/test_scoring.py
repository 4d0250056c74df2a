from __future__ import annotations

import pytest

from sceneseek.errors import ValueRefused
from sceneseek.tracklets import score_tracklets


def test_perfect_tracklets() -> None:
    scores = score_tracklets(["a", "a", "b"], [1, 1, 2])
    assert (scores.purity, scores.fragments_per_person, scores.coverage, scores.num_mixed) == (1, 1, 1, 0)


def test_one_tracklet_a_detection_is_pure_and_in_pieces() -> None:
    scores = score_tracklets(list("abcd"), [1, 1, 2, 2])
    assert (scores.purity, scores.fragments_per_person, scores.coverage) == (1, 2, 0.5)


def test_one_tracklet_for_everybody_is_mixed() -> None:
    scores = score_tracklets(["a"] * 4, [1, 1, 1, 2])
    assert (scores.purity, scores.num_mixed, scores.fragments_per_person) == (0.75, 1, 0.5)


def test_unequal_or_empty_lists_are_refused() -> None:
    for tracklets, people in ((["a"], [1, 2]), ([], [])):
        with pytest.raises(ValueRefused, match="per detection"):
            score_tracklets(tracklets, people)
