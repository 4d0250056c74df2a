"""What a network's identity losses learn with: memories, and the class scores of the softmax losses."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneseek.errors import ValueRefused
from sceneseek.losses import (
    BACKGROUND,
    ClassCentres,
    FeatureCentres,
    FeatureDictionary,
    IdentityClassifier,
    IdentityTable,
    UnlabelledQueue,
    localisation_shares,
    positive_group_indices,
)
from sceneseek.models.heads.identity_options import IdentityOptions
from sceneseek.structures import UNLABELED


class IdentityMemories(nn.Module):
    """The parts that the named losses need, and how they take in a step.

    Args:
        num_identities: ``P``, labelled identities of the training set, numbered from 0.
        embedding_dim: ``D``.
        options: Which losses, and their numbers.

    Attributes:
        dictionary: For OLP, and for the hard classes of HEP and C2HEP.
        centres: For C2HEP; and wherever there is no ``table``.
        table: For OIM and the triplet loss with its rows.
        queue: For OIM.
        feature_centres: For the centre loss.
        classifier: For HEP and the other softmax losses.
    """

    dictionary: FeatureDictionary
    centres: ClassCentres
    table: IdentityTable
    queue: UnlabelledQueue
    feature_centres: FeatureCentres
    classifier: IdentityClassifier

    def __init__(self, num_identities: int, embedding_dim: int, options: IdentityOptions) -> None:
        super().__init__()
        self.num_identities = num_identities
        self.options = options
        needs = options.needs
        if "dictionary" in needs:
            self.dictionary = FeatureDictionary(options.dictionary_size, embedding_dim)
        if "centres" in needs:
            self.centres = ClassCentres(num_identities, embedding_dim, options.centre_momentum)
        if "table" in needs:
            self.table = IdentityTable(
                num_identities, embedding_dim, options.oim_momentum, renormalise=options.oim_renormalise
            )
        if "queue" in needs:
            self.queue = UnlabelledQueue(options.queue_size, embedding_dim, stored_dims=options.queue_dims or None)
        if "feature_centres" in needs:
            self.feature_centres = FeatureCentres(num_identities, embedding_dim, options.centre_rate)
        if "classifier" in needs:
            self.classifier = IdentityClassifier(
                num_identities,
                embedding_dim,
                background=options.classifier_background,
                bias=options.classifier_bias,
                neck=options.classifier_neck,
            )

    @torch.no_grad()
    def update(
        self,
        embeddings: Tensor,
        labels: Tensor,
        image_indices: Tensor,
        features: Tensor | None = None,
        overlaps: Tensor | None = None,
    ) -> None:
        """Let the memories take in a step's regions; once per step, after the backward pass.

        Args:
            embeddings: Unit rows ``(N, D)``.
            labels: ``(N,)``: identity, ``UNLABELED`` or ``BACKGROUND``.
            image_indices: ``(N,)``.
            features: ``(N, D)``, embeddings before they were made unit vectors; ``embeddings`` where none are given.
            overlaps: ``(N,)``, IoU of regions with the person they show, for ``oim_localised``.

        Raises:
            ValueRefused: ``oim_localised`` without overlaps.
        """
        needs, labelled = self.options.needs, labels >= 0
        if "dictionary" in needs:
            stored = self._stored_mask(labels, image_indices)
            self.dictionary.update(embeddings[stored], labels[stored])
        if "centres" in needs:
            self.centres.update(embeddings[labelled], labels[labelled])
        if "table" in needs:
            shares = self._shares(overlaps)
            self.table.update(embeddings[labelled], labels[labelled], None if shares is None else shares[labelled])
        if "queue" in needs:
            self.queue.update(embeddings, labels)
        if "feature_centres" in needs:
            self.feature_centres.update(embeddings if features is None else features, labels)

    def check_labels(self, labels: Tensor) -> None:
        """Refuse identities beyond ``num_identities``, before anything is computed.

        Raises:
            ValueRefused: There is one among ``(N,)`` labels.
        """
        (self.table if "table" in self.options.needs else self.centres).check_labels(labels)

    @property
    def identity_table(self) -> Tensor:
        """One unit row per identity, ``(P, D)``; zero where never seen."""
        if "table" in self.options.needs:
            return F.normalize(self.table.centres, dim=1)
        return self.centres.centres

    @property
    def scale(self) -> float:
        """What multiplies cosines with the identity table."""
        return self.options.oim_scale if "table" in self.options.needs else self.options.c2hep_scale

    def _shares(self, overlaps: Tensor | None) -> Tensor | None:
        if not self.options.oim_localised:
            return None
        if overlaps is None:
            raise ValueRefused(
                "oim_localised weighs regions by their overlap with the person, which this network does not measure. "
                "Set it to false."
            )
        return localisation_shares(overlaps)

    def _stored_mask(self, labels: Tensor, image_indices: Tensor) -> Tensor:
        lowest = {"all": BACKGROUND, "fg": UNLABELED, "labelled": 0}[self.options.dictionary_store]
        mask = labels >= lowest
        if self.options.exclude_current_positives:
            anchors, _ = positive_group_indices(
                labels, image_indices, include_intra_image=self.options.olp_intra_image, max_groups=None
            )
            mask[anchors] = False
        return mask
