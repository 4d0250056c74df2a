"""``sceneseek data check``, ``show`` and ``convert``: what they print, write and return."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import layout_cases as cases
from sceneseek.cli import app
from sceneseek.cli.data.check_page import histogram
from sceneseek.data.layouts import read_scenes
from sceneseek.errors import DataError, ValueRefused
from sceneseek.pictures import read_picture, write_picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cases.divided(tmp_path / "set")
    return tmp_path / "set"


def run(*arguments: Any, expect: int = 0) -> Any:
    result = CliRunner().invoke(app, ["data", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == expect, result.output
    return result


def break_one(folder: Path) -> None:
    (folder / "test" / "images" / "b_3.jpg").unlink()


def test_check_prints_counts_and_leaves_with_0(folder: Path) -> None:
    text = run("check", folder).stdout
    assert re.search(r"boxes +5 +7", text)
    assert re.search(r"boxes without identity +1 \(20\.0 %\) +2 \(28\.6 %\)", text)
    assert "All records can be used, 0 notes; every picture decoded." in text


def test_check_leaves_with_1_when_something_cannot_be_used(folder: Path) -> None:
    break_one(folder)
    text = run("check", folder, expect=1).stdout
    assert "error missing picture: 1" in text
    assert "b_3.jpg: the picture does not exist." in text.replace("\n", "")
    assert "1 record cannot be used" in text


def test_check_as_json_is_one_document(folder: Path) -> None:
    break_one(folder)
    found = json.loads(run("check", folder, "--json", "--headers-only", expect=1).stdout)
    assert (found["layout"], found["sound"], found["pictures"]) == ("coco", False, "headers")
    assert found["splits"]["test"]["box_height"] == {"min": 85.0, "median": 170.0, "max": 240.0}
    assert found["splits"]["test"]["unlabelled_share"] == 0.2857
    assert [p["kind"] for p in found["problems"]] == ["missing picture"]


def test_check_writes_a_page_that_needs_nothing_else(folder: Path, tmp_path: Path) -> None:
    break_one(folder)
    run("check", folder, "--html", tmp_path / "pages" / "check.html", expect=1)
    page = (tmp_path / "pages" / "check.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 3 + 5 + 2
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert "1 record cannot be used" in page
    assert "missing picture" in page
    assert "Query 0, person 0: 2 to find in 4 images" in page
    assert [p.name for p in (tmp_path / "pages").iterdir()] == ["check.html"]


def test_check_of_nothing_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="of no known layout"):
        run("check", tmp_path)


def test_histograms_count_everything_once() -> None:
    bars = histogram([0.5, 3, 3, 2000], (0, 1, 2, 4, np.inf), " px")
    assert [(b["label"], b["name"], b["count"]) for b in bars] == [
        ("0", "0 to 0 px", 1), ("1", "1 to 1 px", 0), ("2", "2 to 3 px", 2), ("4", "4 px and more", 1),
    ]  # fmt: skip
    assert histogram([], (0, 1)) == []


def test_show_draws_equal_sheets_for_equal_seeds(folder: Path, tmp_path: Path) -> None:
    sheets = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run("show", folder, "--out", tmp_path / f"{name}.png", "--num", "2", "--seed", seed)
        sheets.append(read_picture(tmp_path / f"{name}.png"))
    assert np.array_equal(sheets[0], sheets[1])
    assert not np.array_equal(sheets[0], sheets[2])


def test_show_a_person_and_an_image(folder: Path, tmp_path: Path) -> None:
    run("show", folder, "--person", "0", "--out", tmp_path / "person.png")
    assert read_picture(tmp_path / "person.png").std() > 10
    text = run("show", folder, "--image", "b_2", "--out", tmp_path / "image.png").stdout
    assert "image.png" in text
    drawn = read_picture(tmp_path / "image.png")
    flat = read_picture(next(s.path for s in read_scenes(folder).samples if s.path.stem == "b_2"))
    assert flat.std() < 1 < drawn.std()


def test_show_still_draws_when_a_picture_is_missing(folder: Path, tmp_path: Path) -> None:
    break_one(folder)
    run("show", folder, "--out", tmp_path / "sheet.jpg")
    assert (tmp_path / "sheet.jpg").is_file()


def test_show_says_what_is_not_there(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="person 99 is in no scene of test; it has 2 people, from 0 to 1"):
        run("show", folder, "--person", "99", "--out", tmp_path / "x.jpg")
    with pytest.raises(DataError, match=r"no image 'b_22\.jpg' in test\. Did you mean"):
        run("show", folder, "--image", "b_22.jpg", "--out", tmp_path / "x.jpg")
    with pytest.raises(ValueRefused, match="different sheets"):
        run("show", folder, "--image", "b_2.jpg", "--person", "1", "--out", tmp_path / "x.jpg")
    with pytest.raises(ValueRefused, match="--gallery-file is 'many'"):
        run("show", folder, "--gallery-file", "many", "--out", tmp_path / "x.jpg")


def test_convert_says_what_is_not_kept(folder: Path, tmp_path: Path) -> None:
    result = run("convert", folder, tmp_path / "new", "--to", "cuhk_sysu")
    assert "warning: not kept: The names of 5 cameras" in result.stderr
    assert "train: 3 images, 0 queries" in result.stdout
    assert len(read_scenes(tmp_path / "new").queries) == 2
    found = json.loads(run("convert", tmp_path / "new", tmp_path / "back", "--to", "prw", "--json").stdout)
    assert (found["from_layout"], found["images"]) == ("cuhk_sysu", {"train": 3, "test": 5})
    assert "Camera names" in found["lost"][0]


def test_queries_from_crops_are_shown_and_converted(folder: Path, tmp_path: Path) -> None:
    write_picture(np.zeros((60, 30, 3), np.uint8), tmp_path / "crops" / "0001_c1s1_1.jpg")
    run("convert", folder, tmp_path / "asked", "--to", "coco", "--queries", tmp_path / "crops")
    assert [q.person_id for q in read_scenes(tmp_path / "asked").queries] == [1]
    found = json.loads(run("check", folder, "--queries", tmp_path / "crops", "--json").stdout)
    assert found["splits"]["test"]["queries"] == 1
    with pytest.raises(ValueRefused, match="nowhere does not exist"):
        run("check", folder, "--queries", tmp_path / "nowhere")
