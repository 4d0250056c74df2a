"""Scores from an extraction and the annotations: a function of a file, with no model in sight."""

from sceneseek.evaluation.evaluator import evaluate
from sceneseek.evaluation.protocols import SearchProtocol

__all__ = ["SearchProtocol", "evaluate"]
