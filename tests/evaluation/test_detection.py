"""Detection: mutual best matches and COCO's greedy ones, against loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from evaluation.loop_reference import iou
from evaluation.worlds import provenance, random_world
from sceneseek.evaluation import evaluate
from sceneseek.evaluation.coco_ap import coco_scores
from sceneseek.evaluation.detection import detection_scores
from sceneseek.evaluation.matching import Overlaps, greedy, mutual_best
from sceneseek.structures import CocoScores, Detections, Extraction, Sample, SceneSet


def tables(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    extraction, scenes = random_world(seed, images=1, queries=0)
    sample = scenes.samples[0]
    found = extraction.detections(sample.image_id)
    return sample.boxes, np.asarray(sample.ignore_mask), found.boxes, found.scores


def one_image(people: np.ndarray, found: np.ndarray) -> Overlaps:
    return Overlaps.between(people, np.zeros(len(people), np.int64), found, np.zeros(len(found), np.int64))


@pytest.mark.parametrize("seed", range(40))
def test_mutual_best_equals_a_loop(seed: int) -> None:
    people, _, found, _ = tables(seed)
    pairs = []
    for i, p in enumerate(people.tolist()):
        row = [iou(p, f) for f in found.tolist()]
        for j, f in enumerate(found.tolist()):
            column = [iou(q, f) for q in people.tolist()]
            if row[j] >= 0.5 and row.index(max(row)) == j and column.index(max(column)) == i:
                pairs.append((i, j))
    hits = mutual_best(one_image(people, found))
    assert np.flatnonzero(hits).tolist() == sorted(j for _, j in pairs)


@pytest.mark.parametrize("seed", range(40))
def test_greedy_equals_a_loop(seed: int) -> None:
    people, ignore, found, scores = tables(seed)
    free = [i for i in range(len(people)) if not ignore[i]]
    hits, neutral = [False] * len(found), [False] * len(found)
    for j in sorted(range(len(found)), key=lambda j: (-scores[j], j)):
        best = max(free, key=lambda i: (iou(people[i].tolist(), found[j].tolist()), -i), default=None)
        if best is not None and iou(people[best].tolist(), found[j].tolist()) >= 0.5:
            free.remove(best)
            hits[j] = True
        else:
            neutral[j] = any(iou(people[i].tolist(), found[j].tolist()) >= 0.5 for i in np.flatnonzero(ignore))
    overlaps = one_image(people, found)
    ours = greedy(overlaps.only(~ignore), scores, np.zeros(len(found), np.int64))
    assert ours.tolist() == hits
    assert (overlaps.only(ignore).touching() & ~ours).tolist() == neutral


def test_field_recall_and_ap_equal_scikit_learn_times_recall() -> None:
    extraction, scenes = random_world(8, images=80)
    plain = SceneSet(
        "plain", tuple(Sample(s.image_id, s.path, 300, 300, s.boxes, s.person_ids) for s in scenes.samples)
    )
    ours = detection_scores(extraction, plain, 0.3)
    labels, scores, people = [], [], 0
    for sample in plain.samples:
        found = extraction.detections(sample.image_id)
        found = found[found.scores >= 0.3]
        people += len(sample)
        taken = set(np.flatnonzero(mutual_best(one_image(sample.boxes, found.boxes))).tolist())
        labels += [j in taken for j in range(len(found))]
        scores += found.scores.tolist()
    assert ours.recall == sum(labels) / people
    assert ours.ap == pytest.approx(average_precision_score(labels, scores) * ours.recall, abs=1e-12)
    assert ours.num_people == people


def world(*images: tuple[list[list[float]], list[bool], list[list[float]], list[float]]) -> tuple[Extraction, SceneSet]:
    samples, found = [], []
    for i, (boxes, ignore, seen, scores) in enumerate(images):
        samples.append(Sample(i, f"{i}", 99, 99, np.reshape(boxes, (-1, 4)), [-1] * len(boxes), ignore_mask=ignore))
        rows = np.tile(np.array([1.0, 0.0], np.float32), (len(seen), 1))
        found.append((i, Detections(np.reshape(seen, (-1, 4)), scores, rows)))
    scenes = SceneSet("boxes", tuple(samples))
    return Extraction.gather(found, [], provenance(scenes), 2), scenes


A, B, C = [0.0, 0.0, 10.0, 20.0], [30.0, 0.0, 40.0, 20.0], [60.0, 0.0, 70.0, 20.0]


def test_perfect_detections_score_one() -> None:
    scores = detection_scores(*world(([A, B], [False] * 2, [B, A], [0.9, 0.8]), ([C], [False], [C], [0.7])))
    assert (scores.recall, scores.ap, scores.ap50) == (1.0, 1.0, 1.0)


def test_unlabelled_people_count_and_ignored_ones_do_not() -> None:
    scores = detection_scores(*world(([A, B], [False, True], [A, B, B], [0.6, 0.9, 0.8])))
    assert (scores.num_people, scores.recall, scores.ap, scores.ap50) == (1, 1.0, 1.0, 1.0)


def test_a_false_alarm_above_the_hit_halves_precision() -> None:
    scores = detection_scores(*world(([A], [False], [C, A], [0.9, 0.8])))
    assert (scores.recall, scores.ap, scores.ap50) == (1.0, 0.5, 0.5)


def test_a_missed_person_costs_recall() -> None:
    scores = detection_scores(*world(([A, B], [False] * 2, [A], [0.9]), ([C, C], [False] * 2, [], [])))
    assert (scores.recall, scores.ap) == (0.25, 0.25)
    assert scores.ap50 == pytest.approx(26 / 101)  # Recalls 0.00 to 0.25.


def test_the_threshold_is_of_the_fields_scores_only() -> None:
    scores = detection_scores(*world(([A], [False], [A], [0.4])))
    assert (scores.recall, scores.ap, scores.ap50) == (0.0, 0.0, 1.0)


def test_nobody_and_nothing() -> None:
    for images in ([([], [], [], [])], [([], [], [A], [0.9])], [([A], [False], [], [])]):
        scores = detection_scores(*world(*images))
        assert (scores.recall, scores.ap, scores.ap50) == (0.0, 0.0, 0.0)


def test_detection_is_skipped_where_labels_are_incomplete_or_boxes_given() -> None:
    extraction, scenes = world(([A], [False], [A], [0.9]))
    assert evaluate(extraction, scenes).detection is not None
    partial = SceneSet("boxes", scenes.samples, detection_labels_complete=False)
    assert evaluate(extraction, partial).detection is None
    truth = Extraction.gather([(0, extraction.detections(0))], [], provenance(scenes, boxes="truth"), 2)
    assert evaluate(truth, scenes).detection is None


def coco_by_hand(extraction: Extraction, scenes: SceneSet, iou_from: float) -> float:
    """COCO's AP at one threshold for worlds without ignored boxes, as its paper describes it."""
    people = sum(len(s) for s in scenes.samples)
    entries = []
    for sample in scenes.samples:
        found = extraction.detections(sample.image_id)
        free = list(range(len(sample)))
        for j in sorted(range(len(found)), key=lambda j: (-found.scores[j], j)):
            near = {i: iou(sample.boxes[i].tolist(), found.boxes[j].tolist()) for i in free}
            best = max(near, key=lambda i: near[i], default=None)
            hit = best is not None and near[best] >= iou_from
            if hit:
                free.remove(best)
            entries.append((float(found.scores[j]), sample.image_id, hit))
    entries.sort(key=lambda e: (-e[0], e[1]))
    hits = np.cumsum([e[2] for e in entries])
    recall, precision = hits / people, hits / np.arange(1, len(hits) + 1)
    levels = [precision[recall >= r - 1e-12].max(initial=0.0) for r in np.linspace(0, 1, 101)]
    return float(np.mean(levels))


