"""The hardest queries, and why each of them failed."""

from __future__ import annotations

import numpy as np

from sceneseek import boxes as box_ops
from sceneseek.evaluation.galleries import Galleries
from sceneseek.evaluation.matching import Appearance, appearance_of, overlaps, sightings
from sceneseek.evaluation.protocols import SearchProtocol
from sceneseek.structures import UNLABELED, Extraction, Failure, FloatArray, Query, QueryOutcomes, SceneSet
from sceneseek.structures.report import Box

_NEAR = 0.3
"""The IoU from which a detection is an attempt at the person, and not about a neighbour (Zheng et al., 2017: junk)."""


def hardest(
    extraction: Extraction, scenes: SceneSet, outcomes: QueryOutcomes, protocol: SearchProtocol, count: int = 12
) -> tuple[Failure, ...]:
    """Explain the queries with the lowest AP among those whose first answer is wrong.

    Each person is shown once before anybody is shown twice, so that one hard person does not fill the page.

    Args:
        extraction: What the model saw.
        scenes: Annotations and queries.
        outcomes: Of the same queries.
        protocol: The rules they were made with.
        count: At most so many.

    Returns:
        The worst first.
    """
    wrong = np.flatnonzero(outcomes.answerable_mask & (outcomes.first_hit_rank != 1))
    wrong = wrong[np.argsort(outcomes.average_precision[wrong], kind="stable")]
    turn: dict[int, int] = {}
    keys = []
    for i in wrong:
        person = scenes.queries[i].person_id
        turn[person] = turn.get(person, 0) + 1
        keys.append(turn[person])
    chosen = wrong[np.argsort(np.array(keys, np.int64), kind="stable")][:count]
    people = sightings(extraction, scenes, (scenes.queries[i].person_id for i in chosen), protocol)
    galleries = Galleries(extraction, scenes, protocol)
    here = {
        int(i): [
            appearance_of(extraction, people, int(j), protocol.det_threshold)
            for j in galleries.answers(scenes.queries[i], people)
        ]
        for i in chosen
    }
    return tuple(
        _explain(extraction, scenes, int(i), outcomes, here[int(i)], protocol)
        for i in sorted(chosen, key=lambda i: (outcomes.average_precision[i], i))
    )


def _explain(
    extraction: Extraction,
    scenes: SceneSet,
    i: int,
    outcomes: QueryOutcomes,
    here: list[Appearance],
    protocol: SearchProtocol,
) -> Failure:
    query = scenes.queries[i]
    found = [appearance for appearance in here if len(appearance.rows)]
    ap = float(outcomes.average_precision[i])
    rank = int(outcomes.first_hit_rank[i])
    if found and rank:
        right, similarity = _first_hit(extraction, found, query, outcomes, i)
        first = float(outcomes.top_similarities[i, 0])
        whom, is_right = first_answer(extraction, scenes, query, int(outcomes.top_detections[i, 0]))
        scored = f"ranked {rank} with similarity {similarity:.2f}" if similarity is not None else f"ranked {rank}"
        explanation = (
            f"The right person is {scored}; {rank - 1} other{'s' if rank > 2 else ''} scored up to {first:.2f}. {whom}"
        )
        return _failure(query, ap, "box off" if is_right else "out-ranked", explanation, right, rank, similarity)
    if found:
        explanation = "The right person was detected, but ranked behind the last rank that counts."
        return _failure(query, ap, "out-ranked", explanation, found[0], 0, None)
    right, reason, explanation, near_box = _why_not_found(extraction, here, protocol.det_threshold)
    return _failure(query, ap, reason, explanation, right, 0, None, near_box)


def first_answer(extraction: Extraction, scenes: SceneSet, query: Query, row: int) -> tuple[str, bool]:
    """Say whom a wrong first answer shows.

    Args:
        extraction: What the model saw.
        scenes: The annotations.
        query: Who was asked for.
        row: The detection that was ranked first.

    Returns:
        A sentence, and whether it is the right person after all, in a box that is too far off to count.
    """
    sample = scenes.by_id[int(extraction.image_ids[extraction.image_of[row]])]
    near = box_ops.iou(sample.boxes.astype(np.float64), extraction.boxes[row : row + 1].astype(np.float64))[:, 0]
    sought = near[sample.person_ids == query.person_id]
    if len(sought) and sought.max() >= _NEAR and sought.max() == near.max():
        return (
            f"The first answer is the right person, but its box overlaps them by {sought.max():.2f} (IoU) only.",
            True,
        )
    best = int(near.argmax()) if len(near) else -1
    if best < 0 or near[best] < _NEAR:
        return "The first answer is on nobody who is annotated.", False
    person = int(sample.person_ids[best])
    if person == UNLABELED:
        return "The first answer is somebody whose identity is not annotated.", False
    return f"The first answer is somebody else, person {person}.", False


def _first_hit(
    extraction: Extraction, found: list[Appearance], query: Query, outcomes: QueryOutcomes, i: int
) -> tuple[Appearance, float | None]:
    """The appearance that was hit first and its similarity as it was ranked, re-ranking and weights included.

    Behind the kept ranks the similarity is not known, and the appearance is the one that resembles the query most.
    """
    place = int(outcomes.first_hit_rank[i]) - 1
    if place < outcomes.top_detections.shape[1]:
        row = outcomes.top_detections[i, place]
        for appearance in found:
            if row in appearance.rows:
                return appearance, float(outcomes.top_similarities[i, place])
    vector = extraction.query_embeddings[extraction.query_position_of[query.query_id]].astype(np.float64)
    near = [float((extraction.embeddings[a.rows].astype(np.float64) @ vector).max()) for a in found]
    return found[int(np.argmax(near))], None


def _why_not_found(
    extraction: Extraction, here: list[Appearance], det_threshold: float
) -> tuple[Appearance, str, str, Box | None]:
    """Describe the appearance that came nearest to being found."""
    attempts = []
    for appearance in here:
        near = overlaps(extraction, appearance.position, appearance.box)
        row = int(extraction.offsets[appearance.position] + near.argmax()) if len(near) else -1
        attempts.append((float(near.max()) if len(near) else 0.0, row, appearance))
    overlap, row, right = max(attempts, key=lambda a: a[0])
    box = _box(extraction.boxes[row]) if overlap > 0 else None
    if overlap >= right.threshold:
        score = float(extraction.scores[row])
        text = f"Detected with score {score:.2f}; at least {det_threshold:.2f} counts."
        return right, "below the score threshold", text, box
    if overlap >= _NEAR:
        text = f"The nearest box overlaps the person by {overlap:.2f} (IoU); at least {right.threshold:.2f} counts."
        return right, "box off", text, box
    return right, "missed by the detector", "No box was found on the right person in any gallery image.", None


def _failure(
    query: Query,
    ap: float,
    reason: str,
    explanation: str,
    right: Appearance,
    rank: int,
    similarity: float | None,
    near_box: Box | None = None,
) -> Failure:
    where = right.image_id, _box(right.box)
    return Failure(query.query_id, ap, reason, explanation, *where, rank, similarity, near_box)


def _box(corners: FloatArray) -> Box:
    x1, y1, x2, y2 = (float(v) for v in corners)
    return x1, y1, x2, y2
