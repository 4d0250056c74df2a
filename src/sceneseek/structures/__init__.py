"""The values that flow through the house: NumPy, checked once at birth, then trusted."""

from sceneseek.structures._checks import LARGEST_ID, BoolArray, FloatArray, ImageArray, IntArray
from sceneseek.structures.detections import Detections
from sceneseek.structures.extraction import Extraction, Provenance, data_fingerprint
from sceneseek.structures.media import Frame, MediaItem, MediaNote, MediaProblem
from sceneseek.structures.person_model import PersonModel
from sceneseek.structures.progress import Progress, silent
from sceneseek.structures.ranking import Interval, Match, Ranking, Sighting, Standing
from sceneseek.structures.report import (
    CocoScores,
    DetectionScores,
    Failure,
    GalleryPoint,
    QueryOutcomes,
    Score,
    SearchReport,
    SimilarityHistogram,
    ThresholdPoint,
)
from sceneseek.structures.sample import UNLABELED, Query, Sample, SceneSet

__all__ = [
    "LARGEST_ID",
    "UNLABELED",
    "BoolArray",
    "CocoScores",
    "DetectionScores",
    "Detections",
    "Extraction",
    "Failure",
    "FloatArray",
    "Frame",
    "GalleryPoint",
    "ImageArray",
    "IntArray",
    "Interval",
    "Match",
    "MediaItem",
    "MediaNote",
    "MediaProblem",
    "PersonModel",
    "Progress",
    "Provenance",
    "Query",
    "QueryOutcomes",
    "Ranking",
    "Sample",
    "SceneSet",
    "Score",
    "SearchReport",
    "Sighting",
    "SimilarityHistogram",
    "Standing",
    "ThresholdPoint",
    "data_fingerprint",
    "silent",
]
