"""Every trap that CUHK-SYSU's files are known to set, by name: on miniatures, and on the genuine file where it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

import layout_cases as cases
from sceneseek.data import cuhk_sysu, matlab
from sceneseek.data.cuhk_sysu import read_cuhk_sysu, read_images, read_people, read_protocol
from sceneseek.data.cuhk_sysu_writing import write_cuhk_sysu
from sceneseek.data.problems import Place, ProblemList
from sceneseek.errors import DataError
from sceneseek.structures import UNLABELED
from suite.needs import REAL

IMAGES, TRAIN, TEST = "annotation/Images.mat", "annotation/test/train_test/Train.mat", "annotation/test/train_test/"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Train s1..s3, pool s4..s8; two queries with galleries of four, positives first."""
    write_cuhk_sysu(cases.train_set(tmp_path), cases.query_set(tmp_path), tmp_path / "set", (3, 4))
    return tmp_path / "set"


@pytest.fixture(scope="module")
def genuine() -> tuple[cuhk_sysu.Task, ...]:
    return read_protocol(REAL / "formats" / "TestG100.mat")


def edit(file: Path, change: Callable[[Any], Any]) -> None:
    variable = next(name for name in scipy.io.loadmat(file) if not name.startswith("__"))
    table = scipy.io.loadmat(file)[variable]
    scipy.io.savemat(file, {variable: table if (changed := change(table)) is None else changed})


def gallery_entry(row: int, place: int) -> Callable[[Any], Any]:
    return lambda table: table[0, row]["Gallery"][0, place]


def kinds(problems: ProblemList) -> list[tuple[str, str]]:
    return [(p.severity, p.kind) for p in problems.problems]


def test_idlocate_of_uint16_does_not_overflow(folder: Path) -> None:
    """65,500 + 100 as uint16 is 64."""

    def change(table: Any) -> None:
        table[0, 0]["Query"]["idlocate"][0, 0] = np.array([[65500, 10, 100, 20]], np.uint16)

    edit(folder / TEST / "TestG4.mat", change)
    x, _, w, _ = read_protocol(folder / TEST / "TestG4.mat")[0].query.xywh
    assert x + w == 65600
    assert type(x) is int


def test_positives_come_first_and_another_order_is_noted(folder: Path) -> None:
    def change(table: Any) -> None:
        gallery = table[0, 0]["Gallery"]
        table[0, 0]["Gallery"] = gallery[:, ::-1]

    edit(folder / TEST / "TestG4.mat", change)
    problems = ProblemList()
    found = read_cuhk_sysu(folder, "test", 4, on_problem=problems)
    assert kinds(problems) == [("note", "positives are not first")]
    assert str(problems.problems[0].place).endswith("TestG4.mat, TestG4 1")
    # A code that stops at the first entry without a box would find nobody.
    assert sum((s.person_ids == 0).sum() for s in found.samples) == 3


def test_the_loop_over_testg_labels_the_query_and_all_positives(folder: Path) -> None:
    found = read_cuhk_sysu(folder, "test", 4)
    shown = {s.path.name: s.person_ids.tolist() for s in found.samples}
    assert shown == {
        "s4.jpg": [0, UNLABELED], "s5.jpg": [1], "s6.jpg": [0, 1], "s7.jpg": [UNLABELED], "s8.jpg": [0],
    }  # fmt: skip


def test_a_gallery_image_listed_twice_stays_twice_and_is_noted(folder: Path) -> None:
    def change(table: Any) -> None:
        first, second = (table[0, 0]["Gallery"][0, i] for i in (0, 1))
        second["imname"], second["idlocate"] = first["imname"], first["idlocate"]

    edit(folder / TEST / "TestG4.mat", change)
    problems = ProblemList()
    query = read_cuhk_sysu(folder, "test", 4, on_problem=problems).queries[0]
    assert query.gallery[0] == query.gallery[1]
    assert len(query.gallery) == 4
    assert kinds(problems) == [("note", "gallery lists an image twice")]


