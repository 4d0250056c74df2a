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
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from sceneseek import boxes as box_ops
from sceneseek.errors import DataError, suggest
from sceneseek.structures import UNLABELED, Query, Sample, SceneSet

ANNOTATIONS = "annotations.json"
IMAGES = "images"

Record = dict[str, Any]


def read_coco(path: str | Path, gallery_size: int | None = None) -> SceneSet:
    """Read scenes, people and queries from a COCO-style file.

    Args:
        path: A folder with ``annotations.json`` and ``images/``, or the JSON file itself (pictures are then looked for
            in ``images/`` beside it, else beside it).
        gallery_size: Keep only the first so many entries of each query's gallery.

    Returns:
        The scenes in file order. Pixels are not read.

    Raises:
        DataError: The file is missing, is not JSON, or contradicts itself; the message names the entry.
    """
    file = _annotation_file(Path(path))
    table = _load(file)
    folder = file.parent / IMAGES if (file.parent / IMAGES).is_dir() else file.parent
    people: dict[int, list[Record]] = defaultdict(list)
    for row in table["annotations"]:
        people[_get(row, "image_id", file, "annotation")].append(row)
    samples = tuple(
        _sample(row, people.pop(_get(row, "id", file, "image"), []), folder, file) for row in table["images"]
    )
    if people:
        image_id, rows = next(iter(people.items()))
        raise DataError(f"{file}: annotation {rows[0].get('id')} belongs to image {image_id}, which is not listed.")
    info = table.get("info", {})
    return SceneSet(
        name=str(info.get("name") or file.parent.name),
        samples=samples,
        queries=tuple(_query(row, gallery_size, file) for row in table.get("queries", [])),
        detection_labels_complete=bool(info.get("detection_labels_complete", True)),
        info={str(k): str(v) for k, v in info.items() if isinstance(v, str | int | float) and k != "name"},
    )


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


def _annotation_file(path: Path) -> Path:
    file = path / ANNOTATIONS if path.is_dir() else path
    if not file.is_file():
        raise DataError(
            f"{file} does not exist; expected a folder with {ANNOTATIONS} and {IMAGES}/, or the JSON file itself."
        )
    return file


def _load(file: Path) -> Record:
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as cause:
        raise DataError(f"{file} is not JSON: {cause}.") from cause
    if not isinstance(table, dict):
        raise DataError(f"{file} holds a {type(table).__name__}; expected an object with 'images' and 'annotations'.")
    for key in ("images", "annotations"):
        if not isinstance(table.get(key), list):
            raise DataError(f"{file} has no list '{key}'.{suggest(key, [str(k) for k in table])}")
    return table


def _get(row: Record, key: str, file: Path, kind: str) -> Any:
    try:
        return row[key]
    except (KeyError, TypeError):
        raise DataError(
            f"{file}: {kind} {row.get('id', row) if isinstance(row, dict) else row} has no '{key}'."
        ) from None


def _sample(row: Record, people: list[Record], folder: Path, file: Path) -> Sample:
    name = str(_get(row, "file_name", file, "image"))
    width, height = int(_get(row, "width", file, "image")), int(_get(row, "height", file, "image"))
    raw = np.array([_bbox(p, file) for p in people], np.float64).reshape(-1, 4)
    corners = box_ops.clip(box_ops.from_xywh(raw), width, height)
    inside = box_ops.valid_mask(corners)
    if not inside.all():
        i = int(np.flatnonzero(~inside)[0])
        raise DataError(
            f"{file}: annotation {people[i].get('id')} has bbox {people[i]['bbox']}, which lies outside its image "
            f"{name} of {width}x{height} pixels or has no area."
        )
    return Sample(
        image_id=int(row["id"]),
        path=folder / name,
        width=width,
        height=height,
        boxes=corners.astype(np.float32),
        person_ids=np.array([_person_id(p) for p in people], np.int64),
        camera_id=None if row.get("camera") is None else str(row["camera"]),
        ignore_mask=np.array([bool(p.get("ignore", p.get("iscrowd", 0))) for p in people], bool),
        visibility=np.array([float(p.get("visibility", 1.0)) for p in people], np.float32),
        time_s=None if row.get("time_s") is None else float(row["time_s"]),
    )


def _person_id(person: Record) -> int:
    value = int(person.get("person_id", UNLABELED))
    return value if value >= 0 else UNLABELED


def _bbox(row: Record, file: Path) -> list[float]:
    bbox = _get(row, "bbox", file, "annotation")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(isinstance(v, int | float) for v in bbox):
        raise DataError(
            f"{file}: annotation {row.get('id')} has bbox {bbox!r}; expected [x, y, width, height] in pixels."
        )
    return [float(v) for v in bbox]


def _query(row: Record, gallery_size: int | None, file: Path) -> Query:
    gallery = _get(row, "gallery", file, "query")
    return Query(
        query_id=int(_get(row, "id", file, "query")),
        image_id=int(_get(row, "image_id", file, "query")),
        box=box_ops.from_xywh([_bbox(row, file)])[0].astype(np.float32),
        person_id=int(_get(row, "person_id", file, "query")),
        gallery=tuple(int(i) for i in gallery[:gallery_size]),
        shot_group=None if row.get("shot_group") is None else int(row["shot_group"]),
    )


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
