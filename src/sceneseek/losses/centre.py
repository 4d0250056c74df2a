"""The centre loss: draw features to the centre of their identity."""

from __future__ import annotations

from torch import Tensor, nn


class CentreLoss(nn.Module):
    """Centre loss on features that are no unit vectors.

    ``L = 1/(2m) sum_i |f_i - c_{y_i}|^2`` over labelled rows; the gradient for a feature is ``(f_i - c_{y_i}) / m``.
    The centres are constants, and move by a rule of their own (``memory.FeatureCentres``).

    Source: Wen, Zhang, Li and Qiao, A Discriminative Feature Learning Approach (2016), eq. 2, with the division by
    ``m`` of the authors' code. Xiao et al., IAN (2017), add it to a softmax over identities; with which weight is not
    known to us.

    Example:
        >>> import torch
        >>> features, centres = torch.tensor([[3.0], [1.0]]), torch.tensor([[1.0], [0.0]])
        >>> float(CentreLoss()(features, torch.tensor([0, 1]), centres))  # (4 + 1) / 4
        1.25
    """

    def forward(self, features: Tensor, labels: Tensor, centres: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            features: ``(N, D)``.
            labels: ``(N,)`` int64; rows without an identity do not take part.
            centres: ``(P, D)``; constants.

        Returns:
            ``()``. Zero, with a graph, where no row has an identity.
        """
        known = labels >= 0
        if not bool(known.any()):
            return features.sum() * 0.0
        offsets = features[known] - centres.detach()[labels[known]].to(features)
        return 0.5 * offsets.square().sum(dim=1).mean()
