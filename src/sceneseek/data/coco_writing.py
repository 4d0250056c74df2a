"""Scenes written as a COCO-style file; ``coco`` reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sceneseek import boxes as box_ops
from sceneseek.data.coco import ANNOTATIONS, IMAGES
from sceneseek.errors import DataError
from sceneseek.structures import Sample, SceneSet

Record = dict[str, Any]


def write_coco(scenes: SceneSet, folder: str | Path) -> Path:
    """Write ``annotations.json`` for scenes whose pictures lie in ``folder/images`` already.

    Args:
        scenes: What to write; ``Sample.path`` must lie below ``folder/images``.
        folder: The data set's folder.

    Returns:
        The file written (atomically: a reader sees the old file or the new one).

    Raises:
        DataError: A picture lies outside ``folder/images``.
    """
    folder = Path(folder)
    annotations: list[Record] = []
    images: list[Record] = []
    for sample in scenes.samples:
        images.append(_image_record(sample, folder / IMAGES))
        annotations.extend(_annotation_records(sample, first_id=len(annotations) + 1))
    table = {
        "info": {
            "name": scenes.name,
            "detection_labels_complete": scenes.detection_labels_complete,
            **{k: v for k, v in scenes.info.items() if k not in ("name", "detection_labels_complete")},
        },
        "categories": [{"id": 1, "name": "person"}],
        "images": images,
        "annotations": annotations,
        "queries": _query_records(scenes),
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / ANNOTATIONS
    partial = file.with_suffix(".json.partial")
    partial.write_text(json.dumps(table, separators=(",", ":")), encoding="utf-8")
    partial.replace(file)
    return file


def _image_record(sample: Sample, images: Path) -> Record:
    try:
        name = sample.path.resolve().relative_to(images.resolve()).as_posix()
    except ValueError:
        raise DataError(f"{sample.path} does not lie below {images}; copy the pictures there first.") from None
    record: Record = {"id": sample.image_id, "file_name": name, "width": sample.width, "height": sample.height}
    if sample.camera_id is not None:
        record["camera"] = sample.camera_id
    if sample.time_s is not None:
        record["time_s"] = sample.time_s
    return record


def _annotation_records(sample: Sample, first_id: int) -> list[Record]:
    assert sample.ignore_mask is not None
    assert sample.visibility is not None
    xywh = box_ops.to_xywh(sample.boxes).round(2)
    return [
        {
            "id": first_id + i,
            "image_id": sample.image_id,
            "category_id": 1,
            "bbox": [round(float(v), 2) for v in xywh[i]],
            "area": round(float(xywh[i, 2] * xywh[i, 3]), 1),
            "iscrowd": 0,
            "ignore": int(sample.ignore_mask[i]),
            "person_id": int(sample.person_ids[i]),
            "visibility": round(float(sample.visibility[i]), 3),
        }
        for i in range(len(sample))
    ]


def _query_records(scenes: SceneSet) -> list[Record]:
    return [
        {
            "id": query.query_id,
            "image_id": query.image_id,
            "bbox": [round(float(v), 2) for v in box_ops.to_xywh([query.box])[0]],
            "person_id": query.person_id,
            "gallery": list(query.gallery),
            **({} if query.shot_group is None else {"shot_group": query.shot_group}),
        }
        for query in scenes.queries
    ]
