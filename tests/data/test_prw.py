from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import scipy.io

import layout_cases as cases
from sceneseek.data.prw import read_annotation, read_prw, read_query_info
from sceneseek.data.prw_writing import write_prw
from sceneseek.errors import DataError
from sceneseek.structures import UNLABELED, Query, Sample, SceneSet
from suite.needs import REAL


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, SceneSet, SceneSet]:
    train, test = cases.train_set(tmp_path), cases.query_set(tmp_path, first_id=7)
    write_prw(train, test, tmp_path / "set")
    return tmp_path / "set", train, test


def _save(folder: Path, frame: str, rows: list[list[float]], key: str = "box_new") -> None:
    scipy.io.savemat(folder / "annotations" / f"{frame}.jpg.mat", {key: np.array(rows, np.float64)})


def test_round_trip_of_both_splits(written: tuple[Path, SceneSet, SceneSet]) -> None:
    folder, train, test = written
    for split, expected in (("train", train), ("test", test)):
        found = read_prw(folder, split)
        for a, b in zip(found.samples, expected.samples, strict=True):
            cases.same_people(a, b)
            assert a.camera_id == b.camera_id
            assert a.path.read_bytes() == b.path.read_bytes()
    cases.same_queries(found, test)


def test_exact_reading_keeps_fractions_and_published_reading_cuts_them(tmp_path: Path) -> None:
    scene = cases.scene(tmp_path / "a", 0, {(10.25, 20.5, 60.75, 139.625): 0})
    write_prw(SceneSet("t", (scene,)), cases.query_set(tmp_path), tmp_path / "set")
    exact = read_prw(tmp_path / "set", rounding="exact")
    cases.same_people(exact.samples[0], scene)
    assert read_prw(tmp_path / "set").samples[0].boxes.tolist() == [[10, 20, 60, 139]]


def test_coordinates_outside_the_frame(written: tuple[Path, SceneSet, SceneSet]) -> None:
    """Published: below zero is moved to 0 and the width stays, the far side is left. Exact: clipped all round."""
    folder, _, _ = written
    _save(folder, "c1s1_000001", [[5, -4, -2, 30, 40], [6, 300, 200, 25, 85]])
    assert read_prw(folder).samples[0].boxes.tolist() == [[0, 0, 30, 40], [300, 200, 325, 285]]
    exact = read_prw(folder, rounding="exact").samples[0].boxes
    assert exact.tolist() == [[0, 0, 26, 38], [300, 200, cases.WIDTH, cases.HEIGHT]]


@pytest.mark.parametrize("key", ["box_new", "anno_file", "anno_previous"])
def test_three_names_of_the_matrix(written: tuple[Path, SceneSet, SceneSet], key: str) -> None:
    folder, _, _ = written
    _save(folder, "c1s1_000001", [[1, 2, 3, 30, 40]], key)
    ids, boxes = read_annotation(folder / "annotations/c1s1_000001.jpg.mat")
    assert (ids.tolist(), boxes.tolist()) == ([1], [[2, 3, 30, 40]])


def test_box_new_comes_before_the_older_matrices(tmp_path: Path) -> None:
    old, new = np.array([[1.0, 2, 3, 30, 40]]), np.array([[2.0, 2, 3, 30, 40]])
    scipy.io.savemat(tmp_path / "f.mat", {"anno_previous": old, "anno_file": old, "box_new": new})
    assert read_annotation(tmp_path / "f.mat")[0].tolist() == [2]


def test_training_ids_are_renumbered_and_unknown_people_are_unlabelled(
    written: tuple[Path, SceneSet, SceneSet],
) -> None:
    """PRW's genuine ids have a hole after 478 and an outlier, 932."""
    folder, _, _ = written
    _save(folder, "c1s1_000001", [[478, 2, 3, 30, 40], [-2, 50, 3, 30, 40]])
    _save(folder, "c2s1_000002", [[932, 2, 3, 30, 40], [480, 50, 3, 30, 40]])
    _save(folder, "c3s1_000003", [])
    train = read_prw(folder)
    assert [s.person_ids.tolist() for s in train.samples] == [[0, UNLABELED], [2, 1], []]
    assert train.person_ids.tolist() == [0, 1, 2]


def test_test_ids_are_the_files_own(written: tuple[Path, SceneSet, SceneSet]) -> None:
    folder, _, _ = written
    assert read_prw(folder, "test").person_ids.tolist() == [7, 8]


def test_gallery_is_every_other_test_frame_positives_first(tmp_path: Path) -> None:
    """Galleries given by the caller do not matter to this layout."""
    test = cases.query_set(tmp_path)
    narrow = SceneSet(
        "test", test.samples, tuple(Query(q.query_id, q.image_id, q.box, q.person_id, (2,)) for q in test.queries)
    )
    write_prw(cases.train_set(tmp_path), narrow, tmp_path / "set")
    assert [q.gallery for q in read_prw(tmp_path / "set", "test").queries] == [(2, 4, 1, 3), (2, 0, 3, 4)]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r\n\r\n"])
def test_query_lines_with_any_line_end(tmp_path: Path, end: str) -> None:
    file = tmp_path / "query_info.txt"
    file.write_bytes(f"479 1.5 2 30.25 40 c1s1_000151{end}480 5 6 7 8 c2s3_000001{end}".encode())
    first, second = read_query_info(file)
    assert (first.person_id, first.xywh, first.frame) == (479, (1.5, 2, 30.25, 40), "c1s1_000151")
    assert second.frame == "c2s3_000001"


def test_written_query_lines_end_as_the_genuine_ones(written: tuple[Path, SceneSet, SceneSet]) -> None:
    folder, _, _ = written
    lines = (folder / "query_info.txt").read_bytes().split(b"\r\n")
    assert lines[0].split(b" ")[0] == b"7"
    assert lines[0].split(b" ")[5] == b"c1s1_000004"
    assert lines[-1] == b""


