"""The OIM loss with its memories, as the networks taught by it have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneseek.losses import IdentityTable, OIMLoss, UnlabelledQueue, localisation_shares
from sceneseek.models.options import NetworkOptions


@dataclass(frozen=True)
class OIMOptions(NetworkOptions):
    """What can be chosen about online instance matching; the defaults are those of Xiao et al. (2017).

    Attributes:
        oim_scale: What multiplies cosines: 10 in the paper's code, 30 in the codes of NAE, SeqNet and OIMNet++.
        oim_momentum: Share of the old row of the identity table that stays.
        oim_renormalise: Bring rows of the table back to length one, as in the paper; the authors' code does not.
        oim_empty: What never written rows are, see ``losses.OIMLoss``.
        oim_average: Over which rows the loss is a mean, as there.
        queue_size: Slots for unlabelled people: 5,000 on CUHK-SYSU, 500 on PRW in all later codes.
    """

    oim_scale: float = 10.0
    oim_momentum: float = 0.5
    oim_renormalise: bool = True
    oim_empty: Literal["zero", "apart"] = "zero"
    oim_average: Literal["labelled", "people"] = "labelled"
    queue_size: int = 5000


class OIMIdentity(nn.Module):
    """``loss_oim`` against an identity table and a queue of unlabelled people.

    Args:
        num_identities: ``P``.
        embedding_dim: ``D``.
        options: Its numbers.
        localised: Limits of the shares with which regions enter the table by their overlap (LOIM of OIMNet++); absent,
            all enter with ``1 - oim_momentum``.
    """

    def __init__(
        self,
        num_identities: int,
        embedding_dim: int,
        options: OIMOptions,
        *,
        localised: tuple[float, float] | None = None,
    ) -> None:
        super().__init__()
        self.table = IdentityTable(
            num_identities, embedding_dim, options.oim_momentum, renormalise=options.oim_renormalise
        )
        self.queue = UnlabelledQueue(options.queue_size, embedding_dim)
        self.oim = OIMLoss(options.oim_scale, empty=options.oim_empty, average=options.oim_average)
        self.localised = localised

    def forward(self, embeddings: Tensor, labels: Tensor, image_indices: Tensor) -> dict[str, Tensor]:
        """Compute the loss; the memories are read, not changed.

        Args:
            embeddings: ``(N, D)``, unit rows but in NAE+.
            labels: ``(N,)``: identity, ``UNLABELED`` or ``BACKGROUND``.
            image_indices: Not read.

        Returns:
            ``loss_oim``, unweighted.

        Raises:
            ValueRefused: A label has no row in the table.
        """
        self.table.check_labels(labels)
        with torch.autocast(embeddings.device.type, enabled=False):
            table, queue = self.table, self.queue
            loss = self.oim(embeddings.float(), labels, table.centres, table.seen, queue.features, queue.filled)
        return {"loss_oim": loss}

    @torch.no_grad()
    def update(self, embeddings: Tensor, labels: Tensor, image_indices: Tensor, *overlaps: Tensor) -> None:
        """Let both memories take in a step's regions; columns as for ``forward``.

        Args:
            embeddings: As there.
            labels: As there.
            image_indices: Not read.
            overlaps: One column ``(N,)``, IoU of regions with their people, where regions enter by it.
        """
        shares = None if self.localised is None else localisation_shares(overlaps[0], *self.localised)
        self.table.update(embeddings, labels, shares)
        self.queue.update(embeddings, labels)

    @property
    def identity_table(self) -> Tensor:
        """One unit row per identity, ``(P, D)``; zero where never seen."""
        return F.normalize(self.table.centres, dim=1)

    @property
    def scale(self) -> float:
        """What multiplies cosines with the table."""
        return self.oim.scale
