"""Losses on distances within a batch: triplet and quadruplet with the hardest examples."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MIN_IDENTITIES = 3
"""A quadruplet shows an anchor's identity and two others."""


def euclidean_distances(rows: Tensor, others: Tensor) -> Tensor:
    """Distances ``(N, M)`` of ``(N, D)`` to ``(M, D)``; where two coincide, the gradient is zero.

    Not by way of the product of matrices, whose rounding leaves near-duplicates up to 1e-3 apart.
    """
    return torch.cdist(rows, others, compute_mode="donot_use_mm_for_euclid_dist")


def farthest(distances: Tensor, candidates: Tensor) -> Tensor:
    """The largest of each row's candidates, ``(N,)``; minus infinity where there are none."""
    return distances.masked_fill(~candidates, -torch.inf).amax(dim=1)


def nearest(distances: Tensor, candidates: Tensor) -> Tensor:
    """The smallest of each row's candidates, ``(N,)``; infinity where there are none."""
    return distances.masked_fill(~candidates, torch.inf).amin(dim=1)


def hinge(excess: Tensor, margin: float | None) -> Tensor:
    """``max(0, excess + margin)``, or its soft form ``log(1 + e^excess)`` where there is no margin.

    Example:
        >>> hinge(torch.tensor([-1.0, 0.5]), 0.3).tolist()
        [0.0, 0.800000011920929]
        >>> round(float(hinge(torch.tensor(0.0), None)), 4)
        0.6931
    """
    return F.softplus(excess) if margin is None else F.relu(excess + margin)


class TripletLoss(nn.Module):
    """Batch-hard triplet loss.

    ``L = 1/m sum_a h( max_p D(a, p) - min_n D(a, n) )``, ``D`` the Euclidean distance, over labelled anchors ``a`` with
    another row ``p`` of their identity and a row ``n`` of another one; ``h(z) = max(0, z + margin)``, or
    ``log(1 + e^z)``. Gradient reaches all three.

    Source: Hermans, Beyer and Leibe, In Defense of the Triplet Loss (2017), eq. 5 and section 2 for the soft margin.
    As the comparison in Zhang et al., Tasks Integrated Networks (2020), no margin is stated; 0.3 is that of AlignPS.

    Args:
        margin: ``None`` for the soft margin.
        lone_anchors: An anchor without another row of its identity counts with distance 0, as if it were its own
            positive; so do the codes that this loss is usually taken from, made for batches where nobody is alone.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> round(float(TripletLoss(margin=0.3)(rows, torch.tensor([4, 4, 5]))), 4)  # 0.3, and 1.4142 - 2 + 0.3 < 0
        0.15
    """

    def __init__(self, margin: float | None = 0.3, *, lone_anchors: bool = False) -> None:
        super().__init__()
        self.margin = margin
        self.lone_anchors = lone_anchors

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            embeddings: Unit rows ``(N, D)``.
            labels: ``(N,)`` int64; rows without an identity do not take part.

        Returns:
            ``()``. Zero, with a graph, where no anchor has both.
        """
        known = labels >= 0
        rows, identities = embeddings[known], labels[known]
        same = identities[:, None] == identities[None, :]
        other = same.clone()
        if not self.lone_anchors:
            other.fill_diagonal_(False)
        anchors = other.any(dim=1) & ~same.all(dim=1)
        if not bool(anchors.any()):
            return embeddings.sum() * 0.0
        distances = euclidean_distances(rows[anchors], rows)
        excess = farthest(distances, other[anchors]) - nearest(distances, ~same[anchors])
        return hinge(excess, self.margin).mean()


class QuadrupletLoss(nn.Module):
    """Batch-hard quadruplet loss: also push apart two strangers that have nothing to do with the anchor.

    ``L = 1/m sum_a max(0, D_ap^2 - D_an^2 + margin) + max(0, D_ap^2 - D_nn'^2 + second_margin)``: ``p`` the
    farthest row of the anchor's identity, ``n`` the nearest of another in the first term, and ``n, n'`` the nearest
    pair of rows of two further identities in the second.

    Source: Chen, Chen, Zhang and Huang, Beyond Triplet Loss (2017), over the hardest examples of each anchor.
    Differs from the paper: there a learnt metric stands for the distance, all quadruplets count, and margins follow the
    batch; neither the person-search papers nor any code we read states fixed ones, so both are choices of ours.

    Args:
        margin: First.
        second_margin: Second, weaker.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [-1.0, 0.0]])
        >>> round(float(QuadrupletLoss(0.5, 0.25)(rows, torch.tensor([4, 4, 5, 6]))), 4)
        0.75
    """

    def __init__(self, margin: float = 0.3, second_margin: float = 0.15) -> None:
        super().__init__()
        self.margin = margin
        self.second_margin = second_margin

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            embeddings: Unit rows ``(N, D)``.
            labels: ``(N,)`` int64; rows without an identity do not take part.

        Returns:
            ``()``. Zero, with a graph, with fewer than three identities or no pair of one.
        """
        known = labels >= 0
        rows, identities = embeddings[known], labels[known]
        present, which = torch.unique(identities, return_inverse=True)
        same = identities[:, None] == identities[None, :]
        other = same.clone().fill_diagonal_(False)
        anchors = other.any(dim=1)
        if len(present) < MIN_IDENTITIES or not bool(anchors.any()):
            return embeddings.sum() * 0.0
        squares = euclidean_distances(rows, rows).square()
        positive = farthest(squares[anchors], other[anchors])
        negative = nearest(squares[anchors], ~same[anchors])
        strangers = torch.stack([_nearest_strangers(squares, same, which == k) for k in range(len(present))])
        first = hinge(positive - negative, self.margin)
        second = hinge(positive - strangers[which[anchors]], self.second_margin)
        return (first + second).mean()


def _nearest_strangers(squares: Tensor, same: Tensor, own: Tensor) -> Tensor:
    """The smallest of ``(N, N)`` distances between two identities other than that of the ``own`` ``(N,)`` rows."""
    pairs = ~same & ~own[:, None] & ~own[None, :]
    return squares[pairs].min()
