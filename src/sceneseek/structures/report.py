"""The result of an evaluation: numbers with their uncertainty, and enough to see where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneseek.structures._checks import BoolArray, FloatArray, IntArray
from sceneseek.structures.extraction import Provenance

Float64Array = NDArray[np.float64]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Score:
    """A mean over queries with its bootstrap interval, all in [0, 1]; ``None`` where there was nothing to average.

    Attributes:
        value: The mean.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        return "-" if self.value is None else f"{100 * self.value:.1f}"

    @property
    def interval(self) -> str:
        """The interval in per cent, for people."""
        return "" if self.low is None or self.high is None else f"{100 * self.low:.1f} to {100 * self.high:.1f}"


@dataclass(frozen=True, eq=False)
class QueryOutcomes:
    """What became of each query; entries follow the queries of the scene set.

    Attributes:
        query_ids: ``(Q,)``.
        average_precision: ``(Q,)`` float64, times recall; NaN where the gallery holds nobody to find.
        recall: ``(Q,)`` float64, found positives over positives; NaN likewise.
        first_hit_rank: ``(Q,)`` int64, 1 is best; 0 when no positive is in the ranking.
        num_positives: ``(Q,)`` int64, gallery images that show the person.
        num_found: ``(Q,)`` int64, those where a detection matches the person's box.
        num_ranked: ``(Q,)`` int64, detections that were ranked.
        top_detections: ``(Q, T)`` int64, rows of the extraction, best first; -1 where there is none.
        top_similarities: ``(Q, T)`` float32; 0 where there is none.
        top_hits: ``(Q, T)`` bool.
        num_images: ``(Q,)`` int64, entries of the gallery; one listed twice counts twice where its person does.
    """

    query_ids: IntArray
    average_precision: Float64Array
    recall: Float64Array
    first_hit_rank: IntArray
    num_positives: IntArray
    num_found: IntArray
    num_ranked: IntArray
    top_detections: IntArray
    top_similarities: FloatArray
    top_hits: BoolArray
    num_images: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def answerable_mask(self) -> BoolArray:
        """Queries whose gallery shows the person at all, ``(Q,)``."""
        mask: BoolArray = self.num_positives > 0
        return mask

    def __len__(self) -> int:
        return len(self.query_ids)


@dataclass(frozen=True, eq=False)
class SimilarityHistogram:
    """How similar matches and strangers are to the queries.

    Attributes:
        edges: ``(B + 1,)`` similarities.
        matches: ``(B,)`` counts of the right person.
        strangers: ``(B,)`` counts of everyone else.
    """

    edges: Float64Array
    matches: IntArray
    strangers: IntArray


@dataclass(frozen=True)
class GalleryPoint:
    """Search scores at one gallery size.

    Attributes:
        gallery_size: Images per query.
        mean_ap: mAP.
        top_1: Top-1.
        seconds: Time the ranking took.
    """

    gallery_size: int
    mean_ap: Score
    top_1: Score
    seconds: float = 0.0


@dataclass(frozen=True)
class ThresholdPoint:
    """Search scores at one threshold of the detector's score, as the original PRW protocol plots them.

    Attributes:
        threshold: Detections with a lower score are not ranked.
        boxes_per_image: Detections at or above it per scene.
        mean_ap: mAP.
        top_1: Rank-1.
        top_20: Rank-20.
    """

    threshold: float
    boxes_per_image: float
    mean_ap: Score
    top_1: Score
    top_20: Score


@dataclass(frozen=True)
class CocoScores:
    """Detection as COCO scores it, ignored boxes as crowds, at most 100 detections an image, whatever their size.

    Attributes:
        ap: Average precision, mean over IoU thresholds 0.5 to 0.95.
        ap50: At IoU 0.5.
        ap75: At IoU 0.75.
        recall: Average recall over the same thresholds.
    """

    ap: float
    ap50: float
    ap75: float
    recall: float


