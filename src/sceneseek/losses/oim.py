"""Online instance matching: tell a person from every identity ever seen, and from recent people without one."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneseek.structures import UNLABELED

Empty = Literal["zero", "apart"]
Average = Literal["labelled", "people"]


def focal_weights(log_likelihoods: Tensor, gamma: float) -> Tensor:
    """``(1 - p)^gamma`` for each ``log p``: rows that are right already weigh less. Gradient flows through them.

    Source: Lin, Goyal, Girshick, He and Dollar, Focal Loss for Dense Object Detection (2017), eq. 4.

    Args:
        log_likelihoods: ``(N,)`` ``log p`` of the right class.
        gamma: 0 weighs all rows alike.

    Returns:
        ``(N,)`` in [0, 1].

    Example:
        >>> focal_weights(torch.tensor([0.5, 1.0]).log(), 2.0).tolist()
        [0.25, 0.0]
    """
    if gamma == 0.0:
        return torch.ones_like(log_likelihoods)
    # The power has no finite gradient at p = 1 for gamma < 1.
    return (-torch.expm1(log_likelihoods)).clamp(min=torch.finfo(log_likelihoods.dtype).tiny).pow(gamma)


class OIMLoss(nn.Module):
    """Online instance matching: a softmax over an identity table and a queue of unlabelled people.

    ``L = -1/n sum_i log( e^{s v_{y_i}.x_i} / (sum_j e^{s v_j.x_i} + sum_k e^{s' u_k.x_i}) )`` over labelled rows, ``v``
    the rows of the table and ``u`` those of the queue. Unlabelled people and background have no term; the memories
    treat them differently (``memory.IdentityTable``, ``memory.UnlabelledQueue``). Table and queue are constants, so the
    gradient is the published ``dL/dx_i = s (sum_j p_j v_j - v_{y_i}) / n + s' sum_k q_k u_k / n``.

    Source: Xiao, Li, Wang, Lin and Wang, Joint Detection and Identification Feature Learning (2017), eq. 1 to 3.
    Differs from the paper: it does not by default, except that the memories are updated after the backward pass by
    their own method instead of inside it; the values are the same. The options are those of later codes.

    Args:
        scale: ``s``, the inverse temperature: 10 in the paper's code, 30 in NAE, SeqNet, COAT and OIMNet++, 15 in
            AlignPS on PRW.
        queue_scale: ``s'``; ``None`` means ``scale``. AlignPS on PRW has 10 beside 15.
        empty: What a row or slot is that was never written. ``"zero"``: a zero vector, cosine 0 with all, as in the
            paper's code; ``"apart"``: cosine -1, and 1 where it is the right one, as in the code of Jaffe and Zakhor,
            Gallery Filter Network (2023).
        gamma: Focal exponent, 0 for none; 2 in AlignPS (Yan et al., 2021).
        average: ``"labelled"``: ``n`` counts labelled rows, as published; ``"people"``: unlabelled people too, as in
            the code of Gallery Filter Network.

    Example:
        >>> loss = OIMLoss(scale=1.0)
        >>> table, queue = torch.eye(2), torch.zeros(0, 2)
        >>> seen, filled = torch.ones(2, dtype=torch.bool), torch.ones(0, dtype=torch.bool)
        >>> round(float(loss(torch.eye(2), torch.tensor([0, 1]), table, seen, queue, filled)), 4)
        0.3133
    """

    def __init__(
        self,
        scale: float = 10.0,
        *,
        queue_scale: float | None = None,
        empty: Empty = "zero",
        gamma: float = 0.0,
        average: Average = "labelled",
    ) -> None:
        super().__init__()
        self.scale = scale
        self.queue_scale = scale if queue_scale is None else queue_scale
        self.empty = empty
        self.gamma = gamma
        self.average = average

    def forward(
        self, embeddings: Tensor, labels: Tensor, table: Tensor, seen: Tensor, queue: Tensor, filled: Tensor
    ) -> Tensor:
        """Compute the loss.

        Args:
            embeddings: Unit rows ``(N, D)``.
            labels: ``(N,)`` int64: identity, ``UNLABELED`` or ``BACKGROUND``.
            table: ``(P, D)``, one row per identity; constants.
            seen: ``(P,)`` bool, which of its rows were ever written.
            queue: ``(K, D)``; ``K`` may be 0; constants.
            filled: ``(K,)`` bool.

        Returns:
            ``()``. Zero, with a graph, where no row has an identity.
        """
        rows = (labels >= 0).nonzero().flatten()
        if len(rows) == 0:
            return embeddings.sum() * 0.0
        targets = labels[rows]
        # Autograd keeps what it multiplied with; the memories change in place before or after the backward pass.
        known = embeddings[rows] @ table.detach().to(embeddings.dtype, copy=True).T
        others = embeddings[rows] @ queue.detach().to(embeddings.dtype, copy=True).T
        if self.empty == "apart":
            right = F.one_hot(targets, len(table)).bool()
            known = torch.where(seen, known, torch.where(right, 1.0, -1.0).to(known))
            others = others.masked_fill(~filled, -1.0)
        logits = torch.cat([self.scale * known, self.queue_scale * others], dim=1)
        log_likelihoods = logits.log_softmax(dim=1).gather(1, targets[:, None]).flatten()
        penalties = -focal_weights(log_likelihoods, self.gamma) * log_likelihoods
        counted = len(rows) if self.average == "labelled" else int((labels >= UNLABELED).sum())
        return penalties.sum() / counted
