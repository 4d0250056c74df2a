"""CUHK-SYSU's files (Xiao, Li, Wang, Lin, Wang, CVPR 2017), read; ``cuhk_sysu_writing`` writes them.

The layout::

    Image/SSM/sNNNN.jpg
    annotation/Images.mat                              Img: every image with all its boxes
    annotation/Person.mat                              Person: every person with its appearances; checked, never needed
    annotation/pool.mat                                pool: names of the test images; all others are for training
    annotation/test/train_test/Train.mat               Train: training people with their appearances
    annotation/test/train_test/TestG{50,100,...}.mat   one query per test person, with its gallery
    annotation/test/subset/Occlusion.mat               the same for hidden people, in the variable Occlusion1
    annotation/test/subset/Resolution.mat              the same for small people, in the variable Test_Size

Traps that are dealt with here:

* ``idlocate`` is stored as uint8 or uint16 ``x, y, w, h``: a sum of two overflows silently. All is int64 at once.
* Boxes in ``Images.mat`` without area are dropped.
* Identities are not stored with the boxes: they are matched to them by four equal numbers, and the first hit wins.
* A struct array of one entry loses its dimension when squeezed, so nothing is squeezed.
* Positives come first in a gallery, and some codes stop at the first entry without a box. Every entry is read here.
* Four queries of the published protocol list one gallery image twice; ``Query.gallery`` repeats the image, as the file
  does, and the evaluation decides what that means. Two queries list their own image.

Training identities are the row in ``Train``; test identities are the row in the protocol file. The rest is
``UNLABELED``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sceneseek import boxes as box_ops
from sceneseek.data import matlab
from sceneseek.data.matlab_stream import NotThisFormat, Structs, records
from sceneseek.data.numbers import shown
from sceneseek.data.picture_files import PictureFiles
from sceneseek.data.plausibility import Boxes
from sceneseek.data.problems import BadRecord, OnProblem, Place, Problem, refuse, reporting
from sceneseek.errors import DataError
from sceneseek.pictures import picture_size
from sceneseek.structures import UNLABELED, IntArray, Progress, Query, Sample, SceneSet, silent

PICTURES = Path("Image", "SSM")
ANNOTATION = Path("annotation")
PROTOCOLS = ANNOTATION / "test" / "train_test"
SUBSETS = ANNOTATION / "test" / "subset"
GALLERY_SIZES = (50, 100, 500, 1000, 2000, 4000)
"""The gallery sizes that are published with the data set."""

SUBSET_FILES = {"occlusion": "Occlusion.mat", "resolution": "Resolution.mat"}
_VARIABLES = {"Occlusion": "Occlusion1", "Resolution": "Test_Size"}
"""Protocol files whose variable is not called as the file is."""

DEFAULT_GALLERY = 100
"""The gallery size of the headline number."""

_SMALLEST_GALLERY = 50
APPEARANCE_FIELDS = ("imname", "idlocate", "ishard")
_BOX_NUMBERS = 4
_LARGEST_COORDINATE = 2**31

Split = Literal["train", "test"]
Subset = Literal["occlusion", "resolution"]
GallerySize = int | Literal["full"]
XYWH = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Person:
    """A person of ``Train.mat`` or ``Person.mat``, under the data set's own name (``p123``)."""

    name: str
    appearances: tuple[Appearance, ...]


