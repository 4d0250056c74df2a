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

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from sceneseek import boxes as box_ops
from sceneseek.data.numbers import shown, whole
from sceneseek.data.picture_files import PictureFiles
from sceneseek.data.plausibility import STICKS_OUT, Boxes
from sceneseek.data.problems import BadRecord, OnProblem, Place, Problem, refuse, reporting
from sceneseek.data.table_files import TableRow, read_rows
from sceneseek.errors import DataError
from sceneseek.pictures import picture_size
from sceneseek.structures import UNLABELED, FloatArray, Progress, Query, Sample, SceneSet, silent

TABLE = "webtattoo.csv"
COLUMNS = ("image", "x", "y", "w", "h", "class", "split", "role")
PICTURES = "images"

Split = Literal["train", "test"]
_SPLITS = ("train", "test")
_ROLES = frozenset({"query", "gallery"})
_BOX = ("x", "y", "w", "h")
_MOST_DIGITS = 100


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
    boxes, files = Boxes(), PictureFiles((file.parent, file.parent / PICTURES))
    met: set[Path] = set()
    for i, (name, rows) in enumerate(scenes.items()):
        with reporting(on_problem, Place(file, f"line {rows[0].line}")):
            _remark_doubles(rows, file, on_problem)
            path = _path(files, rows[0], met, Place(file, f"line {rows[0].line}"), on_problem)
            sample, placed = _sample(path, i, rows, file, boxes, on_problem)
            samples.append(sample)
            asked += [(row, sample, box) for row, box in placed if "query" in row.roles]
            if any("gallery" in row.roles for row in rows):
                gallery.append(sample)
        progress(i + 1, len(scenes), name)
    boxes.check(Place(file), on_problem, of_people=False)
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
    rows = []
    for record in read_rows(file, COLUMNS, on_problem):
        with reporting(on_problem, Place(file, f"line {record.line}")):
            rows.append(_row(record, Place(file, f"line {record.line}")))
    return tuple(rows)


# -- reading -----------------------------------------------------------------------------------------------------------


def _row(record: TableRow, place: Place) -> Row:
    value = record.cells
    if not value["image"]:
        raise BadRecord(place, "the image is empty.")
    split = value["split"].casefold()
    if split not in _SPLITS:
        raise BadRecord(place, f"the split is {value['split']!r}; expected 'train' or 'test'.")
    roles = frozenset(value["role"].casefold().split())
    if not roles <= _ROLES:
        raise BadRecord(place, f"the role is {value['role']!r}; expected 'query', 'gallery', both, or nothing.")
    row = Row(record.line, value["image"], _xywh(record, place), _class_id(record, place), split, roles)
    if "query" in roles and row.class_id == UNLABELED:
        raise BadRecord(place, "a query needs a class.", "query without an identity")
    if row.xywh is None and row.class_id != UNLABELED and "query" not in roles:
        raise BadRecord(place, f"class {row.class_id} has no box; only a query may be a whole picture.")
    return row


def _xywh(record: TableRow, place: Place) -> tuple[float, float, float, float] | None:
    words = [record.cells[column] for column in _BOX]
    if not any(words):
        return None
    found = f"x,y,w,h are {','.join(words)}"
    try:
        x, y, w, h = (record.number(column) for column in _BOX)
    except ValueError:
        raise BadRecord(place, f"{found}; expected four numbers, or nothing.", "unreadable box") from None
    if not (np.isfinite([x, y, w, h]).all() and w > 0 and h > 0):
        raise BadRecord(place, f"{found}; expected finite numbers, w and h above zero.", "box without area")
    return x, y, w, h


def _class_id(record: TableRow, place: Place) -> int:
    word = record.cells["class"]
    if not word:
        return UNLABELED
    try:
        # Tables that went through a spreadsheet or pandas have 17.0 where a class is missing elsewhere.
        number: float = int(word) if word.isdecimal() and len(word) <= _MOST_DIGITS else record.number("class")
    except ValueError:
        number = np.nan
    if not number >= 0:
        message = f"the class is {shown(word)}; expected a whole number from 0, or nothing."
        raise BadRecord(place, message, "identity")
    return whole(number, "the class", place, "identity")


def _path(files: PictureFiles, row: Row, met: set[Path], place: Place, on_problem: OnProblem) -> Path:
    """The picture of a row."""
    path = files.find(row.image, place, on_problem)
    if not path.is_file():
        raise BadRecord(place, f"the picture {path} does not exist.", "missing picture")
    if path in met:
        message = f"the picture {path.name} has another name elsewhere in the table; both are read."
        on_problem(Problem("picture listed twice", place, message, "note"))
    met.add(path)
    return path


def _remark_doubles(rows: list[Row], file: Path, on_problem: OnProblem) -> None:
    """Note the rows of a picture that say again what another has said."""
    first: dict[Row, Row] = {}
    for row in rows:
        twin = first.setdefault(replace(row, line=0), row)
        if twin is not row:
            message = f"it says the same as line {twin.line}; both are read."
            on_problem(Problem("annotation twice", Place(file, f"line {row.line}"), message, "note"))


def _sample(
    path: Path, image_id: int, rows: list[Row], file: Path, boxes: Boxes, on_problem: OnProblem
) -> tuple[Sample, list[tuple[Row, FloatArray]]]:
    """A picture, and the rows whose box lies in it with that box."""
    width, height = picture_size(path)
    placed: list[tuple[Row, FloatArray]] = []
    for row in rows:
        if row.xywh is None and "query" not in row.roles:
            continue
        place = Place(file, f"line {row.line}")
        raw = box_ops.from_xywh([row.xywh or (0, 0, width, height)])
        box = box_ops.clip(raw, width, height)
        if row.xywh is not None:
            boxes.add(row.xywh, width, height)
        if not box_ops.valid_mask(box)[0]:
            message = f"the box lies outside its picture of {width}x{height} pixels."
            on_problem(Problem("box outside its picture", place, message))
            continue
        if row.xywh is not None and (np.abs(raw - box) > STICKS_OUT).any():
            boxes.clipped(place, row.xywh, path.name, width, height)
        placed.append((row, box[0].astype(np.float32)))
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
