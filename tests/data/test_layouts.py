"""One way to read every layout: recognised by its files, divided into its splits, refused with what was looked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import layout_cases as cases
from sceneseek.cli import data_options
from sceneseek.cli.data.convert import Target
from sceneseek.data import layouts
from sceneseek.data.converting import WRITABLE, convert
from sceneseek.data.layouts import Choices, guess_layout, read_scenes, splits_of
from sceneseek.errors import DataError
from sceneseek.pictures import write_picture


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same scenes in every layout, and a folder of crops."""
    folder = tmp_path_factory.mktemp("layouts")
    cases.divided(folder / "coco")
    found = {"coco": folder / "coco"}
    for layout in ("cuhk_sysu", "prw", "webtattoo"):
        found[layout] = convert(folder / "coco", folder / layout, layout).folder
    for name in ("query/0001_c1s1_1.jpg", "bounding_box_test/0001_c2s1_1.jpg"):
        write_picture(np.zeros((8, 4, 3), np.uint8), folder / "crops" / name)
    found["crops"] = folder / "crops"
    return found


@pytest.mark.parametrize("layout", layouts.LAYOUTS)
def test_each_layout_is_recognised_and_read(sets: dict[str, Path], layout: str) -> None:
    assert guess_layout(sets[layout]) == layout
    found = read_scenes(sets[layout])
    assert len(found.queries) == (1 if layout == "crops" else 2)
    assert splits_of(sets[layout], layout) == (("test",) if layout == "crops" else ("train", "test"))


@pytest.mark.parametrize("layout", ["coco", "cuhk_sysu", "prw", "webtattoo"])
def test_the_training_part_is_read_by_name(sets: dict[str, Path], layout: str) -> None:
    found = read_scenes(sets[layout], "train")
    assert (len(found), len(found.queries)) == (3, 0)


def test_files_name_their_layout(sets: dict[str, Path]) -> None:
    assert guess_layout(sets["coco"] / "test" / "annotations.json") == "coco"
    assert guess_layout(sets["webtattoo"] / "webtattoo.csv") == "webtattoo"
    assert len(read_scenes(sets["coco"] / "test")) == 5
    assert splits_of(sets["coco"] / "test", "coco") == (None,)


def test_crops_ask_in_any_layout(sets: dict[str, Path], tmp_path: Path) -> None:
    write_picture(np.zeros((8, 4, 3), np.uint8), tmp_path / "0000_c1s1_1.jpg")
    found = read_scenes(sets["cuhk_sysu"], choices=Choices(queries=tmp_path))
    assert [q.person_id for q in found.queries] == [0]
    assert (len(found), len(found.queries[0].gallery)) == (6, 5)


def test_a_list_of_queries_belongs_to_prw(sets: dict[str, Path], tmp_path: Path) -> None:
    mini = tmp_path / "mini.txt"
    mini.write_bytes((sets["prw"] / "query_info.txt").read_bytes().splitlines()[0])
    assert len(read_scenes(sets["prw"], choices=Choices(queries=mini)).queries) == 1
    with pytest.raises(DataError, match="coco has no lists of queries"):
        read_scenes(sets["coco"], choices=Choices(queries=mini))


def test_what_is_not_there_or_not_known_is_refused(sets: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist"):
        read_scenes(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"of no known layout\. Looked for coco: annotations\.json"):
        read_scenes(tmp_path)
    with pytest.raises(DataError, match=r"no layout 'coca'\. Did you mean 'coco'"):
        read_scenes(sets["coco"], layout="coca")
    (tmp_path / "annotations.json").write_text("{}")
    (tmp_path / "webtattoo.csv").write_text("")
    with pytest.raises(DataError, match=r"several layouts \(coco, webtattoo\)"):
        read_scenes(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError, match="a data set is a folder"):
        read_scenes(tmp_path / "notes.txt")


def test_the_command_line_knows_the_same_names() -> None:
    assert [o.value for o in data_options.Layout] == [layouts.AUTO, *layouts.LAYOUTS]
    assert [o.value for o in Target] == list(WRITABLE)
    assert [o.value for o in data_options.Split] == list(layouts.SPLITS)


def test_the_examples_of_the_guide_are_read(tmp_path: Path) -> None:
    """The JSON and the table that the how-to page shows are what the readers take."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "your-own-data.md").read_text(encoding="utf-8")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "annotations.json").write_text(page.split("```json\n")[1].split("```")[0])
    own = read_scenes(tmp_path / "own")
    assert (len(own), own.queries[0].gallery, own.samples[1].camera_id) == (2, (2,), "stairs")
    table = page.split("```text\nimage,x")[1].split("```")[0]
    for line in table.splitlines()[1:]:
        write_picture(np.zeros((500, 500, 3), np.uint8), tmp_path / "tattoos" / line.split(",")[0])
    (tmp_path / "tattoos" / "webtattoo.csv").write_text(f"image,x{table}")
    found = read_scenes(tmp_path / "tattoos")
    assert (len(found), found.queries[0].person_id, len(found.queries[0].gallery)) == (4, 201, 3)
