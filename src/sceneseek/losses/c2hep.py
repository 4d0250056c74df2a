"""The class-centre priority softmax: tell a person from the centres of those it is easily taken for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class C2HEPLoss(nn.Module):
    """Class-centre guided hard example priority softmax.

    ``L = -1/n sum_i log( e^{lambda d(x_i, c_{y_i})} / sum_{j in P} e^{lambda d(x_i, c_j)} )``, ``d`` the cosine and
    ``P`` the priority pool (``mining.priority_pool_indices``).

    Source: Zhang, He, Yang, Wang and Gao, Tasks Integrated Networks (2020).
    Differs from the paper: ``lambda`` is not stated there, 10 is the inverse temperature of Xiao et al. (2017). Classes
    whose centre was never seen leave the denominator, and a row of such a class does not count.

    Args:
        scale: ``lambda``, multiplies the cosines.

    Example:
        >>> loss = C2HEPLoss(scale=1.0)
        >>> centres, seen = torch.eye(2), torch.ones(2, dtype=torch.bool)
        >>> round(float(loss(torch.eye(2), torch.tensor([0, 1]), torch.tensor([0, 1]), centres, seen)), 4)
        0.3133
    """

    def __init__(self, scale: float = 10.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, embeddings: Tensor, labels: Tensor, pool: Tensor, centres: Tensor, seen: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            embeddings: Unit rows ``(N, D)``.
            labels: ``(N,)`` int64; rows without an identity do not count.
            pool: ``(T,)`` distinct class indices that hold every identity among ``labels``.
            centres: ``(P, D)``, unit rows where seen; constants.
            seen: ``(P,)`` bool.

        Returns:
            ``()``. Zero, with a graph, where no row counts.
        """
        pool = pool[seen[pool]]
        position = torch.full((len(seen),), -1, dtype=torch.int64, device=labels.device)
        position[pool] = torch.arange(len(pool), device=labels.device)
        rows = (labels >= 0).nonzero().flatten()
        targets = position[labels[rows]]
        rows, targets = rows[targets >= 0], targets[targets >= 0]
        if len(rows) == 0:
            return embeddings.sum() * 0.0
        similarities = embeddings[rows] @ centres[pool].detach().to(embeddings.dtype).T
        return F.cross_entropy(self.scale * similarities, targets)