def test_a_query_with_its_own_image_in_the_gallery_is_noted(folder: Path) -> None:
    def change(table: Any) -> None:
        gallery_entry(0, 3)(table)["imname"] = np.array(["s4.jpg"])

    edit(folder / TEST / "TestG4.mat", change)
    problems = ProblemList()
    query = read_cuhk_sysu(folder, "test", 4, on_problem=problems).queries[0]
    assert query.image_id in query.gallery
    assert kinds(problems) == [("note", "query's own image in its gallery")]


@pytest.mark.parametrize("box", [[70, 20, 0, 130], [70, 20, 40, 0], [70, 20, -40, 130]])
def test_boxes_of_zero_or_negative_width_are_dropped_and_noted(folder: Path, box: list[int]) -> None:
    def change(table: Any) -> None:
        table[0, 0]["box"][0, 1]["idlocate"] = np.array([box], np.int16)

    edit(folder / IMAGES, change)
    problems = ProblemList()
    assert read_images(folder / IMAGES, problems)["s1.jpg"].tolist() == [[10, 20, 50, 120]]
    assert kinds(problems) == [("note", "box without area")]
    assert str(problems.problems[0].place).endswith("Images.mat, Img 1, box 2")


def test_person_mat_is_never_needed_but_checked(folder: Path) -> None:
    def change(table: Any) -> None:
        table[0, 0]["nAppear"] = np.array([[7]], np.uint16)
        table[0, 1]["scene"][0, 0]["imname"] = np.array(["s99.jpg"])

    edit(folder / "annotation/Person.mat", change)
    problems = ProblemList()
    assert cuhk_sysu.check_people(folder, problems) == 5
    assert kinds(problems) == [("note", "count that disagrees"), ("error", "unlisted image")]
    (folder / "annotation/Person.mat").unlink()
    assert cuhk_sysu.check_people(folder, ProblemList()) == 0
    assert len(read_cuhk_sysu(folder).person_ids) == 3


def test_train_mat_matches_by_exact_equality_and_the_first_hit_wins(folder: Path) -> None:
    def twice(table: Any) -> None:  # s1: two equal boxes; the label goes to the first
        table[0, 0]["box"][0, 1]["idlocate"] = table[0, 0]["box"][0, 0]["idlocate"]

    edit(folder / IMAGES, twice)
    assert read_cuhk_sysu(folder).samples[0].person_ids.tolist() == [1, UNLABELED]

    def nearly(table: Any) -> None:  # s1: a pixel off is no match
        for i in (0, 1):
            table[0, 0]["box"][0, i]["idlocate"] = np.array([[11, 20, 50, 120]], np.uint16)

    edit(folder / IMAGES, nearly)
    problems = ProblemList()
    found = read_cuhk_sysu(folder, on_problem=problems).samples[0]
    assert found.person_ids.tolist() == [UNLABELED, UNLABELED, 1]
    assert found.boxes[2].tolist() == [10, 20, 60, 140]
    assert kinds(problems) == [("note", "unmatched box"), ("note", "annotation twice")]


def test_training_images_are_all_that_are_not_in_the_pool(folder: Path) -> None:
    assert [s.path.name for s in read_cuhk_sysu(folder).samples] == ["s1.jpg", "s2.jpg", "s3.jpg"]


@pytest.mark.parametrize(("subset", "file", "variable"), [
    ("occlusion", "Occlusion.mat", "Occlusion1"), ("resolution", "Resolution.mat", "Test_Size"),
])  # fmt: skip
def test_subsets_are_stored_under_names_of_their_own(folder: Path, subset: Any, file: str, variable: str) -> None:
    table = scipy.io.loadmat(folder / TEST / "TestG4.mat")["TestG4"]
    matlab.save_variables(folder / "annotation/test/subset" / file, **{variable: table[:, 1:]})
    found = read_cuhk_sysu(folder, "test", subset=subset)
    assert found.name == f"cuhk-sysu-{subset}"
    assert len(found.queries) == 1
    assert found.by_id[found.queries[0].image_id].path.name == "s5.jpg"
    assert len(read_protocol(folder / "annotation/test/subset" / file)) == 1
    with pytest.raises(DataError, match="found 'night'"):
        read_cuhk_sysu(folder, "test", subset="night")  # type: ignore[arg-type]