@dataclass(frozen=True, slots=True)
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
    folder: str | Path,
    split: Split = "train",
    gallery_size: GallerySize = DEFAULT_GALLERY,
    *,
    subset: Subset | None = None,
    on_problem: OnProblem = refuse,
    progress: Progress = silent,
) -> SceneSet:
    """Read CUHK-SYSU, or a data set in its layout.

    Args:
        folder: The folder that holds ``Image`` and ``annotation``.
        split: ``"train"``: all images that are not in the pool, no queries. ``"test"``: the pool, with queries.
        gallery_size: Which ``TestG`` file gives the queries; not used for training. ``"full"`` takes the file for 50
            (else the smallest) and adds to every gallery all other images of the pool but the query's own.
        subset: Take the queries from ``Occlusion.mat`` or ``Resolution.mat``; then only ``"full"`` matters of
            ``gallery_size``.
        on_problem: Told of what is wrong; the default raises. What is told and not raised is left out.
        progress: Told of every image whose size is read.

    Returns:
        The scenes, in the order of ``Images.mat`` (train) or of the pool (test). An ``image_id`` is the image's row in
        ``Images.mat``, so the splits share no id. A protocol box that no annotated box equals is added to its image
        (the field's codes drop the label without a word); ``info["boxes_added"]`` counts them. Boxes that stick out of
        their image are kept as they are, because the published numbers were measured with them.

    Raises:
        DataError: A file is missing, damaged, or contradicts another; the message names file and record.
        PictureError: A picture's header cannot be read.
    """
    folder = Path(folder)
    if split not in ("train", "test"):
        raise DataError(f"CUHK-SYSU has the splits 'train' and 'test'; found {split!r}.")
    all_boxes = read_images(folder / ANNOTATION / "Images.mat", on_problem)
    pool = _known_pool(folder / ANNOTATION / "pool.mat", all_boxes, on_problem)
    rows = {name: i for i, name in enumerate(all_boxes)}
    people: list[tuple[Appearance, ...]]
    tasks: dict[int, Task] = {}
    if split == "train":
        in_pool = set(pool)
        names = [name for name in all_boxes if name not in in_pool]
        source = Place(folder / PROTOCOLS / "Train.mat", "Train")
        people = [person.appearances for person in read_people(source.file, "Train", on_problem)]
        title = "cuhk-sysu-train"
    else:
        names = list(pool)
        source = _protocol_place(folder, gallery_size, subset)
        tasks = dict(_numbered_tasks(source.file, source.record, on_problem))
        people = [(task.query, *task.positives) for task in tasks.values()]
        title = f"cuhk-sysu-{subset}" if subset else f"cuhk-sysu-test-g{gallery_size}"
    labelled = _Labelled({name: all_boxes[name] for name in names}, source, on_problem)
    for person_id, appearances in zip(tasks if split == "test" else range(len(people)), people, strict=True):
        labelled.assign(person_id, appearances)
    labelled.remark()
    samples = []
    boxes, files = Boxes(), PictureFiles((folder / PICTURES,))
    for done, name in enumerate(names):
        with reporting(on_problem, Place(folder / PICTURES / name)):
            place = Place(files.find(name, Place(folder / ANNOTATION / "Images.mat"), on_problem))
            found = labelled.boxes[name], labelled.person_ids[name]
            samples.append(_sample(place, rows[name], *found, boxes, on_problem))
        progress(done + 1, len(names), name)
    boxes.check(Place(folder / ANNOTATION / "Images.mat"), on_problem)
    queries = _queries(tasks, rows, names, {s.image_id for s in samples}, source, on_problem)
    if gallery_size == "full" and split == "test":
        queries = [_with_full_gallery(query, samples) for query in queries]
    return SceneSet(
        name=title,
        samples=tuple(samples),
        queries=tuple(queries),
        info={"boxes_added": str(labelled.num_added)} if labelled.num_added else {},
    )


def protocol_file(folder: str | Path, gallery_size: int) -> Path:
    """The ``TestG`` file for a gallery size.

    Raises:
        DataError: The folder has none for that size; the message lists those it has.
    """
    file = Path(folder) / PROTOCOLS / f"TestG{gallery_size}.mat"
    if not file.is_file():
        sizes = ", ".join(map(str, gallery_sizes(folder))) or "no size"
        raise BadRecord(Place(file), f"the file does not exist; the folder has galleries of {sizes}.",
                        "missing annotation file")  # fmt: skip
    return file


def gallery_sizes(folder: str | Path) -> tuple[int, ...]:
    """The gallery sizes that a folder has ``TestG`` files for, ascending."""
    files = (Path(folder) / PROTOCOLS).glob("TestG*.mat")
    return tuple(sorted(int(m[1]) for file in files if (m := re.fullmatch(r"TestG(\d+)", file.stem))))