@pytest.mark.parametrize("seed", range(3))
def test_coco_scores_equal_their_definition(seed: int) -> None:
    extraction, scenes = random_world(seed, images=40, queries=0)
    rng = np.random.default_rng(seed)
    distinct = replace(extraction, scores=rng.permutation(len(extraction.boxes)).astype(np.float32) / 1000)
    plain = replace(scenes, samples=tuple(replace(s, ignore_mask=None) for s in scenes.samples))
    ours = coco_scores(distinct, plain)
    assert ours.ap50 == pytest.approx(coco_by_hand(distinct, plain, 0.5), abs=1e-9)
    assert ours.ap75 == pytest.approx(coco_by_hand(distinct, plain, 0.75), abs=1e-9)
    thresholds = np.linspace(0.5, 0.95, 10)
    assert ours.ap == pytest.approx(np.mean([coco_by_hand(distinct, plain, t) for t in thresholds]), abs=1e-9)
    assert ours.ap50 == pytest.approx(detection_scores(distinct, plain).ap50, abs=1e-9)


def test_coco_scores_take_ignored_boxes_for_crowds(capfd: pytest.CaptureFixture[str]) -> None:
    inside = [32.0, 2.0, 36.0, 12.0]  # Wholly in B, IoU 0.2: a crowd takes it, and as many as come.
    scores = coco_scores(*world(([A, B], [False, True], [A, inside, inside], [0.6, 0.9, 0.8])))
    assert (scores.ap, scores.ap50, scores.ap75, scores.recall) == pytest.approx((1.0, 1.0, 1.0, 1.0), abs=1e-12)
    alarm = coco_scores(*world(([A, B], [False, True], [A, C], [0.6, 0.9])))
    assert alarm.ap50 == 0.5
    assert capfd.readouterr().out == ""


def test_coco_scores_of_nobody_and_nothing() -> None:
    for images in ([([], [], [], [])], [([], [], [A], [0.9])], [([A], [False], [], [])], [([A], [True], [A], [0.5])]):
        assert coco_scores(*world(*images)) == CocoScores(0.0, 0.0, 0.0, 0.0)


def test_coco_scores_are_in_the_report_on_request() -> None:
    extraction, scenes = world(([A], [False], [A], [0.9]))
    assert evaluate(extraction, scenes).headline()["detection"]["coco"] is None
    assert evaluate(extraction, scenes, coco=True).headline()["detection"]["coco"]["ap"] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(4))
def test_many_images_at_once_equal_one_after_the_other(seed: int) -> None:
    extraction, scenes = random_world(seed, images=40, queries=0)
    whole = detection_scores(extraction, scenes, 0.4, 0)
    hits: list[tuple[float, bool]] = []
    for sample in scenes.samples:
        alone = detection_scores(extraction, replace(scenes, samples=(sample,)), 0.4, 0)
        cumulative = np.diff(np.concatenate([[0.0], alone.curve_recall])) > 0
        hits += zip(alone.curve_scores.tolist(), cumulative.tolist(), strict=True)
    order = sorted(hits, key=lambda entry: -entry[0])
    assert [s for s, _ in order] == whole.curve_scores.tolist()
    assert sum(h for _, h in hits) / whole.num_people == whole.curve_recall[-1]
