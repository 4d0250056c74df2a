from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import layout_cases as cases
from sceneseek.data.problems import ProblemList
from sceneseek.data.webtattoo import COLUMNS, read_table, read_webtattoo
from sceneseek.data.webtattoo_writing import write_webtattoo
from sceneseek.errors import DataError
from sceneseek.structures import UNLABELED, Query, SceneSet

HEADER = ",".join(COLUMNS)


def _tattoos(folder: Path) -> SceneSet:
    """Two queries of their own, a gallery of four pictures (one without tattoos), one picture for detection only."""
    scenes = (
        cases.scene(folder / "t", 0, {(10, 20, 60.5, 140.25): 201}),
        cases.scene(folder / "t", 1, {(5, 5, 90, 90): 202, (120, 30, 160, 90): UNLABELED}),
        cases.scene(folder / "t", 2, {(30, 40, 100, 220): 202}),
        cases.scene(folder / "t", 3, {(30, 40, 100, 220): 201, (150, 40, 200, 220): 202}),
        cases.scene(folder / "t", 4, {}),
        cases.scene(folder / "t", 5, {(60, 30, 130, 190): UNLABELED}),
        cases.scene(folder / "t", 6, {(60, 30, 130, 190): 201}),
    )
    queries = (
        Query(0, 0, scenes[0].boxes[0], 201, (3, 2, 4, 5)),
        Query(1, 1, scenes[1].boxes[0], 202, (2, 3, 4, 5)),
    )
    return SceneSet("test", scenes, queries)


def test_round_trip_of_both_splits(tmp_path: Path) -> None:
    train, test = cases.train_set(tmp_path), _tattoos(tmp_path)
    file = write_webtattoo(train, test, tmp_path / "set")
    for split, expected in (("train", train), ("test", test)):
        found = read_webtattoo(tmp_path / "set", split)
        assert [s.path.name for s in found.samples] == [s.path.name for s in expected.samples]
        for a, b in zip(found.samples, expected.samples, strict=True):
            cases.same_people(a, b)
            assert a.path.read_bytes() == b.path.read_bytes()
    cases.same_queries(found, test)
    assert [q.gallery for q in found.queries] == [(3, 2, 4, 5), (2, 3, 4, 5)]
    assert read_webtattoo(file, "test").queries[0].gallery == (3, 2, 4, 5)


def test_a_query_picture_may_be_searched_by_other_queries(tmp_path: Path) -> None:
    test = _tattoos(tmp_path)
    queries = (
        Query(0, 0, test.samples[0].boxes[0], 201, (3, 1)),
        Query(1, 1, test.samples[1].boxes[0], 202, (3, 0)),
    )
    both = SceneSet("test", test.samples, queries)
    # each searches {0, 1, 3} but its own
    write_webtattoo(cases.train_set(tmp_path), both, tmp_path / "set")
    assert [set(q.gallery) for q in read_webtattoo(tmp_path / "set", "test").queries] == [{1, 3}, {0, 3}]


def _table(folder: Path, *lines: str, header: str = HEADER) -> Path:
    cases.picture(folder, "a.jpg", 40)
    file = folder / "webtattoo.csv"
    file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8-sig")
    return folder


def test_byte_order_mark_further_columns_and_other_column_order(tmp_path: Path) -> None:
    header = "notes,split,role,image,x,y,w,h,class"
    folder = _table(tmp_path, '"seen, twice",test,query gallery,a.jpg,1,2,30,40,7', header=header)
    found = read_webtattoo(folder, "test")
    assert found.samples[0].boxes.tolist() == [[1, 2, 31, 42]]
    assert found.queries[0].gallery == ()


def test_boxes_are_clipped_to_the_picture(tmp_path: Path) -> None:
    folder = _table(tmp_path, "a.jpg,-5,250,30,60,7,train,")
    assert read_webtattoo(folder).samples[0].boxes.tolist() == [[0, 250, 25, cases.HEIGHT]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (",1,2,3,4,7,train,", "line 2: the image is empty"),
        ("a.jpg,1,2,3,4,7,val,", "line 2: the split is 'val'"),
        ("a.jpg,1,2,3,4,7,train,probe", "line 2: the role is 'probe'"),
        ("a.jpg,1,2,3,,7,train,", "line 2: x,y,w,h are 1,2,3,"),
        ("a.jpg,1,2,nan,4,7,train,", "line 2: .*finite"),
        ("a.jpg,1,2,0,4,7,train,", "line 2: .*above zero"),
        ("a.jpg,1,2,3,4,rose,train,", "line 2: the class is 'rose'"),
        ("a.jpg,1,2,3,4,,train,query", "line 2: a query needs a class"),
        ("a.jpg,,,,,7,train,gallery", "line 2: class 7 has no box; only a query may be a whole picture"),
        ("b.jpg,1,2,3,4,7,train,", r"line 2: the picture .*b\.jpg does not exist"),
        ("a.jpg,900,2,3,4,7,train,", "line 2: the box lies outside"),
        ("a.jpg,1,2,3,4,7,test,", "no row of the split 'train'"),
    ],
)
def test_wrong_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    folder = _table(tmp_path, line)
    with pytest.raises(DataError, match=message):
        read_webtattoo(folder)


