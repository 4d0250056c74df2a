"""CUHK-SYSU's files (Xiao, Li, Wang, Lin, Wang, CVPR 2017), read and written.

The layout::

    Image/SSM/sNNNN.jpg
    annotation/Images.mat                          Img: every image with all its boxes
    annotation/Person.mat                          Person: every person with its appearances
    annotation/pool.mat                            pool: names of the test images; all others are for training
    annotation/test/train_test/Train.mat           Train: training people with their appearances
    annotation/test/train_test/TestG{50,100,...}.mat   one query per test person, with its gallery

Traps that are dealt with here:

* ``idlocate`` is stored as uint8 or uint16 ``x, y, w, h``: a sum of two overflows silently. All is int64 at once.
* Boxes in ``Images.mat`` without area are dropped.
* Identities are not stored with the boxes: they are matched to them by four equal numbers.
* A struct array of one entry loses its dimension when squeezed, so nothing is squeezed.
* Four queries of the published protocol list one gallery image twice; ``Query.gallery`` repeats the image, as the file
  does, and the evaluation decides what that means.

Training identities are the row in ``Train``; test identities are the row in ``TestG``. The rest is ``UNLABELED``.
"""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sceneseek import boxes as box_ops
from sceneseek.data import matlab
from sceneseek.errors import DataError
from sceneseek.pictures import picture_size
from sceneseek.structures import UNLABELED, IntArray, Progress, Query, Sample, SceneSet, silent

PICTURES = Path("Image", "SSM")
ANNOTATION = Path("annotation")
PROTOCOLS = ANNOTATION / "test" / "train_test"
GALLERY_SIZES = (50, 100, 500, 1000, 2000, 4000)
"""The gallery sizes that are published with the data set."""

_APPEARANCE_FIELDS = ("imname", "idlocate", "ishard")
_HARD_BELOW = 0.5

Split = Literal["train", "test"]
XYWH = tuple[int, int, int, int]


@dataclass(frozen=True)
class Appearance:
    """One image, with the place where a person is in it.

    Attributes:
        image_name: As in ``Image/SSM``.
        xywh: ``x, y, width, height`` in pixels; ``None`` in a gallery image that does not show the person.
        is_hard: The annotators' flag.
    """

    image_name: str
    xywh: XYWH | None
    is_hard: bool = False


@dataclass(frozen=True)
class Person:
    """A person of ``Train.mat`` or ``Person.mat``, under the data set's own name (``p123``)."""

    name: str
    appearances: tuple[Appearance, ...]


@dataclass(frozen=True)
class Task:
    """One query of a protocol file, exactly as it is listed: duplicates and order are kept."""

    person_name: str
    query: Appearance
    gallery: tuple[Appearance, ...]

    @property
    def positives(self) -> tuple[Appearance, ...]:
        """The gallery entries that show the person."""
        return tuple(entry for entry in self.gallery if entry.xywh is not None)


