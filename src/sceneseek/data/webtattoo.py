"""WebTattoo (Han, Li, Jain et al., arXiv 1811.00218) as a table, read and written.

The data set is handed out by its authors on request and its file format is not published, so this is ours: a folder
with the pictures and ``webtattoo.csv``, one row per tattoo::

    image,x,y,w,h,class,split,role
    photos/0001.jpg,120,80,96,140,17,train,
    sketches/201.jpg,12,9,230,260,201,test,query
    photos/0900.jpg,310,44,80,82,201,test,gallery
    photos/0901.jpg,10,20,30,40,,test,gallery
    photos/0902.jpg,,,,,,test,gallery

* ``image``: path of the picture from the table's folder;
* ``x,y,w,h``: the tattoo in pixels; all four empty for a picture without tattoos;
* ``class``: a whole number, the identity of the design; empty where it is not known;
* ``split``: ``train`` or ``test``;
* ``role``: ``query`` (this tattoo is searched for), ``gallery`` (its picture is searched), ``query gallery``, or empty.

Further columns are allowed and not read. The protocol (DC-I-Net's): each query is searched for in all gallery pictures
but its own. Boxes and classes of all test pictures, whatever their role, count for detection.
"""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from sceneseek import boxes as box_ops
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
        xywh: ``None`` in a picture without tattoos.
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


def read_webtattoo(path: str | Path, split: Split = "train", *, progress: Progress = silent) -> SceneSet:
    """Read tattoos and queries from a table.

    Args:
        path: The folder that holds ``webtattoo.csv``, or a table in the same form.
        split: ``"train"`` or ``"test"``.
        progress: Told of every picture whose size is read.

    Returns:
        The pictures in the order in which the table first names them; an ``image_id`` is the place in that order,
        within the split. Galleries list the pictures that show the query's design first.

    Raises:
        DataError: The table is missing, or a line is wrong; the message gives its number.
        PictureError: A picture's header cannot be read.
    """
    file = Path(path) / TABLE if Path(path).is_dir() else Path(path)
    if split not in _SPLITS:
        raise DataError(f"the splits are 'train' and 'test'; found {split!r}.")
    scenes: dict[str, list[Row]] = {}
    for row in read_table(file):
        if row.split == split:
            scenes.setdefault(row.image, []).append(row)
    if not scenes:
        raise DataError(f"{file} has no row of the split {split!r}.")
    samples: list[Sample] = []
    asked: list[tuple[Sample, FloatArray, int]] = []
    for name, rows in scenes.items():
        sample = _sample(file, len(samples), name, rows)
        samples.append(sample)
        tattoos = [row for row in rows if row.xywh is not None]
        asked += [(sample, sample.boxes[i], row.class_id) for i, row in enumerate(tattoos) if "query" in row.roles]
        progress(len(samples), len(scenes), name)
    gallery = [s for s, rows in zip(samples, scenes.values(), strict=True) if any("gallery" in r.roles for r in rows)]
    queries = tuple(
        Query(i, sample.image_id, box, class_id, _ordered_gallery(sample, class_id, gallery))
        for i, (sample, box, class_id) in enumerate(asked)
    )
    return SceneSet(name=f"webtattoo-{split}", samples=tuple(samples), queries=queries)


def read_table(file: str | Path) -> tuple[Row, ...]:
    """Read and check every line of a table; pictures are not looked at.

    Raises:
        DataError: The file is missing, is not text, lacks a column, or has a wrong line.
    """
    file = Path(file)
    if not file.is_file():
        raise DataError(f"{file} does not exist; expected a table with the columns {','.join(COLUMNS)}.")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as cause:
        raise DataError(f"{file} is not UTF-8 text ({cause}).") from cause
    reader = csv.DictReader(lines)
    columns = reader.fieldnames or []
    for column in COLUMNS:
        if column not in columns:
            raise DataError(f"{file} has no column '{column}'.{suggest(column, list(columns))}")
    return tuple(_row(record, f"{file}, line {reader.line_num}", reader.line_num) for record in reader)


def write_webtattoo(train: SceneSet, test: SceneSet, folder: str | Path, *, progress: Progress = silent) -> Path:
    """Write two splits as a table with their pictures.

    The table has one gallery for all queries. Boxes to ignore, cameras, visibility and times are not kept.

    Args:
        train: Scenes for training.
        test: Scenes for testing, with queries.
        folder: Where to write; pictures go to ``images/train`` and ``images/test`` under their own names.
        progress: Told of every picture copied.

    Returns:
        The table.

    Raises:
        DataError: The queries do not share one gallery, a query's box is not one of its picture's, two pictures have
            one name, or a picture is missing.
    """
    folder = Path(folder)
    gallery = _shared_gallery(test)
    asked = {_query_key(test, query) for query in test.queries}
    lines: list[tuple[str, ...]] = []
    total = len(train) + len(test)
    for split, scenes in (("train", train), ("test", test)):
        target = folder / PICTURES / split
        target.mkdir(parents=True, exist_ok=True)
        taken: set[str] = set()
        for sample in scenes.samples:
            name = sample.path.name
            if name in taken or not sample.path.is_file():
                reason = "is the second picture of that name" if name in taken else "does not exist"
                raise DataError(f"{sample.path} {reason}; pictures are copied under their own names.")
            taken.add(name)
            shutil.copyfile(sample.path, target / name)
            is_gallery = split == "test" and sample.image_id in gallery
            queried = {i for image, i in asked if image == sample.image_id} if split == "test" else set()
            lines += _lines(sample, f"{PICTURES}/{split}/{name}", split, is_gallery, queried)
            progress(len(taken) + (len(train) if split == "test" else 0), total, name)
    file = folder / TABLE
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(lines)
    return file


