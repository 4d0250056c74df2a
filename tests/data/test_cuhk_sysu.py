from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

import layout_cases as cases
from sceneseek.data import cuhk_sysu
from sceneseek.data.cuhk_sysu import read_cuhk_sysu, read_images, read_people, read_pool, read_protocol
from sceneseek.data.cuhk_sysu_writing import write_cuhk_sysu
from sceneseek.errors import DataError
from sceneseek.structures import UNLABELED, Query, Sample, SceneSet
from suite.needs import REAL


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, SceneSet, SceneSet]:
    train, test = cases.train_set(tmp_path), cases.query_set(tmp_path)
    write_cuhk_sysu(train, test, tmp_path / "set", (3, 4))
    return tmp_path / "set", train, test


def test_round_trip_of_both_splits(written: tuple[Path, SceneSet, SceneSet]) -> None:
    folder, train, test = written
    found = read_cuhk_sysu(folder, "train")
    for a, b in zip(found.samples, train.samples, strict=True):
        cases.same_people(a, b)
        assert a.path.read_bytes() == b.path.read_bytes()
    assert found.queries == ()
    found = read_cuhk_sysu(folder, "test", 4)
    for a, b in zip(found.samples, test.samples, strict=True):
        cases.same_people(a, b)
    cases.same_queries(found, test)
    assert "boxes_added" not in found.info


def test_smaller_gallery_is_the_first_entries_of_the_larger(written: tuple[Path, SceneSet, SceneSet]) -> None:
    folder, _, _ = written
    small, large = read_cuhk_sysu(folder, "test", 3), read_cuhk_sysu(folder, "test", 4)
    for a, b in zip(small.queries, large.queries, strict=True):
        assert a.gallery == b.gallery[:3]


def test_splits_share_no_image_id(written: tuple[Path, SceneSet, SceneSet]) -> None:
    folder, _, _ = written
    assert not set(read_cuhk_sysu(folder, "train").by_id) & set(read_cuhk_sysu(folder, "test", 4).by_id)


def test_files_have_the_genuine_structure(written: tuple[Path, SceneSet, SceneSet]) -> None:
    """The very expressions of the public readers work on what we write."""
    folder, _, _ = written
    images = scipy.io.loadmat(folder / "annotation/Images.mat")["Img"].squeeze()
    name, _, boxes = images[0]
    assert str(name[0]) == "s1.jpg"
    assert np.asarray([b[0] for b in boxes[0]]).reshape(-1, 4).tolist() == [[10, 20, 50, 120], [70, 20, 40, 130]]
    pool = scipy.io.loadmat(folder / "annotation/pool.mat")["pool"].squeeze()
    assert [str(a[0]) for a in pool] == ["s4.jpg", "s5.jpg", "s6.jpg", "s7.jpg", "s8.jpg"]
    train = scipy.io.loadmat(folder / "annotation/test/train_test/Train.mat")["Train"].squeeze()
    scenes = train[1][0, 0][2].squeeze()
    assert [(str(n[0]), b.squeeze().tolist()) for n, b, _ in scenes] == [
        ("s1.jpg", [10, 20, 50, 120]),
        ("s2.jpg", [200, 10, 100, 240]),
    ]
    tests = scipy.io.loadmat(folder / "annotation/test/train_test/TestG4.mat")["TestG4"].squeeze()
    assert str(tests["Query"][0]["imname"][0, 0][0]) == "s4.jpg"
    box = tests["Query"][0]["idlocate"][0, 0][0]
    assert box.dtype == np.uint16
    assert box.tolist() == [250, 30, 60, 240]
    gallery = tests["Gallery"][0].squeeze()
    assert [str(item[0][0]) for item in gallery] == ["s6.jpg", "s8.jpg", "s5.jpg", "s7.jpg"]
    assert [item[1].size for item in gallery] == [4, 4, 0, 0]


def test_sums_of_small_integers_do_not_overflow(written: tuple[Path, SceneSet, SceneSet]) -> None:
    """250 + 60 as uint8, as the genuine files store small numbers, would be 54."""
    folder, _, _ = written
    file = folder / "annotation/test/train_test/TestG4.mat"
    table = scipy.io.loadmat(file)["TestG4"]
    record = table[0, 0]["Query"]
    record["idlocate"][0, 0] = record["idlocate"][0, 0].astype(np.uint8)
    scipy.io.savemat(file, {"TestG4": table})
    assert read_cuhk_sysu(folder, "test", 4).queries[0].box.tolist() == [250, 30, 310, 270]


def test_boxes_without_area_are_dropped(written: tuple[Path, SceneSet, SceneSet]) -> None:
    folder, _, _ = written
    file = folder / "annotation/Images.mat"
    table = scipy.io.loadmat(file)["Img"]
    table[0, 0]["box"][0, 1]["idlocate"] = np.array([[70, 20, 0, 130]], np.uint16)
    scipy.io.savemat(file, {"Img": table})
    assert read_images(file)["s1.jpg"].tolist() == [[10, 20, 50, 120]]
    assert len(read_cuhk_sysu(folder, "train").samples[0]) == 1


