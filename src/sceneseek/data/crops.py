"""Folders of cut-out people, as re-identification data sets come: read as queries, or as a set of their own.

Two ways of naming are known, and told apart picture by picture:

* Market-1501's (Zheng et al., ICCV 2015) and its followers': ``0002_c1s1_000451_03.jpg`` is person 2 in camera 1; the
  person -1 is nobody in particular;
* a folder for each person, ``0002/anything.jpg``: the number in the folder's name is the person. Pictures in it may
  carry a camera the Market way, ``..._c3_...``.

A crop is a scene with one box, the whole picture. Beside scenes, detectors are not scored on it: there the box is one
to ignore.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from sceneseek.data.numbers import whole
from sceneseek.data.problems import BadRecord, OnProblem, Place, Problem, refuse, reporting
from sceneseek.errors import DataError
from sceneseek.pictures import has_picture_suffix, picture_size
from sceneseek.structures import UNLABELED, Progress, Query, Sample, SceneSet, silent

Split = Literal["train", "test"]

QUERY_FOLDERS = ("query",)
GALLERY_FOLDERS = ("bounding_box_test", "gallery")
TRAIN_FOLDERS = ("bounding_box_train", "train")

_MARKET = re.compile(r"(-1|\d{1,40})_c(\d{1,9})(?=[s_])")
_CAMERA = re.compile(r"(?:^|_)c(\d{1,9})(?=[s_.]|$)")
_MARKET_DISTRACTOR = 0
"""Market's id, in ``bounding_box_test`` alone, of boxes that show nobody in particular."""


@dataclass(frozen=True)
class Crop:
    """One cut-out person.

    Attributes:
        path: The picture.
        person_id: ``UNLABELED`` where the name says that nobody in particular is shown.
        camera_id: ``"c1"``, ...; ``None`` where the name does not say.
        width: Pixels.
        height: Pixels.
    """

    path: Path
    person_id: int
    camera_id: str | None
    width: int
    height: int


def read_crops(folder: str | Path, *, on_problem: OnProblem = refuse, progress: Progress = silent) -> tuple[Crop, ...]:
    """Read the names and sizes of all pictures in a folder and one level below, in the order of their names.

    Args:
        folder: Of pictures with Market-style names, or of one folder for each person.
        on_problem: Told of what is wrong; the default raises. What is told and not raised is left out.
        progress: Told of every picture whose size is read.

    Raises:
        DataError: There is no picture, or a name says no person.
        PictureError: A picture's header cannot be read.
    """
    folder = Path(folder)
    files = sorted(p for pattern in ("*", "*/*") for p in folder.glob(pattern) if p.is_file() and has_picture_suffix(p))
    if not files:
        raise BadRecord(Place(folder), "there is no picture; expected crops named '0002_c1s1_000451.jpg', or one "
                        "folder of crops for each person.", "missing picture")  # fmt: skip
    crops = []
    for done, file in enumerate(files):
        with reporting(on_problem, Place(file)):
            person_id, camera = _named(file, folder)
            width, height = picture_size(file)
            crops.append(Crop(file, person_id, camera, width, height))
        progress(done + 1, len(files), file.name)
    _remark_shared_numbers(crops, folder, on_problem)
    return tuple(crops)


def with_crops_as_queries(scenes: SceneSet, crops: Sequence[Crop], *, on_problem: OnProblem = refuse) -> SceneSet:
    """Ask for the people on crops, in all scenes of a set, in place of the set's own queries.

    Args:
        scenes: Where to search; ``Crop.person_id`` and its ``person_ids`` must mean the same people.
        crops: Whom to search for.
        on_problem: Told of crops without an identity, which are left out, and of people whom no scene shows.

    Returns:
        The scenes and, behind them, one more for each crop, with new image ids. Galleries hold all scenes, those that
        show the person first. Crops of one person share a ``shot_group``.
    """
    first_id = max(scenes.by_id, default=-1) + 1
    shown_in: dict[int, list[int]] = {}
    for sample in scenes.samples:
        for person_id in np.unique(sample.person_ids).tolist():
            shown_in.setdefault(person_id, []).append(sample.image_id)
    known = [crop for crop in crops if _has_identity(crop, on_problem)]
    times = Counter(crop.person_id for crop in known)
    samples, queries = [], []
    for i, crop in enumerate(known):
        positives = shown_in.get(crop.person_id, [])
        if not positives:
            message = f"no scene shows person {crop.person_id}."
            on_problem(Problem("nobody to find", Place(crop.path), message, "note"))
        first = set(positives)
        gallery = (*positives, *(s.image_id for s in scenes.samples if s.image_id not in first))
        sample = _as_sample(crop, first_id + i, is_ignored=True)
        group = crop.person_id if times[crop.person_id] > 1 else None
        samples.append(sample)
        queries.append(Query(i, sample.image_id, sample.boxes[0], crop.person_id, gallery, group))
    return replace(scenes, name=f"{scenes.name}-crops", samples=(*scenes.samples, *samples), queries=tuple(queries))