def read_images(file: str | Path, on_problem: OnProblem = refuse) -> dict[str, IntArray]:
    """Read ``Images.mat``: each image's boxes, ``(N, 4)`` int64 ``x, y, w, h``; those without area are left out."""
    found: dict[str, IntArray] = {}
    for row, record in enumerate(matlab.flat(matlab.load_variable(file, "Img"))):
        place = Place(Path(file), f"Img {row + 1}")
        with reporting(on_problem, place):  # fields by place, as every public reader takes them
            name = matlab.text(matlab.field(record, 0, place))
            if not name or name in found:
                raise BadRecord(place, f"the image name is {name!r}; every name must be there once.", "image name")
            found[name] = _image_boxes(matlab.flat(matlab.field(record, 2, place)), place, on_problem)
            _check_count(matlab.field(record, 1, place), len(matlab.flat(matlab.field(record, 2, place))), "boxes",
                         place, on_problem)  # fmt: skip
    return found


def read_pool(file: str | Path) -> tuple[str, ...]:
    """Read ``pool.mat``: the names of the test images."""
    return tuple(matlab.text(entry) for entry in matlab.flat(matlab.load_variable(file, "pool")))


def read_people(file: str | Path, variable: str = "Train", on_problem: OnProblem = refuse) -> tuple[Person, ...]:
    """Read ``Train.mat`` (variable ``Train``) or ``Person.mat`` (variable ``Person``).

    A record that cannot be read stays as a person without appearances: the row is the identity.
    """
    people = []
    for row, record in enumerate(matlab.flat(matlab.load_variable(file, variable))):
        place = Place(Path(file), f"{variable} {row + 1}")
        person = Person("", ())
        with reporting(on_problem, place):
            name = matlab.text(matlab.field(record, 0, place))
            entries = matlab.flat(matlab.field(record, 2, place))
            person = Person(name, tuple(_appearance(e, place.at(f"scene {i + 1}")) for i, e in enumerate(entries)))
            _check_count(matlab.field(record, 1, place), len(entries), "appearances", place, on_problem)
        people.append(person)
    return tuple(people)


def read_protocol(file: str | Path, variable: str | None = None, on_problem: OnProblem = refuse) -> tuple[Task, ...]:
    """Read a protocol file: ``TestG*.mat``, ``Occlusion.mat`` or ``Resolution.mat``.

    Args:
        file: The file; pictures and other annotation files are not needed.
        variable: The variable's name; when not given, the one that the genuine file of that name has.
        on_problem: Told of what is wrong; the default raises. Bad records are left out.

    Returns:
        The queries in file order.

    Raises:
        DataError: The file is missing or damaged, or an entry is not what it should be.
    """
    file = Path(file)
    return tuple(task for _, task in _numbered_tasks(file, variable or _variable(file), on_problem))


def check_people(folder: str | Path, on_problem: OnProblem) -> int:
    """Hold ``Person.mat``, which no evaluation needs, against the pictures that ``Images.mat`` lists.

    Returns:
        How many people it names; 0 where the file is absent.
    """
    file = Path(folder) / ANNOTATION / "Person.mat"
    if not file.is_file():
        return 0
    known = read_images(Path(folder) / ANNOTATION / "Images.mat", lambda problem, cause=None: None)
    people = read_people(file, "Person", on_problem)
    for row, person in enumerate(people):
        for entry in person.appearances:
            if entry.image_name not in known:
                place = Place(file, f"Person {row + 1}")
                on_problem(Problem("unlisted image", place, f"Images.mat does not list {entry.image_name}."))
    return len(people)


# -- labels ------------------------------------------------------------------------------------------------------------