def read_cuhk_sysu(
    folder: str | Path, split: Split = "train", gallery_size: int = 100, *, progress: Progress = silent
) -> SceneSet:
    """Read CUHK-SYSU, or a data set in its layout.

    Args:
        folder: The folder that holds ``Image`` and ``annotation``.
        split: ``"train"``: all images that are not in the pool, no queries. ``"test"``: the pool, with queries.
        gallery_size: Which ``TestG`` file gives the queries; not used for training.
        progress: Told of every image whose size is read.

    Returns:
        The scenes, in the order of ``Images.mat`` (train) or of the pool (test). An ``image_id`` is the image's row in
        ``Images.mat``, so the splits share no id. A protocol box that no annotated box equals is added to its image
        (the field's codes drop the label without a word); ``info["boxes_added"]`` counts them. Boxes that stick out of
        their image are kept as they are, because the published numbers were measured with them.

    Raises:
        DataError: A file is missing, damaged, or contradicts another; the message names it.
        PictureError: A picture's header cannot be read.
    """
    folder = Path(folder)
    all_boxes = read_images(folder / ANNOTATION / "Images.mat")
    pool = read_pool(folder / ANNOTATION / "pool.mat")
    _require_images(pool, all_boxes, folder / ANNOTATION / "pool.mat")
    rows = {name: i for i, name in enumerate(all_boxes)}
    people: Iterable[tuple[Appearance, ...]]
    tasks: tuple[Task, ...] = ()
    if split == "train":
        in_pool = set(pool)
        names = [name for name in all_boxes if name not in in_pool]
        source = folder / PROTOCOLS / "Train.mat"
        people = [person.appearances for person in read_people(source, "Train")]
    elif split == "test":
        names = list(dict.fromkeys(pool))
        source = protocol_file(folder, gallery_size)
        tasks = read_protocol(source)
        people = [(task.query, *task.positives) for task in tasks]
    else:
        raise DataError(f"CUHK-SYSU has the splits 'train' and 'test'; found {split!r}.")
    labelled = _Labelled({name: all_boxes[name] for name in names}, source)
    for person_id, appearances in enumerate(people):
        labelled.assign(person_id, appearances)
    samples = []
    for done, name in enumerate(names):
        samples.append(_sample(folder, rows[name], name, labelled))
        progress(done + 1, len(names), name)
    return SceneSet(
        name=f"cuhk-sysu-{split}" + (f"-g{gallery_size}" if split == "test" else ""),
        samples=tuple(samples),
        queries=tuple(_query(i, task, rows, set(names), source) for i, task in enumerate(tasks)),
        info={"boxes_added": str(labelled.num_added)} if labelled.num_added else {},
    )


def protocol_file(folder: str | Path, gallery_size: int) -> Path:
    """The ``TestG`` file for a gallery size.

    Raises:
        DataError: The folder has none for that size; the message lists those it has.
    """
    file = Path(folder) / PROTOCOLS / f"TestG{gallery_size}.mat"
    if not file.is_file():
        sizes = sorted(int(m[1]) for p in file.parent.glob("TestG*.mat") if (m := re.fullmatch(r"TestG(\d+)", p.stem)))
        raise DataError(
            f"{file} does not exist; {file.parent} has galleries of {', '.join(map(str, sizes)) or 'no size'}."
        )
    return file


def read_images(file: str | Path) -> dict[str, IntArray]:
    """Read ``Images.mat``: for each image its boxes, ``(N, 4)`` int64 ``x, y, w, h``; empty ones are dropped."""
    found: dict[str, IntArray] = {}
    for row, record in enumerate(matlab.flat(matlab.load_variable(file, "Img"))):
        owner = f"{file}, Img {row + 1}"  # fields by place, as every public reader takes them
        name = matlab.text(matlab.field(record, 0, owner))
        if not name or name in found:
            raise DataError(f"{owner}: the image name is {name!r}; every name must be there once.")
        entries = [_xywh(matlab.field(entry, 0, owner), owner) for entry in matlab.flat(matlab.field(record, 2, owner))]
        boxes = np.array([b for b in entries if b is not None], np.int64).reshape(-1, 4)
        found[name] = boxes[(boxes[:, 2] > 0) & (boxes[:, 3] > 0)]
    return found


def read_pool(file: str | Path) -> tuple[str, ...]:
    """Read ``pool.mat``: the names of the test images."""
    return tuple(matlab.text(entry) for entry in matlab.flat(matlab.load_variable(file, "pool")))


def read_people(file: str | Path, variable: str = "Train") -> tuple[Person, ...]:
    """Read ``Train.mat`` (variable ``Train``) or ``Person.mat`` (variable ``Person``)."""
    people = []
    for row, record in enumerate(matlab.flat(matlab.load_variable(file, variable))):
        owner = f"{file}, {variable} {row + 1}"
        name = matlab.text(matlab.field(record, 0, owner))
        entries = matlab.flat(matlab.field(record, 2, owner))
        people.append(Person(name, tuple(_appearance(entry, owner) for entry in entries)))
    return tuple(people)


