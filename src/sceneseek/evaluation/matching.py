"""Which detection is which person: for search, and for detection alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneseek import boxes as box_ops
from sceneseek.evaluation.protocols import SearchProtocol
from sceneseek.structures import UNLABELED, BoolArray, Extraction, FloatArray, IntArray, SceneSet

DETECTION_IOU = 0.5
JUNK_IOU = 0.3
"""From this overlap on, the original PRW protocol calls a detection an attempt at somebody, not a false alarm."""


@dataclass(frozen=True, eq=False)
class Sightings:
    """Where some people are to be found, and which detections show them: flat arrays, sorted by person, then image.

    Attributes:
        person_ids: ``(S,)`` int64, whose sighting it is.
        positions: ``(S,)`` int64, positions of images in the extraction.
        boxes: ``(S, 4)`` float32, as annotated.
        thresholds: ``(S,)`` float64, the IoU from which a detection is this person.
        ignored: ``(S,)`` bool, boxes that count neither way.
        nth: ``(S,)`` int64, 0 for the first box of a person in an image that is not ignored, 1 for the second.
        offsets: ``(S + 1,)`` int64; sighting ``i`` owns entries ``offsets[i]`` to ``offsets[i + 1]`` of ``rows``.
        rows: ``(R,)`` int64, matching detections at any score: rows of the extraction, rising within a sighting.
        junk: ``(M,)`` bool, detections that are nobody's mistake and leave every ranking.
    """

    person_ids: IntArray
    positions: IntArray
    boxes: FloatArray
    thresholds: NDArray[np.float64]
    ignored: BoolArray
    nth: IntArray
    offsets: IntArray
    rows: IntArray
    junk: BoolArray

    def of(self, person_id: int) -> slice:
        """The sightings of one person; none of the unlabelled."""
        if person_id == UNLABELED:
            return slice(0, 0)
        start, end = np.searchsorted(self.person_ids, [person_id, person_id + 1])
        return slice(int(start), int(end))


@dataclass(frozen=True, eq=False)
class Annotations:
    """Annotated boxes of the images of an extraction, flat.

    Attributes:
        positions: ``(N,)`` int64, of their images in the extraction.
        boxes: ``(N, 4)`` float32.
        person_ids: ``(N,)`` int64.
        ignored: ``(N,)`` bool, boxes that count neither way.
    """

    positions: IntArray
    boxes: FloatArray
    person_ids: IntArray
    ignored: BoolArray

    def __getitem__(self, rows: Any) -> Annotations:
        return Annotations(self.positions[rows], self.boxes[rows], self.person_ids[rows], self.ignored[rows])

    def __len__(self) -> int:
        return len(self.positions)


def flat_annotations(extraction: Extraction, scenes: SceneSet) -> Annotations:
    """Flatten the annotations of the scenes that an extraction holds."""
    samples = [s for s in scenes.samples if s.image_id in extraction.position_of]
    positions = np.array([extraction.position_of[s.image_id] for s in samples], np.int64)
    return Annotations(
        np.repeat(positions, [len(s) for s in samples]),
        np.concatenate([np.zeros((0, 4), np.float32), *(s.boxes for s in samples)]),
        np.concatenate([np.zeros(0, np.int64), *(s.person_ids for s in samples)]),
        np.concatenate([np.zeros(0, bool), *(np.asarray(s.ignore_mask) for s in samples)]),
    )


def sightings(
    extraction: Extraction, scenes: SceneSet, person_ids: Iterable[int], protocol: SearchProtocol
) -> Sightings:
    """Where some people are to be found under a protocol, and which detections show them.

    Args:
        extraction: What the model saw.
        scenes: The annotations.
        person_ids: Whom to look up.
        protocol: Its ``match`` decides which detections show a person, see ``overlapping_sightings`` and
            ``assigned_sightings``.

    Returns:
        The sightings.
    """
    wanted = np.unique(np.fromiter(person_ids, np.int64))
    annotated = flat_annotations(extraction, scenes)
    wanted = wanted[wanted != UNLABELED]
    if protocol.match == "best_overlap":
        return assigned_sightings(extraction, annotated, wanted, protocol.skip_empty_scenes)
    return overlapping_sightings(extraction, annotated, wanted, whole_images=protocol.match == "image")


def overlapping_sightings(
    extraction: Extraction, annotated: Annotations, wanted: IntArray, whole_images: bool = False
) -> Sightings:
    """Every detection shows the person whose box it overlaps by the size-relaxed threshold, ``boxes.match_threshold``.

    Args:
        extraction: What the model saw.
        annotated: The annotations.
        wanted: Whom to look up.
        whole_images: Any detection of an image shows everybody in it.

    Returns:
        One sighting for each box of each person.
    """
    chosen = annotated[np.isin(annotated.person_ids, wanted)]
    chosen = chosen[np.lexsort((chosen.ignored, chosen.positions, chosen.person_ids))]
    thresholds = np.zeros(len(chosen)) if whole_images else box_ops.match_threshold(chosen.boxes)
    owner, rows = _detections_beside(extraction, chosen.positions)
    near = box_ops.iou_of_pairs(extraction.boxes[rows].astype(np.float64), chosen.boxes[owner].astype(np.float64))
    matches = near >= thresholds[owner]
    return Sightings(
        chosen.person_ids,
        chosen.positions,
        chosen.boxes,
        thresholds,
        chosen.ignored,
        _nth(chosen),
        np.concatenate([[0], np.cumsum(np.bincount(owner[matches], minlength=len(chosen)))]),
        rows[matches],
        np.zeros(len(extraction.boxes), bool),
    )


def assigned_sightings(
    extraction: Extraction, annotated: Annotations, wanted: IntArray, skip_empty_scenes: bool
) -> Sightings:
    """Give each detection the identity of the box it overlaps most: the original protocol of PRW.

    A detection whose best IoU is at least 0.5 is that person; from 0.3 to 0.5 it is junk, and so is one of an
    unlabelled or ignored person; below 0.3 it is nobody, a wrong answer to every query. Of several detections of one
    identity in an image the best overlapping one stays (of equals the first by ``Extraction.precedence``), the rest
    are junk. A labelled box that is no detection's best is missed: to be found, but without a detection. IoU is taken
    with widths one pixel larger, and over all detections, whatever their score.

    Source: Zheng et al., 2017, ``calculate_ID_cam_test.m``.

    Args:
        extraction: What the model saw.
        annotated: The annotations.
        wanted: Whom to look up.
        skip_empty_scenes: Nobody is missed in an image without any detection.

    Returns:
        One sighting for each detection that keeps an identity, one for each missed box, and the junk.
    """
    order = np.argsort(annotated.positions, kind="stable")
    truth = annotated[order]
    best, near = _best_boxes(extraction, truth)
    person = np.full(len(best), UNLABELED, np.int64)
    sure = near >= DETECTION_IOU
    named = truth.person_ids.copy()
    named[truth.ignored] = UNLABELED
    person[sure] = named[best[sure]]
    junk = ((near >= JUNK_IOU) & ~sure) | (sure & (person == UNLABELED))
    rows = np.flatnonzero(sure & ~junk)
    rows = rows[np.lexsort((extraction.precedence[rows], -near[rows], person[rows], extraction.image_of[rows]))]
    again = np.zeros(len(rows), bool)
    again[1:] = (np.diff(person[rows]) == 0) & (np.diff(extraction.image_of[rows]) == 0)
    junk[rows[again]] = True
    kept = rows[~again]
    missed = np.ones(len(truth), bool)
    missed[best[sure]] = False
    missed &= named != UNLABELED
    if skip_empty_scenes:
        missed &= np.diff(extraction.offsets)[truth.positions] > 0
    lost = np.flatnonzero(missed)
    chosen = np.concatenate([best[kept], lost])
    shown = np.concatenate([kept, np.full(len(lost), -1)])
    keep = np.isin(named[chosen], wanted)
    chosen, shown = chosen[keep], shown[keep]
    order = np.lexsort((chosen, truth.positions[chosen], named[chosen]))
    chosen, shown = chosen[order], shown[order]
    return Sightings(
        named[chosen],
        truth.positions[chosen],
        truth.boxes[chosen],
        np.full(len(chosen), DETECTION_IOU),
        np.zeros(len(chosen), bool),
        np.zeros(len(chosen), np.int64),
        np.concatenate([[0], np.cumsum(shown >= 0)]),
        shown[shown >= 0],
        junk,
    )


def _best_boxes(extraction: Extraction, truth: Annotations) -> tuple[IntArray, NDArray[np.float64]]:
    """For each detection the annotated box (sorted by image) it overlaps most, the first of equals, and their IoU."""
    counts = np.bincount(truth.positions, minlength=len(extraction))
    starts = np.concatenate([[0], np.cumsum(counts)])
    owner, box = _ragged(starts[extraction.image_of], counts[extraction.image_of])
    wider = np.array([0.0, 0.0, 1.0, 1.0])
    overlap = box_ops.iou_of_pairs(extraction.boxes[owner] + wider, truth.boxes[box] + wider)
    best, near = np.zeros(len(extraction.boxes), np.int64), np.zeros(len(extraction.boxes))
    # Written worst first, so that what stays is the best, and of equals the first.
    order = np.lexsort((-box, overlap))
    best[owner[order]], near[owner[order]] = box[order], overlap[order]
    return best, near


def _ragged(starts: IntArray, counts: IntArray) -> tuple[IntArray, IntArray]:
    """Ranges ``starts[i]`` to ``starts[i] + counts[i]``, one after the other: each entry's ``i``, and the entry."""
    owner = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) + (starts - before)[owner]


