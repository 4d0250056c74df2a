"""Single people and frames from the tables as they are now; gives way to the gallery's own readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sceneseek.finder import QueryPerson
from sceneseek.gallery import Gallery
from sceneseek.gallery.schema import sql_text
from sceneseek.structures import FloatArray


@dataclass(frozen=True, eq=False)
class StoredPerson:
    """One person in one frame."""

    detection_id: str
    embedding: FloatArray
    box: tuple[float, float, float, float]
    score: float
    source: str
    media_key: str
    frame_index: int
    time_s: float | None
    captured_at: Any
    camera_id: str | None
    width: int
    height: int
    tracklet_id: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredFrame:
    """One picture that was searched for people."""

    media_key: str
    frame_index: int
    time_s: float | None
    captured_at: Any
    camera_id: str | None
    width: int
    height: int
    people: tuple[StoredPerson, ...] = ()


def person(gallery: Gallery, detection_id: str) -> StoredPerson:
    """One person, or ``KeyError``."""
    for row in _rows(gallery, f"id = {sql_text(detection_id)}"):
        return _person(row)
    raise KeyError(detection_id)


def frames_around(gallery: Gallery, media_key: str, frame_index: int, before: int, after: int) -> list[StoredFrame]:
    """Frames with people in them around one."""
    by_index: dict[int, list[StoredPerson]] = {}
    for row in _rows(gallery, f"media_key = {sql_text(media_key)}"):
        by_index.setdefault(row["frame_index"], []).append(_person(row))
    order = sorted(by_index)
    if frame_index not in by_index:
        return []
    at = order.index(frame_index)
    return [_frame(by_index[i]) for i in order[max(0, at - before) : at + after + 1]]


def people_in(finder: Any, image: Any) -> list[QueryPerson]:
    """Everybody in a query picture."""
    found = finder.model.detect([image])[0]
    order = np.argsort(-found.scores, kind="stable")
    return [
        QueryPerson(tuple(map(float, found.boxes[i])), found.embeddings[i], float(found.scores[i]))  # type: ignore[arg-type]
        for i in order
    ]


def _rows(gallery: Gallery, where: str) -> list[dict[str, Any]]:
    gallery._detections.checkout_latest()
    return list(gallery._detections.search().where(where).to_list())


def _person(row: dict[str, Any]) -> StoredPerson:
    return StoredPerson(
        row["id"],
        np.asarray(row["embedding"], np.float32),
        (row["x1"], row["y1"], row["x2"], row["y2"]),
        row["score"],
        row["source"],
        row["media_key"],
        row["frame_index"],
        row["time_s"],
        None,
        row["camera_id"],
        row["width"],
        row["height"],
    )


def _frame(people: list[StoredPerson]) -> StoredFrame:
    p = people[0]
    return StoredFrame(p.media_key, p.frame_index, p.time_s, None, p.camera_id, p.width, p.height, tuple(people))
