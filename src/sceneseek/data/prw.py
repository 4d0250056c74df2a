"""PRW's files (Zheng, Zhang, Sun, Chandraker, Yang, Tian, CVPR 2017), read and written.

The layout::

    frames/c1s1_000151.jpg ...
    annotations/c1s1_000151.jpg.mat ...   rows [id, x, y, w, h]
    frame_train.mat, frame_test.mat       img_index_train, img_index_test: frame names without ".jpg"
    ID_train.mat, ID_test.mat             lists of identities; not read
    query_info.txt                        lines "id x y w h frame", CRLF

Traps that are dealt with here:

* The matrix of an annotation file is called ``box_new``, ``anno_file`` or ``anno_previous``; the first
  that is there counts.
* Id -2 is a person whose identity is not known.
* Training ids have holes (1..478, 480..483, 932): they are renumbered from 0. Codes that use ``id - 1`` as the class
  train towards places that belong to nobody.
* Coordinates below zero occur.
* ``query_info.txt`` ends its lines with CRLF; other tools' versions of it end them with LF.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sceneseek import boxes as box_ops
from sceneseek.data import matlab
from sceneseek.errors import DataError
from sceneseek.pictures import picture_size
from sceneseek.structures import UNLABELED, IntArray, Progress, Query, Sample, SceneSet, silent

FRAMES = "frames"
ANNOTATIONS = "annotations"
QUERIES = "query_info.txt"
ANNOTATION_KEYS = ("box_new", "anno_file", "anno_previous")
"""Names of an annotation file's matrix, in the order in which the field's codes look for them."""

UNKNOWN_ID = -2
"""PRW's own code for a person whose identity is not known."""

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
    """

    person_id: int
    xywh: tuple[float, float, float, float]
    frame: str


def read_prw(
    folder: str | Path, split: Split = "train", *, rounding: Rounding = "published", progress: Progress = silent
) -> SceneSet:
    """Read PRW, or a data set in its layout.

    Args:
        folder: The folder that holds ``frames`` and ``annotations``.
        split: ``"train"`` has no queries; in ``"test"`` each query's gallery is every test frame but its own, those
            that show the person first.
        rounding: ``"published"`` treats coordinates as the code behind the published numbers does: whole pixels, and x
            and y below zero moved to 0 with the width kept, nothing clipped at the far borders (some boxes stick out by
            up to 9 pixels). ``"exact"`` keeps fractions and clips at every border.
        progress: Told of every frame read.

    Returns:
        The frames in file order; an ``image_id`` is the frame's place in its split. Training ids are renumbered from 0
        in ascending order; test ids are the file's own. ``camera_id`` is ``"c1"`` to ``"c6"``, from the frame's name.

    Raises:
        DataError: A file is missing, damaged, or contradicts another; the message names it.
        PictureError: A picture's header cannot be read.
    """
    folder = Path(folder)
    if split not in ("train", "test"):
        raise DataError(f"PRW has the splits 'train' and 'test'; found {split!r}.")
    if rounding not in ("published", "exact"):
        raise DataError(f"rounding must be 'published' or 'exact'; found {rounding!r}.")
    names = read_frame_names(folder / f"frame_{split}.mat", split)
    annotations: dict[str, tuple[IntArray, FloatRows]] = {}
    for done, name in enumerate(names):
        annotations[name] = read_annotation(folder / ANNOTATIONS / f"{name}.jpg.mat")
        progress(done + 1, len(names), name)
    if split == "train":
        annotations = _renumbered(annotations)
    samples = tuple(_sample(folder, i, name, *annotations[name], rounding) for i, name in enumerate(names))
    queries: tuple[Query, ...] = ()
    if split == "test":
        queries = _queries(read_query_info(folder / QUERIES), names, samples, rounding, folder / QUERIES)
    return SceneSet(name=f"prw-{split}", samples=samples, queries=queries)


def read_frame_names(file: str | Path, split: Split) -> tuple[str, ...]:
    """Read the frame names, without ``.jpg``, of ``frame_train.mat`` or ``frame_test.mat``."""
    cells = matlab.flat(matlab.load_variable(file, f"img_index_{split}"))
    names = tuple(matlab.text(cell) for cell in cells)
    if len(set(names)) != len(names):
        raise DataError(f"{file} lists a frame twice.")
    return names


def read_annotation(file: str | Path) -> tuple[IntArray, FloatRows]:
    """Read one frame's people.

    Returns:
        Ids, ``(N,)`` int64, ``UNLABELED`` where PRW says -2; boxes, ``(N, 4)`` float64 ``x, y, w, h`` as in the file.

    Raises:
        DataError: The file cannot be read, has none of the three matrices, or has one of another shape.
    """
    variables = matlab.load_variables(file)
    key = next((k for k in ANNOTATION_KEYS if k in variables), None)
    if key is None:
        raise DataError(
            f"{file} has none of the variables {', '.join(ANNOTATION_KEYS)}; it holds {', '.join(variables) or 'none'}."
        )
    matrix = variables[key]
    if matrix.size == 0:
        return np.zeros(0, np.int64), np.zeros((0, 4))
    numeric = np.issubdtype(matrix.dtype, np.number)
    if not numeric or matrix.ndim != 2 or matrix.shape[1] != _NUM_BOX_FIELDS:
        raise DataError(f"{file}: {key} has shape {matrix.shape} of {matrix.dtype}; expected rows [id, x, y, w, h].")
    rows = matrix.astype(np.float64)
    bad = ~np.isfinite(rows).all(axis=1) | (rows[:, 3:] <= 0).any(axis=1)
    if bad.any():
        raise DataError(f"{file}: {key} has the row {rows[bad][0].tolist()}; expected id, x, y, and w, h above zero.")
    ids = rows[:, 0].astype(np.int64)
    ids[ids == UNKNOWN_ID] = UNLABELED
    if (ids < UNLABELED).any():
        raise DataError(
            f"{file}: {key} has the id {ids.min()}; expected {UNKNOWN_ID} for unknown people, else 0 or more."
        )
    return ids, rows[:, 1:]


def read_query_info(file: str | Path) -> tuple[QueryLine, ...]:
    """Read ``query_info.txt``, with any kind of line end.

    Raises:
        DataError: The file is missing, or a line is not ``id x y w h frame``; the message gives its number.
    """
    file = Path(file)
    if not file.is_file():
        raise DataError(f"{file} does not exist; it lists the queries.")
    lines = []
    for number, line in enumerate(file.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            if len(words) != _NUM_QUERY_FIELDS:
                raise ValueError(f"{len(words)} words")
            x, y, w, h = (float(word) for word in words[1:5])
            lines.append(QueryLine(int(words[0]), (x, y, w, h), words[5].removesuffix(".jpg")))
        except ValueError as cause:
            raise DataError(f"{file}, line {number}: {line!r} is not 'id x y width height frame' ({cause}).") from None
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


def write_prw(train: SceneSet, test: SceneSet, folder: str | Path, *, progress: Progress = silent) -> None:
    """Write two splits in PRW's layout, pictures included.

    Every query's gallery is all other test frames in this layout, whatever ``Query.gallery`` says. Boxes to ignore,
    visibility and times are not kept. Ids are written as they are (the genuine ones begin at 1).

    Args:
        train: Scenes for training.
        test: Scenes for testing, with queries.
        folder: Where to write. Frames are named ``c<camera>s1_<number>.jpg``: a camera called ``c3`` or ``3`` keeps its
            number, others are numbered in the order of their names.
        progress: Told of every picture copied.

    Raises:
        DataError: A picture is missing or is not JPEG.
    """
    folder = Path(folder)
    samples = [*train.samples, *test.samples]
    cameras = _camera_numbers(samples)
    names = [f"c{cameras[sample.camera_id]}s1_{i + 1:06d}" for i, sample in enumerate(samples)]
    (folder / FRAMES).mkdir(parents=True, exist_ok=True)
    for done, (sample, name) in enumerate(zip(samples, names, strict=True)):
        if sample.path.suffix.lower() not in (".jpg", ".jpeg") or not sample.path.is_file():
            raise DataError(f"{sample.path} is missing or not a JPEG file; PRW's frames are JPEG files and are copied.")
        shutil.copyfile(sample.path, folder / FRAMES / f"{name}.jpg")
        matlab.save_variables(folder / ANNOTATIONS / f"{name}.jpg.mat", box_new=_annotation_matrix(sample))
        progress(done + 1, len(samples), name)
    train_names, test_names = names[: len(train)], names[len(train) :]
    for split, scenes, own in (("train", train, train_names), ("test", test, test_names)):
        listed = {f"img_index_{split}": matlab.cell_column(own)}
        matlab.save_variables(folder / f"frame_{split}.mat", **listed)
        matlab.save_variables(folder / f"ID_{split}.mat", **{f"ID_{split}": scenes.person_ids[None].astype(np.float64)})
    frame_of = {sample.image_id: name for sample, name in zip(test.samples, test_names, strict=True)}
    lines = [_query_line(query, frame_of[query.image_id]) for query in test.queries]
    (folder / QUERIES).write_bytes("".join(lines).encode())


# -- reading -----------------------------------------------------------------------------------------------------------


def _renumbered(annotations: dict[str, tuple[IntArray, FloatRows]]) -> dict[str, tuple[IntArray, FloatRows]]:
    known = np.unique(np.concatenate([ids for ids, _ in annotations.values()] or [np.zeros(0, np.int64)]))
    known = known[known != UNLABELED]
    return {
        name: (np.where(ids == UNLABELED, UNLABELED, np.searchsorted(known, ids)), rows)
        for name, (ids, rows) in annotations.items()
    }


def _sample(folder: Path, image_id: int, name: str, ids: IntArray, rows: FloatRows, rounding: Rounding) -> Sample:
    path = folder / FRAMES / f"{name}.jpg"
    if not path.is_file():
        raise DataError(f"{path} does not exist, but the list of frames names it.")
    width, height = picture_size(path)
    corners = _annotation_corners(rows, rounding, width, height)
    bad = ~box_ops.valid_mask(box_ops.clip(corners, width, height))
    if bad.any():
        row = rows[bad][0].tolist()
        raise DataError(f"{path}: the box {row} (x, y, w, h) has no area inside the frame of {width}x{height} pixels.")
    return Sample(image_id, path, width, height, corners.astype(np.float32), ids, camera_id=camera_of(name))


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
    lines: Sequence[QueryLine], names: Sequence[str], samples: Sequence[Sample], rounding: Rounding, file: Path
) -> tuple[Query, ...]:
    place = {name: i for i, name in enumerate(names)}
    shown_in: dict[int, list[int]] = {}
    for sample in samples:
        for person_id in np.unique(sample.person_ids).tolist():
            shown_in.setdefault(person_id, []).append(sample.image_id)
    queries = []
    for i, line in enumerate(lines):
        if line.frame not in place:
            raise DataError(f"{file}, query {i + 1}: the frame {line.frame} is not one of the test frames.")
        own = place[line.frame]
        box = _query_corners(line, rounding, samples[own]).astype(np.float32)
        if not box_ops.valid_mask([box])[0]:
            raise DataError(f"{file}, query {i + 1}: the box {list(line.xywh)} has no area inside the frame.")
        positives = [image for image in shown_in.get(line.person_id, []) if image != own]
        skip = {own, *positives}
        gallery = (*positives, *(image for image in range(len(names)) if image not in skip))
        queries.append(Query(i, own, box, line.person_id, gallery))
    return tuple(queries)


# -- writing -----------------------------------------------------------------------------------------------------------


def _camera_numbers(samples: Sequence[Sample]) -> dict[str | None, int]:
    names = {sample.camera_id for sample in samples}
    own: dict[str | None, int] = {
        name: int(m[1]) for name in names if name is not None and (m := re.fullmatch(r"c?([1-9]\d*)", name))
    }
    if len(own) == len(names) and len(set(own.values())) == len(own):
        return own
    return {name: i + 1 for i, name in enumerate(sorted(names, key=lambda name: name or ""))}


def _annotation_matrix(sample: Sample) -> FloatRows:
    assert sample.ignore_mask is not None
    ids = np.where(sample.person_ids == UNLABELED, UNKNOWN_ID, sample.person_ids)
    xywh = box_ops.to_xywh(sample.boxes.astype(np.float64))
    matrix: FloatRows = np.concatenate([ids[:, None].astype(np.float64), xywh], axis=1)[~sample.ignore_mask]
    return matrix


def _query_line(query: Query, frame: str) -> str:
    x, y, w, h = (float(v) for v in box_ops.to_xywh([query.box.astype(np.float64)])[0])
    return f"{query.person_id} {x:.4f} {y:.4f} {w:.4f} {h:.4f} {frame}\r\n"