class _Labelled:
    """The boxes of a split, while identities are matched to them."""

    def __init__(self, boxes: dict[str, IntArray], source: Place, on_problem: OnProblem) -> None:
        self.boxes = {name: [tuple(int(v) for v in row) for row in rows] for name, rows in boxes.items()}
        self.person_ids = {name: [UNLABELED] * len(rows) for name, rows in self.boxes.items()}
        self.source = source
        self.on_problem = on_problem
        self.num_added = 0

    def assign(self, person_id: int, appearances: Iterable[Appearance]) -> None:
        """Label the boxes that equal a person's appearances."""
        place = Place(self.source.file, f"{self.source.record} {person_id + 1}")
        for appearance in appearances:
            if appearance.xywh is None:
                continue
            name = appearance.image_name
            if min(appearance.xywh[2:]) <= 0:
                message = f"the box {list(appearance.xywh)} in {name} has no area; it is left out."
                self.on_problem(Problem("box without area", place, message, "note"))
            elif name not in self.boxes:
                message = f"the image {name} is not one of this split's images."
                self.on_problem(Problem("unlisted image", place, message))
            elif not self._label(name, appearance.xywh, person_id):
                message = f"no box of {name} equals {list(appearance.xywh)}; it is added to the image."
                self.on_problem(Problem("unmatched box", place, message, "note"))

    def remark(self) -> None:
        """Say which images show one person twice, or have one box twice."""
        for name, ids in self.person_ids.items():
            place = Place(self.source.file, name)
            for person_id, count in Counter(i for i in ids if i != UNLABELED).items():
                if count > 1:
                    message = f"{self.source.record} {person_id + 1} is in the image {count} times; all are read."
                    self.on_problem(Problem("person twice in a picture", place, message, "note"))
            for box, count in Counter(self.boxes[name]).items():
                if count > 1:
                    message = f"the image has the box {list(box)} {count} times; all are read."
                    self.on_problem(Problem("annotation twice", place, message, "note"))

    def _label(self, name: str, xywh: XYWH, person_id: int) -> bool:
        ids = self.person_ids[name]
        # The first hit wins, as in the field's codes; of equal boxes the one that is still free, so that two people at
        # one place keep both their labels.
        for i, box in enumerate(self.boxes[name]):
            if box == xywh and ids[i] in (UNLABELED, person_id):
                ids[i] = person_id
                return True
        self.boxes[name].append(xywh)
        ids.append(person_id)
        self.num_added += 1
        return False


def _sample(
    place: Place,
    image_id: int,
    people: Sequence[tuple[int, ...]],
    ids: Sequence[int],
    boxes: Boxes,
    on_problem: OnProblem,
) -> Sample:
    if not place.file.is_file():
        raise BadRecord(place, "the picture does not exist, but Images.mat lists it.", "missing picture")
    width, height = picture_size(place.file)
    for xywh in people:
        boxes.add(xywh, width, height)
    corners = box_ops.from_xywh(np.array(people, np.int64).reshape(-1, 4))
    inside = box_ops.valid_mask(box_ops.clip(corners, width, height))
    for i in np.flatnonzero(~inside).tolist():
        message = f"the box {list(people[i])} (x, y, w, h) lies outside the picture of {width}x{height} pixels."
        on_problem(Problem("box outside its picture", place, message))
    return Sample(
        image_id=image_id,
        path=place.file,
        width=width,
        height=height,
        boxes=corners[inside].astype(np.float32),
        person_ids=np.array(ids, np.int64)[inside],
    )


# -- queries -----------------------------------------------------------------------------------------------------------


def _variable(file: Path) -> str:
    return _VARIABLES.get(file.stem, file.stem)


def _protocol_place(folder: Path, gallery_size: GallerySize, subset: Subset | None) -> Place:
    """The protocol file, and its variable as the record."""
    if subset is not None:
        if subset not in SUBSET_FILES:
            raise DataError(f"CUHK-SYSU has the subsets 'occlusion' and 'resolution'; found {subset!r}.")
        file = folder / SUBSETS / SUBSET_FILES[subset]
    elif gallery_size == "full":
        sizes = gallery_sizes(folder)
        file = protocol_file(folder, _SMALLEST_GALLERY if not sizes or _SMALLEST_GALLERY in sizes else sizes[0])
    else:
        file = protocol_file(folder, gallery_size)
    return Place(file, _variable(file))


def _numbered_tasks(file: Path, variable: str, on_problem: OnProblem) -> Iterable[tuple[int, Task]]:
    """The tasks of a protocol file with their rows; those that cannot be read are reported."""
    try:
        tasks = _streamed_tasks(file, variable)
    except (NotThisFormat, OSError):
        # scipy knows every format, and its structs say which record is wrong; it takes ten times as long.
        tasks = _tasks_by_scipy(file, variable, on_problem)
    for row, task in tasks:
        place = Place(file, f"{variable} {row + 1}")
        with reporting(on_problem, place):
            _remark(task, place, on_problem)
        yield row, task


