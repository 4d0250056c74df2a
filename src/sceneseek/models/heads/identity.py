"""The identity losses of a network, by name: those of I-Net, of DC-I-Net, and of every ablation of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sceneseek.losses import (
    BACKGROUND,
    C2HEPLoss,
    CentreLoss,
    ContrastiveLoss,
    HEPLoss,
    OIMLoss,
    OLPLoss,
    QuadrupletLoss,
    RSSLoss,
    TripletLoss,
    priority_pool_indices,
)
from sceneseek.losses.mining import hard_classes
from sceneseek.losses.toim import with_table_rows
from sceneseek.models.heads.identity_memories import IdentityMemories
from sceneseek.models.heads.identity_options import IDENTITY_LOSSES, IdentityOptions
from sceneseek.structures import UNLABELED

__all__ = ["IDENTITY_LOSSES", "IdentityLosses", "IdentityOptions"]


@dataclass(frozen=True)
class IdentityRows:
    """What a step shows the identity losses.

    Attributes:
        embeddings: Unit rows ``(N, D)``.
        labels: ``(N,)``: identity, ``UNLABELED`` or ``BACKGROUND``.
        image_indices: ``(N,)``.
        features: ``(N, D)``, embeddings before they were made unit vectors.
        generator: Source of the random choices; torch's own CPU generator when absent.
    """

    embeddings: Tensor
    labels: Tensor
    image_indices: Tensor
    features: Tensor
    generator: torch.Generator | None = None


class IdentityLosses(IdentityMemories):
    """The losses that ``options.identity_losses`` names; by default OLP and C2HEP, those of DC-I-Net.

    I-Net has ``("olp", "hep")``, the triplet comparison ``("triplet", "hep")``, OIM ``("oim",)``, AlignPS ``("oim",
    "table_triplet")``, COAT ``("oim", "softmax")``, IAN ``("softmax", "centre")``.

    Source: Zhang, He, Yang, Wang and Gao, Tasks Integrated Networks (2020), section 4.4 for what is compared there.

    Args:
        num_identities: ``P``, labelled identities of the training set, numbered from 0.
        embedding_dim: ``D``.
        options: Which losses, and their numbers.

    Example:
        >>> losses = IdentityLosses(5, 4, IdentityOptions(identity_losses=("triplet", "hep")))
        >>> rows, labels = torch.eye(4), torch.tensor([3, 3, -1, -2])
        >>> sorted(losses(rows, labels, torch.tensor([0, 1, 0, 1])))
        ['loss_hep', 'loss_triplet']
    """

    def forward(
        self,
        embeddings: Tensor,
        labels: Tensor,
        image_indices: Tensor,
        *,
        features: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Compute the losses; the memories are read, not changed.

        Args:
            embeddings: Unit rows ``(N, D)``.
            labels: ``(N,)``: identity, ``UNLABELED`` or ``BACKGROUND``.
            image_indices: ``(N,)``.
            features: ``(N, D)``, embeddings before they were made unit vectors; ``embeddings`` where none are given.
            generator: Source of the random choices; torch's own CPU generator when absent.

        Returns:
            The losses, unweighted, by ``loss_`` and their names.

        Raises:
            ValueRefused: A label is at least ``num_identities``.
        """
        self.check_labels(labels)
        with torch.autocast(embeddings.device.type, enabled=False):
            unit = embeddings.float()
            raw = unit if features is None else features.float()
            rows = IdentityRows(unit, labels, image_indices, raw, generator)
            return {f"loss_{name}": _TERMS[name](self, rows) for name in self.options.identity_losses}

    @torch.no_grad()
    def pool_indices(
        self,
        embeddings: Tensor,
        labels: Tensor,
        *,
        available: Tensor | None = None,
        background: bool = False,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The priority classes of a step.

        Args:
            embeddings: Unit rows ``(N, D)``.
            labels: ``(N,)``.
            available: ``(P,)`` bool, the identities that hard and random choice may use; those seen so far if absent.
            background: Background takes one of the places; it is not among the classes returned.
            generator: Source of the random fill.

        Returns:
            ``(T,)`` identities.
        """
        if self.options.c2hep_pool == "dictionary":
            entries, entry_labels = self.dictionary.entries()
        else:
            entry_labels = self.centres.seen.nonzero().flatten()
            entries = self.centres.centres[entry_labels]
        anchors = labels >= 0
        hard = hard_classes(
            embeddings[anchors] @ entries.T,
            labels[anchors],
            entry_labels,
            top=self.options.hard_negatives,
            order=self.options.hard_order,
        )
        open_to_choice = self.centres.seen if available is None else available
        places = self.num_identities if isinstance(self.options.pool_size, str) else self.options.pool_size - background
        return priority_pool_indices(labels, hard, open_to_choice, size=places, generator=generator)

    def _olp(self, rows: IdentityRows) -> Tensor:
        loss = OLPLoss(
            self.options.olp_scale,
            include_intra_image=self.options.olp_intra_image,
            max_groups=self.options.olp_max_groups,
            current_negatives=self.options.olp_current_negatives,
        )
        entries, entry_labels = self.dictionary.entries()
        answer: Tensor = loss(
            rows.embeddings, rows.labels, rows.image_indices, entries, entry_labels, generator=rows.generator
        )
        return answer

    def _c2hep(self, rows: IdentityRows) -> Tensor:
        pool = self.pool_indices(rows.embeddings, rows.labels, generator=rows.generator)
        answer: Tensor = C2HEPLoss(self.options.c2hep_scale)(
            rows.embeddings, rows.labels, pool, self.centres.centres, self.centres.seen
        )
        return answer

    def _hep(self, rows: IdentityRows) -> Tensor:
        # Class scores are learnt, not remembered: classes that were never seen may be drawn too.
        everyone = torch.ones(self.num_identities, dtype=torch.bool, device=rows.labels.device)
        background = self.options.classifier_background
        pool = self.pool_indices(
            rows.embeddings, rows.labels, available=everyone, background=background, generator=rows.generator
        )
        if background:
            pool = torch.cat([pool, pool.new_tensor([BACKGROUND])])
        answer: Tensor = HEPLoss(self.options.class_average)(*self._class_scores(rows, pool), pool)
        return answer

    def _softmax(self, rows: IdentityRows) -> Tensor:
        classes = self.classifier.classes
        answer: Tensor = HEPLoss(self.options.class_average)(*self._class_scores(rows, classes), classes)
        return answer

    def _rss(self, rows: IdentityRows) -> Tensor:
        classes = self.classifier.classes
        loss = RSSLoss(self.options.rss_classes, policy=self.options.rss_policy, average=self.options.rss_average)
        answer: Tensor = loss(*self._class_scores(rows, classes), classes, generator=rows.generator)
        return answer

    def _class_scores(self, rows: IdentityRows, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Scores ``(n, T)`` and labels ``(n,)``; where background is no class, of people alone."""
        inputs = rows.features if self.options.classifier_input == "raw" else rows.embeddings
        labels = rows.labels
        if not self.options.classifier_background:
            people = labels >= UNLABELED
            inputs, labels = inputs[people], labels[people]
        return self.classifier(inputs, classes), labels

    def _oim(self, rows: IdentityRows) -> Tensor:
        loss = OIMLoss(
            self.options.oim_scale,
            queue_scale=self.options.oim_queue_scale or None,
            empty=self.options.oim_empty,
            gamma=self.options.oim_gamma,
            average=self.options.oim_average,
        )
        if "queue" in self.options.needs:
            queue, filled = self.queue.features, self.queue.filled
        else:
            queue, filled = rows.embeddings.new_zeros(0, rows.embeddings.shape[1]), self.table.seen[:0]
        answer: Tensor = loss(rows.embeddings, rows.labels, self.table.centres, self.table.seen, queue, filled)
        return answer

    def _triplet_loss(self) -> TripletLoss:
        margin = None if self.options.triplet_soft else self.options.triplet_margin
        return TripletLoss(margin, lone_anchors=self.options.triplet_lone_anchors)

    def _triplet(self, rows: IdentityRows) -> Tensor:
        answer: Tensor = self._triplet_loss()(rows.embeddings, rows.labels)
        return answer

    def _table_triplet(self, rows: IdentityRows) -> Tensor:
        joined = with_table_rows(rows.embeddings, rows.labels, self.table.centres, self.table.seen)
        answer: Tensor = self._triplet_loss()(*joined)
        return answer

    def _contrastive(self, rows: IdentityRows) -> Tensor:
        loss = ContrastiveLoss(
            self.options.contrastive_margin, include_intra_image=self.options.contrastive_intra_image
        )
        answer: Tensor = loss(rows.embeddings, rows.labels, rows.image_indices)
        return answer

    def _quadruplet(self, rows: IdentityRows) -> Tensor:
        answer: Tensor = QuadrupletLoss(*self.options.quadruplet_margins)(rows.embeddings, rows.labels)
        return answer

    def _centre(self, rows: IdentityRows) -> Tensor:
        answer: Tensor = CentreLoss()(rows.features, rows.labels, self.feature_centres.centres)
        return answer


_TERMS: dict[str, Callable[[IdentityLosses, IdentityRows], Tensor]] = {
    "olp": IdentityLosses._olp,
    "c2hep": IdentityLosses._c2hep,
    "hep": IdentityLosses._hep,
    "softmax": IdentityLosses._softmax,
    "rss": IdentityLosses._rss,
    "oim": IdentityLosses._oim,
    "triplet": IdentityLosses._triplet,
    "table_triplet": IdentityLosses._table_triplet,
    "contrastive": IdentityLosses._contrastive,
    "quadruplet": IdentityLosses._quadruplet,
    "centre": IdentityLosses._centre,
}
