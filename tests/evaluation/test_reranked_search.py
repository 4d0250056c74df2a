"""Re-ranking inside the evaluator: the definition's similarities in the definition's protocol, and cases by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from evaluation import loop_reference
from evaluation.worlds import provenance, random_world
from reranking import reference_reranking as definition
from sceneseek.boxes import iou
from sceneseek.errors import ValueRefused
from sceneseek.evaluation import evaluate
from sceneseek.evaluation.protocols import PROTOCOLS, SearchProtocol
from sceneseek.reranking import (
    ContextMatching,
    KReciprocal,
    QueryExpansion,
    Question,
    Rerank,
    Reranker,
    join_shots,
)
from sceneseek.structures import Detections, Extraction, Query, Sample, SceneSet, SearchReport

QUICK = {"bootstrap_samples": 0, "curve": False, "num_failures": 0}
RULES = [
    SearchProtocol(),
    SearchProtocol(det_threshold=0.0, duplicates="double"),
    SearchProtocol(gallery_size=5, ap="trapezoid", det_threshold=0.3),
    PROTOCOLS["prw_original"],
]

Loop = Callable[[Extraction, Query, list[int], SearchProtocol], list[float]]


def cbgm(extraction: Extraction, query: Query, rows: list[int], rules: SearchProtocol) -> list[float]:
    found = extraction.detections(query.image_id)
    order = sorted(
        (i for i in range(len(found)) if found.scores[i] >= rules.det_threshold),
        key=lambda i: -float(found.scores[i]),
    )
    away = [i for i in order if iou(found.boxes[i : i + 1], query.box[None])[0, 0] <= 0.5]
    company = np.array([found.embeddings[i] for i in away]).reshape(-1, 8)  # type: ignore[index]
    images = extraction.image_of[rows].tolist()
    asked = extraction.query_embeddings[extraction.query_position_of[query.query_id]]
    return definition.cbgm(asked, company, extraction.embeddings[rows], images, 6, 3)


def k_reciprocal(extraction: Extraction, query: Query, rows: list[int], rules: SearchProtocol) -> list[float]:
    asked = extraction.query_embeddings[extraction.query_position_of[query.query_id]]
    final = np.round(definition.k_reciprocal(asked, extraction.embeddings[rows], 6, 3, 0.3), 12)
    return (final * extraction.scores[rows] if rules.confidence_weighted else final).tolist()


def reference(
    extraction: Extraction, scenes: SceneSet, rules: SearchProtocol, loop: Loop, patch: pytest.MonkeyPatch
) -> loop_reference.Reference:
    """The definition of the search, with every similarity taken from the definition of the re-ranking."""
    whole = loop_reference.Reference()
    plain = loop_reference.detections
    junk = loop_reference.assigned(extraction, scenes, rules)[0] if rules.match == "best_overlap" else {}
    for query in scenes.queries:
        entries = [
            entry
            for image_id in dict.fromkeys(loop_reference.gallery(scenes, query, rules))
            for entry in plain(extraction, image_id, loop_reference.feature(extraction, query, rules), rules)
            if junk.get(entry.row, 0) >= 0
        ]
        entries.sort(key=lambda e: (e.image_id, -e.score, e.box))
        rows = [e.row for e in entries]
        new = dict(zip(rows, loop(extraction, query, rows, rules) if rows else [], strict=True))

        def reranked(*arguments: Any, new: dict[int, float] = new) -> list[loop_reference.Entry]:
            here = plain(*arguments)
            for entry in here:
                entry.similarity = new.get(entry.row, entry.similarity)
            return here

        with patch.context() as patched:
            patched.setattr(loop_reference, "detections", reranked)
            alone = loop_reference.evaluate(extraction, replace(scenes, queries=(query,)), rules)
        for ours, one in zip(vars(whole).values(), vars(alone).values(), strict=True):
            ours.extend(one)
    return whole


def assert_equal(report: SearchReport, expected: loop_reference.Reference) -> None:
    outcomes = report.outcomes
    assert np.array_equal(outcomes.average_precision, np.array(expected.average_precision), equal_nan=True)
    assert np.array_equal(outcomes.recall, np.array(expected.recall), equal_nan=True)
    assert outcomes.first_hit_rank.tolist() == expected.first_hit_rank
    assert outcomes.top_detections.tolist() == expected.top_detections
    assert report.mean_ap.value == expected.mean()


@pytest.mark.parametrize("rules", RULES, ids=lambda r: r.name + f" {r.duplicates} {r.gallery_size}")
@pytest.mark.parametrize(
    ("reranker", "loop"), [(ContextMatching(k1=6), cbgm), (KReciprocal(k1=6, k2=3), k_reciprocal)], ids=["cbgm", "kr"]
)
@pytest.mark.parametrize("seed", [1, 5])
def test_equals_the_definition_exactly(
    seed: int, reranker: Reranker, loop: Loop, rules: SearchProtocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    extraction, scenes = random_world(seed)
    report = evaluate(extraction, scenes, rules, rerank=reranker, **QUICK)
    assert_equal(report, reference(extraction, scenes, rules, loop, monkeypatch))
    plain = evaluate(extraction, scenes, rules, **QUICK)
    assert not np.array_equal(plain.outcomes.top_detections, report.outcomes.top_detections)


def test_confidence_weights_follow_re_ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    extraction, scenes = random_world(3)
    rules = SearchProtocol(confidence_weighted=True, det_threshold=0.2)
    report = evaluate(extraction, scenes, rules, rerank=KReciprocal(k1=6, k2=3), **QUICK)
    assert_equal(report, reference(extraction, scenes, rules, k_reciprocal, monkeypatch))


@pytest.mark.parametrize(
    "reranker", [ContextMatching(k1=0), ContextMatching(k2=1), QueryExpansion(n=0), KReciprocal(lambda_=1.0)], ids=str
)
@pytest.mark.parametrize("coarse", [False, True], ids=["distinct", "many ties"])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_re_ranking_that_changes_nothing_changes_no_score(reranker: Reranker, name: str, coarse: bool) -> None:
    extraction, scenes = random_world(7, coarse=coarse)
    before = evaluate(extraction, scenes, name, **QUICK).outcomes
    after = evaluate(extraction, scenes, name, rerank=reranker, **QUICK).outcomes
    assert np.array_equal(before.average_precision, after.average_precision, equal_nan=True)
    assert np.array_equal(before.first_hit_rank, after.first_hit_rank)
    assert np.array_equal(before.top_detections, after.top_detections)


def looks(*angles: float) -> np.ndarray:
    return np.array([[np.cos(np.radians(a)), np.sin(np.radians(a))] for a in angles], np.float32)


def boxes(count: int) -> np.ndarray:
    return np.array([[40 * i, 0, 40 * i + 30, 80] for i in range(count)], np.float32)


def two_friends() -> tuple[Extraction, SceneSet]:
    """A person and a friend, seen together in scenes 1 and 3; scene 2 holds a stranger who looks like the person.

    Looks in degrees: the person 0 when asked for and 30 in scene 3, the stranger 20, the friend 90 in both scenes.
    """
    samples = [
        Sample(1, "1.jpg", 400, 100, boxes(2), [7, 8]),
        Sample(2, "2.jpg", 400, 100, boxes(1), [9]),
        Sample(3, "3.jpg", 400, 100, boxes(2), [7, 8]),
    ]
    found = [
        (1, Detections(boxes(2), [0.9, 0.9], looks(0, 90))),
        (2, Detections(boxes(1), [0.9], looks(20))),
        (3, Detections(boxes(2), [0.9, 0.9], looks(30, 90))),
    ]
    scenes = SceneSet("friends", tuple(samples), (Query(1, 1, boxes(1)[0], 7, (3, 2)),))
    return Extraction.gather(found, [(1, looks(0)[0])], provenance(scenes), 2), scenes


def test_company_brings_the_person_from_the_second_rank_to_the_first() -> None:
    extraction, scenes = two_friends()
    plain = evaluate(extraction, scenes, **QUICK)
    assert (plain.mean_ap.value, plain.outcomes.first_hit_rank.tolist()) == (0.5, [2])
    helped = evaluate(extraction, scenes, rerank=ContextMatching(k1=2, k2=2), **QUICK)
    assert (helped.mean_ap.value, helped.outcomes.first_hit_rank.tolist()) == (1.0, [1])
    # The friend's similarity, 1, is now the person's; the stranger keeps cos 20 degrees.
    np.testing.assert_allclose(helped.outcomes.top_similarities[0, :2], [1.0, np.cos(np.radians(20))], atol=1e-6)
    # With one image looked at again, it is the stranger's, where there is nobody to vouch.
    assert evaluate(extraction, scenes, rerank=ContextMatching(k1=1, k2=2), **QUICK).mean_ap.value == 0.5


def test_company_below_the_score_threshold_does_not_vouch() -> None:
    extraction, scenes = two_friends()
    scores = extraction.scores.copy()
    scores[1] = 0.4
    unsure = replace(extraction, scores=scores)
    assert evaluate(unsure, scenes, rerank=ContextMatching(k1=2, k2=2), **QUICK).mean_ap.value == 0.5
    assert evaluate(unsure, scenes, det_threshold=0.3, rerank=ContextMatching(k1=2, k2=2), **QUICK).mean_ap.value == 1.0


def test_expansion_moves_the_query_towards_its_best_answer() -> None:
    """The person at 10 degrees is first; expanded by it, the query (5 degrees) passes the stranger at -24 for 30."""
    samples = [Sample(i, f"{i}.jpg", 100, 100, boxes(1), [p]) for i, p in ((1, 7), (2, 7), (3, 9), (4, 7))]
    angles = {1: 0, 2: 10, 3: -24, 4: 30}
    found = [(i, Detections(boxes(1), [0.9], looks(a))) for i, a in angles.items()]
    scenes = SceneSet("turning", tuple(samples), (Query(1, 1, boxes(1)[0], 7, (2, 3, 4)),))
    extraction = Extraction.gather(found, [(1, looks(0)[0])], provenance(scenes), 2)
    assert evaluate(extraction, scenes, **QUICK).mean_ap.value == pytest.approx((1 + 2 / 3) / 2)
    report = evaluate(extraction, scenes, rerank=QueryExpansion(n=1, alpha=0.0), **QUICK)
    assert report.mean_ap.value == 1.0
    expected = [np.cos(np.radians(a)) for a in (5, 25, 29)]
    np.testing.assert_allclose(report.outcomes.top_similarities[0, :3], expected, atol=1e-6)


@pytest.mark.parametrize("fusion", ["mean", "max"])
def test_two_shots_asked_as_one_question(fusion: Any) -> None:
    """Shots at -40 and 40 degrees; the person appears at -45 and 45, strangers at -65 and 65, and one at 5 degrees.

    The more similar of the two shots is 5 degrees from either appearance and at least 25 from every stranger. The mean
    of the shots, 0 degrees, is nearest to the stranger at 5 and then equally near to both appearances: precision 2 / 3.
    """
    people = {1: (7, -40), 2: (7, 40), 3: (7, -45), 4: (7, 45), 5: (9, 5), 6: (9, -65), 7: (9, 65)}
    samples = [Sample(i, f"{i}.jpg", 100, 100, boxes(1), [p]) for i, (p, _) in people.items()]
    found = [(i, Detections(boxes(1), [0.9], looks(a))) for i, (_, a) in people.items()]
    everyone = (3, 4, 5, 6, 7)
    queries = [Query(10 + i, i, boxes(1)[0], 7, (3 - i, *everyone), shot_group=1) for i in (1, 2)]
    scenes = SceneSet("shots", tuple(samples), tuple(queries))
    vectors = [(10 + i, looks(people[i][1])[0]) for i in (1, 2)]
    extraction = Extraction.gather(found, vectors, provenance(scenes), 2)
    joined = join_shots(extraction, scenes, fusion)
    report = evaluate(joined.extraction, joined.scenes, rerank=joined.reranker, **QUICK)
    assert report.num_queries == 1
    assert report.outcomes.num_images.tolist() == [5]
    assert report.mean_ap.value == pytest.approx({"mean": 2 / 3, "max": 1.0}[fusion])
    assert report.protocol.get("rerank") == (None if fusion == "mean" else "max_of_shots")
    assert "shots joined" in report.provenance.data


def test_queries_without_a_vector_or_with_empty_galleries_rank_nothing() -> None:
    sample = Sample(1, "1.jpg", 100, 100, boxes(1), [7])
    scenes = SceneSet("nobody", (sample,), (Query(1, 1, boxes(1)[0], 7, (1,)),))
    extraction = Extraction.gather([(1, Detections.empty(2))], [(1, looks(0)[0])], provenance(scenes), 2)
    for reranker in (ContextMatching(), KReciprocal(), QueryExpansion(), QueryExpansion(database=True)):
        for feature in ("gt_roi", "matched_detection"):
            report = evaluate(extraction, scenes, query_feature=feature, rerank=reranker, **QUICK)
            assert report.mean_ap.value == 0.0
            assert report.outcomes.num_ranked.tolist() == [0]


def test_the_report_names_the_method_and_its_parameters() -> None:
    extraction, scenes = random_world(2)
    report = evaluate(extraction, scenes, rerank=ContextMatching(30, 4), **QUICK)
    assert report.protocol["rerank"] == "cbgm (k1 30, k2 4)"
    assert "rerank" not in evaluate(extraction, scenes, **QUICK).protocol


@dataclass(frozen=True)
class _Wrong:
    answer: Callable[[Question], Any]
    name = "wrong"

    def prepare(self, extraction: Extraction, det_threshold: float) -> Rerank:
        return self.answer


@pytest.mark.parametrize(
    "answer", [lambda q: q.similarities[:-1], lambda q: q.similarities * np.nan], ids=["one short", "not numbers"]
)
def test_what_cannot_be_ranked_is_refused(answer: Callable[[Question], Any]) -> None:
    extraction, scenes = two_friends()
    with pytest.raises(ValueRefused, match=r"the re-ranker gave query 1 .* expected \(3,\) finite"):
        evaluate(extraction, scenes, rerank=_Wrong(answer), **QUICK)
