"""Structures are checked once, at birth, and say what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sceneseek.errors import BoxError, DataError, ValueRefused
from sceneseek.structures import UNLABELED, Detections, Frame, Match, Query, Ranking, Sample, SceneSet


def unit_rows(n: int, d: int = 4) -> np.ndarray:
    rows = np.random.default_rng(n).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_detections_slice_every_field_alike() -> None:
    found = Detections([[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 3, 3]], [0.1, 0.2, 0.3], unit_rows(3))
    for index in (slice(1, None), np.array([False, True, True]), np.array([1, 2])):
        part = found[index]
        assert part.boxes[:, 2].tolist() == [2, 3]
        assert part.scores.tolist() == pytest.approx([0.2, 0.3])
        np.testing.assert_array_equal(part.embeddings, found.embeddings[1:])
    assert len(found[0]) == len(found[-1]) == 1
    assert found[-1].boxes[0, 2] == 3
    assert [len(one) for one in found] == [1, 1, 1]


def test_detections_cannot_be_changed_afterwards() -> None:
    found = Detections([[0, 0, 1, 1]], [0.5])
    with pytest.raises(ValueError, match="read-only"):
        found.boxes[0] = 0


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"boxes": [[0, 0, 1]], "scores": [0.5]}, BoxError, r"shape \(N, 4\)"),
        ({"boxes": [[10, 10, 5, 20]], "scores": [0.5]}, BoxError, "box 0 is .*from_xywh"),
        ({"boxes": [[0, 0, np.inf, 1]], "scores": [0.5]}, BoxError, "finite"),
        ({"boxes": [[0, 0, 1, 1]], "scores": [0.5, 0.5]}, ValueRefused, r"scores must have shape \(1,\)"),
        ({"boxes": [[0, 0, 1, 1]], "scores": [1.5]}, ValueRefused, "probabilities"),
        ({"boxes": [[0, 0, 1, 1]], "scores": [np.nan]}, ValueRefused, "finite"),
        ({"boxes": [[0, 0, 1, 1]], "scores": [0.5], "embeddings": [[2.0, 0.0]]}, ValueRefused, "norm 2"),
        ({"boxes": [[0, 0, 1, 1]], "scores": [0.5], "embeddings": [[np.nan, 0.0]]}, ValueRefused, "unit"),
        ({"boxes": [[0, 0, 1, 1]], "scores": [0.5], "embeddings": unit_rows(2)}, ValueRefused, "one row per box"),
    ],
)
def test_wrong_detections_are_refused(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Detections(**fields)


def test_nobody_is_a_valid_answer() -> None:
    nobody = Detections.empty(16)
    assert len(nobody) == 0
    assert nobody.embeddings.shape == (0, 16)


def sample(image_id: int = 1, **fields: object) -> Sample:
    values = {"path": Path("a.jpg"), "width": 10, "height": 10, "boxes": [[0, 0, 5, 5]], "person_ids": [3]}
    return Sample(image_id=image_id, **{**values, **fields})


def test_samples_fill_in_what_is_not_known() -> None:
    one = sample(boxes=[], person_ids=[])
    assert one.boxes.shape == (0, 4)
    assert one.ignore_mask.shape == one.visibility.shape == (0,)
    with pytest.raises(ValueRefused, match="whole numbers"):
        sample(person_ids=[0.5])


def test_scene_sets_know_their_labelled_people() -> None:
    scenes = SceneSet("s", (sample(1, person_ids=[7]), sample(2, person_ids=[UNLABELED]), sample(3, person_ids=[2])))
    assert scenes.person_ids.tolist() == [2, 7]


def test_scene_sets_refuse_twins_and_unknown_images() -> None:
    with pytest.raises(DataError, match="share an id"):
        SceneSet("s", (sample(1), sample(1)))
    query = Query(5, image_id=1, box=[0, 0, 5, 5], person_id=3, gallery=(9,))
    with pytest.raises(DataError, match="query 5 names image 9"):
        SceneSet("s", (sample(1),), (query,))


def test_rankings_are_ordered() -> None:
    def match(rank: int, value: float) -> Match:
        return Match(rank, value, 0.9, (0, 0, 1, 1), "a.jpg")

    assert len(Ranking((match(1, 0.9), match(2, 0.9), match(3, -0.1)), "m", 3)) == 3
    with pytest.raises(ValueRefused, match="sorted by similarity"):
        Ranking((match(1, 0.1), match(2, 0.9)), "m", 2)
    with pytest.raises(ValueRefused, match="ranks must be"):
        Ranking((match(2, 0.1),), "m", 2)


def test_frames_hold_rgb_bytes() -> None:
    with pytest.raises(ValueRefused, match="uint8 RGB"):
        Frame(np.zeros((4, 4), np.uint8), "a.jpg")


def test_shots_of_one_group_show_one_person() -> None:
    sample = Sample(1, "a.jpg", 100, 100, np.zeros((0, 4)), np.zeros(0, np.int64))
    shots = [Query(i, 1, [0, 0, 10, 10], person, (1,), shot_group=4) for i, person in enumerate((7, 7, 8))]
    assert SceneSet("shots", (sample,), tuple(shots[:2])).queries[1].shot_group == 4
    with pytest.raises(DataError, match="shot group 4 asks for person 8, others of the group for person 7"):
        SceneSet("shots", (sample,), tuple(shots))


BIG = 2**64 - 5


@pytest.mark.parametrize("wrong", [BIG, -BIG, 2.0, "3", None, 10**400])
def test_ids_are_whole_numbers_of_64_bits(wrong: object) -> None:
    def sample(image_id: object = 1, person_id: object = 0) -> Sample:
        return Sample(image_id, Path("a.jpg"), 8, 8, [[0, 0, 4, 4]], [person_id])  # type: ignore[arg-type,list-item]

    with pytest.raises(ValueRefused, match=r"image_id is .*(whole number|largest number)"):
        sample(image_id=wrong)
    with pytest.raises(ValueRefused, match="person_ids"):
        sample(person_id=wrong)
    for field in ("query_id", "image_id", "person_id") + (("shot_group",) if wrong is not None else ()):
        fields = {"query_id": 1, "image_id": 1, "box": [0, 0, 4, 4], "person_id": 0, "gallery": (), field: wrong}
        with pytest.raises(ValueRefused, match=f"{field} is"):
            Query(**fields)  # type: ignore[arg-type]
    assert sample(2**63 - 1, 2**63 - 1).person_ids.tolist() == [2**63 - 1]


def test_ids_of_numpy_become_plain_numbers() -> None:
    query = Query(np.int64(3), np.uint8(1), [0, 0, 4, 4], np.int32(7), (), np.int64(9))  # type: ignore[arg-type]
    assert [type(v) for v in (query.query_id, query.image_id, query.person_id, query.shot_group)] == [int] * 4


def test_query_ids_are_unique() -> None:
    sample = Sample(1, Path("a.jpg"), 8, 8, [[0, 0, 4, 4]], [0])
    queries = [Query(5, 1, [0, 0, 4, 4], 0, ()) for _ in range(2)]
    with pytest.raises(DataError, match="two queries share an id"):
        SceneSet("s", (sample,), queries)  # type: ignore[arg-type]
