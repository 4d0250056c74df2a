"""Triplet-aided online instance matching."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sceneseek.losses.oim import OIMLoss
from sceneseek.losses.triplet import TripletLoss


def with_table_rows(embeddings: Tensor, labels: Tensor, table: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """A step's rows, and once more for each labelled one the table row of its identity, a constant.

    Args:
        embeddings: ``(N, D)``.
        labels: ``(N,)``.
        table: ``(P, D)``.
        seen: ``(P,)`` bool; rows never written are left out.

    Returns:
        ``(N + R, D)`` and ``(N + R,)``.

    Example:
        >>> table, seen = torch.ones(3, 1), torch.ones(3, dtype=torch.bool)
        >>> rows, labels = with_table_rows(torch.zeros(2, 1), torch.tensor([1, -1]), table, seen)
        >>> rows.flatten().tolist(), labels.tolist()
        ([0.0, 0.0, 1.0], [1, -1, 1])
    """
    known = labels[labels >= 0]
    known = known[seen[known]]
    return torch.cat([embeddings, table.detach()[known].to(embeddings)]), torch.cat([labels, known])


class TOIMLoss(nn.Module):
    """OIM plus a batch-hard triplet loss over the step's rows and the table rows of their identities.

    ``L = L_OIM + L_triplet``; the table row of an identity is an anchor, a positive and a negative like the others, but
    a constant.

    Source: Yan, Li, Qin, Bai, Liao, Liu, Zhu and Shao, Anchor-Free Person Search (2021), and the authors' code for
    CUHK-SYSU: scale 10, focal exponent 2, margin 0.3, a table that is not brought back to length one, a queue of which
    64 of 256 numbers are kept. On PRW that code has no triplet part.
    Differs from the code: identity 0 takes part in the triplet part (a comparison ``> 0`` drops it there), and table
    rows that were never written do not.

    Args:
        oim: The first part; ``None`` for the published numbers.
        triplet: The second part; ``None`` for the published numbers.
    """

    def __init__(self, oim: OIMLoss | None = None, triplet: TripletLoss | None = None) -> None:
        super().__init__()
        self.oim = OIMLoss(10.0, gamma=2.0) if oim is None else oim
        self.triplet = TripletLoss(0.3, lone_anchors=True) if triplet is None else triplet

    def forward(
        self, embeddings: Tensor, labels: Tensor, table: Tensor, seen: Tensor, queue: Tensor, filled: Tensor
    ) -> Tensor:
        """Compute the loss; arguments and result as for ``OIMLoss``."""
        matching: Tensor = self.oim(embeddings, labels, table, seen, queue, filled)
        ranking: Tensor = self.triplet(*with_table_rows(embeddings, labels, table, seen))
        return matching + ranking
