"""PRW's files (Zheng, Zhang, Sun, Chandraker, Yang, Tian, CVPR 2017), read; ``prw_writing`` writes them.

The layout::

    frames/c1s1_000151.jpg ...
    annotations/c1s1_000151.jpg.mat ...   rows [id, x, y, w, h]
    frame_train.mat, frame_test.mat       img_index_train, img_index_test: frame names, without ".jpg"
    ID_train.mat, ID_test.mat             lists of identities; not read
    query_info.txt                        lines "id x y w h frame", CRLF

Traps that are dealt with here:

* The matrix of an annotation file is called ``box_new``, ``anno_file`` or ``anno_previous``; the first
  that is there counts.
* Id -2 is a person whose identity is not known.
* Training ids have holes (1..478, 480..483, 932): they are renumbered from 0. Codes that use ``id - 1`` as the class
  train towards places that belong to nobody.
* Coordinates below zero occur.
* A person may be in a frame twice (10 times in training, 3 in testing): both boxes are kept.
* ``query_info.txt`` ends its lines with CRLF; other versions of it, such as PRW-mini's (QEEPS), end them with LF.
* Frames are named without ".jpg" in the lists, but not in every copy of them: both are read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sceneseek import boxes as box_ops
from sceneseek import text_files
from sceneseek.data import matlab
from sceneseek.data.numbers import shown, whole
from sceneseek.data.picture_files import PictureFiles
from sceneseek.data.plausibility import Boxes
from sceneseek.data.problems import BadRecord, OnProblem, Place, Problem, refuse, reporting
from sceneseek.errors import DataError, TextFileError
from sceneseek.pictures import picture_size
from sceneseek.structures import UNLABELED, IntArray, Progress, Query, Sample, SceneSet, silent

FRAMES = "frames"
ANNOTATIONS = "annotations"
QUERIES = "query_info.txt"
ANNOTATION_KEYS = ("box_new", "anno_file", "anno_previous")
"""Names of an annotation file's matrix, in the order in which the field's codes look for them."""

UNKNOWN_ID = -2
"""PRW's own code for a person whose identity is not known."""

LARGEST_MATRIX_ID = 2**53
"""Matrices of MATLAB hold floating-point numbers, which are exact up to here."""

_NUM_QUERY_FIELDS = 6
_NUM_BOX_FIELDS = 5

Split = Literal["train", "test"]
Rounding = Literal["published", "exact"]
FloatRows = NDArray[np.float64]


@dataclass(frozen=True)
class QueryLine:
    """One line of ``query_info.txt``.

    Attributes:
        person_id: As in the file.
        xywh: ``x, y, width, height`` in pixels.
        frame: The frame's name without ``.jpg``.
        line: Its number in the file, from 1.
    """

    person_id: int
    xywh: tuple[float, float, float, float]
    frame: str
    line: int = 0