def test_a_protocol_box_that_equals_no_annotated_box_is_added_and_counted(
    written: tuple[Path, SceneSet, SceneSet],
) -> None:
    folder, _, _ = written
    file = folder / "annotation/test/train_test/TestG4.mat"
    table = scipy.io.loadmat(file)["TestG4"]
    table[0, 0]["Gallery"][0, 0]["idlocate"] = np.array([[31, 40, 70, 180]], np.uint8)
    scipy.io.savemat(file, {"TestG4": table})
    found = read_cuhk_sysu(folder, "test", 4)
    assert found.info["boxes_added"] == "1"
    assert found.samples[2].boxes[2].tolist() == [31, 40, 101, 220]
    assert found.samples[2].person_ids.tolist() == [UNLABELED, 1, 0]


def test_two_people_with_one_box_keep_both_labels(tmp_path: Path) -> None:
    scene = cases.scene(tmp_path / "a", 0, {(10, 20, 60, 140): 0, (10.2, 20.2, 60.2, 140.2): 1})
    train = SceneSet("train", (scene,))
    write_cuhk_sysu(train, cases.query_set(tmp_path), tmp_path / "set", (3,))
    assert read_cuhk_sysu(tmp_path / "set").samples[0].person_ids.tolist() == [0, 1]


def test_repeated_gallery_images_are_kept(written: tuple[Path, SceneSet, SceneSet]) -> None:
    folder, _, _ = written
    file = folder / "annotation/test/train_test/TestG4.mat"
    table = scipy.io.loadmat(file)["TestG4"]
    table[0, 0]["Gallery"][0, 1]["imname"] = table[0, 0]["Gallery"][0, 0]["imname"]
    table[0, 0]["Gallery"][0, 1]["idlocate"] = np.array([[120, 40, 80, 180]], np.uint8)
    scipy.io.savemat(file, {"TestG4": table})
    query = read_cuhk_sysu(folder, "test", 4).queries[0]
    assert query.gallery[0] == query.gallery[1]


def test_one_person_and_one_appearance_survive(tmp_path: Path) -> None:
    """Squeezed struct arrays of one entry are where readers break."""
    train = SceneSet("train", (cases.scene(tmp_path / "a", 0, {(1, 2, 30, 40): 0}),))
    test = cases.query_set(tmp_path)
    one = SceneSet("test", test.samples, (Query(0, 0, test.queries[0].box, 0, (2,)),))
    write_cuhk_sysu(train, one, tmp_path / "set", (1,))
    assert read_cuhk_sysu(tmp_path / "set").person_ids.tolist() == [0]
    assert len(read_cuhk_sysu(tmp_path / "set", "test", 1).queries[0].gallery) == 1


def test_scenes_without_people_and_ignored_boxes(tmp_path: Path) -> None:
    empty = cases.scene(tmp_path / "a", 0, {})
    crowd = cases.scene(tmp_path / "a", 1, {(1, 2, 30, 40): 0, (50, 2, 90, 80): UNLABELED})
    crowd = Sample(1, crowd.path, crowd.width, crowd.height, crowd.boxes, crowd.person_ids, ignore_mask=[False, True])
    write_cuhk_sysu(SceneSet("t", (empty, crowd)), cases.query_set(tmp_path), tmp_path / "set", (3,))
    assert [len(s) for s in read_cuhk_sysu(tmp_path / "set").samples] == [0, 1]


def test_fractions_are_rounded(tmp_path: Path) -> None:
    train = SceneSet("t", (cases.scene(tmp_path / "a", 0, {(10.4, 20.6, 60.4, 139.6): 0}),))
    write_cuhk_sysu(train, cases.query_set(tmp_path), tmp_path / "set", (3,))
    assert read_cuhk_sysu(tmp_path / "set").samples[0].boxes.tolist() == [[10, 21, 60, 140]]


def test_people_and_pool(written: tuple[Path, SceneSet, SceneSet]) -> None:
    folder, _, _ = written
    people = read_people(folder / "annotation/Person.mat", "Person")
    assert [len(p.appearances) for p in people] == [1, 2, 1, 3, 2]
    assert len({p.name for p in people}) == len(people)
    assert len(read_pool(folder / "annotation/pool.mat")) == 5


def _remove(folder: Path) -> None:
    (folder / "annotation/pool.mat").unlink()


def _cut(folder: Path) -> None:
    file = folder / "annotation/Images.mat"
    file.write_bytes(file.read_bytes()[:300])


def _empty(folder: Path) -> None:
    (folder / "annotation/Images.mat").write_bytes(b"")


def _other_variable(folder: Path) -> None:
    scipy.io.savemat(folder / "annotation/pool.mat", {"puddle": np.zeros(1)})


def _no_struct(folder: Path) -> None:
    scipy.io.savemat(folder / "annotation/Images.mat", {"Img": np.zeros((1, 3))})


