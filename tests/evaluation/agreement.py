"""Exact agreement of an evaluation with its definition."""

from __future__ import annotations

import numpy as np

from evaluation.loop_reference import evaluate as reference
from sceneseek.evaluation import evaluate
from sceneseek.evaluation.protocols import SearchProtocol
from sceneseek.structures import Extraction, SceneSet, SearchReport

QUICK = {"bootstrap_samples": 0, "curve": False, "num_failures": 0}


def assert_equal(extraction: Extraction, scenes: SceneSet, rules: SearchProtocol) -> SearchReport:
    report, expected = evaluate(extraction, scenes, rules, **QUICK), reference(extraction, scenes, rules)
    outcomes = report.outcomes
    assert np.array_equal(outcomes.average_precision, expected.average_precision, equal_nan=True)
    assert np.array_equal(outcomes.recall, expected.recall, equal_nan=True)
    assert outcomes.first_hit_rank.tolist() == expected.first_hit_rank
    assert outcomes.num_ranked.tolist() == expected.num_ranked
    assert outcomes.top_detections.tolist() == expected.top_detections
    if outcomes.answerable_mask.any():
        assert report.mean_ap.value == expected.mean()
        for k, score in report.top_k.items():
            assert score.value == expected.top(k)
    return report
