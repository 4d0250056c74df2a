from __future__ import annotations

from pathlib import Path

import pytest

from sceneseek.data.problems import ProblemList
from sceneseek.data.table_files import TableRow, read_rows
from sceneseek.errors import DataError

COLUMNS = ("image", "x", "class")


def rows(file: Path, text: str, encoding: str = "utf-8", line_end: str = "\n") -> list[TableRow]:
    file.write_bytes(text.replace("\n", line_end).encode(encoding))
    return list(read_rows(file, COLUMNS, ProblemList()))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "text",
    [
        "image,x,class\nä.jpg,1.5,7\nb.jpg,-2,\n",
        "image;x;class\nä.jpg;1,5;7\nb.jpg;-2;\n",
        "image;x;class\nä.jpg;1.5;7\nb.jpg;-2;\n",
        "image\tx\tclass\nä.jpg\t1,5\t7\nb.jpg\t-2\t\n",
        "image|x|class\nä.jpg|1.5|7\nb.jpg|-2|\n",
        "sep=;\nimage;x;class\nä.jpg;1,5;7\nb.jpg;-2;\n",
        "SEP=,\nimage,x,class\nä.jpg,1.5,7\nb.jpg,-2,\n",
        '"image","x","class"\n"ä.jpg","1.5","7"\n"b.jpg","-2",""\n',
        " Image , X , CLASS \n ä.jpg , 1.5 , 7 \n b.jpg , -2 , \n",
        "class,x,image\n7,1.5,ä.jpg\n,-2,b.jpg\n",
        "image,x,class\n\nä.jpg,1.5,7\n,,\nb.jpg,-2,\n\n",
        "image,x,class,,\nä.jpg,1.5,7,,\nb.jpg,-2,,,\n",
        "image,x,class\nä.jpg,1.5,7\nb.jpg,-2",
        'image,notes,x,class\nä.jpg,"two\nlines, here",1.5,7\nb.jpg,,-2,\n',
    ],
)
def test_tables_of_every_program(tmp_path: Path, text: str, encoding: str, line_end: str) -> None:
    found = rows(tmp_path / "t.csv", text, encoding, line_end)
    assert [(r.cells["image"], r.number("x"), r.cells["class"]) for r in found] == [
        ("ä.jpg", 1.5, "7"),
        ("b.jpg", -2.0, ""),
    ]


def test_lines_are_numbered_as_an_editor_numbers_them(tmp_path: Path) -> None:
    found = rows(tmp_path / "t.csv", 'sep=,\nimage,x,class\n\na.jpg,1,\n"b\nc.jpg",2,\nd.jpg,3,\n')
    assert [(r.line, r.cells["image"]) for r in found] == [(4, "a.jpg"), (6, "b\nc.jpg"), (7, "d.jpg")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty; expected a table with the columns image,x,class"),
        ("image,x\na.jpg,1\n", "no column 'class'"),
        ("image,x,klass\na.jpg,1,7\n", "no column 'class'. Did you mean 'klass'"),
        ("image,x,class,x\na.jpg,1,7,2\n", "the column 'x' stands twice"),
        ('image,x,class\n"a.jpg,1,7\nb.jpg,1,7\n', "line 3: .*quotation mark"),
        ('image,x,class\n"a"b.jpg,1,7\n', "line 2: .*quotation mark"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        rows(tmp_path / "t.csv", text)


def test_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    file, problems = tmp_path / "t.csv", ProblemList()
    file.write_text("image,Ignore,x,class,,notes\na.jpg,1,5,7,,\n", encoding="utf-8")
    list(read_rows(file, COLUMNS, problems))
    assert [p.message for p in problems.notes] == ["further columns are not read: ignore, notes."]


def test_a_line_with_too_many_cells_is_named_and_left_out(tmp_path: Path) -> None:
    file, problems = tmp_path / "t.csv", ProblemList()
    file.write_text("image,x,class\na.jpg,1,5,7\nb.jpg,2,8\n", encoding="utf-8")
    assert [r.cells["image"] for r in read_rows(file, COLUMNS, problems)] == ["b.jpg"]
    assert [str(p).removeprefix(f"{file}, ") for p in problems.errors] == [
        "line 2: there are 4 cells for 3 columns; a cell that holds a comma needs quotation marks."
    ]


@pytest.mark.parametrize("text", ["1.234,5", "1,5,5", "one", "", "1 5"])
def test_numbers_that_cannot_be_told_are_none(tmp_path: Path, text: str) -> None:
    (row,) = rows(tmp_path / "t.csv", f"image;x;class\na.jpg;{text};7\n")
    with pytest.raises(ValueError, match="could not convert"):
        row.number("x")


def test_a_workbook_and_utf_16_are_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0")
    with pytest.raises(DataError, match=r"t\.csv: the file cannot be read: it is a ZIP archive; expected UTF-8 text"):
        list(read_rows(file, COLUMNS, ProblemList()))
    with pytest.raises(DataError, match="UTF-16 text; save it as UTF-8"):
        rows(file, "image\tx\tclass\n", "utf-16")