def read_prw(
    folder: str | Path,
    split: Split = "train",
    *,
    queries: str | Path | None = None,
    rounding: Rounding = "published",
    on_problem: OnProblem = refuse,
    progress: Progress = silent,
) -> SceneSet:
    """Read PRW, or a data set in its layout.

    Args:
        folder: The folder that holds ``frames`` and ``annotations``.
        split: ``"train"`` has no queries; in ``"test"`` each query's gallery is every test frame but its own, those
            that show the person first.
        queries: Another list in the form of ``query_info.txt``, such as PRW-mini's 30 queries.
        rounding: ``"published"`` treats coordinates as the code behind the published numbers does: whole pixels, and x
            and y below zero moved to 0 with the width kept, nothing clipped at the far borders (some boxes stick out by
            up to 9 pixels). ``"exact"`` keeps fractions and clips at every border.
        on_problem: Told of what is wrong; the default raises. What is told and not raised is left out.
        progress: Told of every frame read.

    Returns:
        The frames in file order; an ``image_id`` is the frame's place in its split. Training ids are renumbered from 0
        in ascending order; test ids are the file's own. ``camera_id`` is ``"c1"`` to ``"c6"``, from the frame's name.

    Raises:
        DataError: A file is missing, damaged, or contradicts another; the message names file and record.
        PictureError: A picture's header cannot be read.
    """
    folder = Path(folder)
    if split not in ("train", "test"):
        raise DataError(f"PRW has the splits 'train' and 'test'; found {split!r}.")
    if rounding not in ("published", "exact"):
        raise DataError(f"rounding must be 'published' or 'exact'; found {rounding!r}.")
    names = read_frame_names(folder / f"frame_{split}.mat", split, on_problem)
    annotations: dict[str, tuple[IntArray, FloatRows]] = {}
    for done, name in enumerate(names):
        file = annotation_file(folder, name)
        with reporting(on_problem, Place(file)):
            annotations[name] = read_annotation(file, on_problem)
        progress(done + 1, len(names), name)
    if split == "train":
        annotations = _renumbered(annotations)
    samples = []
    boxes, files = Boxes(), PictureFiles((folder / FRAMES,))
    for i, name in enumerate(names):
        if name in annotations:
            with reporting(on_problem, Place(folder / FRAMES / f"{name}.jpg")):
                place = Place(files.find(f"{name}.jpg", Place(folder / f"frame_{split}.mat"), on_problem))
                samples.append(_sample(place, i, name, *annotations[name], rounding, boxes, on_problem))
    boxes.check(Place(folder / ANNOTATIONS), on_problem)
    asked: tuple[Query, ...] = ()
    if split == "test":
        file = folder / QUERIES if queries is None else Path(queries)
        asked = _queries(read_query_info(file, on_problem), names, samples, rounding, file, on_problem)
    return SceneSet(name=f"prw-{split}", samples=tuple(samples), queries=asked)


def read_frame_names(file: str | Path, split: Split, on_problem: OnProblem = refuse) -> tuple[str, ...]:
    """Read the frame names, without ``.jpg``, of ``frame_train.mat`` or ``frame_test.mat``."""
    variable = f"img_index_{split}"
    names: dict[str, None] = {}
    for i, cell in enumerate(matlab.flat(matlab.load_variable(file, variable))):
        name = matlab.text(cell).removesuffix(".jpg")
        if not name or name in names:
            place = Place(Path(file), f"{variable} {i + 1}")
            on_problem(Problem("frame name", place, f"the frame name is {name!r}; every name must be there once."))
        else:
            names[name] = None
    return tuple(names)


def annotation_file(folder: str | Path, frame: str) -> Path:
    """Where a frame's people are: ``<frame>.jpg.mat``, or ``<frame>.mat`` where only that exists."""
    file = Path(folder) / ANNOTATIONS / f"{frame}.jpg.mat"
    short = file.with_name(f"{frame}.mat")
    return short if short.is_file() and not file.is_file() else file


def read_annotation(file: str | Path, on_problem: OnProblem = refuse) -> tuple[IntArray, FloatRows]:
    """Read one frame's people.

    Returns:
        Ids, ``(N,)`` int64, ``UNLABELED`` where PRW says -2; boxes, ``(N, 4)`` float64 ``x, y, w, h`` as in the file.

    Raises:
        DataError: The file cannot be read, has none of the three matrices, or has one of another shape.
    """
    place = Place(Path(file))
    variables = matlab.load_variables(file)
    key = next((k for k in ANNOTATION_KEYS if k in variables), None)
    if key is None:
        held = ", ".join(variables) or "none"
        raise BadRecord(place, f"there is none of the variables {', '.join(ANNOTATION_KEYS)}; the file holds {held}.")
    matrix = variables[key]
    if matrix.size == 0:
        return np.zeros(0, np.int64), np.zeros((0, 4))
    numeric = np.issubdtype(matrix.dtype, np.number)
    if not numeric or matrix.ndim != 2 or matrix.shape[1] != _NUM_BOX_FIELDS:
        raise BadRecord(place, f"{key} has shape {matrix.shape} of {matrix.dtype}; expected rows [id, x, y, w, h].")
    rows = matrix.astype(np.float64)
    _remark_doubles(rows, place, on_problem)
    good = np.array([_is_person(row, place.at(f"{key} row {i + 1}"), on_problem) for i, row in enumerate(rows)], bool)
    ids = rows[good, 0].astype(np.int64)
    ids[ids == UNKNOWN_ID] = UNLABELED
    known, times = np.unique(ids[ids != UNLABELED], return_counts=True)
    for person_id in known[times > 1].tolist():
        on_problem(Problem("person twice in a frame", place, f"person {person_id} is in the frame twice.", "note"))
    return ids, rows[good, 1:]