def _streamed_tasks(file: Path, variable: str) -> Iterable[tuple[int, Task]]:
    """The tasks of a sound protocol file.

    Raises:
        NotThisFormat: Anything in it is not as it should be.
    """
    known: dict[str, Appearance] = {}  # gallery entries without a target are alike, and millions
    tasks = []
    for row, (query, gallery) in enumerate(records(file, variable, ("Query", "Gallery"))):
        if query.names != (*APPEARANCE_FIELDS, "idname") or gallery.names != APPEARANCE_FIELDS or len(query) != 1:
            raise NotThisFormat("other fields")
        asked = _streamed_appearances(query, known)[0]
        if asked.xywh is None or min(asked.xywh[2:]) <= 0:
            raise NotThisFormat("a query without a box")
        tasks.append((row, Task(query.texts("idname")[0], asked, tuple(_streamed_appearances(gallery, known)))))
    return tasks


def _streamed_appearances(structs: Structs, known: dict[str, Appearance]) -> list[Appearance]:
    names = structs.texts("imname")
    if not all(names):
        raise NotThisFormat("an image without a name")
    entries = [known.get(name) or known.setdefault(name, Appearance(name, None)) for name in names]
    boxes, is_hard = structs.numbers("idlocate"), structs.are_set("ishard")
    for row in {*boxes, *np.flatnonzero(is_hard).tolist()}:
        xywh = None
        if row in boxes:
            if len(boxes[row]) != _BOX_NUMBERS or not _are_pixels(boxes[row]):
                raise NotThisFormat("a box of other than four numbers of pixels")
            x, y, w, h = (int(v) for v in boxes[row])
            xywh = (x, y, w, h)
        entries[row] = Appearance(entries[row].image_name, xywh, bool(is_hard[row]))
    return entries


def _tasks_by_scipy(file: Path, variable: str, on_problem: OnProblem) -> Iterable[tuple[int, Task]]:
    for row, record in enumerate(matlab.flat(matlab.load_variable(file, variable))):
        place = Place(file, f"{variable} {row + 1}")
        task: Task | None = None
        with reporting(on_problem, place):
            task = _task(record, place)
        if task is not None:
            yield row, task


def _task(record: Any, place: Place) -> Task:
    query = matlab.field(record, "Query", place)
    appearance = _appearance(query.reshape(-1)[0] if query.size else query, place.at("Query"))
    if appearance.xywh is None or min(appearance.xywh[2:]) <= 0:
        raise BadRecord(place, "the query has no box, or one without area.", "query without a box")
    gallery = matlab.field(record, "Gallery", place).reshape(-1)
    return Task(
        person_name=matlab.text(matlab.field(query, "idname", place)),
        query=appearance,
        gallery=tuple(_appearance(entry, place.at(f"Gallery {i + 1}")) for i, entry in enumerate(gallery)),
    )


def _remark(task: Task, place: Place, on_problem: OnProblem) -> None:
    """Say what is odd in a query's gallery."""
    names = [entry.image_name for entry in task.gallery]
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        on_problem(Problem("gallery lists an image twice", place, f"the gallery lists {twice} twice.", "note"))
    if task.query.image_name in names:
        message = f"the gallery holds the query's own image, {task.query.image_name}."
        on_problem(Problem("query's own image in its gallery", place, message, "note"))
    if not task.positives:
        on_problem(Problem("nobody to find", place, "no image of the gallery shows the person.", "note"))
    elif task.positives != task.gallery[: len(task.positives)]:
        message = "the images that show the person are not the first of the gallery."
        on_problem(Problem("positives are not first", place, message, "note"))


