"""A small COCO-style set that tests change in one way each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sceneseek.pictures import write_picture

WIDTH, HEIGHT = 64, 48
Table = dict[str, Any]


def table() -> Table:
    """Four pictures; person 0 is in three of them, person 1 in two; a query for each."""
    people = {1: (0, 1), 2: (0,), 3: (1, 0), 4: ()}
    annotations: list[Table] = []
    for image, ids in people.items():
        for place, person in enumerate(ids):
            box = [4 + 24 * place, 6, 14, 32]
            number = len(annotations) + 1
            annotations.append({"id": number, "image_id": image, "category_id": 1, "bbox": box, "person_id": person})
    return {
        "categories": [{"id": 1, "name": "person"}],
        "images": [{"id": i, "file_name": f"{i}.png", "width": WIDTH, "height": HEIGHT} for i in people],
        "annotations": annotations,
        "queries": [
            {"id": 1, "image_id": 1, "bbox": [4, 6, 14, 32], "person_id": 0, "gallery": [2, 3, 4]},
            {"id": 2, "image_id": 1, "bbox": [28, 6, 14, 32], "person_id": 1, "gallery": [3, 2, 4]},
        ],
    }


def written(folder: Path, change: Callable[[Table], None] = lambda found: None) -> Path:
    """The set, changed, with its pictures."""
    found = table()
    for row in found["images"]:
        image = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
        for person in (p for p in found["annotations"] if p["image_id"] == row["id"]):
            x, y, w, h = person["bbox"]
            image[y : y + h, x : x + w] = (200, 60 + 120 * person["person_id"], 40)
        write_picture(image, folder / "images" / row["file_name"])
    change(found)
    (folder / "annotations.json").write_text(json.dumps(found), encoding="utf-8")
    return folder
