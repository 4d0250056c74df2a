from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from data.coco_tables import written
from sceneseek.data.coco import read_coco
from sceneseek.data.picture_files import SPELT_DIFFERENTLY, PictureFiles
from sceneseek.data.problems import BadRecord, Place, ProblemList

PLACE = Place(Path("annotations.json"), "image 1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("Hall A/Frame 1.JPG", "2.jpg", "caf\u00e9.jpg", "Gro\u00dfe Gasse.png", "100%25.jpg", "Twin.jpg",
                 "twin.JPG", "cam1/9.jpg", "cam2/9.jpg", "back\\slash.jpg"):  # fmt: skip
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).touch()
    return tmp_path / "images"


def found(folder: Path, name: str) -> tuple[str | None, list[str]]:
    problems = ProblemList()
    path = PictureFiles((folder, folder.parent)).find(name, PLACE, problems)
    shown = path.relative_to(folder).as_posix() if path.is_file() else None
    return shown, [p.kind for p in problems.problems]


@pytest.mark.parametrize("name", ["2.jpg", "Hall A/Frame 1.JPG", "./2.jpg", "images/2.jpg", "100%25.jpg",
                                  "back\\slash.jpg", "Twin.jpg", "twin.JPG"])  # fmt: skip
def test_a_name_that_leads_to_a_file_is_taken_as_it_stands(folder: Path, name: str) -> None:
    path, notes = found(folder, name)
    assert path == name.removeprefix("images/").removeprefix("./")
    assert notes == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Hall A\\Frame 1.JPG", "Hall A/Frame 1.JPG"),
        ("images\\Hall A\\Frame 1.JPG", "Hall A/Frame 1.JPG"),
        ("C:\\Users\\anna\\set\\images\\2.jpg", "2.jpg"),
        ("D:\\Hall A\\Frame 1.JPG", "Hall A/Frame 1.JPG"),
        ("\\\\server\\share\\cam2\\9.jpg", "cam2/9.jpg"),
        ("/home/ben/set/images/cam1/9.jpg", "cam1/9.jpg"),
        ("/cam2/9.jpg", "cam2/9.jpg"),
        ("file:///data/cam2/9.jpg", "cam2/9.jpg"),
        ("Hall%20A/Frame%201.JPG", "Hall A/Frame 1.JPG"),
        ("hall a/frame 1.jpg", "Hall A/Frame 1.JPG"),
        ("HALL%20A\\FRAME%201.jpg", "Hall A/Frame 1.JPG"),
        ("2.JPG", "2.jpg"),
        (unicodedata.normalize("NFD", "caf\u00e9.jpg"), "caf\u00e9.jpg"),
        ("CAF\u00c9.JPG", "caf\u00e9.jpg"),
        ("GROSSE GASSE.png", "Gro\u00dfe Gasse.png"),
        (" 2.jpg ", "2.jpg"),
    ],
)
def test_other_spellings_lead_to_the_file_and_are_noted(folder: Path, name: str, expected: str) -> None:
    assert found(folder, name) == (expected, [SPELT_DIFFERENTLY])


@pytest.mark.parametrize("name", ["3.jpg", "TWIN.jpg", "C:\\3.jpg", "/2/3.jpg", "cam3/9.jpg", "..", "%00"])
def test_what_is_not_there_or_cannot_be_told_is_not_guessed(folder: Path, name: str) -> None:
    assert found(folder, name) == (None, [])


@pytest.mark.parametrize("name", ["", "  ", "a\0b.jpg", "\ud800.jpg"])
def test_what_is_no_name_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(BadRecord, match="the name of the picture is"):
        PictureFiles((folder,)).find(name, PLACE, ProblemList())


def test_a_coco_file_of_windows_is_read(tmp_path: Path) -> None:
    def windows(table: dict) -> None:
        for row in table["images"]:
            row["file_name"] = f"C:\\data\\images\\{row['file_name'].upper()}"

    problems = ProblemList()
    scenes = read_coco(written(tmp_path, windows), on_problem=problems)
    assert [s.path.name for s in scenes.samples] == ["1.png", "2.png", "3.png", "4.png"]
    assert [(p.severity, p.place.record) for p in problems.problems] == [("note", f"image {i}") for i in (1, 2, 3, 4)]


def test_an_absolute_path_that_leads_to_a_file_is_taken(tmp_path: Path) -> None:
    def elsewhere(table: dict) -> None:
        moved = tmp_path / "elsewhere" / "1.png"
        moved.parent.mkdir()
        (tmp_path / "set" / "images" / "1.png").rename(moved)
        table["images"][0]["file_name"] = str(moved)

    problems = ProblemList()
    scenes = read_coco(written(tmp_path / "set", elsewhere), on_problem=problems)
    assert scenes.samples[0].path == tmp_path / "elsewhere" / "1.png"
    assert problems.problems == []