def read_protocol(file: str | Path, variable: str | None = None) -> tuple[Task, ...]:
    """Read a protocol file: ``TestG*.mat``, or a subset such as ``Occlusion.mat`` with its own variable name.

    Args:
        file: The file; pictures and other annotation files are not needed.
        variable: The variable's name; the file's stem when not given.

    Returns:
        The queries in file order.

    Raises:
        DataError: The file is missing or damaged, or an entry is not what it should be.
    """
    file = Path(file)
    name = variable or file.stem
    tasks = []
    for row, record in enumerate(matlab.flat(matlab.load_variable(file, name))):
        owner = f"{file}, {name} {row + 1}"
        query = matlab.field(record, "Query", owner)
        appearance = _appearance(query.reshape(-1)[0] if query.size else query, f"{owner}, Query")
        if appearance.xywh is None:
            raise DataError(f"{owner}: the query has no box.")
        gallery = matlab.field(record, "Gallery", owner).reshape(-1)
        tasks.append(
            Task(
                person_name=matlab.text(matlab.field(query, "idname", owner)),
                query=appearance,
                gallery=tuple(_appearance(entry, f"{owner}, Gallery {i + 1}") for i, entry in enumerate(gallery)),
            )
        )
    return tuple(tasks)


def write_cuhk_sysu(
    train: SceneSet,
    test: SceneSet,
    folder: str | Path,
    gallery_sizes: Sequence[int] = (50, 100),
    *,
    progress: Progress = silent,
) -> None:
    """Write two splits in CUHK-SYSU's layout, pictures included, with the structures of the genuine files.

    The format has whole pixels, one query per person and no more: boxes are rounded, boxes to ignore are left out,
    cameras and times are not kept. Visibility below one half becomes ``ishard``.

    Args:
        train: Scenes for training.
        test: Scenes for testing, with queries; a query's gallery of size N becomes its first N entries.
        folder: Where to write; pictures are named ``s1.jpg``, ``s2.jpg``, ... (a picture keeps its own suffix).
        gallery_sizes: One ``TestG`` file is written for each.
        progress: Told of every picture copied.

    Raises:
        DataError: A person has two queries, or a gallery is too short or has no room for all positives.
    """
    folder = Path(folder)
    tasks = {size: [_task(test, query, size) for query in test.queries] for size in gallery_sizes}
    _require_one_query_each(test)
    samples = [*train.samples, *test.samples]
    names = [f"s{i + 1}{sample.path.suffix.lower()}" for i, sample in enumerate(samples)]
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    for done, (sample, name) in enumerate(zip(samples, names, strict=True)):
        if not sample.path.is_file():
            raise DataError(f"{sample.path} does not exist; the pictures are copied into the layout.")
        shutil.copyfile(sample.path, folder / PICTURES / name)
        progress(done + 1, len(samples), name)
    train_names = {s.image_id: n for s, n in zip(train.samples, names, strict=False)}
    test_names = {s.image_id: n for s, n in zip(test.samples, names[len(train) :], strict=True)}
    annotation = folder / ANNOTATION
    images = [_image_record(sample, name) for sample, name in zip(samples, names, strict=True)]
    matlab.save_variables(annotation / "Images.mat", Img=matlab.struct_array(images, ("imname", "nAppear", "box")))
    matlab.save_variables(annotation / "pool.mat", pool=matlab.cell_column(names[len(train) :]))
    offset = int(train.person_ids.max()) + 1 if train.person_ids.size else 0
    train_people = _person_records(train, train_names, 0)
    everyone = np.concatenate([train_people, _person_records(test, test_names, offset)], axis=1)
    matlab.save_variables(annotation / "Person.mat", Person=everyone)
    cells = matlab.cell_column([train_people[:, i : i + 1] for i in range(train_people.shape[1])])
    matlab.save_variables(folder / PROTOCOLS / "Train.mat", Train=cells)
    for size, listed in tasks.items():
        records = [_task_record(task, test_names, offset) for task in listed]
        variable = f"TestG{size}"
        array = matlab.struct_array(records, ("Query", "Gallery"))
        matlab.save_variables(folder / PROTOCOLS / f"{variable}.mat", **{variable: array})


# -- reading -----------------------------------------------------------------------------------------------------------


