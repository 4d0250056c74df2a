"""What ``data check`` calls good is read, trained on and scored; what it does not is refused by each, in its words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.coco_tables import HEIGHT, WIDTH, Table, written
from fake_predictor import ColourPredictor
from heic_files import heic
from sceneseek.data.checking import check
from sceneseek.data.layouts import read_scenes
from sceneseek.data.loading import SceneDataset, SceneLoader, identity_mapping
from sceneseek.data.problems import ProblemList
from sceneseek.data.samplers import ShuffledSampler
from sceneseek.errors import SceneseekError
from sceneseek.evaluation import evaluate
from sceneseek.evaluation.protocols import named_protocol
from sceneseek.inference.extract import extract
from sceneseek.pictures import write_picture
from sceneseek.structures import SceneSet

BIG = 2**64 - 5


class Whole(ColourPredictor):
    """Describes what of a box lies inside of its picture, a pixel at least, as networks do."""

    def _embed(self, image: np.ndarray, box: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        x1, y1 = min(max(int(box[0]), 0), width - 1), min(max(int(box[1]), 0), height - 1)
        return super()._embed(image, np.array([x1, y1, max(box[2], x1 + 1), max(box[3], y1 + 1)]))


def use(folder: Path) -> SceneSet:
    """Train on every scene as far as the batches, and score search among the annotated boxes."""
    scenes = read_scenes(folder, "test")
    identities = identity_mapping(scenes)
    sampler = ShuffledSampler(scenes, batch_size=1, seed=0)
    batches = SceneLoader(SceneDataset(scenes, identities), sampler, workers=0).batches()
    for _ in scenes.samples:
        next(batches)
    batches.close()
    for boxes in ("truth", "detector"):
        evaluate(extract(Whole(), scenes, boxes=boxes), scenes, named_protocol("open"))
    return scenes


def row(kind: str, index: int = 0, **fields: Any) -> Callable[[Table], None]:
    """A change of one record."""
    return lambda table: table[kind][index].update(fields)


def every(kind: str, **fields: Any) -> Callable[[Table], None]:
    return lambda table: [entry.update(fields) for entry in table[kind]] and None


def boxes(change: Callable[[list[float]], list[float]]) -> Callable[[Table], None]:
    def changed(table: Table) -> None:
        for entry in (*table["annotations"], *table["queries"]):
            entry["bbox"] = change(entry["bbox"])

    return changed


def person_ids(new: Callable[[int], Any]) -> Callable[[Table], None]:
    def changed(table: Table) -> None:
        for entry in (*table["annotations"], *table["queries"]):
            entry["person_id"] = new(entry["person_id"])

    return changed


def image_ids(new: Callable[[int], Any]) -> Callable[[Table], None]:
    def changed(table: Table) -> None:
        for entry in table["images"]:
            entry["id"] = new(entry["id"])
        for entry in (*table["annotations"], *table["queries"]):
            entry["image_id"] = new(entry["image_id"])
        for entry in table["queries"]:
            entry["gallery"] = [new(i) for i in entry["gallery"]]

    return changed


def others(*categories: int) -> Callable[[Table], None]:
    """Further boxes, of other categories."""

    def changed(table: Table) -> None:
        table["categories"] += [{"id": 3, "name": "car"}, {"id": 18, "name": "dog"}]
        for number, category in enumerate(categories, start=100):
            table["annotations"].append({"id": number, "image_id": 1, "bbox": [1, 1, 9, 9], "category_id": category})

    return changed


def renamed(name: str) -> Callable[[Table], None]:
    return lambda table: table["categories"][0].update(name=name)


def both(*changes: Callable[[Table], None]) -> Callable[[Table], None]:
    return lambda table: [change(table) for change in changes] and None


def remove(kind: str, key: str, index: int = 0) -> Callable[[Table], None]:
    return lambda table: table[kind][index].pop(key) and None


def again(kind: str, **fields: Any) -> Callable[[Table], None]:
    return lambda table: table[kind].append({**table[kind][0], **fields})


GOOD: dict[str, tuple[Callable[[Table], None], set[str]]] = {
    "as it is": (lambda table: None, set()),
    "no list of categories": (both(lambda t: t.pop("categories") and None), set()),
    "one category of another name": (renamed("tattoo"), set()),
    "one category and no category ids": (lambda t: [a.pop("category_id") for a in t["annotations"]] and None, set()),
    "cars and dogs": (others(3, 3, 18), {"other categories"}),
    "a group beside people": (
        both(others(3), lambda t: t["categories"][1].update(name="crowd")), {"categories to ignore"},
    ),
    "sitting people beside cars": (both(others(3), renamed("Sitting_Person")), {"other categories"}),
    "one used of two that are not people": (
        lambda t: t.update(categories=[{"id": 1, "name": "tattoo"}, {"id": 2, "name": "background"}]),
        {"category taken"},
    ),
    "people by supercategory": (
        lambda t: t.update(categories=[{"id": 1, "name": "player", "supercategory": "person"},
                                       {"id": 2, "name": "ball", "supercategory": "sport"}]),
        {"category taken"},
    ),
    "crowds": (row("annotations", iscrowd=1), set()),
    "ignored by either field": (row("annotations", iscrowd=1, ignore=0), set()),
    "an annotation id twice": (row("annotations", 1, id=1), {"annotation id twice"}),
    "an annotation twice": (again("annotations", id=77), {"annotation twice", "person twice in a picture"}),
    "a box of two people": (again("annotations", id=77, person_id=1), {"two people in one place",
                                                                      "person twice in a picture"}),
    "a person twice in a picture": (row("annotations", 1, person_id=0), {"person twice in a picture",
                                                                         "query without a box"}),
    "a picture under two ids": (again("images", id=9), {"picture listed twice"}),
    "ids that are whole floats": (both(person_ids(float), image_ids(float)), set()),
    "ids with huge gaps": (both(person_ids(lambda i: 10**18 * i), image_ids(lambda i: i * 10**17)), set()),
    "the largest ids": (both(person_ids(lambda i: 2**63 - 1 - i), image_ids(lambda i: 2**63 - 1 - i)), set()),
    "negative image ids": (image_ids(lambda i: -i), set()),
    "codes for nobody": (row("annotations", 4, person_id=-2), {"other code for nobody"}),
    "identity null": (row("annotations", 4, person_id=None), set()),
    "nobody is known": (both(every("annotations", person_id=-1), lambda t: t["queries"].clear()),
                        {"nobody in two images"}),
    "a tracker's id alone": (
        both(lambda t: [a.update(track_id=a.pop("person_id")) for a in t["annotations"]] and None,
             lambda t: t["queries"].clear()),
        {"identity under another name", "nobody in two images"},
    ),
    "an attribute's id alone": (
        both(lambda t: [a.update(attributes={"track_id": a.pop("person_id")}) for a in t["annotations"]] and None,
             lambda t: t["queries"].clear()),
        {"identity under another name", "nobody in two images"},
    ),
    "no queries": (lambda t: t["queries"].clear(), set()),
    "nobody in any picture": (both(lambda t: t["annotations"].clear(), lambda t: t["queries"].clear()), {"no box"}),
    "a query that finds nobody": (row("queries", gallery=[4]), {"nobody to find"}),
    "a query with an empty gallery": (row("queries", gallery=[]), {"nobody to find"}),
    "a box that sticks out": (row("annotations", bbox=[-3, 6, 21, 60]), {"box clipped to its picture"}),
    "a box below a pixel": (row("annotations", 4, bbox=[4, 6, 0.5, 20]), {"box too small to learn from"}),
    "a box of three pixels": (row("annotations", 4, bbox=[4, 6, 3, 3]), {"very small box"}),
    "fractions": (boxes(lambda box: [v + 0.25 for v in box]), set()),
}  # fmt: skip

BAD: dict[str, tuple[Callable[[Table], None], str]] = {
    "a person id of 64 bits": (person_ids(lambda i: BIG + i), r"annotation 1: 'person_id' is 18446744073709551611"),
    "a person id of a float": (person_ids(lambda i: 1e300), "annotation 1: 'person_id' is 1e.300"),
    "a person id of half": (row("annotations", person_id=0.5), "annotation 1: 'person_id' is 0.5; expected a whole"),
    "a person id of text": (row("annotations", person_id="0"), "annotation 1: 'person_id' is '0'; expected a whole"),
    "a person id that is true": (row("annotations", person_id=True), "annotation 1: 'person_id' is True"),
    "a person id not a number": (row("annotations", person_id=float("nan")), "annotation 1: 'person_id' is nan"),
    "a person id in a list": (row("annotations", person_id=[1]), r"annotation 1: 'person_id' is \[1\]"),
    "a person id of many digits": (row("annotations", person_id=10**400), r"is 100000000000000000000... \(401 digits"),
    "image ids of 64 bits": (image_ids(lambda i: BIG + i), "'image_id' is 18446744073709551612; the largest number"),
    "image ids of text": (image_ids(lambda i: f"{i:04d}"), "annotation 1: 'image_id' is '0001'"),
    "an image id twice": (row("images", 1, id=1), "image 1: another image has the id 1 already"),
    "an image id null": (row("images", id=None), "image at place 1: 'id' is None"),
    "a query id of 64 bits": (row("queries", id=BIG), "query 18446744073709551611: 'id' is"),
    "a query id twice": (row("queries", 1, id=1), "query 1: another query has the id 1 already"),
    "a shot group of 64 bits": (row("queries", shot_group=BIG), "query 1: 'shot_group' is 18446744073709551611"),
    "a shot group of two people": (every("queries", shot_group=5), "query 2: its shot_group 5 asks for person 0"),
    "a query for nobody": (row("queries", person_id=-1), "query 1: 'person_id' is -1"),
    "a query of an unknown image": (row("queries", image_id=77), "query 1: it names image 77"),
    "a gallery of an unknown image": (row("queries", gallery=[2, 77]), "query 1: its gallery names image 77"),
    "a gallery of text": (row("queries", gallery=["2"]), "query 1: entry 1 of its gallery is '2'"),
    "a query's box outside": (row("queries", bbox=[200, 6, 14, 32]), "query 1: its bbox .* lies outside"),
    "a query's box of a pixel": (row("queries", bbox=[0.1, 0.1, 0.3, 0.6]), "query 1: its bbox .* a side of 1 pixel"),
    "an unknown image": (row("annotations", image_id=77), "annotation 1: it belongs to image 77"),
    "a category that is not listed": (row("annotations", category_id=7), r"annotation 1: 'category_id' is 7; the file "
                                                                        r"lists the category 1 \(person\)"),
    "no category of several": (
        both(others(3), remove("annotations", "category_id")), "annotation 1: it has no 'category_id'",
    ),
    "several categories without names": (
        both(others(3), lambda t: t.pop("categories") and None), "have the category ids 1, 3, and there is no list",
    ),
    "several categories and no people": (
        both(others(3), lambda t: t["categories"][0].update(name="bus")), "none of the categories bus, car, dog",
    ),
    "a category twice": (lambda t: t["categories"].append({"id": 1, "name": "car"}), "has the id 1 already"),
    "a category without a name": (lambda t: t["categories"].append({"id": 2}), "category at place 2"),
    "shares of the picture": (boxes(lambda b: [b[0] / WIDTH, b[1] / HEIGHT, b[2] / WIDTH, b[3] / HEIGHT]),
                              "look like shares of the picture"),
    "corners": (boxes(lambda b: [b[0] + 16, b[1] + 4, b[0] + b[2] + 20, b[1] + b[3] + 10]), "look like corners"),
    "a box of nan": (row("annotations", bbox=[4, float("nan"), 14, 32]), r"annotation 1: it has bbox \[4, nan"),
    "a box of infinity": (row("annotations", bbox=[4, 6, float("inf"), 32]), "annotation 1: it has bbox"),
    "a box of many digits": (row("annotations", bbox=[4, 6, 10**400, 32]), "annotation 1: it has bbox"),
    "a box of truth": (row("annotations", bbox=[4, 6, True, 32]), "annotation 1: it has bbox"),
    "a box of text": (row("annotations", bbox=["4", "6", "14", "32"]), "annotation 1: it has bbox"),
    "a box of three": (row("annotations", bbox=[4, 6, 14]), "annotation 1: it has bbox"),
    "a box null": (row("annotations", bbox=None), "annotation 1: it has bbox None"),
    "a box without width": (row("annotations", bbox=[4, 6, 0, 32]), "annotation 1: .* has no area"),
    "a box of negative height": (row("annotations", bbox=[4, 40, 14, -32]), "annotation 1: .* has no area"),
    "a box outside": (row("annotations", bbox=[400, 6, 14, 32]), "annotation 1: .* lies outside its image 1.png"),
    "an outline and no box": (
        both(remove("annotations", "bbox"), row("annotations", segmentation=[[1, 1, 9, 1, 9, 9]])),
        "annotation 1: it has a segmentation and no 'bbox'",
    ),
    "ignore of text": (row("annotations", ignore="false"), "annotation 1: 'ignore' is 'false'; expected 0 or 1"),
    "visibility in per cent": (row("annotations", visibility=80), "annotation 1: 'visibility' is 80; expected a share"),
    "labels complete in text": (lambda t: t.update(info={"detection_labels_complete": "false"}),
                                "info: 'detection_labels_complete' is 'false'"),
    "a camera that is a list": (row("images", camera=["a"]), "image 1: 'camera' is"),
    "a time of text": (row("images", time_s="12:00"), "image 1: 'time_s' is '12:00'; expected a number"),
    "no pixels": (row("images", width=0), "image 1: it has 0x48 pixels"),
    "a size of text": (row("images", width="64"), "image 1: 'width' is '64'"),
    "no file name": (row("images", file_name=None), "image 1: 'file_name' is None"),
    "an empty file name": (row("images", file_name=" "), "image 1: the name of the picture is ' '"),
    "no image": (lambda t: [t[k].clear() for k in ("images", "annotations", "queries")] and None, "'images' is empty"),
}  # fmt: skip

BAD_PICTURES: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (lambda path: path.unlink(), "does not exist|no such file"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:70]), "truncated or damaged"),
    "another size": (lambda path: write_picture(np.zeros((HEIGHT, 30, 3), np.uint8), path), "30x48 .* say 64x48"),
    "turned by exif": (lambda path: turn(path, 6), "turn it by a quarter"),
}


def turn(path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(path) as image:
        image.load()
        image.save(path, exif=exif)


@pytest.mark.parametrize("name", GOOD)
def test_what_is_good_is_used(name: str, tmp_path: Path) -> None:
    change, notes = GOOD[name]
    report = check(written(tmp_path / "set", change))
    assert [str(p) for p in report.problems.errors] == []
    assert {p.kind for p in report.problems.notes} == notes
    use(tmp_path / "set")


@pytest.mark.parametrize("name", BAD)
def test_what_is_bad_is_refused_by_both_in_the_same_words(name: str, tmp_path: Path) -> None:
    change, words = BAD[name]
    folder = written(tmp_path / "set", change)
    report = check(folder)
    assert not report.is_sound
    with pytest.raises(SceneseekError, match=words) as caught:
        read_scenes(folder, "test")
    assert str(caught.value) in [str(p) for p in report.problems.errors]
    assert "annotations.json" in str(caught.value)
    read_scenes_leniently(folder)


def read_scenes_leniently(folder: Path) -> None:
    """What remains without the bad records is a set that can be used."""
    problems = ProblemList()
    try:
        scenes = read_scenes(folder, "test", on_problem=problems)
    except SceneseekError:
        return
    evaluate(extract(Whole(), scenes, boxes="truth"), scenes, named_protocol("open"))


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_a_bad_picture_is_refused_by_both(name: str, tmp_path: Path) -> None:
    damage, words = BAD_PICTURES[name]
    folder = written(tmp_path / "set")
    damage(folder / "images" / "2.png")
    report = check(folder)
    assert ["2.png" in str(p) for p in report.problems.errors] == [True]
    with pytest.raises(SceneseekError, match=words) as caught:
        use(folder)
    assert "2.png" in str(caught.value)


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_a_turn_that_no_size_shows_is_noted(orientation: int, tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    turn(folder / "images" / "2.png", orientation)
    report = check(folder)
    assert report.is_sound
    assert [(p.kind, p.place.file.name) for p in report.problems.notes] == [("turned picture", "2.png")]


def test_a_guess_about_a_picture_is_noted(tmp_path: Path) -> None:
    folder = written(tmp_path / "set")
    Image.fromarray(np.full((HEIGHT, WIDTH), 1_023, np.uint16)).save(folder / "images" / "2.png")
    (note,) = check(folder).problems.notes
    assert (note.kind, note.place.file.name) == ("picture with a remark", "2.png")
    assert "white was taken to be 1,023 (10 bits)" in note.message


def test_pictures_may_be_heic(tmp_path: Path) -> None:
    def of_a_phone(table: Table) -> None:
        for entry in table["images"]:
            path = tmp_path / "images" / entry["file_name"]
            with Image.open(path) as image:
                path.with_suffix(".HEIC").write_bytes(heic(image.convert("RGB")))
            path.unlink()
            entry["file_name"] = path.with_suffix(".HEIC").name

    assert check(written(tmp_path, of_a_phone)).problems.problems == []
    assert len(use(tmp_path)) == 4


def test_other_categories_are_counted_by_name(tmp_path: Path) -> None:
    report = check(written(tmp_path, others(3, 3, 18)))
    (note,) = report.problems.notes
    assert note.message == (
        "3 boxes of other categories than people are left out: car 2, dog 1. Read as people: person."
    )
    assert report.splits["all"].counts["boxes"] == 5