def test_the_full_gallery_adds_every_other_pool_image_but_the_querys_own(folder: Path) -> None:
    """From the smallest protocol file, behind what it lists."""
    listed = read_cuhk_sysu(folder, "test", 3).queries
    found = read_cuhk_sysu(folder, "test", "full")
    for a, b in zip(listed, found.queries, strict=True):
        assert b.gallery[:3] == a.gallery
        assert set(b.gallery) == set(found.by_id) - {b.image_id}
        assert len(b.gallery) == len(set(b.gallery))


def test_one_bad_record_never_hides_the_next(folder: Path) -> None:
    """A query without a box, a missing picture, an unreadable box: three errors, and the rest is read."""

    def query(table: Any) -> None:
        table[0, 0]["Query"]["idlocate"][0, 0] = np.zeros((1, 0))

    def box(table: Any) -> None:
        table[0, 4]["box"][0, 0]["idlocate"] = np.array([[1, 2, 3]], np.uint16)

    edit(folder / TEST / "TestG4.mat", query)
    edit(folder / IMAGES, box)
    (folder / "Image/SSM/s7.jpg").unlink()
    problems = ProblemList()
    found = read_cuhk_sysu(folder, "test", 4, on_problem=problems)
    assert [(p.kind, p.place.file.name, p.place.record) for p in problems.errors] == [
        ("unreadable box", "Images.mat", "Img 5, box 1"),
        ("query without a box", "TestG4.mat", "TestG4 1"),
        ("missing picture", "s7.jpg", ""),
    ]
    assert [s.path.name for s in found.samples] == ["s4.jpg", "s5.jpg", "s6.jpg", "s8.jpg"]
    assert [q.query_id for q in found.queries] == [1]
    assert len(found.queries[0].gallery) == 3


def test_counts_that_disagree_are_noted(folder: Path) -> None:
    def change(table: Any) -> None:
        table[0, 0]["nAppear"] = np.array([[5]], np.uint16)

    edit(folder / IMAGES, change)
    problems = ProblemList()
    read_images(folder / IMAGES, problems)
    assert [str(p) for p in problems.notes] == [
        f"{Place(folder / IMAGES, 'Img 1')}: the record states [5] boxes and holds 2."
    ]


def test_people_keep_their_row_when_one_cannot_be_read(folder: Path) -> None:
    def change(table: Any) -> None:
        table[0, 0] = np.zeros((1, 1))

    edit(folder / TRAIN, change)
    problems = ProblemList()
    people = read_people(folder / TRAIN, "Train", problems)
    assert [len(p.appearances) for p in people] == [0, 2, 1]
    assert len(problems.errors) == 1


@pytest.mark.real
@pytest.mark.needs("annotations")
def test_genuine_duplicates_and_own_images(genuine: tuple[cuhk_sysu.Task, ...]) -> None:
    twice = [i for i, task in enumerate(genuine) if len({e.image_name for e in task.gallery}) < len(task.gallery)]
    assert twice == [1250, 1633, 1997, 2561]
    for row, name, num_boxes in ((1250, "s3981.jpg", 1), (1633, "s11888.jpg", 2), (1997, "s5957.jpg", 2)):
        boxes = [entry.xywh for entry in genuine[row].gallery if entry.image_name == name]
        assert (len(boxes), len(set(boxes))) == (2, num_boxes)
    own = [i for i, task in enumerate(genuine) if task.query.image_name in {e.image_name for e in task.gallery}]
    assert own == [493, 2132]


@pytest.mark.real
@pytest.mark.needs("annotations")
def test_genuine_positives_come_first(genuine: tuple[cuhk_sysu.Task, ...]) -> None:
    assert all(task.gallery[: len(task.positives)] == task.positives for task in genuine)
    positives = [len(task.positives) for task in genuine]
    assert (len(genuine), sum(positives), max(positives), positives.count(1)) == (2900, 5447, 13, 1501)