def read_query_info(file: str | Path, on_problem: OnProblem = refuse) -> tuple[QueryLine, ...]:
    """Read ``query_info.txt``, with any kind of line end.

    Raises:
        DataError: The file is missing, or a line is not ``id x y w h frame``; the message gives its number.
    """
    file = Path(file)
    if not file.is_file():
        raise BadRecord(Place(file), "the file does not exist; it lists the queries.", "missing annotation file")
    lines = []
    try:
        text = text_files.read_text(file)
    except TextFileError as error:
        raise BadRecord(Place(file), f"the file cannot be read: {error}.", "damaged annotation file") from error
    for number, line in enumerate(text_files.lines_of(text), start=1):
        if line.strip():
            with reporting(on_problem, Place(file)):
                lines.append(_query_line(line, Place(file, f"line {number}"), number))
    return tuple(lines)


def camera_of(frame: str) -> str:
    """The camera in a frame's name.

    Example:
        >>> camera_of("c2s1_159941")
        'c2'
    """
    match = re.match(r"c\d+", frame)
    if match is None:
        raise DataError(f"the frame name {frame!r} does not begin with its camera, as 'c1s1_000151' does.")
    return match[0]


# -- reading -----------------------------------------------------------------------------------------------------------


def _renumbered(annotations: dict[str, tuple[IntArray, FloatRows]]) -> dict[str, tuple[IntArray, FloatRows]]:
    known = np.unique(np.concatenate([ids for ids, _ in annotations.values()] or [np.zeros(0, np.int64)]))
    known = known[known != UNLABELED]
    return {
        name: (np.where(ids == UNLABELED, UNLABELED, np.searchsorted(known, ids)), rows)
        for name, (ids, rows) in annotations.items()
    }


def _remark_doubles(rows: FloatRows, place: Place, on_problem: OnProblem) -> None:
    """Two equal rows are probably one person annotated twice; the field's codes keep both."""
    times = Counter(tuple(row) for row in rows.tolist())
    for row in (row for row, count in times.items() if count > 1):
        message = f"the row {list(row)} stands {times[row]} times; all are read."
        on_problem(Problem("annotation twice", place, message, "note"))


def _is_person(row: FloatRows, place: Place, on_problem: OnProblem) -> bool:
    """Whether a row is a person; what is wrong with it is reported."""
    values = row.tolist()
    if not np.isfinite(row).all() or row[3] <= 0 or row[4] <= 0:
        message = f"the row is {values}; expected id, x, y, and w, h above zero."
        on_problem(Problem("box without area", place, message))
        return False
    if row[0] != int(row[0]) or (row[0] < UNLABELED and row[0] != UNKNOWN_ID) or row[0] > LARGEST_MATRIX_ID:
        message = (
            f"the row has the id {row[0]:.17g}; expected {UNKNOWN_ID} for unknown people, else a whole number from 0 "
            f"to {LARGEST_MATRIX_ID}."
        )
        on_problem(Problem("identity", place, message))
        return False
    return True


