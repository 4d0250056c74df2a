"""What a distillation adds to a student's losses: terms, each from two readings of one batch to an unweighted scalar.

A term may own layers that only training needs (adapters of width, MGD's generator, FGD's context); they are parameters
of the term and never of the student. It is built from the facts of both networks and refuses what does not fit.
"""

from sceneseek.distillation.terms.detection import DetectionTerm
from sceneseek.distillation.terms.levels import LEVEL_LOSSES, Level, LevelLoss, level_loss
from sceneseek.distillation.terms.maps import CropTerm, MapTerm
from sceneseek.distillation.terms.pair import Pair, Pairs, Term
from sceneseek.distillation.terms.people import RELATIONS, EmbeddingTerm, RelationTerm
from sceneseek.distillation.terms.responses import (
    Answers,
    IdentityTerm,
    decoupled,
    dist,
    jensen_shannon,
    kl,
    table_matching,
)

__all__ = [
    "LEVEL_LOSSES",
    "RELATIONS",
    "Answers",
    "CropTerm",
    "DetectionTerm",
    "EmbeddingTerm",
    "IdentityTerm",
    "Level",
    "LevelLoss",
    "MapTerm",
    "Pair",
    "Pairs",
    "RelationTerm",
    "Term",
    "decoupled",
    "dist",
    "jensen_shannon",
    "kl",
    "level_loss",
    "table_matching",
]
