"""The hard example priority softmax: classify among the classes that are hard to tell apart."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

ClassAverage = Literal["valid", "batch"]


class HEPLoss(nn.Module):
    """Hard example priority softmax over learnt class scores.

    ``L = -1/n sum_i log( e^{z_i[y_i]} / sum_{j in P} e^{z_i[j]} )``, ``P`` the priority pool
    (``mining.priority_pool_indices``) and the background class, ``z`` the scores of ``classifier.IdentityClassifier``.
    Background rows have a class; unlabelled people have none and do not count. With all classes in ``P`` this is the
    plain softmax identity loss.

    Source: He and Zhang, I-Net (2018), and Zhang et al., Tasks Integrated Networks (2020).
    Differs from the paper: what ``n`` counts is not stated there.

    Args:
        average: What ``n`` counts. ``"valid"``: rows with a class in the pool; ``"batch"``: all rows, as its
            predecessor's code does (Xiao et al., 2016).

    Example:
        >>> import torch
        >>> logits, labels, pool = torch.zeros(3, 4), torch.tensor([7, -2, -1]), torch.tensor([7, 8, 9, -2])
        >>> round(float(HEPLoss()(logits, labels, pool)), 4)  # log 4
        1.3863
    """

    def __init__(self, average: ClassAverage = "valid") -> None:
        super().__init__()
        self.average = average

    def forward(self, logits: Tensor, labels: Tensor, pool: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            logits: ``(N, T)``, scores of the classes in the pool.
            labels: ``(N,)`` int64: identity, ``UNLABELED`` or ``BACKGROUND``.
            pool: ``(T,)``, the label of each column, all different.

        Returns:
            ``()``. Zero, with a graph, where no row has a class in the pool.
        """
        right = labels[:, None] == pool[None, :]
        rows = right.any(dim=1).nonzero().flatten()
        if len(rows) == 0:
            return logits.sum() * 0.0
        targets = right[rows].int().argmax(dim=1)
        counted = len(rows) if self.average == "valid" else len(labels)
        return F.cross_entropy(logits[rows], targets, reduction="sum") / counted