def _queries(
    tasks: dict[int, Task],
    rows: dict[str, int],
    names: Iterable[str],
    usable: set[int],
    source: Place,
    on_problem: OnProblem,
) -> list[Query]:
    """Queries of the tasks; entries whose picture could not be used have been reported and are left out."""
    pool = set(names)
    queries = []
    for row, task in tasks.items():
        assert task.query.xywh is not None
        place = Place(source.file, f"{source.record} {row + 1}")
        own = task.query.image_name
        unknown = [n for n in (own, *(e.image_name for e in task.gallery)) if n not in pool]
        if unknown:
            on_problem(Problem("unlisted image", place, f"pool.mat does not list the image {unknown[0]}."))
        if own not in pool or rows[own] not in usable:
            on_problem(Problem("query without its picture", place, f"the query's picture {own} cannot be used."))
            continue
        with reporting(on_problem, place):
            gallery = (rows[e.image_name] for e in task.gallery if e.image_name in pool)
            box = box_ops.from_xywh([task.query.xywh])[0].astype(np.float32)
            queries.append(Query(row, rows[own], box, row, tuple(i for i in gallery if i in usable)))
    return queries


def _with_full_gallery(query: Query, samples: Sequence[Sample]) -> Query:
    listed = {query.image_id, *query.gallery}
    rest = (s.image_id for s in samples if s.image_id not in listed)
    return Query(query.query_id, query.image_id, query.box, query.person_id, (*query.gallery, *rest))


# -- records -----------------------------------------------------------------------------------------------------------


def _known_pool(file: Path, known: dict[str, IntArray], on_problem: OnProblem) -> tuple[str, ...]:
    """The test images that ``Images.mat`` lists, each once."""
    names: dict[str, None] = {}
    for i, name in enumerate(read_pool(file)):
        place = Place(file, f"pool {i + 1}")
        if name not in known:
            on_problem(Problem("unlisted image", place, f"Images.mat does not list the image {name}."))
        elif name in names:
            on_problem(Problem("image listed twice", place, f"the image {name} is listed a second time.", "note"))
        else:
            names[name] = None
    return tuple(names)


def _image_boxes(entries: Sequence[Any], place: Place, on_problem: OnProblem) -> IntArray:
    boxes: list[XYWH] = []
    for i, entry in enumerate(entries):
        at = place.at(f"box {i + 1}")
        with reporting(on_problem, at):
            xywh = _xywh(matlab.field(entry, 0, at), at)
            if xywh is not None and min(xywh[2:]) > 0:
                boxes.append(xywh)
            else:
                message = f"the box is {list(xywh or [])}, without area; it is left out."
                on_problem(Problem("box without area", at, message, "note"))
    return np.array(boxes, np.int64).reshape(-1, 4)


def _check_count(stated: Any, found: int, what: str, place: Place, on_problem: OnProblem) -> None:
    numbers = np.asarray(stated).reshape(-1)
    if numbers.size != 1 or not np.issubdtype(numbers.dtype, np.number) or numbers[0] != found:
        message = f"the record states {numbers.tolist()} {what} and holds {found}."
        on_problem(Problem("count that disagrees", place, message, "note"))


def _appearance(entry: Any, place: Place) -> Appearance:
    hard = matlab.field(entry, 2, place)
    name = matlab.text(matlab.field(entry, 0, place))
    if not name:
        raise BadRecord(place, "the image name is empty.", "image name")
    return Appearance(name, _xywh(matlab.field(entry, 1, place), place), bool(hard.size and hard.reshape(-1)[0]))


def _xywh(value: Any, place: Place) -> XYWH | None:
    numbers = np.asarray(value).reshape(-1)
    if numbers.size == 0:
        return None
    if numbers.size != _BOX_NUMBERS or not np.issubdtype(numbers.dtype, np.number):
        raise BadRecord(place, f"idlocate is {shown(numbers.tolist())}; expected x, y, w, h.", "unreadable box")
    if not _are_pixels(numbers.tolist()):
        message = f"idlocate is {shown(numbers.tolist())}; expected x, y, w, h in pixels of the picture."
        raise BadRecord(place, message, "unreadable box")
    x, y, w, h = (int(v) for v in numbers)
    return x, y, w, h


def _are_pixels(numbers: Sequence[float]) -> bool:
    """Whether four numbers may be a box in pixels: not shares of the picture, which whole numbers would lose."""
    if not all(np.isfinite(v) and abs(v) <= _LARGEST_COORDINATE for v in numbers):
        return False
    are_shares = all(abs(v) <= 1 for v in numbers) and any(v != int(v) for v in numbers)
    return not are_shares