def test_wrong_tables(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the file does not exist; expected a table with the columns image,x,y"):
        read_webtattoo(tmp_path)
    _table(tmp_path, header="image,x,y,w,h,klass,split,role")
    with pytest.raises(DataError, match=r"no column 'class'\. Did you mean 'klass'"):
        read_webtattoo(tmp_path)
    (tmp_path / "webtattoo.csv").write_bytes(b"\xff\xfe\x00image")
    with pytest.raises(DataError, match="UTF-16 text; save it as UTF-8"):
        read_table(tmp_path / "webtattoo.csv")
    with pytest.raises(DataError, match="found 'all'"):
        read_webtattoo(tmp_path, "all")  # type: ignore[arg-type]


def test_writer_refuses_what_the_table_cannot_hold(tmp_path: Path) -> None:
    test, train = _tattoos(tmp_path), cases.train_set(tmp_path)
    first, second = test.queries
    unequal = SceneSet("test", test.samples, (first, Query(1, 1, second.box, 202, (2, 3))))
    with pytest.raises(DataError, match="query 1 searches other pictures"):
        write_webtattoo(train, unequal, tmp_path / "set")
    moved = SceneSet("test", test.samples, (Query(0, 0, np.array([1, 1, 9, 9]), 201, first.gallery), second))
    with pytest.raises(DataError, match="box of query 0 is not one of"):
        write_webtattoo(train, moved, tmp_path / "set")


def test_queries_may_be_sketches_that_fill_their_picture(tmp_path: Path) -> None:
    """No box: the whole picture is the query; detection is not scored on it unless it is searched too."""
    folder = _table(tmp_path, "a.jpg,,,,,7,test,query", "b.jpg,1,2,30,40,7,test,gallery", "c.jpg,,,,,,test,gallery")
    cases.picture(tmp_path, "b.jpg", 80)
    cases.picture(tmp_path, "c.jpg", 120)
    found = read_webtattoo(folder, "test")
    sketch = found.samples[0]
    assert sketch.boxes.tolist() == [[0, 0, cases.WIDTH, cases.HEIGHT]]
    assert sketch.ignore_mask.tolist() == [True]
    assert found.queries[0].box.tolist() == [0, 0, cases.WIDTH, cases.HEIGHT]
    assert found.queries[0].gallery == (1, 2)
    write_webtattoo(cases.train_set(tmp_path), found, tmp_path / "set")
    again = read_webtattoo(tmp_path / "set", "test")
    assert again.samples[0].ignore_mask.tolist() == [True]
    cases.same_queries(again, found)
    folder = _table(tmp_path, "a.jpg,,,,,7,test,query gallery")
    assert not read_webtattoo(folder, "test").samples[0].ignore_mask.any()


def test_one_bad_line_never_hides_the_next(tmp_path: Path) -> None:
    folder = _table(
        tmp_path,
        "a.jpg,1,2,3,4,7,val,",
        "a.jpg,1,2,30,40,7,test,query",
        "z.jpg,1,2,3,4,7,test,",
        "a.jpg,900,2,3,4,7,test,",
    )
    problems = ProblemList()
    found = read_webtattoo(folder, "test", on_problem=problems)
    assert [(p.severity, p.kind, p.place.record) for p in problems.problems] == [
        ("error", "unreadable record", "line 2"),
        ("error", "box outside its picture", "line 5"),
        ("error", "missing picture", "line 4"),
        ("note", "nobody to find", "line 3"),
    ]
    assert (len(found), len(found.queries)) == (1, 1)


def test_one_gallery_for_all_on_request(tmp_path: Path) -> None:
    test = _tattoos(tmp_path)
    first, second = test.queries
    unequal = SceneSet("test", test.samples, (first, Query(1, 1, second.box, 202, (2, 3))))
    write_webtattoo(cases.train_set(tmp_path), unequal, tmp_path / "set", gallery="union")
    assert [set(q.gallery) for q in read_webtattoo(tmp_path / "set", "test").queries] == [{2, 3, 4, 5}] * 2
