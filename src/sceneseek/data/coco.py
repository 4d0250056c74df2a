"""Scenes in a COCO-style file: the layout for one's own data, and the one every other layout is converted to.

A folder holds ``annotations.json`` and ``images/``. The JSON is COCO's, with four additions:

* an annotation carries ``person_id`` (a whole number, -1 where the identity is not known), and may carry ``ignore``
  (1: neither a hit nor a false alarm) and ``visibility`` (0 to 1);
* an image may carry ``camera`` (a name) and ``time_s`` (seconds);
* ``queries`` lists the questions: ``image_id``, ``bbox``, ``person_id`` and the ``gallery`` (image ids to search,
  positives first, so that the gallery of size N is its first N entries); several pictures of one person may share a
  ``shot_group`` (a whole number), to be asked as one question;
* ``info.detection_labels_complete`` is false when some visible people carry no box.

Boxes are COCO's ``[x, y, width, height]`` in pixels. Boxes that stick out of the image are clipped; a box with nothing
left inside is an error that names the annotation. Of a file with several categories people are read
(``coco_categories``). ``coco_writing`` writes such a file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

from sceneseek import text_files
from sceneseek.data import coco_records as records
from sceneseek.data.coco_categories import Categories, Role, read_categories
from sceneseek.data.coco_records import Person, place_of
from sceneseek.data.coco_scenes import Scenes
from sceneseek.data.picture_files import PictureFiles
from sceneseek.data.problems import BadRecord, OnProblem, Place, Problem, refuse, reporting
from sceneseek.errors import TextFileError, suggest
from sceneseek.structures import Query, Sample, SceneSet

ANNOTATIONS = "annotations.json"
IMAGES = "images"

_DAMAGED = "damaged annotation file"


def read_coco(path: str | Path, gallery_size: int | None = None, *, on_problem: OnProblem = refuse) -> SceneSet:
    """Read scenes, people and queries from a COCO-style file.

    Args:
        path: A folder with ``annotations.json`` and ``images/``, or the JSON file itself (pictures are then looked for
            in ``images/`` beside it, else beside it).
        gallery_size: Keep only the first so many entries of each query's gallery.
        on_problem: Told of what is wrong; the default raises. What is told and not raised is left out.

    Returns:
        The scenes in file order. Pixels are not read.

    Raises:
        DataError: The file is missing, is not JSON, or contradicts itself; the message names the entry.
    """
    file = annotation_file(path)
    place = Place(file)
    table = _load(place)
    categories = read_categories(table.get("categories"), table["annotations"], place, on_problem)
    people = _people_by_image(table["annotations"], categories, place, on_problem)
    images = file.parent / IMAGES
    folders = (images, file.parent) if images.is_dir() else (file.parent,)
    scenes = Scenes(PictureFiles(folders), place, on_problem)
    for i, row in enumerate(table["images"]):
        at = place_of(place, "image", row, i)
        with reporting(on_problem, at):
            scenes.add(row, people, at)
    scenes.check_as_a_whole(people, of_people=categories.are_people)
    queries = _queries(table.get("queries") or [], scenes.by_id, gallery_size, place, on_problem)
    info = table.get("info") or {}
    return SceneSet(
        name=str(info.get("name") or file.parent.name),
        samples=tuple(scenes.by_id.values()),
        queries=queries,
        detection_labels_complete=records.flag(info, "detection_labels_complete", place.at("info"), default=True),
        info={str(k): str(v) for k, v in info.items() if isinstance(v, str | int | float) and k != "name"},
    )


def annotation_file(path: str | Path) -> Path:
    """The JSON file of a folder, or the file itself.

    Raises:
        DataError: There is none.
    """
    file = Path(path) / ANNOTATIONS if Path(path).is_dir() else Path(path)
    if not file.is_file():
        message = f"the file does not exist; expected a folder with {ANNOTATIONS} and {IMAGES}/, or the JSON file."
        raise BadRecord(Place(file), message, "missing annotation file")
    return file


def _load(place: Place) -> dict[str, Any]:
    try:
        table = text_files.read_json(place.file)
    except TextFileError as error:
        raise BadRecord(place, f"the file cannot be read: {error}.", _DAMAGED) from error
    except OSError as error:
        raise BadRecord(place, f"the file cannot be opened ({error.strerror or error}).", _DAMAGED) from error
    if not isinstance(table, dict):
        found = type(table).__name__
        raise BadRecord(place, f"the file holds a {found}; expected an object with 'images' and 'annotations'.")
    for key in ("images", "annotations"):
        if not isinstance(table.get(key), list):
            raise BadRecord(place, f"there is no list '{key}'.{suggest(key, [str(k) for k in table])}")
    for key, kind in (("queries", list), ("info", dict)):
        if not isinstance(table.get(key) or kind(), kind):
            raise BadRecord(place, f"'{key}' is not a {'list' if kind is list else 'table'}.")
    if not table["images"]:
        raise BadRecord(place, "the list 'images' is empty: there is no scene to train on or to search.", "empty set")
    return table


def _people_by_image(
    rows: list[Any], categories: Categories, place: Place, on_problem: OnProblem
) -> dict[int, list[Person]]:
    people: dict[int, list[Person]] = defaultdict(list)
    remarks = records.Remarks()
    for i, row in enumerate(rows):
        at = place_of(place, "annotation", row, i)
        with reporting(on_problem, at):
            role = categories.role_of(records.as_object(row, at), at)
            if role is not Role.OTHER:
                image_id, person = records.person(row, at, is_ignored=role is Role.IGNORED)
                people[image_id].append(person)
                remarks.take(row)
    categories.remark(place, on_problem)
    remarks.tell(place, on_problem)
    return people


def _queries(
    rows: list[Any], samples: Mapping[int, Sample], size: int | None, place: Place, on_problem: OnProblem
) -> tuple[Query, ...]:
    shown_in = _images_of_people(samples.values())
    queries: dict[int, Query] = {}
    groups: dict[int, Query] = {}
    for i, row in enumerate(rows):
        at = place_of(place, "query", row, i)
        with reporting(on_problem, at):
            query = records.query(row, samples, at, on_problem)
            if query.query_id in queries:
                raise BadRecord(at, f"another query has the id {query.query_id} already.", "query id")
            first = query if query.shot_group is None else groups.setdefault(query.shot_group, query)
            if first.person_id != query.person_id:
                raise BadRecord(at, f"its shot_group {query.shot_group} asks for person {first.person_id}, and it "
                                f"asks for person {query.person_id}.", "shot group")  # fmt: skip
            _remark(query, shown_in.get(query.person_id, frozenset()), at, on_problem)
            queries[query.query_id] = replace(query, gallery=query.gallery[:size])
    return tuple(queries.values())


def _images_of_people(samples: Iterable[Sample]) -> dict[int, set[int]]:
    shown_in: dict[int, set[int]] = defaultdict(set)
    for sample in samples:
        for person_id in sample.person_ids.tolist():
            shown_in[person_id].add(sample.image_id)
    return shown_in


def _remark(query: Query, shown_in: Set[int], place: Place, on_problem: OnProblem) -> None:
    """Say what is odd about a query."""
    gallery = query.gallery
    shows = [i in shown_in for i in gallery]
    if len(set(gallery)) < len(gallery):
        on_problem(Problem("gallery lists an image twice", place, "the gallery lists an image twice.", "note"))
    if query.image_id in gallery:
        message = f"the gallery holds the query's own image, {query.image_id}."
        on_problem(Problem("query's own image in its gallery", place, message, "note"))
    if not any(shows):
        on_problem(Problem("nobody to find", place, "no image of the gallery shows the person.", "note"))
    elif not all(shows[: sum(shows)]):
        message = "the images that show the person are not the first of the gallery."
        on_problem(Problem("positives are not first", place, message, "note"))