def read_crop_set(
    folder: str | Path, split: Split = "test", *, on_problem: OnProblem = refuse, progress: Progress = silent
) -> SceneSet:
    """Read a re-identification data set: every crop is a scene that one person fills.

    Args:
        folder: With ``query`` and ``bounding_box_test`` or ``gallery`` (``"test"``), and ``bounding_box_train`` or
            ``train`` (``"train"``), as Market-1501 has them; or of crops alone, which gives a set without queries.
        split: Which part to read.
        on_problem: Told of what is wrong; the default raises. What is told and not raised is left out.
        progress: Told of every picture whose size is read.

    Returns:
        The crops as scenes; in ``"test"`` those of the gallery come first, and every query searches all of them.

    Raises:
        DataError: A folder is missing, or a name says no person.
        PictureError: A picture's header cannot be read.
    """
    folder = Path(folder)
    if split not in ("train", "test"):
        raise DataError(f"the splits are 'train' and 'test'; found {split!r}.")
    searched = _first_folder(folder, GALLERY_FOLDERS if split == "test" else TRAIN_FOLDERS)
    if searched is None:
        if is_divided(folder):
            wanted = " or ".join(GALLERY_FOLDERS if split == "test" else TRAIN_FOLDERS)
            raise BadRecord(Place(folder), f"there is no folder {wanted} with the crops of the split {split!r}.",
                            "missing split")  # fmt: skip
        searched = folder
    crops = read_crops(searched, on_problem=on_problem, progress=progress)
    if searched.name == GALLERY_FOLDERS[0]:
        crops = tuple(replace(c, person_id=UNLABELED) if c.person_id == _MARKET_DISTRACTOR else c for c in crops)
    title = re.sub(r"\W+", "-", folder.resolve().name.lower())
    scenes = SceneSet(
        f"{title}-{split}",
        tuple(_as_sample(crop, i) for i, crop in enumerate(crops)),
        detection_labels_complete=False,
    )
    asked = _first_folder(folder, QUERY_FOLDERS)
    if split == "train" or asked is None:
        return scenes
    queries = read_crops(asked, on_problem=on_problem, progress=progress)
    return replace(with_crops_as_queries(scenes, queries, on_problem=on_problem), name=scenes.name)


def is_divided(folder: str | Path) -> bool:
    """Whether a folder is divided as Market-1501's is, into queries, gallery and training crops."""
    return any((Path(folder) / name).is_dir() for name in (*QUERY_FOLDERS, *GALLERY_FOLDERS[:1], *TRAIN_FOLDERS[:1]))


def holds_crops(folder: str | Path) -> bool:
    """Whether a folder looks like one of crops: the first picture there, or one level below, says its person."""
    folder = Path(folder)
    files = (p for pattern in ("*", "*/*") for p in folder.glob(pattern) if p.is_file() and has_picture_suffix(p))
    first = next(files, None)
    if first is None:
        return False
    return _MARKET.match(first.name) is not None or (first.parent != folder and re.search(r"\d", first.parent.name)
                                                     is not None)  # fmt: skip


def _remark_shared_numbers(crops: Sequence[Crop], folder: Path, on_problem: OnProblem) -> None:
    """Say where two folders have one number in their names: they are read as one person."""
    folders: dict[int, dict[Path, None]] = {}
    for crop in crops:
        if crop.path.parent != folder and _MARKET.match(crop.path.name) is None and crop.person_id != UNLABELED:
            folders.setdefault(crop.person_id, {})[crop.path.parent] = None
    for person_id, named in folders.items():
        if len(named) > 1:
            names = ", ".join(path.name for path in named)
            message = f"the folders {names} have one number, {person_id}, and are read as one person."
            on_problem(Problem("one number, two folders", Place(folder), message, "note"))


def _named(file: Path, folder: Path) -> tuple[int, str | None]:
    """The person and the camera in a crop's name."""
    market = _MARKET.match(file.name)
    if market is not None:
        return whole(int(market[1]), "the person", Place(file), "identity"), f"c{int(market[2])}"
    number = re.search(r"^-1$|\d+", file.parent.name) if file.parent != folder else None
    if number is None:
        raise BadRecord(Place(file), "the name says no person; expected '0002_c1s1_000451.jpg', or a folder whose name "
                        "holds the person's number.", "identity")  # fmt: skip
    camera = _CAMERA.search(file.stem)
    person_id = whole(int(number[0]), "the person", Place(file), "identity")
    return person_id, f"c{int(camera[1])}" if camera else None


def _has_identity(crop: Crop, on_problem: OnProblem) -> bool:
    if crop.person_id == UNLABELED:
        message = "the name says that nobody in particular is shown; it cannot be a query."
        on_problem(Problem("query without an identity", Place(crop.path), message))
    return crop.person_id != UNLABELED


def _as_sample(crop: Crop, image_id: int, is_ignored: bool = False) -> Sample:
    return Sample(
        image_id=image_id,
        path=crop.path,
        width=crop.width,
        height=crop.height,
        boxes=np.array([[0, 0, crop.width, crop.height]], np.float32),
        person_ids=np.array([crop.person_id], np.int64),
        camera_id=crop.camera_id,
        ignore_mask=np.array([is_ignored]),
    )


def _first_folder(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_dir()), None)