def test_cameras_with_other_names_are_numbered(tmp_path: Path) -> None:
    scenes = tuple(cases.scene(tmp_path / "a", i, {(1, 2, 30, 40): 0}, name) for i, name in enumerate(("lawn", "hall")))
    write_prw(SceneSet("t", scenes), cases.query_set(tmp_path), tmp_path / "set")
    cameras = [s.camera_id for s in read_prw(tmp_path / "set").samples]
    assert len(set(cameras)) == 2


def test_an_identity_twice_in_one_frame_keeps_both_boxes(written: tuple[Path, SceneSet, SceneSet]) -> None:
    folder, _, _ = written
    _save(folder, "c1s1_000004", [[7, 2, 3, 30, 40], [7, 90, 3, 30, 40]])
    assert read_prw(folder, "test").samples[0].person_ids.tolist() == [7, 7]


def test_ignored_boxes_are_left_out(tmp_path: Path) -> None:
    scene = cases.scene(tmp_path / "a", 0, {(1, 2, 30, 40): 0, (50, 2, 90, 80): UNLABELED})
    masked = Sample(0, scene.path, scene.width, scene.height, scene.boxes, scene.person_ids, "c1", [False, True])
    write_prw(SceneSet("t", (masked,)), cases.query_set(tmp_path), tmp_path / "set")
    assert len(read_prw(tmp_path / "set").samples[0]) == 1


def test_errors_name_the_file_and_what_is_wrong(written: tuple[Path, SceneSet, SceneSet]) -> None:
    folder, _, _ = written
    _save(folder, "c1s1_000004", [[1, 2, 3, 30, 40]], "boxes")
    with pytest.raises(
        DataError, match=r"c1s1_000004\.jpg\.mat: there is none of the variables box_new.*the file holds boxes"
    ):
        read_prw(folder, "test")
    _save(folder, "c1s1_000004", [[1, 2, 3]])
    with pytest.raises(DataError, match=r"box_new has shape \(1, 3\)"):
        read_prw(folder, "test")
    _save(folder, "c1s1_000004", [[1, 2, 3, 0, 40]])
    with pytest.raises(DataError, match="above zero"):
        read_prw(folder, "test")
    _save(folder, "c1s1_000004", [[-7, 2, 3, 30, 40]])
    with pytest.raises(DataError, match="has the id -7"):
        read_prw(folder, "test")
    _save(folder, "c1s1_000004", [[1, 900, 3, 30, 40]])
    with pytest.raises(DataError, match="no area inside the frame"):
        read_prw(folder, "test")
    (folder / "annotations/c1s1_000004.jpg.mat").unlink()
    with pytest.raises(DataError, match=r"c1s1_000004\.jpg\.mat: the file does not exist"):
        read_prw(folder, "test")


def test_errors_in_the_query_list(written: tuple[Path, SceneSet, SceneSet]) -> None:
    folder, _, _ = written
    (folder / "query_info.txt").write_text("7 1 2 30 40 c1s1_000004\n8 1 2 30 c1s1_000004\n")
    with pytest.raises(DataError, match=r"query_info\.txt, line 2"):
        read_prw(folder, "test")
    (folder / "query_info.txt").write_text("7 1 2 30 40 c1s1_000001\n")
    with pytest.raises(DataError, match="c1s1_000001 is not one of the test frames"):
        read_prw(folder, "test")
    (folder / "query_info.txt").unlink()
    with pytest.raises(DataError, match=r"query_info\.txt: the file does not exist"):
        read_prw(folder, "test")
    with pytest.raises(DataError, match="found 'all'"):
        read_prw(folder, "all")  # type: ignore[arg-type]


@pytest.mark.real
@pytest.mark.needs("annotations")
def test_genuine_query_lines() -> None:
    lines = read_query_info(REAL / "formats" / "prwmini_query_info.txt")
    assert len(lines) == 30
    assert (lines[0].person_id, lines[0].frame) == (484, "c2s1_159941")


@pytest.mark.real
@pytest.mark.needs("annotations")
def test_genuine_labels_through_the_layout(tmp_path: Path) -> None:
    """The first genuine frames, written as PRW's own files, come back with the same people."""
    with gzip.open(REAL / "formats" / "prw_test_pid.json.gz") as stream:
        table = json.load(stream)
    listed = table["images"][:12]
    picture = cases.picture(tmp_path, "grey.jpg", 90)
    (tmp_path / "frames").mkdir()
    (tmp_path / "annotations").mkdir()
    for image in listed:
        (tmp_path / "frames" / image["file_name"]).write_bytes(picture.read_bytes())
    # The stand-in pictures are small; shrunken boxes keep their order and their ids.
    rows = {
        i["id"]: [
            [a["person_id"], *(v / 8 for v in a["bbox"])] for a in table["annotations"] if a["image_id"] == i["id"]
        ]
        for i in listed
    }
    for image in listed:
        _save(tmp_path, image["file_name"].removesuffix(".jpg"), rows[image["id"]])
    names = np.array([[i["file_name"].removesuffix(".jpg")] for i in listed], object)
    scipy.io.savemat(tmp_path / "frame_test.mat", {"img_index_test": names})
    (tmp_path / "query_info.txt").write_bytes(b"")
    found = read_prw(tmp_path, "test", rounding="exact")
    expected = [[UNLABELED if r[0] == -2 else int(r[0]) for r in rows[i["id"]]] for i in listed]
    assert [s.person_ids.tolist() for s in found.samples] == expected
    assert sum(map(len, expected)) > 12
    assert UNLABELED in {i for ids in expected for i in ids}
