"""Pairs of people who are certainly not the same person, found in a gallery without knowing who anybody is.

Whoever is seen beside somebody else in one picture is somebody else. A person followed through a video brings that
knowledge to all frames of the tracklet: two tracklets that share a frame are two people, in every frame of theirs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sceneseek import boxes as box_arithmetic
from sceneseek.structures import FloatArray, IntArray

APART_IOU = 0.3
"""Boxes of one picture that overlap more may be two boxes of one person."""
APART_SHARE = 0.5
"""Nor may the smaller box lie in the larger one by more than this: an upper body within its person."""


class Pairs(NamedTuple):
    """Similarities of people with sightings that are certainly somebody else's.

    Attributes:
        anchors: ``(P,)`` rows of the sample, from whom the similarity is measured.
        others: ``(P,)`` the sightings that are somebody else's.
        similarities: ``(P,)`` float32, the largest with any frame of the stranger's sighting.
    """

    anchors: IntArray
    others: IntArray
    similarities: FloatArray


class SeenBeside(NamedTuple):
    """Who was seen beside whom.

    Attributes:
        left: ``(P,)`` rows of a sample.
        right: ``(P,)`` rows seen in the same frame, with boxes that do not overlap; each pair in both orders.
        overlapping: ``(O, 2)`` rows of one frame with boxes that do overlap, in both orders.
    """

    left: IntArray
    right: IntArray
    overlapping: IntArray


def numbered(*columns: pa.ChunkedArray | pa.Array) -> IntArray:
    """Number the different combinations of some columns, ``(N,)``; null is a value like any other."""
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        encoded = whole.dictionary_encode(null_encoding="encode")
        own = encoded.indices.to_numpy(zero_copy_only=False)
        codes = np.unique(codes * (int(own.max(initial=0)) + 1) + own, return_inverse=True)[1]
    return codes.astype(np.int64)


def sightings(rows: pa.Table) -> IntArray:
    """Number the sightings, ``(N,)``: a tracklet, or a person in one frame where nobody was followed."""
    tracklets = rows["tracklet_id"].combine_chunks()
    return numbered(tracklets.fill_null(rows["id"].combine_chunks()))


def seen_beside(rows: pa.Table) -> SeenBeside:
    """Find who shares a frame, and whether their boxes overlap."""
    frames = numbered(rows["media_key"], rows["frame_index"])
    boxes = np.stack([rows[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1).astype(np.float64)
    order = np.argsort(frames, kind="stable")
    starts = np.flatnonzero(np.diff(frames[order], prepend=-1))
    pairs, touching = [np.zeros((0, 2), np.int64)], [np.zeros((0, 2), np.int64)]
    for here in np.split(order, starts[1:]):
        if len(here) > 1:
            apart = _apart(boxes[here])
            together = ~apart & ~np.eye(len(here), dtype=bool)
            pairs.append(here[np.argwhere(apart)])
            touching.append(here[np.argwhere(together)])
    left, right = np.concatenate(pairs).T
    return SeenBeside(left, right, np.concatenate(touching))


def stranger_pairs(embeddings: FloatArray, units: IntArray, beside: SeenBeside) -> Pairs:
    """Compare everybody with all sightings that are certainly somebody else's.

    Args:
        embeddings: ``(N, D)`` unit rows.
        units: ``(N,)`` the sighting of each row.
        beside: Who was seen beside whom.
    """
    strange = _relation(units, beside.left, beside.right)
    if len(beside.overlapping):
        # Once too near to tell them apart: no witness, even if other frames show them side by side.
        strange = strange - strange.multiply(_relation(units, *beside.overlapping.T))
        strange.eliminate_zeros()
    order = np.argsort(units, kind="stable")
    starts = np.searchsorted(units[order], np.arange(strange.shape[0] + 1))
    anchors, strangers, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for unit in np.flatnonzero(np.diff(strange.indptr)):
        own = order[starts[unit] : starts[unit + 1]]
        others = np.sort(strange.indices[strange.indptr[unit] : strange.indptr[unit + 1]])
        theirs = np.concatenate([order[starts[other] : starts[other + 1]] for other in others])
        firsts = np.cumsum([0, *(starts[others + 1] - starts[others])[:-1]])
        best = np.maximum.reduceat(embeddings[own] @ embeddings[theirs].T, firsts, axis=1)
        anchors.append(np.repeat(own, len(others)))
        strangers.append(np.tile(others, len(own)))
        values.append(best.reshape(-1))
    return Pairs(np.concatenate(anchors), np.concatenate(strangers).astype(np.int64), np.concatenate(values))


def _relation(units: IntArray, left: IntArray, right: IntArray) -> csr_array:
    """Which sightings are related by one of their rows, as a 0-1 matrix without its diagonal."""
    count = int(units.max(initial=-1)) + 1
    a, b = units[left], units[right]
    different = a != b
    matrix = csr_array((np.ones(different.sum(), np.int8), (a[different], b[different])), shape=(count, count))
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def _apart(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which pairs of boxes of one frame are two people beyond doubt, ``(N, N)``."""
    areas = box_arithmetic.area(boxes)
    smaller = np.minimum(areas[:, None], areas[None])
    inside = box_arithmetic.intersection(boxes, boxes) / np.maximum(smaller, 1e-9)
    apart: NDArray[np.bool_] = (box_arithmetic.iou(boxes, boxes) <= APART_IOU) & (inside <= APART_SHARE)
    return apart
