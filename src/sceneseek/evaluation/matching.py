"""Which detection is which person: for search, and for detection alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sceneseek import boxes as box_ops
from sceneseek.structures import UNLABELED, BoolArray, Extraction, FloatArray, IntArray, SceneSet

DETECTION_IOU = 0.5


@dataclass(frozen=True, eq=False)
class Appearance:
    """A person in one image.

    Attributes:
        position: The image's position in the extraction.
        image_id: The image.
        box: ``(4,)`` float32, as annotated.
        threshold: The IoU from which a detection is this person.
        ignored: The annotation says that this box counts neither way.
        rows: Detections at or above the score threshold that are this person, rows of the extraction, rising.
    """

    position: int
    image_id: int
    box: FloatArray
    threshold: float
    ignored: bool
    rows: IntArray


def appearances(
    extraction: Extraction, scenes: SceneSet, person_ids: Iterable[int], det_threshold: float
) -> dict[int, list[Appearance]]:
    """Where each of some people appears, and which detections show them there.

    A person annotated several times in one image counts once, by the first box that is not ignored.

    Args:
        extraction: What the model saw.
        scenes: The annotations.
        person_ids: Whom to look up.
        det_threshold: Detections with a lower score do not count.

    Returns:
        Appearances by person, in the order of the images.
    """
    wanted = np.unique(np.fromiter(person_ids, np.int64))
    wanted = wanted[wanted != UNLABELED]
    found: dict[int, list[Appearance]] = defaultdict(list)
    for sample in scenes.samples:
        position = extraction.position_of.get(sample.image_id)
        if position is None:
            continue
        here = np.flatnonzero(np.isin(sample.person_ids, wanted))
        ignore = np.asarray(sample.ignore_mask)
        seen: set[int] = set()
        for i in here:
            person = int(sample.person_ids[i])
            if not ignore[i]:
                if person in seen:
                    continue
                seen.add(person)
            box = sample.boxes[i]
            threshold = float(box_ops.match_threshold(box[None])[0])
            rows = _overlapping(extraction, position, box, threshold, det_threshold)
            found[person].append(Appearance(position, sample.image_id, box, threshold, bool(ignore[i]), rows))
    return found


def overlaps(extraction: Extraction, position: int, box: FloatArray) -> NDArray[np.float64]:
    """IoU of each detection of the image at ``position`` with ``box``, in float64."""
    rows = slice(int(extraction.offsets[position]), int(extraction.offsets[position + 1]))
    found: NDArray[np.float64] = box_ops.iou(extraction.boxes[rows].astype(np.float64), box[None].astype(np.float64))
    return found[:, 0]


def _overlapping(
    extraction: Extraction, position: int, box: FloatArray, threshold: float, det_threshold: float
) -> IntArray:
    start, end = int(extraction.offsets[position]), int(extraction.offsets[position + 1])
    mask = (overlaps(extraction, position, box) >= threshold) & (extraction.scores[start:end] >= det_threshold)
    return np.flatnonzero(mask) + start


def search_hits(
    rows: IntArray, similarities: FloatArray, appearances_here: list[Appearance]
) -> tuple[BoolArray, BoolArray]:
    """Which ranked detections are the person sought.

    In each image the most similar detection that overlaps the person's box enough is the hit; of equally similar ones
    the first.

    Args:
        rows: ``(G,)`` the detections ranked, rows of the extraction, rising.
        similarities: ``(G,)``.
        appearances_here: The person's appearances in the gallery's images.

    Returns:
        Hits ``(G,)``, and detections ``(G,)`` that lie on an ignored box of the person and leave the ranking.
    """
    hits, neutral = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    for appearance in appearances_here:
        if len(appearance.rows) == 0:
            continue
        places = np.searchsorted(rows, appearance.rows)
        if appearance.ignored:
            neutral[places] = True
        else:
            hits[places[int(np.argmax(similarities[places]))]] = True
    return hits, neutral & ~hits


def mutual_best(people: FloatArray, found: FloatArray, iou: float = DETECTION_IOU) -> tuple[IntArray, IntArray]:
    """Pair people with detections that are each other's best overlap, the person search field's way.

    Source: the evaluation code of Xiao et al., 2017 (``det_rate``); unlike PASCAL VOC and COCO, scores play no part.

    Args:
        people: ``(N, 4)``.
        found: ``(M, 4)``.
        iou: The least overlap.

    Returns:
        Indices of the paired people and of their detections, ``(P,)`` each. Of equal overlaps the first counts.
    """
    if len(people) == 0 or len(found) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    table = box_ops.iou(people.astype(np.float64), found.astype(np.float64))
    best_found, best_person = table.argmax(axis=1), table.argmax(axis=0)
    person = np.arange(len(people))
    mask = (best_person[best_found] == person) & (table[person, best_found] >= iou)
    return person[mask], best_found[mask]


def greedy(
    people: FloatArray, ignore_mask: BoolArray, found: FloatArray, scores: FloatArray, iou: float = DETECTION_IOU
) -> tuple[BoolArray, BoolArray]:
    """Pair detections with people by falling score, each person once, COCO's way.

    Args:
        people: ``(N, 4)``, ignored ones included.
        ignore_mask: ``(N,)``.
        found: ``(M, 4)``.
        scores: ``(M,)``.
        iou: The least overlap.

    Returns:
        ``(M,)`` hits, and ``(M,)`` detections that count neither way: they fit no free person, but an ignored box.
        An ignored box takes any number of detections.
    """
    hits = np.zeros(len(found), bool)
    if len(people) == 0 or len(found) == 0:
        return hits, hits.copy()
    table = box_ops.iou(found.astype(np.float64), people.astype(np.float64))
    neutral: BoolArray = (table[:, ignore_mask] >= iou).any(axis=1)  # type: ignore[assignment]
    free = np.where(ignore_mask[None], -1.0, table)
    for i in np.argsort(-scores, kind="stable"):
        best = int(free[i].argmax())
        if free[i, best] >= iou:
            hits[i] = True
            free[:, best] = -1.0
    return hits, neutral & ~hits
