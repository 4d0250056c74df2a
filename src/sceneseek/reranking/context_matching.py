"""Context bipartite graph matching: who is around the query helps to find them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from sceneseek import boxes as box_ops
from sceneseek.errors import ValueRefused
from sceneseek.similarity import top_k

CONTEXT_NMS = 0.5
"""A detection that overlaps the query's box more than this is the query, not company."""


def query_context(
    query_box: ArrayLike, boxes: ArrayLike, scores: ArrayLike, k2: int, nms: float = CONTEXT_NMS
) -> NDArray[np.int64]:
    """The people around the query: the ``k2 - 1`` most certain detections of the query's own scene, without the query.

    Source: Li and Miao, 2021, released code (``query_img_as_gallery``): the annotated box joins the detections with
    score 1 and non-maximum suppression removes what overlaps it.

    Differs from the paper: suppression has run before, without the annotated box. A detection that was suppressed only
    by a detection of the query itself does not come back.

    Args:
        query_box: ``(4,)`` ``xyxy``.
        boxes: ``(N, 4)`` ``xyxy``, the detections of the query's scene that pass the score threshold.
        scores: ``(N,)``.
        k2: Nodes on the query's side of the graph, the query among them.
        nms: The IoU above which a detection is taken for the query.

    Returns:
        Indices of the company, most certain first; of equal scores the earlier detection.

    Example:
        >>> query_context([0, 0, 10, 20], [[1, 0, 11, 20], [50, 0, 60, 20], [80, 0, 90, 20]], [0.9, 0.6, 0.8], k2=3)
        array([2, 1])
    """
    found = np.asarray(boxes, np.float64).reshape(-1, 4)
    overlap = box_ops.iou(found, np.asarray(query_box, np.float64)[None])[:, 0]
    company = np.flatnonzero(overlap <= nms)
    order = np.argsort(-np.asarray(scores, np.float64)[company], kind="stable")
    return company[order][: max(0, k2 - 1)]


def context_bipartite_graph_matching(
    similarities: ArrayLike,
    images: ArrayLike,
    context: ArrayLike,
    gallery: ArrayLike,
    *,
    k1: int = 10,
    k2: int = 3,
) -> NDArray[Any]:
    """Revise similarities by matching all people around the query with all people of a gallery image (CBGM).

    The images that hold the ``k1`` most similar detections are looked at again. In each, the query and its company on
    one side and all detections on the other form a complete bipartite graph, weighted by similarity. Kuhn and
    Munkres' algorithm finds the matching of largest total weight; the detection matched with the query gets the
    **largest** weight in the matching as its similarity: a companion recognised beyond doubt vouches for the query.
    Similarities never fall. Where an image holds fewer detections than the query's side has people, the query may
    stay without a partner, and nothing changes.

    Source: Li and Miao, 2021, *Sequential end-to-end network for efficient person search*, section on CBGM, and the
    released code, which takes the largest weight rather than their sum. The authors use ``k1`` 10 and ``k2`` 3 for
    CUHK-SYSU, 30 and 4 for PRW.

    Differs from the paper: the released code expects the query as the first of its scene's detections and checks it
    by ``(query_box - first_box).sum() <= 0.001``, which also holds for every box further right or below; a detection
    with score 1 can so take the query's place. Here the query is a node of its own (``similarities``), and the
    company is given apart: there is no order to get wrong. Of equal similarities the earlier detection counts among
    the ``k1``; there it is left to the sort. ``k1 = 0`` changes nothing; there it selects everything.

    Args:
        similarities: ``(G,)`` of the query with each detection of its gallery.
        images: ``(G,)`` integers, which image each detection lies in.
        context: ``(C, D)`` embeddings of the company, most certain first (``query_context``); those beyond ``k2 - 1``
            are not used.
        gallery: ``(G, D)`` embeddings of the detections, weighted by score if the similarities are.
        k1: How many of the most similar detections select images.
        k2: Nodes on the query's side, the query among them.

    Returns:
        ``(G,)``, the type of ``similarities``.

    Raises:
        ValueRefused: ``k1`` is negative or ``k2`` below 1.

    Example:
        The stranger in image 0 resembles the query most, but image 1 shows the companion as well.

        >>> people = np.array([[0.8, 0.0], [0.7, 0.0], [0.0, 1.0]])
        >>> context_bipartite_graph_matching([0.8, 0.7, 0.0], [0, 1, 1], [[0.0, 1.0]], people, k1=2, k2=2).tolist()
        [0.8, 1.0, 0.0]
    """
    if k1 < 0 or k2 < 1:
        raise ValueRefused(f"k1 is {k1} and k2 is {k2}; expected k1 of at least 0 and k2 of at least 1.")
    before = np.asarray(similarities)
    after = before.copy()
    company = np.asarray(context)[: k2 - 1]
    if k1 == 0 or len(before) == 0 or len(company) == 0:
        return after
    where = np.asarray(images)
    chosen = np.unique(where[top_k(before[None], k1)[0][0]])
    rows = np.flatnonzero(np.isin(where, chosen))
    rows = rows[np.argsort(where[rows], kind="stable")]
    # One product for all images; rounded as the query's own similarities are, so that equal people tie.
    weights = (company.astype(np.float64) @ np.asarray(gallery)[rows].astype(np.float64).T).astype(before.dtype)
    graph = np.concatenate([before[None, rows], weights])
    starts = np.searchsorted(where[rows], chosen)
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        person, detection = linear_sum_assignment(graph[:, start:end], maximize=True)
        partner = detection[person == 0]
        after[rows[start + partner]] = graph[person, start + detection].max()
    return after
