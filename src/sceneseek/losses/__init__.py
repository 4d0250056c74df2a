"""Identity losses and the memories they compare against.

Each loss answers four questions in four places: which elements take part (``mining``: indices only), how close they
are (a dot product of unit vectors), how bad each one is (a pure function), and how that is summed (a mean over named
things). The memories (``memory``) change only through ``update``, once per training step.
"""

from sceneseek.losses.c2hep import C2HEPLoss
from sceneseek.losses.centre import CentreLoss
from sceneseek.losses.classifier import IdentityClassifier
from sceneseek.losses.contrastive import ContrastiveLoss
from sceneseek.losses.hep import HEPLoss
from sceneseek.losses.loim import localisation_shares
from sceneseek.losses.memory import (
    BACKGROUND,
    ClassCentres,
    FeatureCentres,
    FeatureDictionary,
    IdentityTable,
    Memory,
    TrainingOnly,
    UnlabelledQueue,
)
from sceneseek.losses.mining import positive_group_indices, priority_pool_indices
from sceneseek.losses.oim import OIMLoss
from sceneseek.losses.olp import OLPLoss
from sceneseek.losses.rss import RSSLoss
from sceneseek.losses.toim import TOIMLoss
from sceneseek.losses.triplet import QuadrupletLoss, TripletLoss

__all__ = [
    "BACKGROUND",
    "C2HEPLoss",
    "CentreLoss",
    "ClassCentres",
    "ContrastiveLoss",
    "FeatureCentres",
    "FeatureDictionary",
    "HEPLoss",
    "IdentityClassifier",
    "IdentityTable",
    "Memory",
    "OIMLoss",
    "OLPLoss",
    "QuadrupletLoss",
    "RSSLoss",
    "TOIMLoss",
    "TrainingOnly",
    "TripletLoss",
    "UnlabelledQueue",
    "localisation_shares",
    "positive_group_indices",
    "priority_pool_indices",
]
