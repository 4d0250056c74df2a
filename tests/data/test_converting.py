"""Between all layouts and back; what cannot be kept is said; an interruption leaves nothing that looks whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import layout_cases as cases
from sceneseek.data import converting
from sceneseek.data.coco import read_coco
from sceneseek.data.coco_writing import write_coco
from sceneseek.data.converting import WRITABLE, convert
from sceneseek.data.layouts import Choices, read_scenes
from sceneseek.errors import DataError
from sceneseek.pictures import write_picture
from sceneseek.structures import Query, Sample, SceneSet

CAMERAS = ("coco", "prw")
"""Layouts that keep cameras."""


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sets")
    cases.divided(folder / "coco")
    found = {"coco": folder / "coco"}
    for layout in WRITABLE[1:]:
        found[layout] = convert(folder / "coco", folder / layout, layout).folder
    return found


@pytest.mark.parametrize("start", WRITABLE)
@pytest.mark.parametrize("through", WRITABLE)
def test_round_trip_between_all_layouts(sets: dict[str, Path], tmp_path: Path, start: str, through: str) -> None:
    """There and back: boxes, identities, queries, galleries and pictures; cameras where both layouts have them."""
    convert(sets[start], tmp_path / "there", through)
    convert(tmp_path / "there", tmp_path / "back", start)
    for split in ("train", "test"):
        before, after = read_scenes(sets[start], split), read_scenes(tmp_path / "back", split)
        for a, b in zip(after.samples, before.samples, strict=True):
            cases.same_people(a, b)
            assert a.path.read_bytes() == b.path.read_bytes()
            if start in CAMERAS and through in CAMERAS:
                assert a.camera_id == b.camera_id
        cases.same_queries(after, before)


def test_what_a_layout_cannot_hold_is_said(sets: dict[str, Path], tmp_path: Path) -> None:
    assert convert(sets["coco"], tmp_path / "a", "cuhk_sysu").lost == (
        "The names of 5 cameras: the layout has no place for cameras.",
    )
    assert convert(sets["coco"], tmp_path / "b", "prw").lost == ()
    assert convert(sets["coco"], tmp_path / "c", "coco").lost == ()


def rich(folder: Path) -> SceneSet:
    """A test set with everything that only the COCO-style layout holds."""
    samples = list(cases.query_set(folder).samples)
    (folder / "rich" / "images").mkdir(parents=True)
    for i, sample in enumerate(samples):
        target = folder / "rich" / "images" / sample.path.with_suffix(".png" if i == 0 else ".jpg").name
        write_picture(np.full((sample.height, sample.width, 3), 30 * i, np.uint8), target)
        samples[i] = replace(sample, path=target, time_s=0.5, camera_id=f"hall {i}")
    first = samples[0]
    samples[0] = replace(first, ignore_mask=[False, True], visibility=[0.4, 1.0])
    samples[1] = replace(samples[1], boxes=samples[1].boxes + np.float32(0.25))
    second = Query(1, 1, samples[1].boxes[0], 1, (2, 0))
    again = Query(2, 4, samples[4].boxes[0], 0, (0, 2), 5)
    queries = (replace(cases.query_set(folder).queries[0], shot_group=5), second, again)
    scenes = SceneSet("rich", tuple(samples), queries, detection_labels_complete=False)
    write_coco(scenes, folder / "rich")
    return scenes


def test_each_loss_has_its_sentence(tmp_path: Path) -> None:
    rich(tmp_path)
    lost = " ".join(convert(tmp_path / "rich", tmp_path / "prw", "prw").lost)
    for words in (
        "Camera names: the layout has numbers (hall 0 becomes c1", "times of 5 images", "1 boxes to be ignored",
        "visible share of 1", "Fractions of a pixel in 1 boxes", "not every visible person has a box",
        "which queries belong together (1 groups", "exact pixels of 1 pictures", "galleries of 2 queries",
    ):  # fmt: skip
        assert words.lower() in lost.lower()
    lost = " ".join(convert(tmp_path / "rich", tmp_path / "webtattoo", "webtattoo").lost)
    assert "one for all, 5 images" in lost
    with pytest.raises(DataError, match="person 0 has two queries"):
        convert(tmp_path / "rich", tmp_path / "cuhk", "cuhk_sysu")
    done = convert(tmp_path / "rich", tmp_path / "cuhk", "cuhk_sysu", first_query_only=True)
    assert done.num_queries == {"all": 2}
    assert "2 images are written" in " ".join(done.lost)


def test_a_png_becomes_a_jpeg_frame(tmp_path: Path) -> None:
    rich(tmp_path)
    convert(tmp_path / "rich", tmp_path / "prw", "prw")
    first = read_scenes(tmp_path / "prw").samples[0]
    assert first.path.suffix == ".jpg"
    assert first.path.read_bytes()[:2] == b"\xff\xd8"


def test_links_share_their_pictures(sets: dict[str, Path], tmp_path: Path) -> None:
    convert(sets["coco"], tmp_path / "linked", "prw", pictures="link")
    a, b = read_scenes(sets["coco"]).samples[0], read_scenes(tmp_path / "linked").samples[0]
    assert os.path.samefile(a.path, b.path)


class Stopped(Exception):
    pass


def stop_at(count: int) -> Callable[..., None]:
    def progress(done: int, total: int | None, note: str = "") -> None:
        if done == count:
            raise Stopped

    return progress


@pytest.mark.parametrize("to", WRITABLE)
def test_an_interruption_leaves_nothing_that_looks_whole_and_is_gone_on_with(
    sets: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    with pytest.raises(Stopped):
        convert(sets["coco"], tmp_path / "new", to, progress=stop_at(5))
    assert not (tmp_path / "new").exists()
    copied: list[Path] = []
    import sceneseek.data.placing as placing

    once = placing._duplicate
    monkeypatch.setattr(placing, "_duplicate", lambda s, t, how: (copied.append(s), once(s, t, how)))
    convert(sets["coco"], tmp_path / "new", to)
    assert len(copied) == 3
    assert len(read_scenes(tmp_path / "new")) == 5
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def test_the_remains_of_another_conversion_are_not_mixed_in(sets: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        convert(sets["coco"], tmp_path / "new", "prw", progress=stop_at(5))
    convert(sets["coco"], tmp_path / "new", "webtattoo")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["conversion.json", "images", "webtattoo.csv"]
    record = json.loads((tmp_path / "new" / "conversion.json").read_text())
    assert (record["layout"], record["from_layout"]) == ("webtattoo", "coco")


def test_a_folder_that_is_there_is_not_written_over(sets: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    convert(sets["coco"], tmp_path / "empty", "coco")
    with pytest.raises(DataError, match="is there already and is not empty"):
        convert(sets["coco"], tmp_path / "empty", "prw")
    with pytest.raises(DataError, match=r"nothing is written as 'crops'"):
        convert(sets["coco"], tmp_path / "new", "crops")


def test_a_missing_picture_is_named(sets: dict[str, Path], tmp_path: Path) -> None:
    cases.divided(tmp_path / "holed")
    next((tmp_path / "holed" / "train" / "images").iterdir()).unlink()
    with pytest.raises(DataError, match=r"images/a_\d\.jpg: the picture does not exist"):
        convert(tmp_path / "holed", tmp_path / "new", "prw")
    assert not (tmp_path / "new").exists()


def test_one_part_alone_is_a_set_that_is_not_divided(sets: dict[str, Path], tmp_path: Path) -> None:
    convert(sets["coco"] / "test", tmp_path / "coco", "coco")
    assert len(read_coco(tmp_path / "coco").queries) == 2
    convert(sets["coco"] / "train", tmp_path / "prw", "prw")
    assert [len(read_scenes(tmp_path / "prw", split)) for split in ("train", "test")] == [3, 0]


def test_a_person_twice_in_an_image_listed_twice_comes_back(tmp_path: Path) -> None:
    """As in queries 1633, 1997 and 2561 of CUHK-SYSU."""
    scenes = cases.query_set(tmp_path)
    samples = list(scenes.samples)
    samples[2] = replace(samples[2], person_ids=[0, 0])
    query = replace(scenes.queries[0], gallery=(2, 2, 4, 1))
    from sceneseek.data.cuhk_sysu import read_protocol
    from sceneseek.data.cuhk_sysu_writing import write_cuhk_sysu

    write_cuhk_sysu(cases.train_set(tmp_path), SceneSet("t", tuple(samples), (query,)), tmp_path / "set", (4,))
    task = read_protocol(tmp_path / "set/annotation/test/train_test/TestG4.mat")[0]
    assert [e.xywh for e in task.gallery] == [(30, 40, 70, 180), (120, 40, 80, 180), (60, 30, 70, 160), None]
    found = read_scenes(tmp_path / "set", choices=Choices(gallery_size=4))
    assert found.queries[0].gallery[0] == found.queries[0].gallery[1]


def test_a_query_with_its_own_image_in_the_gallery_finds_the_other_box(tmp_path: Path) -> None:
    """As in query 493 of CUHK-SYSU, whose person is in s14430.jpg twice."""
    from sceneseek.data.cuhk_sysu import read_protocol
    from sceneseek.data.cuhk_sysu_writing import write_cuhk_sysu

    scenes = cases.query_set(tmp_path)
    samples = (replace(scenes.samples[0], person_ids=[0, 0]), *scenes.samples[1:])
    query = replace(scenes.queries[0], gallery=(0, 2))
    write_cuhk_sysu(cases.train_set(tmp_path), SceneSet("t", samples, (query,)), tmp_path / "set", (2,))
    task = read_protocol(tmp_path / "set/annotation/test/train_test/TestG2.mat")[0]
    assert task.query.xywh == (250, 30, 60, 240)
    assert task.gallery[0].xywh == (5, 5, 35, 85)


def test_two_pictures_of_one_name_are_told_apart(tmp_path: Path) -> None:
    pictures = [cases.picture(tmp_path / "in" / "images" / str(i), "a.jpg", 40 * i) for i in range(2)]
    samples = tuple(Sample(i, p, cases.WIDTH, cases.HEIGHT, [], []) for i, p in enumerate(pictures))
    write_coco(SceneSet("twins", samples), tmp_path / "in")
    for layout in ("coco", "webtattoo"):
        convert(tmp_path / "in", tmp_path / layout, layout)
        found = read_scenes(tmp_path / layout, "train")
        assert [s.path.name for s in found.samples] == ["a.jpg", "a-2.jpg"]
        assert [s.path.read_bytes() for s in found.samples] == [p.read_bytes() for p in pictures]
    assert converting.WRITABLE == ("coco", "cuhk_sysu", "prw", "webtattoo")
