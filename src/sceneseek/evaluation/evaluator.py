"""From an extraction and the annotations to a report."""

from __future__ import annotations

import time

import numpy as np

from sceneseek.evaluation.curves import gallery_curve, gallery_sizes, point
from sceneseek.evaluation.detection import detection_scores
from sceneseek.evaluation.failures import hardest
from sceneseek.evaluation.metrics import BOOTSTRAP_SAMPLES, cumulative_match, mean_score
from sceneseek.evaluation.protocols import APRule, SearchProtocol
from sceneseek.evaluation.search import search
from sceneseek.structures import Extraction, Progress, QueryOutcomes, SceneSet, Score, SearchReport, silent

MAX_RANK = 50


def evaluate(
    extraction: Extraction,
    scenes: SceneSet,
    *,
    det_threshold: float = 0.5,
    gallery_size: int | None = None,
    ap: APRule = "step",
    curve: bool = True,
    num_failures: int = 12,
    bootstrap_samples: int = BOOTSTRAP_SAMPLES,
    progress: Progress = silent,
) -> SearchReport:
    """Score search and detection.

    Queries whose gallery does not show the person have no right answer: they are counted, and left out of every mean.
    Detection is scored when every visible person has a box and the boxes are the model's own.

    Args:
        extraction: What a model saw in ``scenes``.
        scenes: Annotations and queries.
        det_threshold: See ``SearchProtocol``.
        gallery_size: See ``SearchProtocol``.
        ap: See ``SearchProtocol``.
        curve: Also score smaller, nested galleries.
        num_failures: How many of the hardest queries to explain.
        bootstrap_samples: For the intervals; 0 leaves them out.
        progress: Told about queries.

    Returns:
        The report.

    Raises:
        ExtractionError: The extraction belongs to other data.
        ValueRefused: A switch has an impossible value.
    """
    protocol = SearchProtocol(det_threshold, gallery_size, ap)
    extraction.require(scenes)
    started = time.perf_counter()
    outcomes, histogram = search(extraction, scenes, protocol, progress)
    searched = time.perf_counter()
    answerable = outcomes.answerable_mask
    ranks = outcomes.first_hit_rank[answerable]
    sizes = [len(set(q.gallery)) for q in scenes.queries]
    size = min(max(sizes, default=0), gallery_size or max(sizes, default=0))
    points = []
    if curve and answerable.any():
        smaller = [s for s in gallery_sizes(scenes.queries) if s < size]
        points = gallery_curve(extraction, scenes, protocol, smaller, bootstrap_samples)
        points.append(point(size, outcomes, searched - started, bootstrap_samples))
    scored = scenes.detection_labels_complete and extraction.provenance.boxes == "detector"
    detection = detection_scores(extraction, scenes, det_threshold) if scored else None
    failures = hardest(extraction, scenes, outcomes, protocol, num_failures)
    return SearchReport(
        provenance=extraction.provenance,
        protocol=protocol.switches(),
        num_images=len(extraction),
        num_detections=len(extraction.boxes),
        num_queries=int(answerable.sum()),
        num_unanswerable=int((~answerable).sum()),
        gallery_size=float(np.mean(np.minimum(sizes, size))) if sizes else 0.0,
        mean_ap=mean_score(outcomes.average_precision, bootstrap_samples),
        top_k=_top_k(outcomes, protocol, bootstrap_samples),
        positives_found=_found(outcomes),
        outcomes=outcomes,
        cmc=cumulative_match(ranks, MAX_RANK),
        histogram=histogram,
        gallery_curve=tuple(points),
        detection=detection,
        failures=failures,
        seconds={
            "extraction": extraction.provenance.seconds,
            "search": searched - started,
            "curves and detection": time.perf_counter() - searched,
        },
    )


def _top_k(outcomes: QueryOutcomes, protocol: SearchProtocol, samples: int) -> dict[int, Score]:
    ranks = outcomes.first_hit_rank[outcomes.answerable_mask]
    return {k: mean_score(((ranks > 0) & (ranks <= k)).astype(np.float64), samples) for k in protocol.top_k}


def _found(outcomes: QueryOutcomes) -> float | None:
    positives = int(outcomes.num_positives.sum())
    return int(outcomes.num_found.sum()) / positives if positives else None