def _query_line(line: str, place: Place, number: int) -> QueryLine:
    words = line.split()
    try:
        if len(words) != _NUM_QUERY_FIELDS:
            raise ValueError(f"{len(words)} words")
        x, y, w, h = (float(word) for word in words[1:5])
        person_id = int(words[0])
    except ValueError as cause:
        raise BadRecord(place, f"{shown(line.strip())} is not 'id x y width height frame' ({cause}).") from None
    if person_id < 0:
        raise BadRecord(place, f"the id is {person_id}; a query asks for somebody who is known, from 0.",
                        "query without an identity")  # fmt: skip
    if not np.isfinite([x, y, w, h]).all():
        raise BadRecord(place, f"the box is {words[1:5]}; expected four finite numbers.", "unreadable box")
    return QueryLine(whole(person_id, "the id", place), (x, y, w, h), words[5].removesuffix(".jpg"), number)


def _sample(
    place: Place,
    image_id: int,
    name: str,
    ids: IntArray,
    rows: FloatRows,
    rounding: Rounding,
    boxes: Boxes,
    on_problem: OnProblem,
) -> Sample:
    if not place.file.is_file():
        raise BadRecord(place, "the picture does not exist, but the list of frames names it.", "missing picture")
    width, height = picture_size(place.file)
    for row in rows.tolist():
        boxes.add(row, width, height)
    corners = _annotation_corners(rows, rounding, width, height)
    inside = box_ops.valid_mask(box_ops.clip(corners, width, height))
    for i in np.flatnonzero(~inside).tolist():
        message = f"the box {rows[i].tolist()} (x, y, w, h) has no area inside the frame of {width}x{height} pixels."
        on_problem(Problem("box outside its picture", place, message))
    kept = corners[inside].astype(np.float32)
    return Sample(image_id, place.file, width, height, kept, ids[inside], camera_id=camera_of(name))


def _annotation_corners(rows: FloatRows, rounding: Rounding, width: int, height: int) -> FloatRows:
    if rounding == "exact":
        corners: FloatRows = box_ops.clip(box_ops.from_xywh(rows), width, height)
        return corners
    # SeqNet's and NAE's order: first to zero, then to corners (so the width stays), then towards zero.
    return np.trunc(box_ops.from_xywh(rows.clip(0, None)))


def _query_corners(line: QueryLine, rounding: Rounding, sample: Sample) -> FloatRows:
    corners: FloatRows = box_ops.from_xywh([line.xywh])
    if rounding == "published":
        corners = np.trunc(corners).clip(0, None)  # here the codes go to corners first
    else:
        corners = box_ops.clip(corners, sample.width, sample.height)
    corner: FloatRows = corners[0]
    return corner


def _queries(
    lines: Sequence[QueryLine],
    names: Sequence[str],
    samples: Sequence[Sample],
    rounding: Rounding,
    file: Path,
    on_problem: OnProblem,
) -> tuple[Query, ...]:
    place_of = {name: i for i, name in enumerate(names)}
    usable = {sample.image_id: sample for sample in samples}
    shown_in: dict[int, list[int]] = {}
    for sample in samples:
        for person_id in np.unique(sample.person_ids).tolist():
            shown_in.setdefault(person_id, []).append(sample.image_id)
    queries = []
    for i, line in enumerate(lines):
        place = Place(file, f"line {line.line}")
        with reporting(on_problem, place):
            if line.frame not in place_of:
                raise BadRecord(place, f"the frame {line.frame} is not one of the test frames.", "unlisted image")
            own = place_of[line.frame]
            if own not in usable:
                raise BadRecord(place, f"the frame {line.frame} cannot be used.", "query without its picture")
            box = _query_corners(line, rounding, usable[own]).astype(np.float32)
            if not box_ops.valid_mask([box])[0]:
                raise BadRecord(place, f"the box {list(line.xywh)} has no area inside the frame.", "box without area")
            positives = [image for image in shown_in.get(line.person_id, []) if image != own]
            if not positives:
                message = f"no other frame shows person {line.person_id}."
                on_problem(Problem("nobody to find", place, message, "note"))
            skip = {own, *positives}
            gallery = (*positives, *(image for image in usable if image not in skip))
            queries.append(Query(i, own, box, line.person_id, gallery))
    return tuple(queries)
