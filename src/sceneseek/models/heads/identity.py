"""The identity losses of I-Net and DC-I-Net with the memories they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sceneseek.losses import BACKGROUND, C2HEPLoss, ClassCentres, FeatureDictionary, OLPLoss, priority_pool_indices
from sceneseek.losses.mining import HardOrder, hard_classes, positive_group_indices
from sceneseek.structures import UNLABELED


@dataclass(frozen=True)
class IdentitySettings:
    """Numbers of the identity losses; the defaults are the literal ones, or guesses where the paper gives none.

    Attributes:
        num_identities: Labelled identities of the training set, numbered from 0.
        embedding_dim: ``D``.
        dictionary_size: Slots of the feature dictionary; 40 x 128 in Zhang et al. (2020).
        dictionary_store: Which regions enter it: ``"all"``, ``"fg"`` (people) or ``"labelled"`` (known people).
        exclude_current_positives: Leave out regions that formed a positive pair in their own step.
        olp_scale: Multiplies cosines in the pairing loss; 1 is the literal formula.
        olp_intra_image: Pair regions of one image too.
        olp_max_groups: Random cap on its groups.
        olp_current_negatives: Other people of the step are negatives too.
        c2hep_scale: Multiplies cosines in the class-centre softmax; not stated in the paper.
        c2hep_pool: Hard classes are those of the hardest ``"dictionary"`` entries, or of the nearest ``"centres"``.
        pool_size: Priority classes.
        hard_negatives: Per anchor.
        hard_order: ``"similar"`` or ``"dissimilar"`` negatives are the hard ones.
        centre_momentum: Share of the old class centre that stays; not stated in the paper.
    """

    num_identities: int
    embedding_dim: int = 256
    dictionary_size: int = 40 * 128
    dictionary_store: Literal["all", "fg", "labelled"] = "all"
    exclude_current_positives: bool = False
    olp_scale: float = 1.0
    olp_intra_image: bool = False
    olp_max_groups: int = 1024
    olp_current_negatives: bool = False
    c2hep_scale: float = 10.0
    c2hep_pool: Literal["dictionary", "centres"] = "dictionary"
    pool_size: int = 100
    hard_negatives: int = 20
    hard_order: HardOrder = "similar"
    centre_momentum: float = 0.5


class IdentityLosses(nn.Module):
    """OLP against the feature dictionary, and C2HEP against the class centres.

    Source: Zhang, He, Yang, Wang and Gao, Tasks Integrated Networks (2020).

    Args:
        settings: Their numbers.
    """

    def __init__(self, settings: IdentitySettings) -> None:
        super().__init__()
        self.settings = settings
        self.dictionary = FeatureDictionary(settings.dictionary_size, settings.embedding_dim)
        self.centres = ClassCentres(settings.num_identities, settings.embedding_dim, settings.centre_momentum)
        self.olp = OLPLoss(
            settings.olp_scale,
            include_intra_image=settings.olp_intra_image,
            max_groups=settings.olp_max_groups,
            current_negatives=settings.olp_current_negatives,
        )
        self.c2hep = C2HEPLoss(settings.c2hep_scale)

    def forward(
        self, embeddings: Tensor, labels: Tensor, image_indices: Tensor, *, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Compute both losses; the memories are read, not changed.

        Args:
            embeddings: Unit rows ``(N, D)``.
            labels: ``(N,)``: identity, ``UNLABELED`` or ``BACKGROUND``.
            image_indices: ``(N,)``.
            generator: Source of the random choices; torch's own CPU generator when absent.

        Returns:
            ``loss_olp`` and ``loss_c2hep``, unweighted.

        Raises:
            ValueRefused: A label has no class centre.
        """
        self.centres.check_labels(labels)
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings = embeddings.float()
            entries, entry_labels = self.dictionary.entries()
            olp = self.olp(embeddings, labels, image_indices, entries, entry_labels, generator=generator)
            pool = self.pool_indices(embeddings, labels, generator=generator)
            c2hep = self.c2hep(embeddings, labels, pool, self.centres.centres, self.centres.seen)
        return {"loss_olp": olp, "loss_c2hep": c2hep}

    @torch.no_grad()
    def pool_indices(self, embeddings: Tensor, labels: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """The priority classes ``(T,)`` of a step; its arguments are those of ``forward``."""
        if self.settings.c2hep_pool == "dictionary":
            entries, entry_labels = self.dictionary.entries()
        else:
            entry_labels = self.centres.seen.nonzero().flatten()
            entries = self.centres.centres[entry_labels]
        anchors = labels >= 0
        hard = hard_classes(
            embeddings[anchors] @ entries.T,
            labels[anchors],
            entry_labels,
            top=self.settings.hard_negatives,
            order=self.settings.hard_order,
        )
        return priority_pool_indices(labels, hard, self.centres.seen, size=self.settings.pool_size, generator=generator)

    @torch.no_grad()
    def update(self, embeddings: Tensor, labels: Tensor, image_indices: Tensor) -> None:
        """Let both memories take in a step's regions; arguments as in ``forward``, without gradient."""
        stored = self._stored_mask(labels, image_indices)
        self.dictionary.update(embeddings[stored], labels[stored])
        labelled = labels >= 0
        self.centres.update(embeddings[labelled], labels[labelled])

    def _stored_mask(self, labels: Tensor, image_indices: Tensor) -> Tensor:
        lowest = {"all": BACKGROUND, "fg": UNLABELED, "labelled": 0}[self.settings.dictionary_store]
        mask = labels >= lowest
        if self.settings.exclude_current_positives:
            anchors, _ = positive_group_indices(
                labels, image_indices, include_intra_image=self.settings.olp_intra_image, max_groups=None
            )
            mask[anchors] = False
        return mask
