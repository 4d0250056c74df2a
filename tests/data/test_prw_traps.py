"""Every trap that PRW's files are known to set, by name: on miniatures, and on genuine labels where they are."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import scipy.io

import layout_cases as cases
from sceneseek.data.coco import read_coco
from sceneseek.data.problems import ProblemList
from sceneseek.data.prw import camera_of, read_annotation, read_frame_names, read_prw, read_query_info
from sceneseek.data.prw_writing import write_prw
from sceneseek.errors import DataError
from sceneseek.structures import UNLABELED
from suite.needs import REAL

needs_genuine = pytest.mark.needs("annotations")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_prw(cases.train_set(tmp_path), cases.query_set(tmp_path, first_id=7), tmp_path / "set")
    return tmp_path / "set"


def save(folder: Path, frame: str, rows: list[list[float]], key: str = "box_new") -> None:
    scipy.io.savemat(folder / "annotations" / f"{frame}.jpg.mat", {key: np.array(rows, np.float64)})


@pytest.mark.parametrize("key", ["box_new", "anno_file", "anno_previous"])
def test_the_matrix_has_one_of_three_names(folder: Path, key: str) -> None:
    save(folder, "c1s1_000001", [[1, 2, 3, 30, 40]], key)
    assert read_prw(folder).samples[0].boxes.tolist() == [[2, 3, 32, 43]]


def test_query_info_ends_its_lines_with_crlf(folder: Path) -> None:
    assert b"\r\n" in (folder / "query_info.txt").read_bytes()
    assert [line.frame for line in read_query_info(folder / "query_info.txt")] == ["c1s1_000004", "c2s1_000005"]
    found = read_prw(folder, "test")
    assert [found.by_id[q.image_id].path.name for q in found.queries] == ["c1s1_000004.jpg", "c2s1_000005.jpg"]


def test_id_minus_2_is_an_unlabelled_person(folder: Path) -> None:
    save(folder, "c1s1_000004", [[7, 2, 3, 30, 40], [-2, 50, 3, 30, 40]])
    assert read_prw(folder, "test").samples[0].person_ids.tolist() == [7, UNLABELED]


def test_negative_coordinates_keep_their_width_as_published(folder: Path) -> None:
    save(folder, "c1s1_000001", [[5, -4.6, -2, 30, 40]])
    assert read_prw(folder).samples[0].boxes.tolist() == [[0, 0, 30, 40]]
    exact = read_prw(folder, rounding="exact").samples[0].boxes
    np.testing.assert_allclose(exact, [[0, 0, 25.4, 38]], rtol=1e-6)


def test_483_training_ids_with_holes_and_932_become_0_to_482(folder: Path) -> None:
    """1..478, 480..483 and 932, as in the genuine files: id - 1 as a class would leave a table of 483 rows twice."""
    genuine = [*range(1, 479), *range(480, 484), 932]
    for frame, ids in zip(("c1s1_000001", "c2s1_000002", "c3s1_000003"), np.array_split(genuine, 3), strict=True):
        save(folder, frame, [[int(i), 2, 3, 30, 40] for i in ids])
    train = read_prw(folder)
    assert train.person_ids.tolist() == list(range(483))
    assert train.samples[2].person_ids[-1] == 482
    assert genuine[477:479] == [478, 480]
    assert 478 in np.concatenate([s.person_ids for s in train.samples])


def test_a_person_twice_in_a_frame_keeps_both_boxes_and_is_noted(folder: Path) -> None:
    save(folder, "c1s1_000004", [[7, 2, 3, 30, 40], [7, 90, 3, 30, 40], [-2, 1, 1, 9, 9], [-2, 5, 5, 9, 9]])
    problems = ProblemList()
    assert read_prw(folder, "test", on_problem=problems).samples[0].person_ids.tolist()[:2] == [7, 7]
    assert [str(p.kind) for p in problems.problems] == ["person twice in a frame"]


def test_the_camera_is_in_the_frames_name(folder: Path) -> None:
    assert [s.camera_id for s in read_prw(folder, "test").samples] == ["c1", "c2", "c3", "c4", "c5"]
    with pytest.raises(DataError, match="does not begin with its camera"):
        camera_of("frame_0001")


@pytest.mark.parametrize("suffix", ["", ".jpg"])
def test_frames_are_listed_with_or_without_jpg(folder: Path, suffix: str) -> None:
    names = read_frame_names(folder / "frame_test.mat", "test")
    listed = np.array([[f"{name}{suffix}"] for name in names], object)
    scipy.io.savemat(folder / "frame_test.mat", {"img_index_test": listed})
    lines = (folder / "query_info.txt").read_text().split()
    lines[5::6] = [f"{name}{suffix}" for name in lines[5::6]]
    (folder / "query_info.txt").write_text("\n".join(" ".join(lines[i : i + 6]) for i in range(0, len(lines), 6)))
    if suffix == "":
        for file in (folder / "annotations").iterdir():
            file.rename(file.with_name(file.name.replace(".jpg.mat", ".mat")))
    found = read_prw(folder, "test")
    assert [s.path.stem for s in found.samples] == list(names)
    assert len(found.queries) == 2


def test_prw_mini_is_another_list_of_queries(folder: Path) -> None:
    mini = folder.parent / "mini.txt"
    mini.write_text("8 20 30 70 170 c2s1_000005\n")
    found = read_prw(folder, "test", queries=mini)
    assert [q.person_id for q in found.queries] == [8]
    assert set(found.queries[0].gallery) == {0, 2, 3, 4}


def test_one_bad_record_never_hides_the_next(folder: Path) -> None:
    save(folder, "c1s1_000004", [[7, 250, 30, 0, 240], [7.5, 2, 3, 30, 40], [-9, 2, 3, 30, 40], [7, 250, 30, 60, 240]])
    save(folder, "c3s1_000006", [[7, 900, 3, 30, 40], [8, 120, 40, 80, 180]])
    (folder / "annotations/c4s1_000007.jpg.mat").write_bytes(b"nothing")
    (folder / "frames/c5s1_000008.jpg").unlink()
    with (folder / "query_info.txt").open("ab") as stream:
        stream.write(b"9 1 2 3\r\n9 1 2 3 4 c9s1_000001\r\n")
    problems = ProblemList()
    found = read_prw(folder, "test", on_problem=problems)
    assert [(p.kind, p.place.file.name, p.place.record) for p in problems.errors] == [
        ("box without area", "c1s1_000004.jpg.mat", "box_new row 1"),
        ("identity", "c1s1_000004.jpg.mat", "box_new row 2"),
        ("identity", "c1s1_000004.jpg.mat", "box_new row 3"),
        ("damaged annotation file", "c4s1_000007.jpg.mat", ""),
        ("box outside its picture", "c3s1_000006.jpg", ""),
        ("missing picture", "c5s1_000008.jpg", ""),
        ("unreadable record", "query_info.txt", "line 3"),
        ("unlisted image", "query_info.txt", "line 4"),
    ]
    assert [s.path.stem for s in found.samples] == ["c1s1_000004", "c2s1_000005", "c3s1_000006"]
    assert [q.person_id for q in found.queries] == [7, 8]


def test_an_empty_annotation_is_a_frame_without_people(folder: Path) -> None:
    scipy.io.savemat(folder / "annotations/c1s1_000001.jpg.mat", {"box_new": np.zeros((0, 5))})
    ids, boxes = read_annotation(folder / "annotations/c1s1_000001.jpg.mat")
    assert (ids.shape, boxes.shape) == ((0,), (0, 4))


@pytest.mark.real
@needs_genuine
def test_genuine_prw_mini_list() -> None:
    lines = read_query_info(REAL / "formats" / "prwmini_query_info.txt")
    assert len(lines) == 30
    assert (lines[-1].line, lines[0].frame) == (30, "c2s1_159941")


@pytest.mark.real
@pytest.mark.parametrize(("split", "images", "boxes", "unlabelled", "identities"), [
    ("train", 5704, 18048, 3141, 483), ("test", 6112, 25062, 5935, 544),
])  # fmt: skip
@needs_genuine
def test_genuine_labels_have_the_counts_of_the_documents(
    tmp_path: Path, split: str, images: int, boxes: int, unlabelled: int, identities: int
) -> None:
    """The labels of PRW as a COCO-style file, with its code for unknown people; boxes below zero are clipped."""
    with gzip.open(REAL / "formats" / f"prw_{split}_pid.json.gz") as stream:
        (tmp_path / "annotations.json").write_bytes(stream.read())
    problems = ProblemList()
    found = read_coco(tmp_path, on_problem=problems)
    ids = np.concatenate([s.person_ids for s in found.samples])
    assert (len(found), len(ids), int((ids == UNLABELED).sum()), len(found.person_ids)) == (
        images, boxes, unlabelled, identities,
    )  # fmt: skip
    assert not problems.errors
