"""Why a query failed: told apart, and told in numbers."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from evaluation.worlds import provenance, unit
from sceneseek.evaluation import evaluate
from sceneseek.structures import UNLABELED, Detections, Extraction, Failure, Query, Sample, SceneSet

BOX = [10.0, 10.0, 60.0, 110.0]


def failure_with(found: Detections, **switches: bool) -> Failure:
    """One query; its person is in image 1, a stranger who looks much like them in image 2."""
    samples = (
        Sample(0, "q", 200, 200, [BOX], [1]),
        Sample(1, "right", 200, 200, [BOX], [1]),
        Sample(2, "wrong", 200, 200, [BOX], [2]),
    )
    scenes = SceneSet("failures", samples, (Query(0, 0, BOX, 1, (1, 2)),))
    stranger = Detections([BOX], [0.9], unit(np.array([[0.9, math.sqrt(0.19)]])))
    extraction = Extraction.gather(
        [(0, Detections.empty(2)), (1, found), (2, stranger)], [(0, np.array([1, 0], np.float32))],
        provenance(scenes), 2,
    )  # fmt: skip
    report = evaluate(extraction, scenes, bootstrap_samples=0, **switches)
    assert len(report.failures) == 1
    assert report.failures[0].right_image_id == 1
    assert report.failures[0].right_box == tuple(BOX)
    return report.failures[0]


def person(box: list[float], score: float) -> Detections:
    return Detections([box], [score], [[0.6, 0.8]])


@pytest.mark.parametrize(
    ("found", "reason", "text"),
    [
        (person(BOX, 0.9), "out-ranked", "ranked 2 with similarity 0.60; 1 other scored up to 0.90"),
        (person(BOX, 0.3), "below the score threshold", "score 0.30; at least 0.50"),
        (person([10, 10, 60, 50], 0.9), "box off", r"0.40 \(IoU\); at least 0.50"),
        (person([120, 10, 160, 110], 0.9), "missed by the detector", "No box was found"),
        (Detections.empty(2), "missed by the detector", "No box was found"),
    ],
)
def test_reasons(found: Detections, reason: str, text: str) -> None:
    failure = failure_with(found)
    assert failure.reason == reason
    assert re.search(text, failure.explanation)
    assert (failure.right_rank == 2) == (reason == "out-ranked")
    assert (failure.right_similarity is not None) == (reason == "out-ranked")


def test_similarities_are_those_that_were_ranked() -> None:
    failure = failure_with(person(BOX, 0.8), confidence_weighted=True)
    assert failure.right_similarity == pytest.approx(0.6 * 0.8)
    assert "ranked 2 with similarity 0.48; 1 other scored up to 0.81" in failure.explanation


def test_every_person_is_shown_once_before_anybody_twice() -> None:
    samples = [Sample(0, "s", 200, 200, [BOX, BOX], [1, 2])]
    queries = [Query(i, 0, BOX, 1 if i < 5 else 2, (1, 2)) for i in range(6)]
    samples += [Sample(1, "a", 200, 200, [BOX], [1]), Sample(2, "b", 200, 200, [BOX], [2])]
    scenes = SceneSet("two people", tuple(samples), tuple(queries))
    nobody = [(i, Detections.empty(2)) for i in range(3)]
    answers = [(q.query_id, np.array([1, 0], np.float32)) for q in queries]
    extraction = Extraction.gather(nobody, answers, provenance(scenes), 2)
    report = evaluate(extraction, scenes, num_failures=2, bootstrap_samples=0)
    assert sorted(f.query_id for f in report.failures) == [0, 5]


def test_an_ignored_twin_of_the_hit_does_not_take_the_hit_away() -> None:
    samples = (
        Sample(0, "q", 200, 200, [BOX], [1]),
        Sample(1, "r", 200, 200, [BOX, BOX], [1, 1], ignore_mask=[False, True]),
    )
    scenes = SceneSet("twin", samples, (Query(0, 0, BOX, 1, (1,)),))
    found = [(0, Detections.empty(2)), (1, Detections([BOX, BOX], [0.9, 0.8], [[0.6, 0.8], [1, 0]]))]
    extraction = Extraction.gather(found, [(0, np.array([1, 0], np.float32))], provenance(scenes), 2)
    outcomes = evaluate(extraction, scenes, bootstrap_samples=0).outcomes
    assert outcomes.average_precision.tolist() == [1.0]
    assert outcomes.num_ranked.tolist() == [1]  # The second detection lies on the ignored box, and leaves.


def test_an_attempt_that_was_off_is_kept_to_be_drawn() -> None:
    assert failure_with(person([10, 10, 60, 50], 0.9)).near_box == (10, 10, 60, 50)
    assert failure_with(person(BOX, 0.9)).near_box is None
    assert failure_with(person([120, 10, 160, 110], 0.9)).near_box is None


@pytest.mark.parametrize(
    ("people", "reason", "text"),
    [
        ([(BOX, 2)], "out-ranked", "somebody else, person 2"),
        ([(BOX, UNLABELED)], "out-ranked", "whose identity is not annotated"),
        ([([150, 10, 190, 110], 2)], "out-ranked", "nobody who is annotated"),
        ([], "out-ranked", "nobody who is annotated"),
        ([([10, 10, 60, 220], 1)], "box off", r"the right person, but its box overlaps them by 0.48 \(IoU\)"),
    ],
)
def test_a_failure_says_whom_the_first_answer_shows(
    people: list[tuple[list[float], int]], reason: str, text: str
) -> None:
    """The right person is found in image 1; image 2 holds a more similar detection, on ``BOX``."""
    boxes, ids = [b for b, _ in people], [p for _, p in people]
    samples = (
        Sample(0, "q", 300, 300, [BOX], [1]),
        Sample(1, "right", 300, 300, [BOX], [1]),
        Sample(2, "first", 300, 300, np.reshape(boxes, (-1, 4)), ids),
    )
    scenes = SceneSet("failures", samples, (Query(0, 0, BOX, 1, (1, 2)),))
    nearer = Detections([BOX], [0.9], unit(np.array([[0.9, math.sqrt(0.19)]])))
    extraction = Extraction.gather(
        [(0, Detections.empty(2)), (1, person(BOX, 0.9)), (2, nearer)], [(0, np.array([1, 0], np.float32))],
        provenance(scenes), 2,
    )  # fmt: skip
    (failure,) = evaluate(extraction, scenes, bootstrap_samples=0).failures
    assert failure.reason == reason
    assert re.search(text, failure.explanation)
