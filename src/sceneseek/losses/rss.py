"""Random sampling softmax: each row is classified among its own hundred classes."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from sceneseek.errors import ValueRefused
from sceneseek.losses.hep import ClassAverage
from sceneseek.losses.memory import BACKGROUND

SamplePolicy = Literal["random", "top"]
_FEWEST = 2
"""The right class and background."""


class RSSLoss(nn.Module):
    """Random sampling softmax.

    ``L = -1/n sum_i log( e^{z_i[y_i]} / sum_{j in S_i} e^{z_i[j]} )``, where ``S_i`` holds the right class, the
    background class and other classes up to ``num_classes``, drawn anew for every row. Unlabelled people do not count.

    Source: Xiao, Li, Wang, Lin and Wang, End-to-End Deep Learning for Person Search (2016), and the authors' code, with
    100 classes, drawn at random, and ``n`` all rows of the batch.

    Args:
        num_classes: Size of ``S_i``, at least 2.
        policy: ``"random"``, or ``"top"``: the classes that score highest at the moment, the code's other choice.
        average: ``"batch"``: ``n`` counts all rows; ``"valid"``: rows that have a class.

    Example:
        >>> logits, classes = torch.zeros(2, 9), torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, -2])
        >>> round(float(RSSLoss(4)(logits, torch.tensor([7, -1]), classes)), 4)  # log 4 over two rows
        0.6931
    """

    def __init__(
        self, num_classes: int = 100, *, policy: SamplePolicy = "random", average: ClassAverage = "batch"
    ) -> None:
        super().__init__()
        if num_classes < _FEWEST:
            raise ValueRefused(f"a sampled softmax needs at least {_FEWEST} classes; num_classes is {num_classes}.")
        self.num_classes = num_classes
        self.policy = policy
        self.average = average

    def forward(
        self, logits: Tensor, labels: Tensor, classes: Tensor, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Compute the loss.

        Args:
            logits: ``(N, T)``, scores of all classes.
            labels: ``(N,)`` int64: identity, ``UNLABELED`` or ``BACKGROUND``.
            classes: ``(T,)``, the label of each column, all different.
            generator: Source of the sample; torch's own CPU generator when absent.

        Returns:
            ``()``. Zero, with a graph, where no row has a class.
        """
        right = labels[:, None] == classes[None, :]
        rows = right.any(dim=1).nonzero().flatten()
        if len(rows) == 0:
            return logits.sum() * 0.0
        logits, right = logits[rows], right[rows]
        chosen = self.sampled_classes(logits, right, classes, generator=generator)
        penalties = logits.gather(1, chosen).logsumexp(dim=1) - logits[right]
        return penalties.sum() / (len(rows) if self.average == "valid" else len(labels))

    @torch.no_grad()
    def sampled_classes(
        self, logits: Tensor, right: Tensor, classes: Tensor, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """The columns of each row's sample, ``(N, S)`` without repetitions, the right one and background among them.

        Args:
            logits: ``(N, T)``.
            right: ``(N, T)`` bool, one per row.
            classes: ``(T,)``.
            generator: As for ``forward``.
        """
        if self.policy == "top":
            preference = logits.detach().clone()
        else:
            preference = torch.rand(logits.shape, generator=generator).to(logits.device)
        always = right | (classes == BACKGROUND)
        return preference.masked_fill(always, torch.inf).topk(min(self.num_classes, len(classes)), dim=1).indices