def _unknown_image(folder: Path) -> None:
    names = np.array([["s4.jpg"], ["s99.jpg"]], object)
    scipy.io.savemat(folder / "annotation/pool.mat", {"pool": names})


def _no_picture(folder: Path) -> None:
    (folder / "Image/SSM/s5.jpg").unlink()


def _query_outside_pool(folder: Path) -> None:
    scipy.io.savemat(folder / "annotation/pool.mat", {"pool": np.array([["s4.jpg"], ["s6.jpg"]], object)})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_remove, r"pool\.mat: the file does not exist"),
        (_cut, r"Images\.mat: the file is truncated or not a MATLAB file"),
        (_empty, r"Images\.mat: .*not a MATLAB file"),
        (_other_variable, r"pool\.mat: there is no variable 'pool'; the file holds puddle"),
        (_no_struct, r"Images\.mat, Img 1: expected a struct"),
        (_unknown_image, r"pool\.mat, pool 2: Images\.mat does not list the image s99\.jpg"),
        (_no_picture, r"s5\.jpg: the picture does not exist, but Images\.mat lists it"),
        (_query_outside_pool, r"TestG4\.mat, TestG4 1: the image s8\.jpg is not one of this split"),
    ],
)
def test_errors_name_the_file_and_what_is_wrong(
    written: tuple[Path, SceneSet, SceneSet], spoil: Any, message: str
) -> None:
    folder, _, _ = written
    spoil(folder)
    with pytest.raises(DataError, match=message):
        read_cuhk_sysu(folder, "test", 4)


def test_unknown_gallery_size_and_split(written: tuple[Path, SceneSet, SceneSet]) -> None:
    folder, _, _ = written
    with pytest.raises(DataError, match=r"TestG100\.mat: the file does not exist; the folder has galleries of 3, 4\."):
        read_cuhk_sysu(folder, "test")
    with pytest.raises(DataError, match="found 'val'"):
        read_cuhk_sysu(folder, "val")  # type: ignore[arg-type]


def test_writer_refuses_what_the_layout_cannot_hold(tmp_path: Path) -> None:
    train, test = cases.train_set(tmp_path), cases.query_set(tmp_path)
    with pytest.raises(DataError, match="TestG50 needs 50"):
        write_cuhk_sysu(train, test, tmp_path / "set")
    with pytest.raises(DataError, match="2 positives; TestG1 has no room"):
        write_cuhk_sysu(train, test, tmp_path / "set", (1,))
    twice = SceneSet("test", test.samples, (*test.queries, Query(2, 4, test.samples[4].boxes[0], 0, (0, 1, 2))))
    with pytest.raises(DataError, match="person 0 has two queries"):
        write_cuhk_sysu(train, twice, tmp_path / "set", (3,))
    assert not (tmp_path / "set").exists()


@pytest.mark.real
@pytest.mark.needs("annotations")
def test_genuine_protocol_file() -> None:
    tasks = read_protocol(REAL / "formats" / "TestG100.mat")
    assert len(tasks) == 2900
    assert {len(task.gallery) for task in tasks} == {100}
    assert len({entry.image_name for task in tasks for entry in task.gallery}) == 6978
    positives = [len(task.positives) for task in tasks]
    assert sum(positives) == 5447
    assert (min(positives), max(positives), positives.count(1)) == (1, 13, 1501)
    assert sum(task.query.is_hard for task in tasks) == 193
    first = tasks[0]
    assert (first.person_name, first.query) == ("p10581", cuhk_sysu.Appearance("s15538.jpg", (488, 90, 88, 250)))
    assert all(task.gallery[: len(task.positives)] == task.positives for task in tasks)
    twice = [i for i, task in enumerate(tasks) if len({e.image_name for e in task.gallery}) < len(task.gallery)]
    assert twice == [1250, 1633, 1997, 2561]
    own = [i for i, task in enumerate(tasks) if task.query.image_name in {e.image_name for e in task.gallery}]
    assert own == [493, 2132]


@pytest.mark.real
@pytest.mark.needs("annotations")
def test_written_protocol_has_the_fields_of_the_genuine_one(written: tuple[Path, SceneSet, SceneSet]) -> None:
    folder, _, _ = written
    ours = scipy.io.loadmat(folder / "annotation/test/train_test/TestG4.mat")["TestG4"]
    theirs = scipy.io.loadmat(REAL / "formats" / "TestG100.mat")["TestG100"]
    assert ours.dtype == theirs.dtype
    assert ours.shape[0] == theirs.shape[0]
    for name in ("Query", "Gallery"):
        a, b = ours[0, 0][name], theirs[0, 0][name]
        assert a.dtype == b.dtype
        assert a.shape[0] == b.shape[0]
        for field in a.dtype.names:
            assert a[0, 0][field].shape == b[0, 0][field].shape
            assert a[0, -1][field].shape == b[0, -1][field].shape
