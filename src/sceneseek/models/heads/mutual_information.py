"""What two embeddings of the same people tell of each other, made large: mutual information, estimated by a network.

Source: Belghazi et al., Mutual Information Neural Estimation (2018), eq. 5; between the two branches of ROI-AlignPS,
its authors' code.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneseek.losses import TrainingOnly


class MutualInformation(TrainingOnly):
    """Minus the Donsker-Varadhan bound: ``log mean exp T(x, y') - mean T(x, y)``, each ``y'`` drawn from all ``y``.

    Some of the steps, chosen at random, train the estimator ``T`` alone; in the others the bound pulls at the
    embeddings too.

    Differs from the published code: the last layer has no bias, which would cancel in the bound.

    Args:
        dims: Lengths of ``x`` and ``y``.
        hidden: Width of ``T``.
        estimator_share: Share of the steps that leave the embeddings alone.
    """

    def __init__(self, dims: tuple[int, int], hidden: int = 256, estimator_share: float = 2 / 3) -> None:
        super().__init__()
        self.estimator_share = estimator_share
        self.layers = nn.Sequential(nn.Linear(sum(dims), hidden), nn.ReLU(), nn.Linear(hidden, 1, bias=False))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            x: ``(N, D)``, one row per person.
            y: ``(N, D')``, of the same people.

        Returns:
            ``()``. Zero, with a graph, where there is nobody.
        """
        if len(x) == 0:
            return sum((p.sum() for p in self.layers.parameters()), x.sum() + y.sum()) * 0.0
        if float(torch.rand(())) < self.estimator_share:
            x, y = x.detach(), y.detach()
        shuffled = y[torch.randint(len(y), (len(y),)).to(y.device)]
        with torch.autocast(x.device.type, enabled=False):
            together = self.layers(torch.cat([x, y], dim=1).float())
            apart = self.layers(torch.cat([x, shuffled], dim=1).float())
        bound: Tensor = torch.logsumexp(apart.flatten(), dim=0) - math.log(len(x)) - together.mean()
        return bound


def shared_people(rows: Tensor, labels: Tensor, other_rows: Tensor, other_labels: Tensor) -> tuple[Tensor, Tensor]:
    """The mean direction of each identity in two sets of rows, for the identities that both have.

    Args:
        rows: ``(N, D)``.
        labels: ``(N,)``; negative ones are nobody in particular.
        other_rows: ``(M, D')``.
        other_labels: ``(M,)``.

    Returns:
        Unit rows ``(P, D)`` and ``(P, D')``, identities rising.

    Example:
        >>> x, y = torch.eye(2), torch.tensor([[3.0, 0.0], [0.0, 1.0]])
        >>> shared_people(x, torch.tensor([5, -1]), y, torch.tensor([5, 7]))
        (tensor([[1., 0.]]), tensor([[1., 0.]]))
    """
    here, there = torch.unique(labels[labels >= 0]), torch.unique(other_labels[other_labels >= 0])
    both = here[torch.isin(here, there)]
    return _directions(rows, labels, both), _directions(other_rows, other_labels, both)


def _directions(rows: Tensor, labels: Tensor, identities: Tensor) -> Tensor:
    members = (labels[None, :] == identities[:, None]).to(rows)
    return F.normalize(members @ rows, dim=1)
