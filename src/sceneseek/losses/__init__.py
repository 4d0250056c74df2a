"""Identity losses and the memories they compare against.

Each loss answers four questions in four places: which elements take part (``mining``: indices only), how close they
are (a dot product of unit vectors), how bad each one is (a pure function), and how that is summed (a mean over named
things). The memories (``memory``) change only through ``update``, once per training step.
"""

from sceneseek.losses.c2hep import C2HEPLoss
from sceneseek.losses.loim import localisation_shares
from sceneseek.losses.memory import (
    BACKGROUND,
    ClassCentres,
    FeatureCentres,
    FeatureDictionary,
    IdentityTable,
    Memory,
    UnlabelledQueue,
)
from sceneseek.losses.mining import positive_group_indices, priority_pool_indices
from sceneseek.losses.oim import OIMLoss
from sceneseek.losses.olp import OLPLoss

__all__ = [
    "BACKGROUND",
    "C2HEPLoss",
    "ClassCentres",
    "FeatureCentres",
    "FeatureDictionary",
    "IdentityTable",
    "Memory",
    "OIMLoss",
    "OLPLoss",
    "UnlabelledQueue",
    "localisation_shares",
    "positive_group_indices",
    "priority_pool_indices",
]