class _Labelled:
    """The boxes of a split, while identities are matched to them."""

    def __init__(self, boxes: dict[str, IntArray], source: Path) -> None:
        self.boxes = {name: [tuple(int(v) for v in row) for row in rows] for name, rows in boxes.items()}
        self.person_ids = {name: [UNLABELED] * len(rows) for name, rows in self.boxes.items()}
        self.source = source
        self.num_added = 0

    def assign(self, person_id: int, appearances: Iterable[Appearance]) -> None:
        """Label the boxes that equal a person's appearances."""
        for appearance in appearances:
            if appearance.xywh is None or min(appearance.xywh[2:]) <= 0:
                continue
            name = appearance.image_name
            if name not in self.boxes:
                raise DataError(f"{self.source} names the image {name}, which is not one of this split's images.")
            self._label(name, appearance.xywh, person_id)

    def _label(self, name: str, xywh: XYWH, person_id: int) -> None:
        ids = self.person_ids[name]
        # The first hit wins, as in the field's codes; of equal boxes the one that is still free, so that two people at
        # one place keep both their labels.
        for i, box in enumerate(self.boxes[name]):
            if box == xywh and ids[i] in (UNLABELED, person_id):
                ids[i] = person_id
                return
        self.boxes[name].append(xywh)
        ids.append(person_id)
        self.num_added += 1


def _sample(folder: Path, image_id: int, name: str, labelled: _Labelled) -> Sample:
    path = folder / PICTURES / name
    if not path.is_file():
        raise DataError(f"{path} does not exist, but Images.mat lists it.")
    width, height = picture_size(path)
    corners = box_ops.from_xywh(np.array(labelled.boxes[name], np.int64).reshape(-1, 4))
    bad = ~box_ops.valid_mask(box_ops.clip(corners, width, height))
    if bad.any():
        xywh = labelled.boxes[name][int(np.flatnonzero(bad)[0])]
        raise DataError(
            f"{path}: the box {list(xywh)} (x, y, w, h) lies outside the picture of {width}x{height} pixels."
        )
    return Sample(
        image_id=image_id,
        path=path,
        width=width,
        height=height,
        boxes=corners.astype(np.float32),
        person_ids=np.array(labelled.person_ids[name], np.int64),
    )


def _query(row: int, task: Task, rows: dict[str, int], pool: set[str], source: Path) -> Query:
    assert task.query.xywh is not None
    for name in (task.query.image_name, *(entry.image_name for entry in task.gallery)):
        if name not in pool:
            raise DataError(f"{source}: query {row + 1} names the image {name}, which pool.mat does not list.")
    return Query(
        query_id=row,
        image_id=rows[task.query.image_name],
        box=box_ops.from_xywh([task.query.xywh])[0].astype(np.float32),
        person_id=row,
        gallery=tuple(rows[entry.image_name] for entry in task.gallery),
    )


def _require_images(names: Iterable[str], known: dict[str, IntArray], file: Path) -> None:
    for name in names:
        if name not in known:
            raise DataError(f"{file} names the image {name}, which Images.mat does not list.")


def _appearance(entry: Any, owner: str) -> Appearance:
    hard = matlab.field(entry, 2, owner)
    return Appearance(
        image_name=matlab.text(matlab.field(entry, 0, owner)),
        xywh=_xywh(matlab.field(entry, 1, owner), owner),
        is_hard=bool(hard.size and hard.reshape(-1)[0]),
    )


def _xywh(value: Any, owner: str) -> XYWH | None:
    numbers = np.asarray(value).reshape(-1)
    if numbers.size == 0:
        return None
    if numbers.size != 4 or not np.issubdtype(numbers.dtype, np.number):
        raise DataError(f"{owner}: idlocate is {numbers.tolist()}; expected x, y, w, h.")
    x, y, w, h = (int(v) for v in numbers)
    return x, y, w, h


# -- writing -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _SceneTask:
    query: Query
    xywh: XYWH
    is_hard: bool
    positives: dict[int, tuple[XYWH, bool]]
    gallery: tuple[int, ...]


def _rounded(sample: Sample, boxes: Any) -> IntArray:
    """Corners to whole pixels inside the image, at least one pixel wide, as ``(N, 4)`` ``x, y, w, h``."""
    limit = np.array([sample.width, sample.height])
    corners = np.rint(np.asarray(boxes, np.float64).reshape(-1, 4)).astype(np.int64)
    low = corners[:, :2].clip(0, limit - 1)
    high = np.maximum(corners[:, 2:].clip(0, limit), low + 1)
    return np.concatenate([low, high - low], axis=1)


