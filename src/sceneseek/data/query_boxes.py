"""Which of its picture's boxes a query is."""

from __future__ import annotations

from sceneseek import boxes as box_ops
from sceneseek.structures import Query, Sample

_SAME_PERSON = 0.5
"""The IoU from which a box with the query's identity is the query's own: files round the two differently."""


def annotated_box(query: Query, sample: Sample) -> int | None:
    """The annotated box that a query is: of those with its identity the one that overlaps it most.

    Args:
        query: The question.
        sample: The query's own scene.

    Returns:
        The box's row in ``sample.boxes``; ``None`` where no box with that identity overlaps by half (IoU).
    """
    if not len(sample):
        return None
    overlap = box_ops.iou(sample.boxes, [query.box])[:, 0] * (sample.person_ids == query.person_id)
    best = int(overlap.argmax())
    return best if overlap[best] >= _SAME_PERSON else None