def _detections_beside(extraction: Extraction, positions: IntArray) -> tuple[IntArray, IntArray]:
    """Each of some images with each of its detections: index into ``positions``, and row."""
    return _ragged(extraction.offsets[positions], np.diff(extraction.offsets)[positions])


def _nth(chosen: Annotations) -> IntArray:
    """How many boxes of the same person in the same image come before; sorted by person, image, ignored ones last."""
    new = np.ones(len(chosen), bool)
    new[1:] = (np.diff(chosen.person_ids) != 0) | (np.diff(chosen.positions) != 0)
    places = np.arange(len(chosen))
    return places - np.maximum.accumulate(np.where(new, places, 0))


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


def appearance_of(extraction: Extraction, people: Sightings, i: int, det_threshold: float) -> Appearance:
    """One sighting on its own, with the detections that reach a score threshold."""
    rows = people.rows[people.offsets[i] : people.offsets[i + 1]]
    position = int(people.positions[i])
    return Appearance(
        position,
        int(extraction.image_ids[position]),
        people.boxes[i],
        float(people.thresholds[i]),
        bool(people.ignored[i]),
        rows[extraction.scores[rows] >= det_threshold],
    )


def overlaps(extraction: Extraction, position: int, box: FloatArray) -> NDArray[np.float64]:
    """IoU of each detection of the image at ``position`` with ``box``, in float64."""
    rows = slice(int(extraction.offsets[position]), int(extraction.offsets[position + 1]))
    found: NDArray[np.float64] = box_ops.iou(extraction.boxes[rows].astype(np.float64), box[None].astype(np.float64))
    return found[:, 0]


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Every detection with every annotated box of its image, over all images.

    Attributes:
        found: ``(P,)`` int64, which detection, rising.
        people: ``(P,)`` int64, which annotated box.
        iou: ``(P,)`` float64.
        num_found: How many detections there are.
        num_people: How many boxes.
    """

    found: IntArray
    people: IntArray
    iou: NDArray[np.float64]
    num_found: int
    num_people: int

    @classmethod
    def between(
        cls, people: FloatArray, people_images: IntArray, found: FloatArray, found_images: IntArray
    ) -> Overlaps:
        """Overlaps of ``(N, 4)`` and ``(M, 4)`` boxes of the images numbered; both sorted by image."""
        images = max(people_images.max(initial=-1), found_images.max(initial=-1)) + 1
        counts = np.bincount(people_images, minlength=images)
        starts = np.cumsum(counts) - counts
        owner, box = _ragged(starts[found_images], counts[found_images])
        near = box_ops.iou_of_pairs(found[owner].astype(np.float64), people[box].astype(np.float64))
        return cls(owner, box, near, len(found), len(people))

    def only(self, people: BoolArray) -> Overlaps:
        """The overlaps with some of the boxes."""
        keep = people[self.people]
        return Overlaps(self.found[keep], self.people[keep], self.iou[keep], self.num_found, self.num_people)

    def touching(self, iou: float = DETECTION_IOU) -> BoolArray:
        """Which detections overlap any of the boxes so much, ``(M,)``."""
        touching = np.zeros(self.num_found, bool)
        touching[self.found[self.iou >= iou]] = True
        return touching


def mutual_best(overlaps: Overlaps, iou: float = DETECTION_IOU) -> BoolArray:
    """Find the detections that are some person's best overlap, and that person theirs: the person search field's way.

    Source: the evaluation code of Xiao et al., 2017 (``det_rate``); unlike PASCAL VOC and COCO, scores play no part.

    Args:
        overlaps: Of detections and people.
        iou: The least overlap.

    Returns:
        ``(M,)``, the detections that are paired. Of equal overlaps the first counts.
    """
    best_found = np.full(overlaps.num_people, -1)
    best_person = np.full(overlaps.num_found, -1)
    # Written worst first, so that what stays is the best, and of equals the first.
    order = np.lexsort((-overlaps.found, overlaps.iou))
    best_found[overlaps.people[order]] = overlaps.found[order]
    order = np.lexsort((-overlaps.people, overlaps.iou))
    best_person[overlaps.found[order]] = overlaps.people[order]
    paired = (best_found[overlaps.people] == overlaps.found) & (best_person[overlaps.found] == overlaps.people)
    hits = np.zeros(overlaps.num_found, bool)
    hits[overlaps.found[paired & (overlaps.iou >= iou)]] = True
    return hits


def greedy(overlaps: Overlaps, scores: FloatArray, images: IntArray, iou: float = DETECTION_IOU) -> BoolArray:
    """Pair detections with people by falling score, each person once, COCO's way.

    Args:
        overlaps: Of detections and people who count.
        scores: ``(M,)``; of equal ones the first goes first.
        images: ``(M,)`` the image of each detection, rising.
        iou: The least overlap.

    Returns:
        ``(M,)``, the detections that are paired.
    """
    hits = np.zeros(overlaps.num_found, bool)
    near = overlaps.iou >= iou
    found, people, overlap = overlaps.found[near], overlaps.people[near], overlaps.iou[near]
    turns = rank_in_image(scores, images)[found]
    order = np.lexsort((people, -overlap, found, turns))
    found, people, turns = found[order], people[order], turns[order]
    free = np.ones(overlaps.num_people, bool)
    # In each turn one detection of every image chooses: they do not compete.
    for turn in np.split(np.arange(len(found)), np.flatnonzero(np.diff(turns)) + 1):
        open_to = turn[free[people[turn]]]
        chosen = open_to[np.concatenate([[True], np.diff(found[open_to]) != 0])[: len(open_to)]]
        hits[found[chosen]] = True
        free[people[chosen]] = False
    return hits


def rank_in_image(scores: FloatArray, images: IntArray) -> IntArray:
    """How many detections of the same image have a higher score, or the same and come first, ``(M,)``."""
    order = np.lexsort((-scores, images))
    new = np.concatenate([[True], np.diff(images[order]) != 0])[: len(order)]
    places = np.arange(len(order))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = places - np.maximum.accumulate(np.where(new, places, 0))
    return ranks