def _annotated(sample: Sample) -> list[tuple[XYWH, int, bool]]:
    """Box, identity and hardness of every person the format can hold."""
    assert sample.ignore_mask is not None
    assert sample.visibility is not None
    xywh = _rounded(sample, sample.boxes)
    return [
        (_as_xywh(xywh[i]), int(sample.person_ids[i]), bool(sample.visibility[i] < _HARD_BELOW))
        for i in range(len(sample))
        if not sample.ignore_mask[i]
    ]


def _as_xywh(row: IntArray) -> XYWH:
    x, y, w, h = (int(v) for v in row)
    return x, y, w, h


def _locate(xywh: XYWH | None) -> Any:
    return np.zeros((1, 0)) if xywh is None else np.array([xywh], np.uint16)


def _flag(value: bool) -> Any:
    return np.array([[int(value)]], np.uint8)


def _appearance_record(name: str, xywh: XYWH | None, is_hard: bool) -> dict[str, Any]:
    hard = np.zeros((1, 0)) if xywh is None else _flag(is_hard)
    return {"imname": name, "idlocate": _locate(xywh), "ishard": hard}


def _image_record(sample: Sample, name: str) -> dict[str, Any]:
    people = [{"idlocate": _locate(xywh), "ishard": _flag(hard)} for xywh, _, hard in _annotated(sample)]
    count = np.array([[len(people)]], np.uint16)
    return {"imname": name, "nAppear": count, "box": matlab.struct_array(people, ("idlocate", "ishard"))}


def _person_records(scenes: SceneSet, names: dict[int, str], offset: int) -> matlab.ObjectArray:
    appearances: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for sample in scenes.samples:
        for xywh, person_id, hard in _annotated(sample):
            if person_id != UNLABELED:
                appearances[person_id].append(_appearance_record(names[sample.image_id], xywh, hard))
    records = [
        {
            "idname": _person_name(person_id + offset),
            "nAppear": np.array([[len(scene)]], np.uint16),
            "scene": matlab.struct_array(scene, _APPEARANCE_FIELDS),
        }
        for person_id, scene in sorted(appearances.items())
    ]
    return matlab.struct_array(records, ("idname", "nAppear", "scene"))


def _person_name(person_id: int) -> str:
    return f"p{person_id + 1}"


def _require_one_query_each(test: SceneSet) -> None:
    seen: set[int] = set()
    for query in test.queries:
        if query.person_id in seen:
            raise DataError(
                f"{test.name}: person {query.person_id} has two queries; CUHK-SYSU's layout names test people by their "
                "one query. Keep one query for each person."
            )
        seen.add(query.person_id)


def _task(test: SceneSet, query: Query, size: int) -> _SceneTask:
    """What a ``TestG`` entry says of one query, with positives first."""
    shown: dict[int, tuple[XYWH, bool]] = {}
    for image_id in query.gallery:
        for xywh, person_id, hard in _annotated(test.by_id[image_id]):
            if person_id == query.person_id:
                shown.setdefault(image_id, (xywh, hard))
    ordered = [i for i in query.gallery if i in shown] + [i for i in query.gallery if i not in shown]
    if len(ordered) < size:
        raise DataError(
            f"{test.name}: query {query.query_id} has a gallery of {len(ordered)} images; TestG{size} needs {size}."
        )
    if len(shown) > size:
        raise DataError(f"{test.name}: query {query.query_id} has {len(shown)} positives; TestG{size} has no room.")
    sample = test.by_id[query.image_id]
    box = _as_xywh(_rounded(sample, query.box)[0])
    hard = any(h for xywh, person_id, h in _annotated(sample) if person_id == query.person_id and xywh == box)
    return _SceneTask(query, box, hard, shown, tuple(ordered[:size]))


def _task_record(task: _SceneTask, names: dict[int, str], offset: int) -> dict[str, Any]:
    query = _appearance_record(names[task.query.image_id], task.xywh, task.is_hard)
    query["idname"] = _person_name(task.query.person_id + offset)
    gallery = [_appearance_record(names[i], *task.positives.get(i, (None, False))) for i in task.gallery]
    return {
        "Query": matlab.struct_array([query], (*_APPEARANCE_FIELDS, "idname")),
        "Gallery": matlab.struct_array(gallery, _APPEARANCE_FIELDS),
    }
