"""The COCO-style layout: round trips, nested galleries, and messages that name the entry at fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sceneseek.data.coco import read_coco
from sceneseek.data.coco_writing import write_coco
from sceneseek.data.problems import ProblemList
from sceneseek.errors import DataError
from sceneseek.structures import UNLABELED, Query, Sample, SceneSet


def scenes_in(folder: Path) -> SceneSet:
    images = folder / "images"
    return SceneSet(
        "small",
        (
            Sample(
                1, images / "a.jpg", 100, 80, [[1, 2, 30, 40], [50, 10, 70, 79.5]], [0, UNLABELED], camera_id="hall"
            ),
            Sample(
                2,
                images / "sub/b.jpg",
                100,
                80,
                [[5, 5, 20, 60]],
                [0],
                visibility=[0.5],
                ignore_mask=[True],
                time_s=1.5,
            ),
            Sample(3, images / "c.jpg", 100, 80, [], []),
        ),
        (Query(1, 1, [1, 2, 30, 40], 0, (2, 3)), Query(2, 2, [5, 5, 20, 60], 0, (1, 3), shot_group=6)),
        detection_labels_complete=False,
        info={"licence": "CC0"},
    )


def test_round_trip(tmp_path: Path) -> None:
    before = scenes_in(tmp_path)
    (tmp_path / "images").mkdir()
    write_coco(before, tmp_path)
    after = read_coco(tmp_path)
    assert [s.path for s in after.samples] == [s.path for s in before.samples]
    assert (after.name, after.detection_labels_complete, after.info["licence"]) == ("small", False, "CC0")
    for a, b in zip(before.samples, [after.by_id[s.image_id] for s in before.samples], strict=True):
        assert (a.image_id, a.width, a.height, a.camera_id, a.time_s) == (
            b.image_id,
            b.width,
            b.height,
            b.camera_id,
            b.time_s,
        )
        for name in ("boxes", "person_ids", "ignore_mask", "visibility"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert after.queries[0].gallery == (2, 3)
    assert [q.shot_group for q in after.queries] == [None, 6]
    assert read_coco(tmp_path, gallery_size=1).queries[0].gallery == (2,)


def damaged(tmp_path: Path, change: Any) -> Path:
    write_coco(scenes_in(tmp_path), tmp_path)
    file = tmp_path / "annotations.json"
    table = json.loads(file.read_text())
    change(table)
    file.write_text(json.dumps(table))
    return file


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("images"), "no list 'images'"),
        (lambda t: t["annotations"][0].pop("bbox"), "annotation 1: it has no 'bbox'"),
        (
            lambda t: t["annotations"][1].update(bbox=[200, 10, 5, 5]),
            "annotation 2: .*outside its image a.jpg of 100x80",
        ),
        (lambda t: t["annotations"][1].update(bbox="wide"), "annotation 2: it has bbox 'wide'"),
        (lambda t: t["annotations"][2].update(image_id=99), "annotation 3: it belongs to image 99"),
        (lambda t: t["images"][2].update(id=1), "share an id"),
        (lambda t: t["queries"][0].update(gallery=[7]), "query 1: its gallery names image 7"),
    ],
)
def test_contradictions_are_named(tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_coco(damaged(tmp_path, change))


def test_other_codes_for_unknown_people_become_ours(tmp_path: Path) -> None:
    file = damaged(tmp_path, lambda t: t["annotations"][0].update(person_id=-2))
    assert read_coco(file).samples[0].person_ids[0] == UNLABELED


def test_boxes_that_stick_out_are_clipped(tmp_path: Path) -> None:
    file = damaged(tmp_path, lambda t: t["annotations"][0].update(bbox=[-5, 60, 50, 50]))
    assert read_coco(file).samples[0].boxes[0].tolist() == [0, 60, 45, 80]


def test_missing_or_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_coco(tmp_path / "nothing")
    (tmp_path / "annotations.json").write_text("not json")
    with pytest.raises(DataError, match="not JSON"):
        read_coco(tmp_path)
    (tmp_path / "annotations.json").write_text("[]")
    with pytest.raises(DataError, match="holds a list"):
        read_coco(tmp_path)


def test_pictures_outside_the_folder_are_refused_when_writing(tmp_path: Path) -> None:
    scenes = SceneSet("s", (Sample(1, Path("/elsewhere/a.jpg"), 10, 10, [], []),))
    with pytest.raises(DataError, match="does not lie below"):
        write_coco(scenes, tmp_path)


def test_one_bad_record_never_hides_the_next(tmp_path: Path) -> None:
    def change(table: Any) -> None:
        table["annotations"][0]["bbox"] = [1, 2, float("nan"), 3]
        table["annotations"][1]["person_id"] = "seven"
        table["annotations"].append({"id": 9, "image_id": 77, "bbox": [1, 1, 5, 5]})
        table["annotations"].append("nothing")
        table["images"][2]["width"] = "wide"
        second = {"id": 6, "image_id": 3, "person_id": 0, "bbox": [1, 1, 5, 5], "gallery": [2]}
        table["queries"] = [table["queries"][0], {"id": 5}, second]

    problems = ProblemList()
    found = read_coco(damaged(tmp_path, change), on_problem=problems)
    assert [(p.kind, p.place.record) for p in problems.errors] == [
        ("unreadable box", "annotation 1"),
        ("unreadable record", "annotation 2"),
        ("unreadable record", "annotation at place 5"),
        ("unreadable record", "image 3"),
        ("unlisted image", "annotation 9"),
        ("unlisted image", "query 1"),
        ("unreadable record", "query 5"),
        ("unlisted image", "query 6"),
    ]
    assert [len(s) for s in found.samples] == [0, 1]
    assert [q.gallery for q in found.queries] == [(2,)]


def test_what_is_odd_is_noted_and_read(tmp_path: Path) -> None:
    def change(table: Any) -> None:
        table["annotations"][0]["bbox"] = [-5, 60, 50, 50]
        table["queries"] = [
            {"id": 1, "image_id": 1, "person_id": 0, "bbox": [1, 60, 20, 20], "gallery": [3, 2, 2, 1]},
            {"id": 2, "image_id": 3, "person_id": 8, "bbox": [1, 1, 20, 20], "gallery": [1]},
        ]

    problems = ProblemList()
    found = read_coco(damaged(tmp_path, change), on_problem=problems)
    assert not problems.errors
    assert [(p.kind, p.place.record) for p in problems.notes] == [
        ("box clipped to its picture", "annotation 1"),
        ("gallery lists an image twice", "query 1"),
        ("query's own image in its gallery", "query 1"),
        ("positives are not first", "query 1"),
        ("nobody to find", "query 2"),
    ]
    assert found.queries[0].gallery == (3, 2, 2, 1)
