"""Several pictures of one person as one query."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaluation.worlds import random_world
from reranking.reference_reranking import crowd, similarity
from sceneseek.errors import DataError, ExtractionError, ValueRefused
from sceneseek.reranking import MaxOfShots, Question, join_shots, max_of_shots, mean_of_shots
from sceneseek.structures import Extraction, SceneSet


def grouped(seed: int = 3) -> tuple[Extraction, SceneSet]:
    """A world whose first three queries are shots of one person, in different galleries."""
    extraction, scenes = random_world(seed, images=20, queries=6)
    person = scenes.queries[0].person_id
    shots = [replace(q, person_id=person, shot_group=7) for q in scenes.queries[:3]]
    return extraction, replace(scenes, queries=(*shots, *scenes.queries[3:]))


def test_mean_is_the_direction_between_the_shots() -> None:
    rows = crowd(1, 4).astype(np.float64)
    found = mean_of_shots(rows)
    expected = sum(rows[1:], rows[0])
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-15)
    np.testing.assert_allclose(mean_of_shots(rows[[2, 0, 3, 1]]), found, atol=1e-15)
    np.testing.assert_allclose(mean_of_shots(rows[:1]), rows[0], atol=1e-15)


def test_no_shots_and_opposite_shots_are_refused() -> None:
    with pytest.raises(ValueRefused, match="at least one"):
        mean_of_shots(np.zeros((0, 3)))
    with pytest.raises(ValueRefused, match="at least one"):
        max_of_shots(np.zeros((0, 3)))
    with pytest.raises(ValueRefused, match="no direction"):
        mean_of_shots([[1.0, 0.0], [-1.0, 0.0]])


def test_a_group_becomes_one_query_and_its_own_scenes_leave_the_gallery() -> None:
    extraction, scenes = grouped()
    joined = join_shots(extraction, scenes, "mean")
    assert [q.query_id for q in joined.scenes.queries] == [scenes.queries[i].query_id for i in (0, 3, 4, 5)]
    shots = scenes.queries[:3]
    listed = [i for q in shots for i in q.gallery]
    asked = joined.scenes.queries[0]
    assert set(asked.gallery) == set(listed) - {q.image_id for q in shots}
    assert list(asked.gallery) == sorted(asked.gallery, key=listed.index)
    assert joined.scenes.queries[1:] == scenes.queries[3:]
    assert "shots joined by mean" in joined.scenes.name
    joined.extraction.require(joined.scenes)


def test_mean_embeds_the_group_and_leaves_the_others() -> None:
    extraction, scenes = grouped()
    joined = join_shots(extraction, scenes, "mean")
    places = [extraction.query_position_of[q.query_id] for q in scenes.queries]
    expected = mean_of_shots(extraction.query_embeddings[places[:3]])
    np.testing.assert_allclose(joined.extraction.query_embeddings[0], expected, atol=1e-7)
    assert np.array_equal(joined.extraction.query_embeddings[1:], extraction.query_embeddings[places[3:]])
    assert joined.reranker is None


def test_max_compares_every_shot() -> None:
    extraction, scenes = grouped()
    joined = join_shots(extraction, scenes, "max")
    assert isinstance(joined.reranker, MaxOfShots)
    rows = np.arange(10)
    rerank = joined.reranker.prepare(joined.extraction, 0.5)
    for query, shots in (
        (joined.scenes.queries[0], scenes.queries[:3]),
        (joined.scenes.queries[2], scenes.queries[4:5]),
    ):
        vectors = [extraction.query_embeddings[extraction.query_position_of[q.query_id]] for q in shots]
        loop = [max(similarity(v, extraction.embeddings[r]) for v in vectors) for r in rows]
        before = np.array([similarity(vectors[0], extraction.embeddings[r]) for r in rows], np.float32)
        assert rerank(Question(query, vectors[0], rows, before)).tolist() == loop
        weights = np.full(len(rows), 0.5, np.float32)
        assert rerank(Question(query, vectors[0], rows, before, weights)).tolist() == [s / 2 for s in loop]


def test_without_groups_there_is_nothing_to_join() -> None:
    with pytest.raises(DataError, match="shot_group"):
        join_shots(*random_world(1), "mean")


def test_an_extraction_of_other_data_is_refused() -> None:
    extraction, _ = grouped(3)
    _, others = grouped(4)
    with pytest.raises(ExtractionError, match="Extract again"):
        join_shots(extraction, others, "mean")


def test_unknown_fusion_is_refused() -> None:
    with pytest.raises(ValueRefused, match="expected 'mean' or 'max'"):
        join_shots(*grouped(), "median")  # type: ignore[arg-type]
