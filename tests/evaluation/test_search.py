"""The search scores: equal to their definition, whatever the world; invariant to what must not matter."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.agreement import QUICK, assert_equal
from evaluation.worlds import provenance, random_world, unit, with_galleries
from sceneseek.errors import ExtractionError, ValueRefused
from sceneseek.evaluation import evaluate
from sceneseek.evaluation.protocols import PROTOCOLS, SearchProtocol
from sceneseek.structures import Detections, Extraction, Query, Sample, SceneSet


@pytest.mark.parametrize("coarse", [False, True], ids=["distinct", "many ties"])
@pytest.mark.parametrize(
    "rules",
    [
        *PROTOCOLS.values(),
        *(
            SearchProtocol(gallery_size=s, det_threshold=t, ap="trapezoid")
            for s, t in [(5, 0.0), (1, 0.3), ("full", 0.2)]
        ),
        *(SearchProtocol(duplicates=d, gallery_size=4) for d in ("double", "seqnet", "dedup")),
        SearchProtocol(duplicates="double", confidence_weighted=True, det_threshold=0.1),
        SearchProtocol(query_feature="matched_detection", confidence_weighted=True),
        SearchProtocol(own_scene=True, cameras="same", last_rank=3),
        replace(PROTOCOLS["prw_original"], skip_empty_scenes=False, last_rank=5, det_threshold=0.3),
        replace(PROTOCOLS["prw_original"], cameras="same"),
        replace(PROTOCOLS["prw_original"], cameras="all", duplicates="seqnet", ap="step"),
    ],
    ids=lambda rules: ",".join(f"{k}={v}" for k, v in rules.switches().items() if v != getattr(SearchProtocol(), k)),
)
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_definition_exactly(seed: int, rules: SearchProtocol, coarse: bool) -> None:
    assert_equal(*random_world(seed, coarse=coarse), rules)


@pytest.mark.parametrize("rules", [SearchProtocol(det_threshold=0.3), PROTOCOLS["prw_original"]], ids=lambda r: r.name)
def test_equals_the_definition_with_many_queries_and_shared_galleries(rules: SearchProtocol) -> None:
    extraction, scenes = random_world(11, images=60, people=9, queries=150)
    everyone = [s.image_id for s in scenes.samples]
    for world in (scenes, with_galleries(scenes, lambda gallery: everyone), with_galleries(scenes, lambda g: g[:2])):
        assert_equal(extraction, world, rules)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), shuffle=st.randoms(use_true_random=False))
def test_order_of_the_gallery_does_not_matter(seed: int, shuffle: object) -> None:
    extraction, scenes = random_world(seed, images=12, queries=5, coarse=True)

    def shuffled(gallery: tuple[int, ...]) -> list[int]:
        return shuffle.sample(list(gallery), len(gallery))

    before = evaluate(extraction, scenes, **QUICK).outcomes
    after = evaluate(extraction, with_galleries(scenes, shuffled), **QUICK).outcomes
    assert np.array_equal(before.average_precision, after.average_precision, equal_nan=True)
    assert np.array_equal(before.first_hit_rank, after.first_hit_rank)
    assert np.array_equal(before.top_detections, after.top_detections)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_images_and_detections_does_not_matter(seed: int) -> None:
    extraction, scenes = random_world(seed, images=12, queries=5, coarse=True)
    rng = np.random.default_rng(seed)
    found = []
    for image_id in rng.permutation(extraction.image_ids):
        here = extraction.detections(int(image_id))
        found.append((int(image_id), here[rng.permutation(len(here))]))
    answers = list(zip(extraction.query_ids.tolist(), extraction.query_embeddings, strict=True))
    other = Extraction.gather(found, answers, extraction.provenance, 8)
    for rules in (SearchProtocol(det_threshold=0.1), PROTOCOLS["prw_original"]):
        before, after = (evaluate(e, scenes, rules, **QUICK).outcomes for e in (extraction, other))
        assert np.array_equal(before.average_precision, after.average_precision, equal_nan=True)
        assert np.array_equal(before.first_hit_rank, after.first_hit_rank)
        assert np.array_equal(before.top_similarities, after.top_similarities)


def line_up(similarities: list[float], positives: list[int], missed: int = 0) -> tuple[Extraction, SceneSet]:
    """One query; image ``i`` shows one person at ``similarities[i]``; in ``missed`` more nobody is found."""
    box = [10, 10, 60, 110]
    samples = [Sample(0, "q.jpg", 200, 200, [box], [1])]
    found = [(0, Detections.empty(2))]
    for i, s in enumerate(similarities):
        samples.append(Sample(1 + i, f"{i}.jpg", 200, 200, [box], [1 if i in positives else 2]))
        found.append((1 + i, Detections([box], [1.0], unit(np.array([[s, math.sqrt(1 - s * s)]])))))
    for i in range(missed):
        samples.append(Sample(100 + i, f"m{i}.jpg", 200, 200, [box], [1]))
        found.append((100 + i, Detections.empty(2)))
    query = Query(5, 0, box, 1, tuple(s.image_id for s in samples[1:]))
    scenes = SceneSet("line-up", tuple(samples), (query,))
    return Extraction.gather(found, [(5, np.array([1.0, 0.0], np.float32))], provenance(scenes), 2), scenes


def test_perfect_input_scores_one_and_a_missed_person_costs_exactly_the_recall() -> None:
    report = evaluate(*line_up([0.9, 0.8, 0.1, -0.5], [0, 1]), **QUICK)
    assert report.mean_ap.value == 1.0
    assert report.top_k[1].value == 1.0
    report = evaluate(*line_up([0.9, 0.8, 0.1, -0.5], [0, 1], missed=2), **QUICK)
    assert report.mean_ap.value == 0.5
    assert report.positives_found == 0.5
    assert report.top_k[1].value == 1.0


@pytest.mark.parametrize(("rule", "value"), [("step", 1 / 4), ("trapezoid", 1 / 8)])
def test_one_positive_at_rank_four(rule: str, value: float) -> None:
    report = evaluate(*line_up([0.9, 0.8, 0.7, 0.6], [3]), ap=rule, **QUICK)
    assert report.mean_ap.value == value
    assert (report.top_k[1].value, report.top_k[5].value) == (0.0, 1.0)
    assert report.cmc[:5].tolist() == [0, 0, 0, 1, 1]


def test_negative_similarities_rank_like_any_other() -> None:
    assert evaluate(*line_up([-0.9, -0.2, -0.5], [1]), **QUICK).mean_ap.value == 1.0


def test_all_similarities_equal_share_one_precision_and_rank_in_image_order() -> None:
    report = evaluate(*line_up([0.5, 0.5, 0.5, 0.5], [2]), **QUICK)
    assert report.mean_ap.value == 0.25
    assert report.outcomes.first_hit_rank.tolist() == [3]


def test_nothing_detected_scores_zero() -> None:
    report = evaluate(*line_up([], [], missed=3), **QUICK)
    assert (report.mean_ap.value, report.top_k[10].value, report.positives_found) == (0.0, 0.0, 0.0)
    assert report.outcomes.top_detections.tolist() == [[-1] * 10]


def test_a_query_without_anybody_to_find_is_counted_and_left_out() -> None:
    report = evaluate(*line_up([0.9, 0.1], []), **QUICK)
    assert (report.num_queries, report.num_unanswerable) == (0, 1)
    assert report.mean_ap.value is None
    assert str(report).count("-") >= 1


def test_no_queries_at_all() -> None:
    extraction, scenes = line_up([0.9], [0])
    none = SceneSet("none", scenes.samples)
    found = [(s.image_id, extraction.detections(s.image_id)) for s in none.samples]
    report = evaluate(Extraction.gather(found, [], provenance(none), 2), none)
    assert report.mean_ap.value is None
    assert report.gallery_curve == ()


def test_two_detections_on_the_person_the_less_similar_one_is_wrong() -> None:
    box, off = [10, 10, 60, 110], [12, 12, 62, 112]
    samples = (Sample(0, "a", 200, 200, [box], [1]), Sample(1, "b", 200, 200, [box], [1]))
    scenes = SceneSet("two", samples, (Query(0, 0, box, 1, (1,)),))
    rows = unit(np.array([[0.6, 0.8], [0.9, math.sqrt(0.19)]]))
    found = [(0, Detections.empty(2)), (1, Detections([box, off], [0.9, 0.9], rows))]
    extraction = Extraction.gather(found, [(0, np.array([1, 0], np.float32))], provenance(scenes), 2)
    outcomes = evaluate(extraction, scenes, **QUICK).outcomes
    assert outcomes.top_hits[0, :2].tolist() == [True, False]
    assert outcomes.top_detections[0, :2].tolist() == [1, 0]


def test_small_boxes_relax_the_iou_threshold() -> None:
    # 10 x 20 pixels: 200 / (20 * 30) = 1/3. The detection overlaps by 0.4.
    box, half = [0, 0, 10, 20], [0, 0, 10, 8]
    samples = (Sample(0, "a", 99, 99, [box], [1]), Sample(1, "b", 99, 99, [box], [1]))
    scenes = SceneSet("small", samples, (Query(0, 0, box, 1, (1,)),))
    found = [(0, Detections.empty(2)), (1, Detections([half], [0.9], [[1, 0]]))]
    extraction = Extraction.gather(found, [(0, np.array([1, 0], np.float32))], provenance(scenes), 2)
    assert evaluate(extraction, scenes, **QUICK).mean_ap.value == 1.0


def test_gallery_curve_is_nested_and_ends_at_the_whole() -> None:
    extraction, scenes = random_world(3, images=60, queries=20)
    scenes = with_galleries(scenes, lambda gallery: [s.image_id for s in scenes.samples])
    report = evaluate(extraction, scenes, bootstrap_samples=50)
    sizes = [p.gallery_size for p in report.gallery_curve]
    assert sizes == [10, 20, 50, 60]
    assert report.gallery_curve[-1].mean_ap.value == report.mean_ap.value
    # Distractors are only added: nobody's score can rise once all positives are in.
    values = [p.mean_ap.value for p in report.gallery_curve if p.gallery_size >= 20]
    assert values == sorted(values, reverse=True)
    smaller = evaluate(extraction, scenes, gallery_size=20, bootstrap_samples=50)
    assert smaller.mean_ap == report.gallery_curve[1].mean_ap


def test_half_precision_embeddings_are_accepted() -> None:
    extraction, scenes = random_world(4)
    found = [(int(i), extraction.detections(int(i))) for i in extraction.image_ids]
    answers = list(zip(extraction.query_ids.tolist(), extraction.query_embeddings, strict=True))
    half = Extraction.gather(found, answers, extraction.provenance, 8, np.float16)
    assert_equal(half, scenes, SearchProtocol())


def test_other_data_is_refused() -> None:
    extraction, _ = random_world(1)
    _, other = random_world(2)
    with pytest.raises(ExtractionError, match="Extract again"):
        evaluate(extraction, other)


@pytest.mark.parametrize("wrong", [{"det_threshold": 1.5}, {"gallery_size": 0}, {"ap": "steps"}])
def test_impossible_switches_are_refused(wrong: dict[str, object]) -> None:
    extraction, scenes = random_world(1)
    with pytest.raises(ValueRefused):
        evaluate(extraction, scenes, **wrong)
