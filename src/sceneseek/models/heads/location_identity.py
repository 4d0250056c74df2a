"""TOIM: online instance matching and a triplet loss, at the locations that answer for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sceneseek.losses import IdentityTable, OIMLoss, TripletLoss, UnlabelledQueue
from sceneseek.losses.toim import with_table_rows
from sceneseek.models.options import NetworkOptions


@dataclass(frozen=True)
class LocationIdentityOptions(NetworkOptions):
    """What can be chosen about TOIM; the defaults are those of AlignPS on CUHK-SYSU.

    Attributes:
        oim_scale: What multiplies cosines with the identity table; 15 on PRW.
        oim_queue_scale: The same with the queue; 0 means ``oim_scale``, 10 on PRW.
        oim_gamma: Focal exponent of the OIM loss.
        oim_average: Whether it is a mean over ``"people"``, or over ``"labelled"`` people as in ROI-AlignPS.
        oim_momentum: Share of the old row of the identity table that stays.
        oim_renormalise: Bring rows of the table back to length one; on on PRW.
        queue_size: Slots for unlabelled people; 500 on PRW.
        queue_dims: Keep only so many leading numbers in the queue, the others stay 0; 0 keeps all. The authors' code
            keeps 64 of 256 on CUHK-SYSU, and gives no reason.
        triplet_margin: Of the triplet loss.
        triplet_table: Rows of the identity table are also anchors, positives and negatives.
    """

    oim_scale: float = 10.0
    oim_queue_scale: float = 0.0
    oim_gamma: float = 2.0
    oim_average: Literal["labelled", "people"] = "people"
    oim_momentum: float = 0.5
    oim_renormalise: bool = False
    queue_size: int = 5000
    queue_dims: int = 0
    triplet_margin: float = 0.3
    triplet_table: bool = True


class LocationIdentity(nn.Module):
    """``loss_oim`` and ``loss_triplet`` with the identity table and the queue of unlabelled people.

    They are the two parts of ``losses.TOIMLoss``, apart, so that a recipe can weigh them.

    Source: Yan et al., Anchor-Free Person Search (2021), section 3.3, and the authors' code.

    Args:
        num_identities: ``P``.
        embedding_dim: ``D``.
        options: Its numbers.
    """

    def __init__(self, num_identities: int, embedding_dim: int, options: LocationIdentityOptions) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.table = IdentityTable(
            num_identities, embedding_dim, options.oim_momentum, renormalise=options.oim_renormalise
        )
        self.queue = UnlabelledQueue(options.queue_size, embedding_dim, stored_dims=options.queue_dims or None)
        self.oim = OIMLoss(
            options.oim_scale,
            queue_scale=options.oim_queue_scale or None,
            gamma=options.oim_gamma,
            average=options.oim_average,
        )
        self.triplet = TripletLoss(options.triplet_margin, lone_anchors=True)
        self.triplet_table = options.triplet_table

    def forward(self, embeddings: Tensor, labels: Tensor, image_indices: Tensor) -> dict[str, Tensor]:
        """Compute both losses; the memories are read, not changed.

        Args:
            embeddings: Unit rows ``(N, D)``, one per location.
            labels: ``(N,)``: identity or ``UNLABELED``.
            image_indices: Not read.

        Returns:
            ``loss_oim`` and ``loss_triplet``, unweighted.

        Raises:
            ValueRefused: A label has no row in the table.
        """
        self.table.check_labels(labels)
        with torch.autocast(embeddings.device.type, enabled=False):
            rows, table, queue = embeddings.float(), self.table, self.queue
            oim = self.oim(rows, labels, table.centres, table.seen, queue.features, queue.filled)
            joined = with_table_rows(rows, labels, table.centres, table.seen) if self.triplet_table else (rows, labels)
            triplet = self.triplet(*joined)
        return {"loss_oim": oim, "loss_triplet": triplet}

    @torch.no_grad()
    def update(self, embeddings: Tensor, labels: Tensor, image_indices: Tensor) -> None:
        """Let both memories take in a step's locations; columns as for ``forward``."""
        self.table.update(embeddings, labels)
        self.queue.update(embeddings, labels)
