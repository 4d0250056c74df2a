"""CUHK-SYSU's files, written with the structures of the genuine ones; ``cuhk_sysu`` reads them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sceneseek.data import matlab
from sceneseek.data.cuhk_sysu import ANNOTATION, APPEARANCE_FIELDS, GALLERY_SIZES, PICTURES, PROTOCOLS, XYWH
from sceneseek.data.placing import Placement, place_picture
from sceneseek.data.query_boxes import annotated_box
from sceneseek.errors import DataError
from sceneseek.structures import UNLABELED, IntArray, Progress, Query, Sample, SceneSet, silent

_HARD_BELOW = 0.5


def write_cuhk_sysu(
    train: SceneSet,
    test: SceneSet,
    folder: str | Path,
    gallery_sizes: Sequence[int] = (50, 100),
    *,
    pictures: Placement = "copy",
    progress: Progress = silent,
) -> None:
    """Write two splits in CUHK-SYSU's layout, pictures included, with the structures of the genuine files.

    The format has whole pixels, one query per person and no more: boxes are rounded, boxes to ignore are left out,
    cameras and times are not kept. Visibility below one half becomes ``ishard``.

    Args:
        train: Scenes for training.
        test: Scenes for testing, with queries; a query's gallery of size N becomes its first N entries.
        folder: Where to write; pictures are named ``s1.jpg``, ``s2.jpg``, ... (a picture keeps its own suffix), unless
            all have names of that kind already.
        gallery_sizes: One ``TestG`` file is written for each; ``fitting_gallery_sizes`` says which can be.
        pictures: Copied, or hard links.
        progress: Told of every picture copied.

    Raises:
        DataError: A person has two queries, or a gallery is too short or has no room for all positives.
    """
    folder = Path(folder)
    people = {sample.image_id: _annotated(sample) for sample in test.samples}
    tasks = {size: [_task(test, people, query, size) for query in test.queries] for size in gallery_sizes}
    _require_one_query_each(test)
    samples = [*train.samples, *test.samples]
    names = picture_names(samples)
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    for done, (sample, name) in enumerate(zip(samples, names, strict=True)):
        place_picture(sample.path, folder / PICTURES / name, pictures)
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


def picture_names(samples: Sequence[Sample]) -> list[str]:
    """Names in ``Image/SSM``: their own where all are ``s<number>``, else numbered in order."""
    own = [sample.path.name for sample in samples]
    if len(set(own)) == len(own) and all(re.fullmatch(r"s\d+\.\w+", name) for name in own):
        return own
    return [f"s{i + 1}{sample.path.suffix.lower()}" for i, sample in enumerate(samples)]


def fitting_gallery_sizes(test: SceneSet) -> tuple[int, ...]:
    """The published sizes that every gallery can fill and that have room for all positives; else the longest it can."""
    longest = min((len(query.gallery) for query in test.queries), default=0)
    shown_in = _images_of_people(test)
    most = max((sum(i in shown_in[query.person_id] for i in query.gallery) for query in test.queries), default=0)
    return tuple(size for size in GALLERY_SIZES if most <= size <= longest) or (longest,)


def _images_of_people(scenes: SceneSet) -> dict[int, set[int]]:
    shown_in: dict[int, set[int]] = defaultdict(set)
    for sample in scenes.samples:
        for person_id in sample.person_ids.tolist():
            shown_in[person_id].add(sample.image_id)
    return shown_in


@dataclass(frozen=True)
class _Located:
    xywh: XYWH
    person_id: int
    is_hard: bool


@dataclass(frozen=True)
class _SceneTask:
    query: Query
    xywh: XYWH
    is_hard: bool
    positives: dict[int, list[_Located]]
    gallery: tuple[int, ...]


def _rounded(sample: Sample, boxes: Any) -> IntArray:
    """Corners to whole pixels, none below zero, at least one pixel wide, as ``(N, 4)`` ``x, y, w, h``."""
    limit = np.array([sample.width, sample.height])
    corners = np.rint(np.asarray(boxes, np.float64).reshape(-1, 4)).astype(np.int64)
    low = corners[:, :2].clip(0, limit - 1)
    high = np.maximum(corners[:, 2:], low + 1)
    return np.concatenate([low, high - low], axis=1)


def _annotated(sample: Sample) -> list[_Located]:
    """Box, identity and hardness of every person the format can hold."""
    assert sample.ignore_mask is not None
    assert sample.visibility is not None
    xywh = _rounded(sample, sample.boxes)
    return [
        _Located(_as_xywh(xywh[i]), int(sample.person_ids[i]), bool(sample.visibility[i] < _HARD_BELOW))
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
    people = [{"idlocate": _locate(p.xywh), "ishard": _flag(p.is_hard)} for p in _annotated(sample)]
    count = np.array([[len(people)]], np.uint16)
    return {"imname": name, "nAppear": count, "box": matlab.struct_array(people, ("idlocate", "ishard"))}


def _person_records(scenes: SceneSet, names: dict[int, str], offset: int) -> matlab.ObjectArray:
    appearances: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for sample in scenes.samples:
        for person in _annotated(sample):
            if person.person_id != UNLABELED:
                record = _appearance_record(names[sample.image_id], person.xywh, person.is_hard)
                appearances[person.person_id].append(record)
    records = [
        {
            "idname": _person_name(person_id + offset),
            "nAppear": np.array([[len(scene)]], np.uint16),
            "scene": matlab.struct_array(scene, APPEARANCE_FIELDS),
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


def _task(test: SceneSet, people: Mapping[int, Sequence[_Located]], query: Query, size: int) -> _SceneTask:
    """What a ``TestG`` entry says of one query, with positives first."""
    sample = test.by_id[query.image_id]
    row = annotated_box(query, sample)  # the reader finds the query's box by equality
    box = _as_xywh(_rounded(sample, query.box if row is None else sample.boxes[row])[0])
    shown: dict[int, list[_Located]] = {}
    for image_id in dict.fromkeys(query.gallery):
        mine = [p for p in people[image_id] if p.person_id == query.person_id]
        if mine:  # in the query's own image another box of the person comes first
            shown[image_id] = sorted(mine, key=lambda p: image_id == query.image_id and p.xywh == box)
    ordered = [i for i in query.gallery if i in shown] + [i for i in query.gallery if i not in shown]
    if len(ordered) < size:
        raise DataError(
            f"{test.name}: query {query.query_id} has a gallery of {len(ordered)} images; TestG{size} needs {size}."
        )
    if len(shown) > size:
        raise DataError(f"{test.name}: query {query.query_id} has {len(shown)} positives; TestG{size} has no room.")
    hard = any(p.is_hard for p in people[sample.image_id] if p.person_id == query.person_id and p.xywh == box)
    return _SceneTask(query, box, hard, shown, tuple(ordered[:size]))


def _task_record(task: _SceneTask, names: dict[int, str], offset: int) -> dict[str, Any]:
    query = _appearance_record(names[task.query.image_id], task.xywh, task.is_hard)
    query["idname"] = _person_name(task.query.person_id + offset)
    gallery = []
    times: Counter[int] = Counter()  # an image that is listed twice shows the person's first box, then the second
    for image_id in task.gallery:
        mine = task.positives.get(image_id, [])
        here = mine[min(times[image_id], len(mine) - 1)] if mine else None
        times[image_id] += 1
        gallery.append(_appearance_record(names[image_id], here.xywh if here else None, bool(here and here.is_hard)))
    return {
        "Query": matlab.struct_array([query], (*APPEARANCE_FIELDS, "idname")),
        "Gallery": matlab.struct_array(gallery, APPEARANCE_FIELDS),
    }
