"""WebTattoo's table, written with its pictures; ``webtattoo`` describes and reads it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from sceneseek import boxes as box_ops
from sceneseek.data.placing import Placement, place_picture
from sceneseek.data.query_boxes import annotated_box
from sceneseek.data.webtattoo import COLUMNS, PICTURES, TABLE
from sceneseek.errors import DataError
from sceneseek.structures import UNLABELED, Progress, Query, Sample, SceneSet, silent


def write_webtattoo(
    train: SceneSet,
    test: SceneSet,
    folder: str | Path,
    *,
    gallery: Literal["shared", "union"] = "shared",
    pictures: Placement = "copy",
    progress: Progress = silent,
) -> Path:
    """Write two splits as a table with their pictures.

    The table has one gallery for all queries. Boxes to ignore, cameras, visibility and times are not kept; an ignored
    box that is the whole of a query's picture is (a sketch). A query's box is the nearest of its picture's boxes with
    its identity.

    Args:
        train: Scenes for training.
        test: Scenes for testing, with queries.
        folder: Where to write; pictures go to ``images/train`` and ``images/test`` under their own names; of two with
            one name the second gets a number.
        gallery: ``"shared"`` refuses queries that search different pictures; ``"union"`` lets every query search what
            any of them does.
        pictures: Copied, or hard links.
        progress: Told of every picture copied.

    Returns:
        The table.

    Raises:
        DataError: The queries do not share one gallery, a query's box is not one of its picture's, or a picture is
            missing.
    """
    folder = Path(folder)
    searched = _shared_gallery(test) if gallery == "shared" else _union_of_galleries(test)
    asked = {_query_key(test, query) for query in test.queries}
    lines: list[tuple[str, ...]] = []
    done, total = 0, len(train) + len(test)
    for split, scenes in (("train", train), ("test", test)):
        target = folder / PICTURES / split
        target.mkdir(parents=True, exist_ok=True)
        for sample, name in zip(scenes.samples, picture_names(scenes.samples), strict=True):
            place_picture(sample.path, target / name, pictures)
            is_gallery = split == "test" and sample.image_id in searched
            queried = {i for image, i in asked if image == sample.image_id} if split == "test" else set()
            lines += _lines(sample, f"{PICTURES}/{split}/{name}", split, is_gallery, queried)
            done += 1
            progress(done, total, name)
    file = folder / TABLE
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(lines)
    return file


def picture_names(samples: Sequence[Sample]) -> list[str]:
    """File names, each once: a picture's own, with a number where another has it already."""
    names: dict[str, None] = {}
    for sample in samples:
        name, number = sample.path.name, 2
        while name in names:
            name, number = f"{sample.path.stem}-{number}{sample.path.suffix}", number + 1
        names[name] = None
    return list(names)


def _union_of_galleries(test: SceneSet) -> frozenset[int]:
    return frozenset().union(*(query.gallery for query in test.queries))


def shares_one_gallery(test: SceneSet) -> bool:
    """Whether every query searches the same pictures, but for its own."""
    return _odd_one(test) is None


def _odd_one(test: SceneSet) -> Query | None:
    union = _union_of_galleries(test)
    return next((query for query in test.queries if frozenset(query.gallery) != union - {query.image_id}), None)


def _shared_gallery(test: SceneSet) -> frozenset[int]:
    odd = _odd_one(test)
    if odd is not None:
        raise DataError(
            f"{test.name}: query {odd.query_id} searches other pictures than the rest; the table has one gallery for "
            "all queries (gallery='union' lets every query search what any of them does)."
        )
    return _union_of_galleries(test)


def _query_key(test: SceneSet, query: Query) -> tuple[int, int]:
    row = annotated_box(query, test.by_id[query.image_id])
    if row is None:
        raise DataError(
            f"{test.name}: the box of query {query.query_id} is not one of image {query.image_id}'s boxes of its "
            "identity."
        )
    return query.image_id, row


def _lines(sample: Sample, name: str, split: str, is_gallery: bool, queried: set[int]) -> list[tuple[str, ...]]:
    assert sample.ignore_mask is not None
    gallery = ["gallery"] if is_gallery else []
    xywh = box_ops.to_xywh(sample.boxes.astype(np.float64))
    whole = (xywh == (0, 0, sample.width, sample.height)).all(axis=1)
    lines: list[tuple[str, ...]] = []
    for i in range(len(sample)):
        is_sketch = bool(sample.ignore_mask[i] and whole[i]) and i in queried
        if sample.ignore_mask[i] and not is_sketch:
            continue
        numbers = [""] * 4 if is_sketch else [f"{v:.2f}".rstrip("0").rstrip(".") for v in xywh[i].tolist()]
        class_id = "" if sample.person_ids[i] == UNLABELED else str(sample.person_ids[i])
        role = " ".join([*(["query"] if i in queried else []), *gallery])
        lines.append((name, *numbers, class_id, split, role))
    return lines or [(name, "", "", "", "", "", split, *gallery, *([] if gallery else [""]))]
