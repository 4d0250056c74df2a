"""A data set looked over: counts, pictures that are missing, cut or of another size, and what contradicts what."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import layout_cases as cases
from sceneseek.data.checking import check, summarise
from sceneseek.data.converting import convert
from sceneseek.data.problems import BadRecord, Place, Problem, ProblemList, refuse, reporting
from sceneseek.errors import DataError, PictureError, ValueRefused
from sceneseek.pictures import write_picture
from sceneseek.structures import SceneSet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cases.divided(tmp_path / "set")
    return tmp_path / "set"


def test_a_sound_set_has_its_counts_and_no_problem(folder: Path) -> None:
    report = check(folder)
    assert report.is_sound
    assert report.problems.problems == []
    assert report.layout == "coco"
    test = report.splits["test"]
    assert test.counts == {"images": 5, "boxes": 7, "unlabelled": 2, "identities": 2, "queries": 2}
    assert test.unlabelled_share == pytest.approx(2 / 7)
    assert test.cameras == {f"c{i}": 1 for i in range(1, 6)}
    assert (test.gallery_sizes.tolist(), test.positives.tolist()) == ([4, 4], [2, 1])
    assert test.appearances.tolist() == [3, 2]
    assert sorted(test.heights.tolist()) == [85, 155, 160, 170, 180, 180, 240]
    assert test.image_sizes == {(cases.WIDTH, cases.HEIGHT): 5}


def test_pictures_missing_cut_or_of_another_size_are_named(folder: Path) -> None:
    images = folder / "test" / "images"
    (images / "b_0.jpg").unlink()
    noise = np.random.default_rng(0).integers(0, 255, (cases.HEIGHT, cases.WIDTH, 3)).astype(np.uint8)
    write_picture(noise, images / "b_1.jpg")
    whole = (images / "b_1.jpg").read_bytes()
    (images / "b_1.jpg").write_bytes(whole[: len(whole) // 2])
    (images / "b_2.jpg").write_bytes(b"")
    write_picture(noise[:-10], images / "b_3.jpg")
    report = check(folder)
    assert [(p.kind, p.place.file.name) for p in report.problems.errors] == [
        ("missing picture", "b_0.jpg"),
        ("unreadable picture", "b_1.jpg"),
        ("unreadable picture", "b_2.jpg"),
        ("picture of another size", "b_3.jpg"),
    ]
    assert not report.is_sound
    assert "320x270 pixels; the annotations say 320x280" in report.problems.errors[3].message
    # A header does not show that the rest is missing.
    quick = check(folder, decode=False)
    assert [p.place.file.name for p in quick.problems.errors] == ["b_0.jpg", "b_2.jpg", "b_3.jpg"]


@pytest.mark.parametrize("layout", ["cuhk_sysu", "prw", "webtattoo"])
def test_every_layout_is_looked_over_and_names_a_missing_picture_once(folder: Path, layout: str) -> None:
    target = convert(folder, folder.parent / layout, layout).folder
    assert check(target).problems.problems == []
    victim = sorted(p for p in target.rglob("*.jpg") if "train" not in p.parts)[-1]
    victim.unlink()
    report = check(target)
    assert [p.kind for p in report.problems.errors if p.kind == "missing picture"] == ["missing picture"]
    assert str(victim) in str(next(p for p in report.problems.errors if p.kind == "missing picture"))


def test_a_split_whose_list_is_missing_does_not_hide_the_other(folder: Path) -> None:
    target = convert(folder, folder.parent / "cuhk", "cuhk_sysu").folder
    (target / "annotation/test/train_test/TestG4.mat").unlink()
    report = check(target)
    assert list(report.splits) == ["train"]
    assert [p.kind for p in report.problems.errors] == ["missing annotation file"]


def test_a_picture_in_both_splits_is_a_leak(folder: Path) -> None:
    target = convert(folder, folder.parent / "prw", "prw").folder
    lists = [target / f"frame_{split}.mat" for split in ("train", "test")]
    from sceneseek.data import matlab

    train, test = (matlab.load_variables(f).popitem()[1] for f in lists)
    matlab.save_variables(lists[0], img_index_train=np.concatenate([train, test[:1]]))
    report = check(target)
    assert [p.kind for p in report.problems.errors] == ["picture in both splits"]


def test_a_query_whose_box_is_nobodys_is_noted(folder: Path) -> None:
    file = folder / "test" / "annotations.json"
    table = json.loads(file.read_text())
    table["queries"][0]["bbox"] = [5, 5, 35, 85]
    file.write_text(json.dumps(table))
    report = check(folder)
    assert [(p.severity, p.kind) for p in report.problems.problems] == [("note", "query without a box")]
    assert report.is_sound


def test_counts_are_held_against_the_published_ones_of_a_copy(tmp_path: Path) -> None:
    """A few scenes in PRW's layout are another set; most of PRW's frames are PRW with something missing."""
    scene = cases.scene(tmp_path, 0, {(1, 2, 30, 40): 0})
    few = SceneSet("prw-test", (scene,))
    assert summarise(few).published == {}
    from dataclasses import replace

    most = SceneSet("prw-test", tuple(replace(scene, image_id=i) for i in range(4000)))
    assert summarise(most).published["images"] == 6112


def test_problems_are_grouped_errors_first_most_frequent_first() -> None:
    place = Place(Path("a.mat"), "row 1")
    rows = [
        Problem("b", place, "x", "note"),
        Problem("c", place, "x"),
        Problem("a", place, "x"),
        Problem("a", place, "y"),
    ]
    grouped = ProblemList(rows).grouped()
    assert [(key, len(found)) for key, found in grouped.items()] == [
        (("error", "a"), 2), (("error", "c"), 1), (("note", "b"), 1),
    ]  # fmt: skip


def test_refusing_raises_what_was_raised_and_lets_notes_pass() -> None:
    place = Place(Path("a.mat"), "row 1")
    refuse(Problem("k", place, "odd", "note"))
    with pytest.raises(DataError, match=r"^a\.mat, row 1: bad$"):
        refuse(Problem("k", place, "bad"))
    with pytest.raises(PictureError), reporting(refuse, place):
        raise PictureError("a.jpg: cut")
    problems = ProblemList()
    for error in (BadRecord(place.at("box 2"), "bad", "box"), PictureError("a.mat: cut"), ValueRefused("no")):
        with reporting(problems, place, "other"):
            raise error
    assert [(p.kind, str(p)) for p in problems.problems] == [
        ("box", "a.mat, row 1, box 2: bad"),
        ("unreadable picture", "a.mat, row 1: cut"),
        ("other", "a.mat, row 1: no"),
    ]
    with pytest.raises(KeyError), reporting(problems, place):
        raise KeyError("ours to mend")


def test_a_bad_record_survives_its_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(BadRecord(Place(Path("a.mat"), "row 1"), "bad", "box")))
    assert (str(error), error.kind) == ("a.mat, row 1: bad", "box")