@dataclass(frozen=True, eq=False)
class DetectionScores:
    """How well people are found, unlabelled ones included.

    Attributes:
        recall: Matched people over people, mutual-best matching at the score threshold (the person search field's way).
        ap: AP times recall of the same matching.
        ap50: COCO's AP at IoU 0.5: greedy by score, 101 recall points, ignored boxes neutral, all scores.
        score_threshold: Of ``recall`` and ``ap``.
        num_people: People that count.
        num_detections: Detections at or above the threshold.
        curve_recall: ``(M,)`` recall of the greedy matching as the score falls.
        curve_precision: ``(M,)`` precision likewise.
        curve_scores: ``(M,)`` the scores.
        recall_interval: 95 % bootstrap interval of ``recall`` over scenes.
        ap50_interval: Likewise of ``ap50``.
        coco: COCO's own scores; ``None`` where they were not asked for.
    """

    recall: float
    ap: float
    ap50: float
    score_threshold: float
    num_people: int
    num_detections: int
    curve_recall: Float64Array
    curve_precision: Float64Array
    curve_scores: Float64Array
    recall_interval: tuple[float, float] | None = None
    ap50_interval: tuple[float, float] | None = None
    coco: CocoScores | None = None


@dataclass(frozen=True)
class Failure:
    """A query whose first answer is wrong, and why.

    Attributes:
        query_id: The query.
        average_precision: Its AP.
        reason: ``"out-ranked"``, ``"missed by the detector"``, ``"below the score threshold"`` or ``"box off"``.
        explanation: One sentence with the numbers.
        right_image_id: The gallery image where the right answer was nearest to being found.
        right_box: The annotated box there.
        right_rank: Where it was ranked; 0 when it was not.
        right_similarity: Its similarity, when a detection matched it.
        near_box: Where nothing matched: the detection there that came nearest, if one overlaps at all.
    """

    query_id: int
    average_precision: float
    reason: str
    explanation: str
    right_image_id: int
    right_box: Box
    right_rank: int
    right_similarity: float | None
    near_box: Box | None = None


@dataclass(frozen=True, eq=False)
class SearchReport:
    """An evaluation, whole.

    Attributes:
        provenance: Which model, which data.
        protocol: The switches it was made with, by name.
        num_images: Scenes in the extraction.
        num_detections: Detections in the extraction.
        num_queries: Queries with somebody to find; they make the scores.
        num_unanswerable: Queries whose gallery does not show the person; they are counted here and nowhere else.
        gallery_size: Mean gallery images per query.
        mean_ap: mAP.
        top_k: Top-k by k.
        positives_found: Share of the positives for which there is a matching detection: the ceiling the detector sets.
        outcomes: Query by query.
        cmc: ``(K,)`` float64, top-1 to top-K.
        histogram: Similarities.
        gallery_curve: Scores of nested galleries, smallest first; the last is the whole gallery.
        detection: ``None`` where the labels are incomplete.
        failures: The hardest queries with a wrong first answer, worst first.
        seconds: Time taken, by step.
        threshold_sweep: Scores as the detector's threshold rises, lowest threshold first; empty unless asked for.
    """

    provenance: Provenance
    protocol: Mapping[str, object]
    num_images: int
    num_detections: int
    num_queries: int
    num_unanswerable: int
    gallery_size: float
    mean_ap: Score
    top_k: Mapping[int, Score]
    positives_found: float | None
    outcomes: QueryOutcomes
    cmc: Float64Array
    histogram: SimilarityHistogram
    gallery_curve: tuple[GalleryPoint, ...] = ()
    detection: DetectionScores | None = None
    failures: tuple[Failure, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    threshold_sweep: tuple[ThresholdPoint, ...] = ()

    def __str__(self) -> str:
        top = ", ".join(f"top-{k} {score}" for k, score in self.top_k.items())
        where = f"{self.provenance.model} on {self.provenance.data}"
        return f"{where}: mAP {self.mean_ap}, {top} ({self.num_queries} queries)"

    def headline(self) -> dict[str, Any]:
        """The scores by the field's names, fractions, without the curves; every value fits JSON."""
        scores: dict[str, Any] = {"mAP": _score(self.mean_ap)}
        scores.update({f"top-{k}": _score(score) for k, score in self.top_k.items()})
        scores["positives_found"] = self.positives_found
        if self.detection is not None:
            scores["detection"] = {
                "recall": self.detection.recall,
                "AP": self.detection.ap,
                "AP50": self.detection.ap50,
                "score_threshold": self.detection.score_threshold,
                "people": self.detection.num_people,
                "detections": self.detection.num_detections,
                "coco": None if self.detection.coco is None else asdict(self.detection.coco),
            }
        else:
            scores["detection"] = None
        return scores


def _score(score: Score) -> dict[str, float | None]:
    return {"value": score.value, "low": score.low, "high": score.high}
