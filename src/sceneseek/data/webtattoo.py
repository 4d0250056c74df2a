"""WebTattoo (Han, Li, Jain et al., arXiv 1811.00218) as a table, read; ``webtattoo_writing`` writes it.

The data set is handed out by its authors on request and its file format is not published, so this is ours: a folder
with the pictures and ``webtattoo.csv``, one row per tattoo::

    image,x,y,w,h,class,split,role
    photos/0001.jpg,120,80,96,140,17,train,
    sketches/201.jpg,,,,,201,test,query
    photos/0900.jpg,310,44,80,82,201,test,gallery
    photos/0901.jpg,10,20,30,40,,test,gallery
    photos/0902.jpg,,,,,,test,gallery

* ``image``: path of the picture from the table's folder;
* ``x,y,w,h``: the tattoo in pixels; all four empty for a picture without tattoos, and for a query that is a picture of
  nothing else, such as a sketch: then the whole picture is the box, and no detector is scored on it unless its role
  is also ``gallery``;
* ``class``: a whole number, the identity of the design; empty where it is not known;
* ``split``: ``train`` or ``test``;
* ``role``: ``query`` (this tattoo is searched for), ``gallery`` (its picture is searched), ``query gallery``, or empty.

Further columns are allowed and not read. The protocol (DC-I-Net's): each query is searched for in all gallery pictures
but its own. Boxes and classes of all test pictures, whatever their role, count for detection.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from sceneseek import boxes as box_ops
from sceneseek.data.problems import BadRecord, OnProblem, Place, Problem, refuse, reporting
from sceneseek.errors import DataError, suggest
from sceneseek.pictures import picture_size
from sceneseek.structures import UNLABELED, FloatArray, Progress, Query, Sample, SceneSet, silent

TABLE = "webtattoo.csv"
COLUMNS = ("image", "x", "y", "w", "h", "class", "split", "role")
PICTURES = "images"

Split = Literal["train", "test"]
_SPLITS = ("train", "test")
_ROLES = frozenset({"query", "gallery"})


@dataclass(frozen=True)
class Row:
    """One line of the table, checked.

    Attributes:
        line: Its number in the file.
        image: Path of the picture from the table's folder.
        xywh: ``None`` in a picture without tattoos, or for the whole picture where ``roles`` has ``query``.
        class_id: ``UNLABELED`` where the design is not known.
        split: ``train`` or ``test``.
        roles: Any of ``query`` and ``gallery``.
    """

    line: int
    image: str
    xywh: tuple[float, float, float, float] | None
    class_id: int
    split: str
    roles: frozenset[str]


def read_webtattoo(
    path: str | Path, split: Split = "train", *, on_problem: OnProblem = refuse, progress: Progress = silent
) -> SceneSet:
    """Read tattoos and queries from a table.

    Args:
        path: The folder that holds ``webtattoo.csv``, or a table in the same form.
        split: ``"train"`` or ``"test"``.
        on_problem: Told of what is wrong; the default raises. What is told and not raised is left out.
        progress: Told of every picture whose size is read.

    Returns:
        The pictures in the order in which the table first names them; an ``image_id`` is the place in that order,
        within the split. Galleries list the pictures that show the query's design first.

    Raises:
        DataError: The table is missing, or a line is wrong; the message gives its number.
        PictureError: A picture's header cannot be read.
    """
    file = table_file(path)
    if split not in _SPLITS:
        raise DataError(f"the splits are 'train' and 'test'; found {split!r}.")
    scenes: dict[str, list[Row]] = {}
    for row in read_table(file, on_problem):
        if row.split == split:
            scenes.setdefault(row.image, []).append(row)
    if not scenes:
        raise BadRecord(Place(file), f"there is no row of the split {split!r}.", "missing split")
    samples: list[Sample] = []
    gallery: list[Sample] = []
    asked: list[tuple[Row, Sample, FloatArray]] = []
    for i, (name, rows) in enumerate(scenes.items()):
        with reporting(on_problem, Place(file, f"line {rows[0].line}")):
            sample, placed = _sample(file, i, rows, on_problem)
            samples.append(sample)
            asked += [(row, sample, box) for row, box in placed if "query" in row.roles]
            if any("gallery" in row.roles for row in rows):
                gallery.append(sample)
        progress(i + 1, len(scenes), name)
    queries = []
    for i, (row, sample, box) in enumerate(asked):
        entries, num_positives = _ordered_gallery(sample, row.class_id, gallery)
        if not num_positives:
            message = f"no picture of the gallery shows class {row.class_id}."
            on_problem(Problem("nobody to find", Place(file, f"line {row.line}"), message, "note"))
        queries.append(Query(i, sample.image_id, box, row.class_id, entries))
    return SceneSet(name=f"webtattoo-{split}", samples=tuple(samples), queries=tuple(queries))


def table_file(path: str | Path) -> Path:
    """The table of a folder, or the table itself."""
    return Path(path) / TABLE if Path(path).is_dir() else Path(path)


def read_table(file: str | Path, on_problem: OnProblem = refuse) -> tuple[Row, ...]:
    """Read and check every line of a table; pictures are not looked at.

    Raises:
        DataError: The file is missing, is not text, lacks a column, or has a wrong line.
    """
    file = Path(file)
    if not file.is_file():
        raise BadRecord(Place(file), f"the file does not exist; expected a table with the columns {','.join(COLUMNS)}.",
                        "missing annotation file")  # fmt: skip
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as cause:
        raise BadRecord(Place(file), f"the file is not UTF-8 text ({cause}).", "damaged annotation file") from cause
    reader = csv.DictReader(lines)
    columns = reader.fieldnames or []
    for column in COLUMNS:
        if column not in columns:
            raise BadRecord(Place(file), f"there is no column '{column}'.{suggest(column, list(columns))}")
    rows = []
    for record in reader:
        with reporting(on_problem, Place(file, f"line {reader.line_num}")):
            rows.append(_row(record, Place(file, f"line {reader.line_num}"), reader.line_num))
    return tuple(rows)


# -- reading -----------------------------------------------------------------------------------------------------------


def _row(record: dict[str, str | None], place: Place, line: int) -> Row:
    value = {column: (record[column] or "").strip() for column in COLUMNS}
    if not value["image"]:
        raise BadRecord(place, "the image is empty.")
    if value["split"] not in _SPLITS:
        raise BadRecord(place, f"the split is {value['split']!r}; expected 'train' or 'test'.")
    roles = frozenset(value["role"].split())
    if not roles <= _ROLES:
        raise BadRecord(place, f"the role is {value['role']!r}; expected 'query', 'gallery', both, or nothing.")
    row = Row(line, value["image"], _xywh(value, place), _class_id(value["class"], place), value["split"], roles)
    if "query" in roles and row.class_id == UNLABELED:
        raise BadRecord(place, "a query needs a class.", "query without an identity")
    if row.xywh is None and row.class_id != UNLABELED and "query" not in roles:
        raise BadRecord(place, f"class {row.class_id} has no box; only a query may be a whole picture.")
    return row


def _xywh(value: dict[str, str], place: Place) -> tuple[float, float, float, float] | None:
    words = [value[column] for column in ("x", "y", "w", "h")]
    if not any(words):
        return None
    found = f"x,y,w,h are {','.join(words)}"
    try:
        x, y, w, h = (float(word) for word in words)
    except ValueError:
        raise BadRecord(place, f"{found}; expected four numbers, or nothing.", "unreadable box") from None
    if not (np.isfinite([x, y, w, h]).all() and w > 0 and h > 0):
        raise BadRecord(place, f"{found}; expected finite numbers, w and h above zero.", "box without area")
    return x, y, w, h


def _class_id(word: str, place: Place) -> int:
    if not word:
        return UNLABELED
    if not word.isdecimal():
        message = f"the class is {word!r}; expected a whole number from 0, or nothing."
        raise BadRecord(place, message, "identity")
    return int(word)


def _sample(
    file: Path, image_id: int, rows: list[Row], on_problem: OnProblem
) -> tuple[Sample, list[tuple[Row, FloatArray]]]:
    """A picture, and the rows whose box lies in it with that box."""
    path = file.parent / rows[0].image
    if not path.is_file():
        raise BadRecord(Place(file, f"line {rows[0].line}"), f"the picture {path} does not exist.", "missing picture")
    width, height = picture_size(path)
    placed: list[tuple[Row, FloatArray]] = []
    for row in rows:
        whole = row.xywh is None
        if whole and "query" not in row.roles:
            continue
        box = box_ops.clip(box_ops.from_xywh([row.xywh or (0, 0, width, height)]), width, height)
        if box_ops.valid_mask(box)[0]:
            placed.append((row, box[0].astype(np.float32)))
        else:
            place = Place(file, f"line {row.line}")
            message = f"the box lies outside its picture of {width}x{height} pixels."
            on_problem(Problem("box outside its picture", place, message))
    return Sample(
        image_id,
        path,
        width,
        height,
        boxes=np.array([box for _, box in placed], np.float32).reshape(-1, 4),
        person_ids=np.array([row.class_id for row, _ in placed], np.int64),
        ignore_mask=np.array([row.xywh is None and "gallery" not in row.roles for row, _ in placed], bool),
    ), placed


def _ordered_gallery(sample: Sample, class_id: int, gallery: list[Sample]) -> tuple[tuple[int, ...], int]:
    """The other gallery pictures, those that show the design first, and how many do."""
    others = [s for s in gallery if s.image_id != sample.image_id]
    shows = {s.image_id for s in others if (s.person_ids == class_id).any()}
    first = [s.image_id for s in others if s.image_id in shows]
    return (*first, *(s.image_id for s in others if s.image_id not in shows)), len(first)
