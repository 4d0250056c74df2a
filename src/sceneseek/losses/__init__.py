"""Identity losses and the memories they compare against.

Each loss answers four questions in four places: which elements take part (``mining``: indices only), how close they
are (a dot product of unit vectors), how bad each one is (a pure function), and how that is summed (a mean over named
things). The memories (``memory``) change only through ``update``, once per training step.
"""

from sceneseek.losses.c2hep import C2HEPLoss
from sceneseek.losses.memory import BACKGROUND, ClassCentres, FeatureDictionary, Memory
from sceneseek.losses.mining import positive_group_indices, priority_pool_indices
from sceneseek.losses.olp import OLPLoss

__all__ = [
    "BACKGROUND",
    "C2HEPLoss",
    "ClassCentres",
    "FeatureDictionary",
    "Memory",
    "OLPLoss",
    "positive_group_indices",
    "priority_pool_indices",
]