# -- reading -----------------------------------------------------------------------------------------------------------


def _row(record: dict[str, str | None], owner: str, line: int) -> Row:
    value = {column: (record[column] or "").strip() for column in COLUMNS}
    if not value["image"]:
        raise DataError(f"{owner}: the image is empty.")
    if value["split"] not in _SPLITS:
        raise DataError(f"{owner}: the split is {value['split']!r}; expected 'train' or 'test'.")
    roles = frozenset(value["role"].split())
    if not roles <= _ROLES:
        raise DataError(f"{owner}: the role is {value['role']!r}; expected 'query', 'gallery', both, or nothing.")
    row = Row(line, value["image"], _xywh(value, owner), _class_id(value["class"], owner), value["split"], roles)
    if "query" in roles and (row.xywh is None or row.class_id == UNLABELED):
        raise DataError(f"{owner}: a query needs a box and a class.")
    return row


def _xywh(value: dict[str, str], owner: str) -> tuple[float, float, float, float] | None:
    words = [value[column] for column in ("x", "y", "w", "h")]
    if not any(words):
        return None
    try:
        x, y, w, h = (float(word) for word in words)
    except ValueError:
        raise DataError(f"{owner}: x,y,w,h are {','.join(words)}; expected four numbers, or nothing.") from None
    if not (np.isfinite([x, y, w, h]).all() and w > 0 and h > 0):
        raise DataError(f"{owner}: x,y,w,h are {','.join(words)}; expected finite numbers, w and h above zero.")
    return x, y, w, h


def _class_id(word: str, owner: str) -> int:
    if not word:
        return UNLABELED
    if not word.isdecimal():
        raise DataError(f"{owner}: the class is {word!r}; expected a whole number from 0, or nothing.")
    return int(word)


def _sample(file: Path, image_id: int, name: str, rows: list[Row]) -> Sample:
    path = file.parent / name
    if not path.is_file():
        raise DataError(f"{file}, line {rows[0].line}: the picture {path} does not exist.")
    width, height = picture_size(path)
    tattoos = [row for row in rows if row.xywh is not None]
    xywh = np.array([row.xywh for row in tattoos], np.float64).reshape(-1, 4)
    corners = box_ops.clip(box_ops.from_xywh(xywh), width, height)
    bad = ~box_ops.valid_mask(corners)
    if bad.any():
        row = tattoos[int(np.flatnonzero(bad)[0])]
        raise DataError(f"{file}, line {row.line}: the box lies outside its picture of {width}x{height} pixels.")
    ids = np.array([row.class_id for row in tattoos], np.int64)
    return Sample(image_id, path, width, height, corners.astype(np.float32), ids)


def _ordered_gallery(sample: Sample, class_id: int, gallery: list[Sample]) -> tuple[int, ...]:
    others = [s for s in gallery if s.image_id != sample.image_id]
    shows = {s.image_id for s in others if (s.person_ids == class_id).any()}
    first = [s.image_id for s in others if s.image_id in shows]
    return (*first, *(s.image_id for s in others if s.image_id not in shows))


# -- writing -----------------------------------------------------------------------------------------------------------


def _shared_gallery(test: SceneSet) -> frozenset[int]:
    """Images that some query searches; every query must search them all, but for its own."""
    union = frozenset(image for query in test.queries for image in query.gallery)
    for query in test.queries:
        if frozenset(query.gallery) != union - {query.image_id}:
            raise DataError(
                f"{test.name}: query {query.query_id} searches other pictures than the rest; the table has one gallery "
                "for all queries."
            )
    return union


def _query_key(test: SceneSet, query: Query) -> tuple[int, int]:
    sample = test.by_id[query.image_id]
    same = (sample.boxes == query.box).all(axis=1) & (sample.person_ids == query.person_id)
    if not same.any():
        raise DataError(
            f"{test.name}: the box of query {query.query_id} is not one of image {query.image_id}'s tattoos."
        )
    return query.image_id, int(np.flatnonzero(same)[0])


def _lines(sample: Sample, name: str, split: str, is_gallery: bool, queried: set[int]) -> list[tuple[str, ...]]:
    assert sample.ignore_mask is not None
    gallery = ["gallery"] if is_gallery else []
    xywh = box_ops.to_xywh(sample.boxes.astype(np.float64))
    lines: list[tuple[str, ...]] = []
    for i in np.flatnonzero(~sample.ignore_mask).tolist():
        numbers = [f"{v:.2f}".rstrip("0").rstrip(".") for v in xywh[i].tolist()]
        class_id = "" if sample.person_ids[i] == UNLABELED else str(sample.person_ids[i])
        role = " ".join([*(["query"] if i in queried else []), *gallery])
        lines.append((name, *numbers, class_id, split, role))
    return lines or [(name, "", "", "", "", "", split, *gallery, *([] if gallery else [""]))]
