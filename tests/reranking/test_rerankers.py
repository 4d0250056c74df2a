"""The methods applied to an extraction: the right rows, the right company, the right weights."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.worlds import random_world
from reranking import reference_reranking as reference
from sceneseek.boxes import iou
from sceneseek.errors import ValueRefused
from sceneseek.reranking import (
    RERANKERS,
    ContextMatching,
    KReciprocal,
    QueryExpansion,
    Question,
    Reranker,
    named_reranker,
    parse_reranker,
)
from sceneseek.structures import Extraction, SceneSet

THRESHOLD = 0.3


def questions(extraction: Extraction, scenes: SceneSet, weighted: bool = False) -> list[Question]:
    order = np.argsort(extraction.precedence)
    asked = []
    for query in scenes.queries:
        images = [extraction.position_of[i] for i in query.gallery]
        chosen = np.isin(extraction.image_of, images) & (extraction.scores >= THRESHOLD)
        rows = order[chosen[order]]
        vector = extraction.query_embeddings[extraction.query_position_of[query.query_id]]
        near = reference.similarities(vector, extraction.embeddings[rows])
        asked.append(Question(query, vector, rows, near, extraction.scores[rows] if weighted else None))
    return asked


def answers(reranker: Reranker, extraction: Extraction, scenes: SceneSet, weighted: bool = False) -> list[list[float]]:
    rerank = reranker.prepare(extraction, THRESHOLD)
    return [rerank(question).tolist() for question in questions(extraction, scenes, weighted)]


@pytest.mark.parametrize("seed", range(4))
def test_context_matching_equals_its_definition(seed: int) -> None:
    extraction, scenes = random_world(seed)
    expected = []
    for question in questions(extraction, scenes):
        found = extraction.detections(question.query.image_id)
        company = [
            (-float(found.scores[i]), i)
            for i in range(len(found))
            if found.scores[i] >= THRESHOLD and iou(found.boxes[i : i + 1], question.query.box[None])[0, 0] <= 0.5
        ]
        vectors = np.array([found.embeddings[i] for _, i in sorted(company)]).reshape(-1, 8)  # type: ignore[index]
        images = extraction.image_of[question.rows].tolist()
        gallery = extraction.embeddings[question.rows]
        expected.append(reference.cbgm(question.embedding, vectors, gallery, images, 4, 3))
    assert answers(ContextMatching(k1=4, k2=3), extraction, scenes) == expected


@pytest.mark.parametrize("coarse", [False, True], ids=["distinct", "many ties"])
def test_k_reciprocal_equals_its_definition(coarse: bool) -> None:
    extraction, scenes = random_world(2, coarse=coarse)
    expected = []
    for question in questions(extraction, scenes):
        gallery = extraction.embeddings[question.rows]
        expected.append(reference.k_reciprocal(question.embedding, gallery, 6, 3, 0.3))
    found = answers(KReciprocal(k1=6, k2=3), extraction, scenes)
    assert [len(here) for here in found] == [len(here) for here in expected]
    # Half a unit of the twelfth decimal, to which results are rounded.
    assert np.abs(np.concatenate(found) - np.concatenate(expected)).max() <= 0.51e-12


@pytest.mark.parametrize("database", [False, True])
def test_query_expansion_equals_its_definition(database: bool) -> None:
    extraction, scenes = random_world(4)
    found = answers(QueryExpansion(n=3, alpha=2.0, database=database), extraction, scenes)
    for question, ours in zip(questions(extraction, scenes), found, strict=True):
        gallery = extraction.embeddings[question.rows].astype(np.float64)
        if database:
            gallery = np.array(reference.augmented(gallery, 3, 2.0)).reshape(-1, 8)
        asked = np.array(reference.expanded_query(question.embedding, gallery, 3, 2.0))
        np.testing.assert_allclose(ours, gallery @ asked, rtol=0, atol=1e-6)


@pytest.mark.parametrize("reranker", [KReciprocal(k1=4, k2=2), QueryExpansion(n=2), QueryExpansion(n=0)], ids=str)
def test_confidence_multiplies_the_result(reranker: Reranker) -> None:
    extraction, scenes = random_world(5)
    plain, weighted = answers(reranker, extraction, scenes), answers(reranker, extraction, scenes, weighted=True)
    for question, without, with_weights in zip(questions(extraction, scenes), plain, weighted, strict=True):
        np.testing.assert_allclose(with_weights, np.array(without) * extraction.scores[question.rows], rtol=1e-6)


def test_confidence_weights_the_gallery_side_of_the_context_graph_alone() -> None:
    extraction, scenes = random_world(6)
    found = answers(ContextMatching(k1=20, k2=4), extraction, scenes, weighted=True)
    for question, ours in zip(questions(extraction, scenes, weighted=True), found, strict=True):
        before = question.similarities * question.weights
        changed = np.flatnonzero(np.array(ours) > before)
        i = extraction.position_of[question.query.image_id]
        scene = extraction.embeddings[extraction.offsets[i] : extraction.offsets[i + 1]].astype(np.float64)
        for place in changed:
            here = question.rows[extraction.image_of[question.rows] == extraction.image_of[question.rows[place]]]
            edges = (scene @ extraction.embeddings[here].T.astype(np.float64)) * extraction.scores[here]
            own = before[np.isin(question.rows, here)]
            assert np.isclose([*edges.ravel(), *own], ours[place], rtol=0, atol=1e-6).any()
    assert any(np.array(a).max(initial=0) > 0 for a in found)


@pytest.mark.parametrize("reranker", [ContextMatching(), KReciprocal(k1=4, k2=2), QueryExpansion(n=2)], ids=str)
def test_order_of_images_and_detections_does_not_matter(reranker: Reranker) -> None:
    extraction, scenes = random_world(9, coarse=True)
    rng = np.random.default_rng(0)
    shuffled = []
    for image_id in rng.permutation(extraction.image_ids):
        here = extraction.detections(int(image_id))
        shuffled.append((int(image_id), here[rng.permutation(len(here))]))
    vectors = list(zip(extraction.query_ids.tolist(), extraction.query_embeddings, strict=True))
    other = Extraction.gather(shuffled, vectors, extraction.provenance, 8)
    assert answers(reranker, other, scenes) == answers(reranker, extraction, scenes)


def test_methods_by_name() -> None:
    for name, method in RERANKERS.items():
        assert named_reranker(name) == method()
    assert named_reranker("k_reciprocal", k1=5, k2=None, lambda_=0.0) == KReciprocal(5, 6, 0.0)
    assert str(KReciprocal()) == "k_reciprocal (k1 20, k2 6, lambda 0.3)"
    assert str(ContextMatching(30, 4)) == "cbgm (k1 30, k2 4)"
    assert str(QueryExpansion(2, 0.0, True)) == "query_expansion (n 2, alpha 0.0, database True)"


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("cbgn", {}, "Did you mean 'cbgm'"),
        ("cbgm", {"alpha": 1.0}, "cbgm has no parameter 'alpha'; it has k1, k2"),
        ("k_reciprocal", {"lambda_": 2.0}, "from 0 to 1"),
        ("cbgm", {"k2": 0}, "at least 1"),
        ("query_expansion", {"n": -1}, "at least 0"),
    ],
)
def test_what_is_not_known_is_refused(name: str, parameters: dict[str, float], message: str) -> None:
    with pytest.raises(ValueRefused, match=message):
        named_reranker(name, **parameters)


@pytest.mark.parametrize(
    "method", [ContextMatching(3, 2), KReciprocal(7, 2, 0.25), QueryExpansion(2, 0.5, True)], ids=str
)
def test_text_for_people_and_text_for_the_command_line_say_the_same(method: Reranker) -> None:
    text = str(method).replace(" (", ":").replace(", ", ",").replace(" ", "=").rstrip(")")
    assert parse_reranker(text) == method


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cbgm:k1", "'k1' in 'cbgm:k1' is no parameter"),
        ("cbgm:k1=ten", "'ten' in 'cbgm:k1=ten' is no value"),
        ("cbgm:k3=1", "no parameter 'k3'"),
        ("", "there is no re-ranking ''"),
        ("cbgm:k1=2.5", "whole number"),
        ("query_expansion:n=yes", "whole number"),
        ("query_expansion:database=3", "yes or no"),
    ],
)
def test_text_that_means_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueRefused, match=message):
        parse_reranker(text)
