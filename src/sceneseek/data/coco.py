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
left inside is an error that names the annotation.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sceneseek import boxes as box_ops
from sceneseek.data.problems import BadRecord, OnProblem, Place, Problem, refuse, reporting
from sceneseek.errors import DataError, suggest
from sceneseek.structures import UNLABELED, Query, Sample, SceneSet

ANNOTATIONS = "annotations.json"
IMAGES = "images"

Record = dict[str, Any]
_STICKS_OUT = 1.0
"""Pixels by which a box may stick out of its picture without a remark: rounding does as much."""


@dataclass(frozen=True, slots=True)
class _Person:
    xywh: tuple[float, float, float, float]
    person_id: int
    is_ignored: bool
    visibility: float


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
    table = _load(file)
    folder = file.parent / IMAGES if (file.parent / IMAGES).is_dir() else file.parent
    people = _people_by_image(table["annotations"], file, on_problem)
    samples: dict[int, Sample] = {}
    listed: set[int] = set()
    for i, row in enumerate(table["images"]):
        place = _place(file, "image", row, i)
        with reporting(on_problem, place):
            image_id = _whole(row, "id", place)
            if image_id in listed:
                raise BadRecord(place, f"another image has the id {image_id} already; the two share an id.", "image id")
            listed.add(image_id)
            samples[image_id] = _sample(row, people.get(image_id, []), folder, place, on_problem)
    for image_id, rows in people.items():
        if image_id not in listed:
            for place, _ in rows:
                message = f"it belongs to image {image_id}, which is not listed."
                on_problem(Problem("unlisted image", place, message))
    info = table.get("info") or {}
    shown_in = _images_of_people(samples.values())
    queries = []
    for i, row in enumerate(table.get("queries") or []):
        place = _place(file, "query", row, i)
        with reporting(on_problem, place):
            query = _query(row, samples, place, on_problem)
            _remark(query, shown_in.get(query.person_id, frozenset()), place, on_problem)
            queries.append(replace(query, gallery=query.gallery[:gallery_size]))
    return SceneSet(
        name=str(info.get("name") or file.parent.name),
        samples=tuple(samples.values()),
        queries=tuple(queries),
        detection_labels_complete=bool(info.get("detection_labels_complete", True)),
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


def write_coco(scenes: SceneSet, folder: str | Path) -> Path:
    """Write ``annotations.json`` for scenes whose pictures lie in ``folder/images`` already.

    Args:
        scenes: What to write; ``Sample.path`` must lie below ``folder/images``.
        folder: The data set's folder.

    Returns:
        The file written (atomically: a reader sees the old file or the new one).

    Raises:
        DataError: A picture lies outside ``folder/images``.
    """
    folder = Path(folder)
    annotations: list[Record] = []
    images: list[Record] = []
    for sample in scenes.samples:
        images.append(_image_record(sample, folder / IMAGES))
        annotations.extend(_annotation_records(sample, first_id=len(annotations) + 1))
    table = {
        "info": {
            "name": scenes.name,
            "detection_labels_complete": scenes.detection_labels_complete,
            **{k: v for k, v in scenes.info.items() if k not in ("name", "detection_labels_complete")},
        },
        "categories": [{"id": 1, "name": "person"}],
        "images": images,
        "annotations": annotations,
        "queries": _query_records(scenes),
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / ANNOTATIONS
    partial = file.with_suffix(".json.partial")
    partial.write_text(json.dumps(table, separators=(",", ":")), encoding="utf-8")
    partial.replace(file)
    return file


def _load(file: Path) -> Record:
    place = Place(file)
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as cause:
        raise BadRecord(place, f"the file is not JSON: {cause}.", "damaged annotation file") from cause
    if not isinstance(table, dict):
        found = type(table).__name__
        raise BadRecord(place, f"the file holds a {found}; expected an object with 'images' and 'annotations'.")
    for key in ("images", "annotations"):
        if not isinstance(table.get(key), list):
            raise BadRecord(place, f"there is no list '{key}'.{suggest(key, [str(k) for k in table])}")
    for key, kind in (("queries", list), ("info", dict)):
        if not isinstance(table.get(key) or kind(), kind):
            raise BadRecord(place, f"'{key}' is not a {'list' if kind is list else 'table'}.")
    return table


def _place(file: Path, kind: str, row: Any, index: int) -> Place:
    """An entry by its id where it has one, else by its place in the list."""
    if isinstance(row, dict) and "id" in row:
        return Place(file, f"{kind} {row['id']}")
    return Place(file, f"{kind} at place {index + 1}")


def _get(row: Any, key: str, place: Place) -> Any:
    if not isinstance(row, dict) or key not in row:
        raise BadRecord(place, f"it has no '{key}'.")
    return row[key]


def _whole(row: Any, key: str, place: Place) -> int:
    value = _get(row, key, place)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise BadRecord(place, f"'{key}' is {value!r}; expected a whole number.")
    return int(value)


def _number(row: Record, key: str, default: float, place: Place) -> float:
    value = default if row.get(key) is None else row[key]
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise BadRecord(place, f"'{key}' is {value!r}; expected a number.")
    return float(value)


def _people_by_image(rows: list[Any], file: Path, on_problem: OnProblem) -> dict[int, list[tuple[Place, _Person]]]:
    people: dict[int, list[tuple[Place, _Person]]] = defaultdict(list)
    for i, row in enumerate(rows):
        place = _place(file, "annotation", row, i)
        with reporting(on_problem, place):
            people[_whole(row, "image_id", place)].append((place, _person(row, place)))
    return people


def _person(row: Record, place: Place) -> _Person:
    person_id = UNLABELED if row.get("person_id") is None else _whole(row, "person_id", place)
    return _Person(
        xywh=_bbox(row, place),
        person_id=max(person_id, UNLABELED),  # other codes of those who are not known, such as PRW's -2
        is_ignored=bool(row.get("ignore", row.get("iscrowd", 0))),
        visibility=_number(row, "visibility", 1.0, place),
    )


def _sample(
    row: Record, people: list[tuple[Place, _Person]], folder: Path, place: Place, on_problem: OnProblem
) -> Sample:
    name = str(_get(row, "file_name", place))
    width, height = _whole(row, "width", place), _whole(row, "height", place)
    raw = box_ops.from_xywh(np.array([p.xywh for _, p in people], np.float64).reshape(-1, 4))
    corners = box_ops.clip(raw, width, height)
    inside = box_ops.valid_mask(corners)
    for i in np.flatnonzero(~inside).tolist():
        at, person = people[i]
        message = (
            f"it has bbox {list(person.xywh)}, which lies outside its image {name} of {width}x{height} pixels or has "
            "no area."
        )
        on_problem(Problem("box outside its picture", at, message))
    for i in np.flatnonzero(inside & (np.abs(raw - corners) > _STICKS_OUT).any(axis=1)).tolist():
        message = f"bbox {list(people[i][1].xywh)} sticks out of its image {name} of {width}x{height}; it is clipped."
        on_problem(Problem("box clipped to its picture", people[i][0], message, "note"))
    kept = [person for (_, person), good in zip(people, inside, strict=True) if good]
    return Sample(
        image_id=int(row["id"]),
        path=folder / name,
        width=width,
        height=height,
        boxes=corners[inside].astype(np.float32),
        person_ids=np.array([p.person_id for p in kept], np.int64),
        camera_id=None if row.get("camera") is None else str(row["camera"]),
        ignore_mask=np.array([p.is_ignored for p in kept], bool),
        visibility=np.array([p.visibility for p in kept], np.float32),
        time_s=None if row.get("time_s") is None else _number(row, "time_s", 0.0, place),
    )


def _bbox(row: Record, place: Place) -> tuple[float, float, float, float]:
    bbox = _get(row, "bbox", place)
    if (
        not isinstance(bbox, list)
        or len(bbox) != 4
        or not all(isinstance(v, int | float) and math.isfinite(v) for v in bbox)
    ):
        raise BadRecord(place, f"it has bbox {bbox!r}; expected [x, y, width, height] in pixels.", "unreadable box")
    x, y, w, h = (float(v) for v in bbox)
    return x, y, w, h


def _query(row: Record, samples: Mapping[int, Sample], place: Place, on_problem: OnProblem) -> Query:
    gallery = _get(row, "gallery", place)
    if not isinstance(gallery, list) or not all(isinstance(i, int) for i in gallery):
        raise BadRecord(place, "its gallery is not a list of image ids.")
    image_id, person_id = _whole(row, "image_id", place), _whole(row, "person_id", place)
    if image_id not in samples:
        raise BadRecord(place, f"it names image {image_id}, which is not in the set.", "unlisted image")
    for unknown in (i for i in gallery if i not in samples):
        message = f"its gallery names image {unknown}, which is not in the set."
        on_problem(Problem("unlisted image", place, message))
    box = box_ops.from_xywh([_bbox(row, place)])[0].astype(np.float32)
    return Query(
        query_id=_whole(row, "id", place),
        image_id=image_id,
        box=box,
        person_id=person_id,
        gallery=tuple(i for i in gallery if i in samples),
        shot_group=None if row.get("shot_group") is None else _whole(row, "shot_group", place),
    )


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


def _image_record(sample: Sample, images: Path) -> Record:
    try:
        name = sample.path.resolve().relative_to(images.resolve()).as_posix()
    except ValueError:
        raise DataError(f"{sample.path} does not lie below {images}; copy the pictures there first.") from None
    record: Record = {"id": sample.image_id, "file_name": name, "width": sample.width, "height": sample.height}
    if sample.camera_id is not None:
        record["camera"] = sample.camera_id
    if sample.time_s is not None:
        record["time_s"] = sample.time_s
    return record


def _annotation_records(sample: Sample, first_id: int) -> list[Record]:
    assert sample.ignore_mask is not None
    assert sample.visibility is not None
    xywh = box_ops.to_xywh(sample.boxes).round(2)
    return [
        {
            "id": first_id + i,
            "image_id": sample.image_id,
            "category_id": 1,
            "bbox": [round(float(v), 2) for v in xywh[i]],
            "area": round(float(xywh[i, 2] * xywh[i, 3]), 1),
            "iscrowd": 0,
            "ignore": int(sample.ignore_mask[i]),
            "person_id": int(sample.person_ids[i]),
            "visibility": round(float(sample.visibility[i]), 3),
        }
        for i in range(len(sample))
    ]


def _query_records(scenes: SceneSet) -> list[Record]:
    return [
        {
            "id": query.query_id,
            "image_id": query.image_id,
            "bbox": [round(float(v), 2) for v in box_ops.to_xywh([query.box])[0]],
            "person_id": query.person_id,
            "gallery": list(query.gallery),
            **({} if query.shot_group is None else {"shot_group": query.shot_group}),
        }
        for query in scenes.queries
    ]
