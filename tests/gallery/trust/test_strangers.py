"""Certain strangers: who is seen beside whom, and what a tracklet adds to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from sceneseek.gallery.trust.strangers import Pairs, numbered, seen_beside, sightings, stranger_pairs

LEFT, MIDDLE, RIGHT = (0, 0, 10, 30), (20, 0, 30, 30), (40, 0, 50, 30)


def row(media: str, frame: int, box: tuple[int, ...], tracklet: str | None = None, time_s: float | None = None) -> Any:
    x1, y1, x2, y2 = box
    name = f"{media}:{frame}:{x1}"
    return {
        "id": name, "media_key": media, "frame_index": frame, "tracklet_id": tracklet, "time_s": time_s,
        "x1": float(x1), "y1": float(y1), "x2": float(x2), "y2": float(y2),
    }  # fmt: skip


def table(*rows: Any) -> pa.Table:
    schema = pa.schema([
        ("id", pa.string()), ("media_key", pa.string()), ("frame_index", pa.int64()), ("tracklet_id", pa.string()),
        ("time_s", pa.float64()), *((name, pa.float32()) for name in ("x1", "y1", "x2", "y2")),
    ])  # fmt: skip
    return pa.Table.from_pylist(list(rows), schema=schema)


def compared(rows: pa.Table, embeddings: np.ndarray, units: np.ndarray | None = None) -> set[tuple[int, float]]:
    pairs: Pairs = stranger_pairs(embeddings, sightings(rows) if units is None else units, seen_beside(rows))
    return {(int(a), round(float(s), 3)) for a, _, s in zip(*pairs, strict=True)}


def directions(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def cosine(degrees: float) -> float:
    return round(float(np.cos(np.radians(degrees))), 3)


def test_people_of_one_picture_are_strangers_and_of_two_are_not_known_to_be() -> None:
    rows = table(row("a", 0, LEFT), row("a", 0, RIGHT), row("b", 0, LEFT))
    assert compared(rows, directions(0, 30, 90)) == {(0, cosine(30)), (1, cosine(30))}


def test_overlapping_boxes_are_no_witnesses() -> None:
    inside = (1, 1, 9, 12)  # the upper body of the person at the left
    beside = seen_beside(table(row("a", 0, LEFT), row("a", 0, inside), row("a", 0, RIGHT)))
    assert set(zip(beside.left.tolist(), beside.right.tolist(), strict=True)) == {(0, 2), (2, 0), (1, 2), (2, 1)}
    assert sorted(map(tuple, beside.overlapping.tolist())) == [(0, 1), (1, 0)]


def test_a_tracklet_brings_its_other_frames() -> None:
    rows = table(
        row("v", 0, LEFT, "v:t1", 0.0),
        row("v", 0, RIGHT, "v:t2", 0.0),
        row("v", 1, LEFT, "v:t1", 1.0),
        row("v", 2, RIGHT, "v:t2", 2.0),
        row("v", 2, LEFT, "v:t3", 2.0),
    )
    # t1 and t2 share frame 0, t2 and t3 share frame 2; t1 and t3 may be one person who left and came back.
    found = compared(rows, directions(0, 40, 10, 70, 100))
    t1 = {(0, cosine(40)), (2, cosine(30))}
    t2 = {(1, cosine(30)), (1, cosine(60)), (3, cosine(60)), (3, cosine(30))}
    assert found == t1 | t2 | {(4, cosine(30))}


def test_of_a_sighting_the_most_similar_frame_counts_and_of_detections_each() -> None:
    rows = table(row("v", 0, LEFT, "t1", 0.0), row("v", 0, RIGHT, "t2", 0.0), row("v", 1, RIGHT, "t2", 1.0))
    embeddings = directions(0, 80, 20)
    assert compared(rows, embeddings) == {(0, cosine(20)), (1, cosine(80)), (2, cosine(20))}
    assert compared(rows, embeddings, np.arange(3)) == {(0, cosine(80)), (1, cosine(80))}


def test_tracklets_that_once_overlapped_are_left_out() -> None:
    rows = table(
        row("v", 0, LEFT, "t1", 0.0),
        row("v", 0, RIGHT, "t2", 0.0),
        row("v", 1, LEFT, "t1", 1.0),
        row("v", 1, (1, 0, 11, 30), "t2", 1.0),
    )
    assert compared(rows, directions(0, 40, 10, 70)) == set()


def test_each_pair_says_which_sighting_is_somebody_elses() -> None:
    rows = table(row("v", 0, LEFT, "t1", 0.0), row("v", 0, RIGHT, "t2", 0.0), row("v", 1, RIGHT, "t2", 1.0))
    units = sightings(rows)
    pairs = stranger_pairs(directions(0, 80, 20), units, seen_beside(rows))
    assert dict(zip(pairs.anchors.tolist(), pairs.others.tolist(), strict=True)) == {
        0: units[1], 1: units[0], 2: units[0],
    }  # fmt: skip


def test_numbering_takes_null_for_a_value() -> None:
    codes = numbered(pa.array(["a", None, "a", None]), pa.array([1, 1, 2, 1]))
    assert codes[1] == codes[3]
    assert len(set(codes.tolist())) == 3


def test_a_gallery_without_anybody_has_no_pairs() -> None:
    empty = table()
    assert compared(empty, np.zeros((0, 2), np.float32)) == set()
    assert len(seen_beside(empty).left) == 0
