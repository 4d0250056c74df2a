"""One linear score per identity and one for background: what the softmax losses over classes learn with."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneseek.losses.memory import BACKGROUND, TrainingOnly

_FEWEST_ROWS = 2
"""Fewer rows have no spread."""


class ClassifierNeck(nn.BatchNorm1d):
    """Batch normalisation in front of a classifier, its offset fixed at zero.

    One row alone, which has no spread, is normalised by the running statistics.

    Source: Luo et al., Bag of Tricks for Person Re-identification (2019), as in the code of COAT (Yu et al., 2022).
    """

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features)
        self.bias.requires_grad_(False)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise ``(N, D)``."""
        if self.training and len(input) < _FEWEST_ROWS:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        return super().forward(input)


class IdentityClassifier(TrainingOnly):
    """A linear score per class, of chosen classes alone where a loss looks at few.

    Classes are named by their labels: identities 0 to ``P - 1``, and ``BACKGROUND``.

    Source: the ``id_score`` layer of Xiao, Li, Wang, Lin and Wang, End-to-End Deep Learning for Person Search (2016),
    drawn with a standard deviation of 0.001, background as the last class; He and Zhang, I-Net (2018), have ``C + 1``
    classes too. COAT has no background, no offset, and a neck.

    Args:
        num_identities: ``P``.
        in_dim: ``D``.
        background: Score background too.
        bias: An offset per class.
        neck: A ``ClassifierNeck`` in front.

    Attributes:
        classes: ``(P,)`` or ``(P + 1,)`` int64, the label of each row of ``weight``.

    Example:
        >>> classifier = IdentityClassifier(num_identities=5, in_dim=4)
        >>> classifier.classes.tolist()
        [0, 1, 2, 3, 4, -2]
        >>> classifier(torch.zeros(3, 4), torch.tensor([4, BACKGROUND])).shape
        torch.Size([3, 2])
    """

    def __init__(
        self, num_identities: int, in_dim: int, *, background: bool = True, bias: bool = True, neck: bool = False
    ) -> None:
        super().__init__()
        self.num_identities = num_identities
        self.background = background
        self.neck = ClassifierNeck(in_dim) if neck else None
        self.weight = nn.Parameter(torch.empty(num_identities + background, in_dim).normal_(std=0.001))
        self.bias = nn.Parameter(torch.zeros(num_identities + background)) if bias else None

    @property
    def classes(self) -> Tensor:
        """The label of each row of ``weight``, int64."""
        classes = torch.arange(len(self.weight), device=self.weight.device)
        if self.background:
            classes[-1] = BACKGROUND
        return classes

    def forward(self, features: Tensor, classes: Tensor | None = None) -> Tensor:
        """Score features.

        Args:
            features: ``(N, D)``.
            classes: ``(T,)`` labels of the classes wanted, all of them where none are given. Gradient and work go to
                their rows alone.

        Returns:
            ``(N, T)``.
        """
        if self.neck is not None and len(features):
            features = self.neck(features)
        if classes is None:
            return F.linear(features, self.weight, self.bias)
        at = torch.where(classes == BACKGROUND, self.num_identities, classes)
        return F.linear(features, self.weight[at], None if self.bias is None else self.bias[at])
