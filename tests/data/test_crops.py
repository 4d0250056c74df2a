"""Folders of crops: names that say a person, crops as queries, and a re-identification set as it comes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import layout_cases as cases
from sceneseek.data.crops import holds_crops, read_crop_set, read_crops, with_crops_as_queries
from sceneseek.data.problems import ProblemList
from sceneseek.errors import DataError
from sceneseek.pictures import write_picture
from sceneseek.structures import UNLABELED


def crop(folder: Path, name: str) -> None:
    write_picture(np.full((64, 32, 3), 90, np.uint8), folder / name)


def test_market_names_say_person_and_camera(tmp_path: Path) -> None:
    for name in ("0002_c1s1_000451_03.jpg", "0007_c12_f0046985.jpg", "-1_c3s2_000001_00.jpg"):
        crop(tmp_path, name)
    found = {c.path.name: (c.person_id, c.camera_id) for c in read_crops(tmp_path)}
    assert found == {
        "0002_c1s1_000451_03.jpg": (2, "c1"),
        "0007_c12_f0046985.jpg": (7, "c12"),
        "-1_c3s2_000001_00.jpg": (UNLABELED, "c3"),
    }
    assert (read_crops(tmp_path)[0].width, read_crops(tmp_path)[0].height) == (32, 64)
    assert holds_crops(tmp_path)


def test_a_folder_for_each_person(tmp_path: Path) -> None:
    crop(tmp_path / "0012", "a.jpg")
    crop(tmp_path / "person 3", "front_c2_1.jpg")
    assert [(c.person_id, c.camera_id) for c in read_crops(tmp_path)] == [(12, None), (3, "c2")]


def test_names_that_say_nobody_are_refused_or_reported(tmp_path: Path) -> None:
    crop(tmp_path, "0002_c1s1_000451_03.jpg")
    crop(tmp_path / "alice", "1.jpg")
    with pytest.raises(DataError, match=r"alice/1\.jpg: the name says no person; expected '0002_c1s1_000451\.jpg'"):
        read_crops(tmp_path)
    problems = ProblemList()
    assert [c.person_id for c in read_crops(tmp_path, on_problem=problems)] == [2]
    assert [p.kind for p in problems.errors] == ["identity"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="there is no picture"):
        read_crops(tmp_path / "empty")


def test_crops_are_asked_in_all_scenes(tmp_path: Path) -> None:
    scenes = cases.query_set(tmp_path, first_id=7)
    for name in ("0007_c1s1_1.jpg", "0007_c2s1_2.jpg", "0008_c1s1_1.jpg", "0099_c1s1_1.jpg", "-1_c1s1_1.jpg"):
        crop(tmp_path / "crops", name)
    problems = ProblemList()
    found = with_crops_as_queries(scenes, read_crops(tmp_path / "crops"), on_problem=problems)
    assert [q.person_id for q in found.queries] == [7, 7, 8, 99]
    assert [q.gallery for q in found.queries] == [(0, 2, 4, 1, 3)] * 2 + [(1, 2, 0, 3, 4), (0, 1, 2, 3, 4)]
    assert [q.shot_group for q in found.queries] == [7, 7, None, None]
    added = [found.by_id[q.image_id] for q in found.queries]
    assert [s.image_id for s in added] == [5, 6, 7, 8]
    assert all(s.boxes.tolist() == [[0, 0, 32, 64]] and s.ignore_mask.tolist() == [True] for s in added)
    assert [(p.severity, p.kind) for p in problems.problems] == [
        ("error", "query without an identity"), ("note", "nobody to find"),
    ]  # fmt: skip


def test_a_market_set_is_read_with_its_distractors(tmp_path: Path) -> None:
    crop(tmp_path / "query", "0002_c1s1_1.jpg")
    for name in ("0000_c2s1_9.jpg", "-1_c2s1_8.jpg", "0002_c2s1_2.jpg", "0003_c2s1_3.jpg"):
        crop(tmp_path / "bounding_box_test", name)
    crop(tmp_path / "bounding_box_train", "0005_c1s1_1.jpg")
    test, train = read_crop_set(tmp_path), read_crop_set(tmp_path, "train")
    assert [s.person_ids.tolist() for s in test.samples] == [[UNLABELED], [UNLABELED], [2], [3], [2]]
    assert test.queries[0].gallery == (2, 0, 1, 3)
    assert not test.samples[2].ignore_mask.any()
    assert not test.detection_labels_complete
    assert (train.person_ids.tolist(), train.queries) == ([5], ())
    shutil.rmtree(tmp_path / "bounding_box_train")
    with pytest.raises(DataError, match="there is no folder bounding_box_train or train"):
        read_crop_set(tmp_path, "train")
