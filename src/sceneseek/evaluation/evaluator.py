"""From an extraction and the annotations to a report."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from sceneseek.evaluation.bootstrap import SAMPLES as BOOTSTRAP_SAMPLES
from sceneseek.evaluation.coco_ap import coco_scores
from sceneseek.evaluation.curves import gallery_curve, gallery_sizes, point, threshold_sweep
from sceneseek.evaluation.detection import detection_scores
from sceneseek.evaluation.failures import hardest
from sceneseek.evaluation.metrics import cumulative_match, mean_score
from sceneseek.evaluation.protocols import SearchProtocol, named_protocol, varied
from sceneseek.evaluation.search import search
from sceneseek.reranking import Reranker
from sceneseek.structures import Extraction, Progress, QueryOutcomes, SceneSet, Score, SearchReport, silent


def evaluate(
    extraction: Extraction,
    scenes: SceneSet,
    protocol: SearchProtocol | str = "modern",
    *,
    rerank: Reranker | None = None,
    curve: bool = True,
    sweep: bool = False,
    coco: bool = False,
    num_failures: int = 12,
    bootstrap_samples: int = BOOTSTRAP_SAMPLES,
    progress: Progress = silent,
    **switches: Any,
) -> SearchReport:
    """Score search and detection.

    Queries whose gallery does not show the person have no right answer: they are counted, and left out of every mean.
    Detection is scored when every visible person has a box and the boxes are the model's own.

    Args:
        extraction: What a model saw in ``scenes``.
        scenes: Annotations and queries.
        protocol: The rules, or the name of a variant in ``protocols.PROTOCOLS``.
        rerank: Gives each gallery new similarities before it is ranked, see ``sceneseek.reranking``; the report
            names it among the protocol's switches.
        curve: Also score smaller, nested galleries.
        sweep: Also score thirty thresholds of the detector's score.
        coco: Also score detection as COCO does, with COCO's own code; it takes longer than all the rest.
        num_failures: How many of the hardest queries to explain.
        bootstrap_samples: For the intervals; 0 leaves them out.
        progress: Told about queries.
        switches: Attributes of ``SearchProtocol`` to set otherwise, such as ``det_threshold=0.2``.

    Returns:
        The report.

    Raises:
        DataError: The protocol needs the scenes' cameras and they are not known.
        ExtractionError: The extraction belongs to other data.
        ValueRefused: There is no such protocol or switch, or it has an impossible value.
    """
    protocol = named_protocol(protocol, **switches) if isinstance(protocol, str) else varied(protocol, **switches)
    extraction.require(scenes)
    started = time.perf_counter()
    outcomes, histogram = search(extraction, scenes, protocol, progress, rerank)
    searched = time.perf_counter()
    answerable = outcomes.answerable_mask
    ranks = outcomes.first_hit_rank[answerable]
    size = int(outcomes.num_images.max(initial=0))
    points = []
    if curve and answerable.any():
        points = gallery_curve(extraction, scenes, protocol, gallery_sizes(size), bootstrap_samples, rerank)
        points.append(point(size, outcomes, searched - started, bootstrap_samples))
    swept = threshold_sweep(extraction, scenes, protocol, bootstrap_samples, rerank, progress) if sweep else ()
    scored = scenes.detection_labels_complete and extraction.provenance.boxes == "detector"
    detection = detection_scores(extraction, scenes, protocol.det_threshold, bootstrap_samples) if scored else None
    if detection is not None and coco:
        detection = replace(detection, coco=coco_scores(extraction, scenes))
    failures = hardest(extraction, scenes, outcomes, protocol, num_failures)
    return SearchReport(
        provenance=extraction.provenance,
        protocol=protocol.switches() if rerank is None else {**protocol.switches(), "rerank": str(rerank)},
        num_images=len(extraction),
        num_detections=len(extraction.boxes),
        num_queries=int(answerable.sum()),
        num_unanswerable=int((~answerable).sum()),
        gallery_size=float(outcomes.num_images.mean()) if len(outcomes) else 0.0,
        mean_ap=mean_score(outcomes.average_precision, bootstrap_samples),
        top_k=_top_k(outcomes, protocol, bootstrap_samples),
        positives_found=_found(outcomes),
        outcomes=outcomes,
        cmc=cumulative_match(ranks, protocol.cmc_ranks),
        histogram=histogram,
        gallery_curve=tuple(points),
        detection=detection,
        failures=failures,
        seconds={
            "extraction": extraction.provenance.seconds,
            "search": searched - started,
            "curves and detection": time.perf_counter() - searched,
        },
        threshold_sweep=tuple(swept),
    )


def _top_k(outcomes: QueryOutcomes, protocol: SearchProtocol, samples: int) -> dict[int, Score]:
    ranks = outcomes.first_hit_rank[outcomes.answerable_mask]
    return {k: mean_score(((ranks > 0) & (ranks <= k)).astype(np.float64), samples) for k in protocol.top_k}


def _found(outcomes: QueryOutcomes) -> float | None:
    positives = int(outcomes.num_positives.sum())
    return int(outcomes.num_found.sum()) / positives if positives else None
