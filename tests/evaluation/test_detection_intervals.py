"""Intervals of detection scores against scoring resampled scene sets anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaluation.worlds import provenance, random_world
from sceneseek.evaluation.detection import detection_scores
from sceneseek.evaluation.detection_intervals import ap_interval, recall_interval, weighted_ap
from sceneseek.structures import Detections, Extraction, Query, Sample, SceneSet


@pytest.mark.parametrize("seed", [0, 2])
def test_intervals_are_those_of_resampled_scenes_scored_anew(seed: int) -> None:
    extraction, scenes = random_world(seed, images=30)
    got = detection_scores(extraction, scenes, 0.3)
    rng = np.random.default_rng(11)
    scores = []
    for _ in range(200):
        drawn = rng.integers(0, len(scenes), len(scenes))
        samples = tuple(replace(scenes.samples[j], image_id=i) for i, j in enumerate(drawn))
        found = [(i, extraction.detections(scenes.samples[j].image_id)) for i, j in enumerate(drawn)]
        copy = SceneSet("again", samples)
        seen = Extraction.gather(found, [], provenance(copy), 8)
        again = detection_scores(seen, copy, 0.3, bootstrap_samples=0)
        scores.append((again.recall, again.ap50))
    expected = np.quantile(np.array(scores), [0.025, 0.975], axis=0)
    assert got.recall_interval == pytest.approx(tuple(expected[:, 0]), abs=0.04)
    assert got.ap50_interval == pytest.approx(tuple(expected[:, 1]), abs=0.04)


def test_weights_of_one_are_the_score_itself() -> None:
    extraction, scenes = random_world(5, images=40)
    got = detection_scores(extraction, scenes, 0.0, bootstrap_samples=0)
    hits = np.diff(np.concatenate([[0.0], got.curve_recall])) > 0
    ap = weighted_ap(np.ones((1, len(hits))), hits, np.array([float(got.num_people)]))
    assert ap[0] == pytest.approx(got.ap50)
    assert (got.recall_interval, got.ap50_interval) == (None, None)


def test_a_detection_drawn_twice_counts_like_two_detections() -> None:
    hits = np.array([True, False, True, False])
    twice = weighted_ap(np.array([[2.0, 1.0, 0.0, 1.0]]), hits, np.array([3.0]))
    plain = weighted_ap(np.ones((1, 4)), np.array([True, True, False, False]), np.array([3.0]))
    assert twice == plain


def test_nobody_to_find_has_no_interval() -> None:
    assert ap_interval([], [], [], [0, 0], 0.0) is None
    assert ap_interval([0.5], [False], [0], [0], 0.0) is None
    assert recall_interval([0], [0]) is None
    assert weighted_ap(np.ones((1, 2)), np.array([False, False]), np.array([0.0])) == [0.0]


def test_nothing_detected() -> None:
    scenes = SceneSet("blind", (Sample(0, "a.jpg", 9, 9, [[0, 0, 5, 5]], [1]),), (Query(0, 0, [0, 0, 5, 5], 1, ()),))
    extraction = Extraction.gather([(0, Detections.empty(2))], [(0, np.array([1.0, 0.0]))], provenance(scenes), 2)
    got = detection_scores(extraction, scenes)
    assert got.recall_interval == (0.0, 0.0)
    assert got.ap50_interval is None
