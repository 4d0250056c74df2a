"""Ids, boxes and doubles that cannot be, in the layouts other than COCO's: named by file and record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

import layout_cases as cases
from sceneseek.data.checking import check
from sceneseek.data.crops import read_crops
from sceneseek.data.cuhk_sysu_writing import write_cuhk_sysu
from sceneseek.data.layouts import read_scenes
from sceneseek.data.problems import ProblemList
from sceneseek.data.prw_writing import write_prw
from sceneseek.data.webtattoo import COLUMNS
from sceneseek.data.webtattoo_writing import write_webtattoo
from sceneseek.errors import SceneseekError
from sceneseek.pictures import write_picture

BIG = 2**64 - 5


def problems_of(folder: Path) -> ProblemList:
    """What ``check`` says; what it calls an error, reading refuses in the same words."""
    found = check(folder).problems
    if found.errors:
        texts = [str(p) for p in found.errors]
        raised = []
        for split in ("train", "test"):
            try:
                read_scenes(folder, split)
            except SceneseekError as error:
                raised.append(str(error))
        assert raised
        assert set(raised) <= set(texts)
    return found


# -- PRW ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def prw(tmp_path: Path) -> Path:
    write_prw(cases.train_set(tmp_path), cases.query_set(tmp_path, first_id=7), tmp_path / "set")
    return tmp_path / "set"


@pytest.mark.parametrize("person", [1e300, 2.0**60, 7.5, -9, np.nan, np.inf])
def test_prw_ids(prw: Path, person: float) -> None:
    scipy.io.savemat(prw / "annotations/c1s1_000004.jpg.mat", {"box_new": np.array([[person, 250, 30, 60, 240]])})
    (error,) = problems_of(prw).errors[:1]
    assert (error.place.file.name, error.place.record) == ("c1s1_000004.jpg.mat", "box_new row 1")


def test_prw_ids_of_64_bits(prw: Path) -> None:
    rows = np.array([[BIG, 250, 30, 60, 240]], np.uint64)
    scipy.io.savemat(prw / "annotations/c1s1_000004.jpg.mat", {"box_new": rows})
    assert "from 0 to 9007199254740992" in problems_of(prw).errors[0].message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"{BIG} 20 30 70 170 c2s1_000005", "the id is 18446744073709551611; the largest number"),
        ("-2 20 30 70 170 c2s1_000005", "the id is -2; a query asks for somebody who is known"),
        ("7.5 20 30 70 170 c2s1_000005", "is not 'id x y width height frame'"),
        ("8 nan 30 70 170 c2s1_000005", "expected four finite numbers"),
        ("8 20 30 1e999 170 c2s1_000005", "expected four finite numbers"),
    ],
)
def test_prw_queries(prw: Path, line: str, words: str) -> None:
    with (prw / "query_info.txt").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    (error,) = problems_of(prw).errors
    assert (error.place.file.name, error.place.record) == ("query_info.txt", "line 3")
    assert words in error.message


def test_prw_query_lists_are_utf_8(prw: Path) -> None:
    file = prw / "query_info.txt"
    text = file.read_text(encoding="utf-8")
    file.write_bytes(text.encode("utf-8-sig"))
    assert not problems_of(prw).errors
    file.write_bytes(text.encode("utf-16"))
    assert "UTF-16 text; save it as UTF-8" in problems_of(prw).errors[0].message
    file.write_bytes(text.replace("c2s1_000005", "café").encode("latin-1"))
    assert "it is not UTF-8 text (byte e9 in line 2)" in problems_of(prw).errors[0].message


def test_prw_rows_twice_and_pictures_in_capitals(prw: Path) -> None:
    rows = np.array([[7, 250, 30, 60, 240]] * 2, np.float64)
    scipy.io.savemat(prw / "annotations/c1s1_000004.jpg.mat", {"box_new": rows})
    picture = prw / "frames" / "c2s1_000005.jpg"
    picture.rename(picture.with_suffix(".JPG"))
    found = problems_of(prw)
    assert not found.errors
    assert {p.kind for p in found.notes} == {
        "annotation twice", "person twice in a frame", "picture under another name",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "severity", "words"),
    [
        (lambda b: b / [cases.WIDTH, cases.HEIGHT, cases.WIDTH, cases.HEIGHT], "error", "shares of the picture"),
        (lambda b: np.hstack([b[:, :2], b[:, :2] + b[:, 2:]]), "error", "look like corners"),
    ],
)
def test_prw_boxes_of_other_programs(prw: Path, change: Callable[..., Any], severity: str, words: str) -> None:
    for file in (prw / "annotations").iterdir():
        rows = scipy.io.loadmat(file)["box_new"].astype(np.float64)
        rows[:, 1:] = change(rows[:, 1:])
        scipy.io.savemat(file, {"box_new": rows})
    found = [p for p in problems_of(prw).problems if p.kind == "unlikely boxes"]
    assert {p.severity for p in found} == {severity}
    assert all(words in p.message for p in found)


def test_prw_people_of_a_few_pixels(prw: Path) -> None:
    rows = np.array([[7, 250, 30, 2, 3], [8, 20, 30, 0.5, 90], [-2, 100, 20, 60, 140]], np.float64)
    scipy.io.savemat(prw / "annotations/c1s1_000004.jpg.mat", {"box_new": rows})
    kinds = {p.kind for p in problems_of(prw).problems if p.place.file.name == "c1s1_000004.jpg"}
    assert "very small box" in kinds


# -- CUHK-SYSU ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def cuhk(tmp_path: Path) -> Path:
    write_cuhk_sysu(cases.train_set(tmp_path), cases.query_set(tmp_path), tmp_path / "set", (3, 4))
    return tmp_path / "set"


def edit(file: Path, change: Callable[[Any], None]) -> None:
    variable = next(name for name in scipy.io.loadmat(file) if not name.startswith("__"))
    table = scipy.io.loadmat(file)[variable]
    change(table)
    scipy.io.savemat(file, {variable: table})


IMPOSSIBLE = [
    np.array([[np.nan, 20, 50, 120]]),
    np.array([[10, 20, np.inf, 120]]),
    np.array([[10, 20, 1e300, 120]]),
    np.array([[BIG, 20, 50, 120]], np.uint64),
    np.array([[0.1, 0.1, 0.3, 0.6]]),
    np.array([[10, 20, 50]]),
    np.array(["10 20 50 120"]),
]


@pytest.mark.parametrize("box", IMPOSSIBLE, ids=lambda box: str(box.tolist()[0]))
def test_cuhk_boxes_of_images(cuhk: Path, box: np.ndarray) -> None:
    def change(table: Any) -> None:
        table[0, 0]["box"][0, 0]["idlocate"] = box

    edit(cuhk / "annotation/Images.mat", change)
    assert (cuhk / "annotation/Images.mat", "Img 1, box 1") in [
        (p.place.file, p.place.record) for p in problems_of(cuhk).errors
    ]


@pytest.mark.parametrize("box", IMPOSSIBLE, ids=lambda box: str(box.tolist()[0]))
def test_cuhk_boxes_of_queries(cuhk: Path, box: np.ndarray) -> None:
    def change(table: Any) -> None:
        table[0, 0]["Query"]["idlocate"][0, 0] = box

    for size in (3, 4):
        edit(cuhk / f"annotation/test/train_test/TestG{size}.mat", change)
    records = [p.place.record for p in problems_of(cuhk).errors if p.place.file.name == "TestG4.mat"]
    assert records[:1] == ["TestG4 1, Query"]


def test_cuhk_counts_that_are_no_numbers(cuhk: Path) -> None:
    def change(table: Any) -> None:
        table[0, 0]["nAppear"] = np.array([[np.nan]])

    edit(cuhk / "annotation/Images.mat", change)
    assert [p.kind for p in problems_of(cuhk).problems] == ["count that disagrees"]


def test_cuhk_names_of_windows(cuhk: Path) -> None:
    picture = cuhk / "Image/SSM/s1.jpg"
    picture.rename(picture.with_name("S1.JPG"))
    found = problems_of(cuhk)
    assert not found.errors
    assert {p.kind for p in found.notes} == {"picture under another name"}


def test_cuhk_people_twice_in_an_image(cuhk: Path) -> None:
    def change(table: Any) -> None:
        scenes = next(found for person in table.flat if (found := person["scene"][0, 0]).size > 1)
        scenes[0, 1]["imname"], scenes[0, 1]["idlocate"] = scenes[0, 0]["imname"], np.array([[70, 20, 40, 130]])

    edit(cuhk / "annotation/test/train_test/Train.mat", change)
    assert "person twice in a picture" in {p.kind for p in problems_of(cuhk).notes}


# -- WebTattoo ---------------------------------------------------------------------------------------------------------


def tattoos(folder: Path, *lines: str) -> Path:
    for shade, name in enumerate(("a.jpg", "b.jpg", "c.jpg", "t.jpg", "u.jpg")):
        cases.picture(folder, name, 40 * shade)
    text = "\n".join([",".join(COLUMNS), "t.jpg,10,20,90,90,7,train,", "u.jpg,10,20,90,90,7,train,", *lines]) + "\n"
    (folder / "webtattoo.csv").write_text(text, encoding="utf-8")
    return folder


GOOD_LINES = ("a.jpg,10,20,60,90,7,test,query gallery", "b.jpg,10,20,60,90,7,test,gallery")


@pytest.mark.parametrize("word", [str(BIG), "1e300", "7.5", "-1", "nan", "inf", "rose", "1" * 400, "0x7"])
def test_tattoo_classes(tmp_path: Path, word: str) -> None:
    found = problems_of(tattoos(tmp_path, *GOOD_LINES, f"c.jpg,1,2,30,40,{word},test,gallery"))
    assert [(p.kind, p.place.record) for p in found.errors] == [("identity", "line 6")]


@pytest.mark.parametrize("word", ["7.0", "7", "007", "7.000"])
def test_tattoo_classes_that_went_through_a_spreadsheet(tmp_path: Path, word: str) -> None:
    folder = tattoos(tmp_path, *GOOD_LINES, f"c.jpg,1,2,30,40,{word},Test,Gallery")
    assert problems_of(folder).problems == []
    assert read_scenes(folder, "test").samples[2].person_ids.tolist() == [7]


@pytest.mark.parametrize(
    ("line", "severity", "kind"),
    [
        ("b.jpg,10,20,60,90,7,test,gallery", "note", "annotation twice"),
        ("B.JPG,200,20,60,90,8,test,gallery", "note", "picture under another name"),
        (".\\b.jpg,200,20,60,90,8,test,gallery", "note", "picture under another name"),
        ("b.jpg,300,20,60,90,8,test,gallery", "note", "box clipped to its picture"),
        ("b.jpg,400,20,60,90,8,test,gallery", "error", "box outside its picture"),
        ("b.jpg,10,20,60,90,7,test,gallery,,9", "error", "unreadable record"),
        ("z.jpg,10,20,60,90,7,test,gallery", "error", "missing picture"),
    ],
)
def test_tattoo_lines(tmp_path: Path, line: str, severity: str, kind: str) -> None:
    found = problems_of(tattoos(tmp_path, *GOOD_LINES, line))
    assert (severity, kind, "line 6") in [(p.severity, p.kind, p.place.record) for p in found.problems]


def test_tattoo_boxes_of_other_programs(tmp_path: Path) -> None:
    shares = (f"{name}.jpg,0.1,0.2,0.4,0.5,7,test,query gallery" for name in "ab")
    assert "shares of the picture" in str(problems_of(tattoos(tmp_path / "1", *shares)).errors[0])
    corners = (f"{name}.jpg,100,80,300,270,7,test,query gallery" for name in "abc")
    assert "look like corners" in str(problems_of(tattoos(tmp_path / "2", *corners)).errors[0])


def test_a_table_that_excel_saved(tmp_path: Path) -> None:
    test = cases.query_set(tmp_path)
    file = write_webtattoo(cases.train_set(tmp_path), test, tmp_path / "set", gallery="union")
    before = read_scenes(tmp_path / "set", "test")
    text = file.read_text(encoding="utf-8").replace(",", ";").replace(".5", ",5")
    file.write_bytes(f"sep=;\n{text}".replace("\n", "\r\n").encode("utf-8-sig"))
    after = read_scenes(tmp_path / "set", "test")
    cases.same_queries(after, before)
    for a, b in zip(after.samples, before.samples, strict=True):
        cases.same_people(a, b)


# -- crops -------------------------------------------------------------------------------------------------------------


def crop(path: Path) -> None:
    write_picture(np.full((64, 32, 3), 90, np.uint8), path)


@pytest.mark.parametrize("name", [f"{BIG}_c1s1_000451_03.jpg", f"{BIG}/1.jpg", f"person {BIG}/1.jpg"])
def test_crops_of_people_with_numbers_of_64_bits(tmp_path: Path, name: str) -> None:
    crop(tmp_path / "0002_c1s1_000451_03.jpg")
    crop(tmp_path / name)
    found = problems_of(tmp_path)
    assert [(p.kind, p.place.file.name) for p in found.errors] == [("identity", Path(name).name)]
    assert f"the person is {BIG}; the largest number" in found.errors[0].message


def test_crops_of_two_folders_with_one_number(tmp_path: Path) -> None:
    for name in ("person_2_a/1.jpg", "person_2_b/1.jpg", "-1/1.jpg", "-1/2.jpg", "0003/1.jpg"):
        crop(tmp_path / name)
    problems = ProblemList()
    found = read_crops(tmp_path, on_problem=problems)
    assert sorted(c.person_id for c in found) == [-1, -1, 2, 2, 3]
    assert [p.message for p in problems.notes] == [
        "the folders person_2_a, person_2_b have one number, 2, and are read as one person."
    ]
