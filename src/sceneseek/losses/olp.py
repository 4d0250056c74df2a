"""The on-line pairing loss: pull two views of a person together, push remembered strangers away."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sceneseek.losses.mining import positive_group_indices
from sceneseek.structures import UNLABELED


def pairing_penalty(positive: Tensor, log_negatives: Tensor) -> Tensor:
    """How bad each group is: ``-log(e^p / (e^p + sum_k e^{n_k}))``, computed without overflow.

    Args:
        positive: ``(m,)`` ``p``, the scaled similarity of anchor and positive.
        log_negatives: ``(m,)`` ``log sum_k e^{n_k}`` over the scaled similarities of the anchor to its negatives.

    Returns:
        ``(m,)``, each >= 0.
    """
    return torch.logaddexp(positive, log_negatives) - positive


class OLPLoss(nn.Module):
    """On-line pairing loss over groups of an anchor, a positive and all remembered negatives.

    ``L = -1/m sum_i log( e^{s d(a_i, p_i)} / (e^{s d(a_i, p_i)} + sum_k e^{s d(a_i, n_k)}) )``, ``d`` the cosine. Each
    pair of regions of one identity counts in both orders. Gradient reaches the anchor alone.

    Source: He and Zhang, I-Net (2018), and Zhang et al., Tasks Integrated Networks (2020).
    Differs from the paper: with ``scale = 1`` it does not. With unit vectors and thousands of negatives that literal
    form cannot come near 0; a scale of 10 to 30 lets hard negatives dominate.

    Args:
        scale: ``s``, multiplies the cosines.
        include_intra_image: Pair regions of one image too.
        max_groups: Random cap on the number of groups.
        current_negatives: Count other people of the same step as negatives, besides the remembered ones.

    Example:
        >>> loss = OLPLoss()
        >>> same, other = torch.eye(2)[[0, 0]], torch.eye(2)[[1]]
        >>> labels, images = torch.tensor([4, 4]), torch.tensor([0, 1])
        >>> round(float(loss(same, labels, images, other, torch.tensor([5]))), 4)  # log(1 + e^{0 - 1})
        0.3133
    """

    def __init__(
        self,
        scale: float = 1.0,
        *,
        include_intra_image: bool = False,
        max_groups: int | None = 1024,
        current_negatives: bool = False,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.include_intra_image = include_intra_image
        self.max_groups = max_groups
        self.current_negatives = current_negatives

    def forward(
        self,
        embeddings: Tensor,
        labels: Tensor,
        image_indices: Tensor,
        entries: Tensor,
        entry_labels: Tensor,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Compute the loss.

        Args:
            embeddings: Unit rows ``(N, D)``.
            labels: ``(N,)`` int64, an identity, ``UNLABELED`` or ``BACKGROUND``.
            image_indices: ``(N,)``, the image of each row.
            entries: Remembered unit rows ``(K, D)``; ``K`` may be 0.
            entry_labels: ``(K,)``.
            generator: Source of the random cap on groups.

        Returns:
            ``()``. Zero, with a graph, where there is no pair or no negative.
        """
        anchors, positives = positive_group_indices(
            labels,
            image_indices,
            include_intra_image=self.include_intra_image,
            max_groups=self.max_groups,
            generator=generator,
        )
        constants = embeddings.detach()
        candidates, candidate_labels = entries.detach().to(embeddings.dtype), entry_labels
        if self.current_negatives:
            people = labels >= UNLABELED
            candidates = torch.cat([candidates, constants[people]])
            candidate_labels = torch.cat([candidate_labels, labels[people]])

        # An anchor without a negative has nothing to be pushed from: its penalty would be log 1.
        negative_mask = labels[:, None] != candidate_labels[None, :]
        has_negative = negative_mask.any(dim=1)[anchors]
        anchors, positives = anchors[has_negative], positives[has_negative]
        if len(anchors) == 0:
            return embeddings.sum() * 0.0

        # Groups share anchors: similarities to thousands of candidates are computed once per anchor.
        distinct, group_anchor = torch.unique(anchors, return_inverse=True)
        negatives = self.scale * (embeddings[distinct] @ candidates.T)
        log_negatives = negatives.masked_fill(~negative_mask[distinct], -torch.inf).logsumexp(dim=1)
        positive = self.scale * (embeddings[anchors] * constants[positives]).sum(dim=1)
        return pairing_penalty(positive, log_negatives[group_anchor]).mean()
