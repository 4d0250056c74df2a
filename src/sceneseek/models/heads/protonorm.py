"""Prototype normalisation: statistics in which every person counts once, however often they appear.

Source: Lee, Oh, Baek, Lee and Ham, OIMNet++: Prototypical Normalization and Localization-aware Learning for Person
Search (2022), section 3.2, and the authors' code.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneseek.losses import BACKGROUND

_FEWEST_ROWS = 2


def prototypes(features: Tensor, labels: Tensor) -> Tensor:
    """Mean feature per identity and of the background; an unlabelled person is a prototype of their own.

    Args:
        features: ``(N, D)``.
        labels: ``(N,)``: identity, ``UNLABELED`` or ``BACKGROUND``.

    Returns:
        ``(M, D)``: by rising label those with a class, then the unlabelled in order.

    Example:
        >>> rows = torch.tensor([[0.0], [2.0], [5.0], [6.0]])
        >>> prototypes(rows, torch.tensor([3, 3, -1, -1])).tolist()
        [[1.0], [5.0], [6.0]]
    """
    classed = (labels >= 0) | (labels == BACKGROUND)
    classes, which = torch.unique(labels[classed], return_inverse=True)
    members = (which[:, None] == torch.arange(len(classes), device=which.device)).to(features)
    means = members.T @ features[classed] / members.sum(dim=0).clamp(min=1.0)[:, None]
    return torch.cat([means, features[~classed]])


class ProtoNorm(nn.BatchNorm1d):
    """Normalise by the mean of prototypes, and by the spread of samples around it; no weight, no bias.

    Batch normalisation lets those who appear most decide the statistics: background, and people with many regions. In
    training the mean is that of the prototypes, ``m``, and the variance the mean over samples of ``(x - m)^2``; running
    statistics follow them with a momentum of 0.1 and are used in evaluation.

    Args:
        num_features: ``D``.
    """

    asks_for_labels = True

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features, affine=False)

    def forward(self, input: Tensor, labels: Tensor | None = None) -> Tensor:
        """Normalise ``(N, D)``; in training ``labels`` ``(N,)`` say whose samples they are."""
        if not self.training or labels is None or len(input) < _FEWEST_ROWS:
            return F.batch_norm(input, self.running_mean, self.running_var, None, None, False, 0.0, self.eps)
        mean = prototypes(input, labels).mean(dim=0)
        variance = (input - mean).square().mean(dim=0)
        self._follow(mean.detach(), variance.detach() * len(input) / (len(input) - 1))
        return (input - mean) / (variance + self.eps).sqrt()

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked.add_(1)
