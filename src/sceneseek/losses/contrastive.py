"""The contrastive loss: views of a person together, two people a margin apart."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneseek.losses.triplet import euclidean_distances


class ContrastiveLoss(nn.Module):
    """Contrastive loss over the pairs of a batch.

    ``L = mean over pairs of one identity of D^2 / 2 + mean over pairs of two of max(0, margin - D)^2 / 2``, ``D`` the
    Euclidean distance of labelled rows from different images.

    Source: Hadsell, Chopra and LeCun, Dimensionality Reduction by Learning an Invariant Mapping (2006), eq. 4; the
    comparison in Zhang et al., Tasks Integrated Networks (2020), section 4.4.
    Differs from the papers: neither states a margin for unit vectors, nor how pairs are averaged. With one pair of
    images a batch has almost no pairs of two identities, which is why the loss does badly there; no memory helps it.

    Args:
        margin: From which distance two people no longer repel each other; unit vectors are at most 2 apart.
        include_intra_image: Regions of one image make pairs too.

    Example:
        >>> rows, images = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
        >>> round(float(ContrastiveLoss()(rows, torch.tensor([4, 4]), images)), 4)
        1.0
        >>> round(float(ContrastiveLoss(2.0)(rows, torch.tensor([4, 5]), images)), 4)  # (2 - 1.4142)^2 / 2
        0.1716
    """

    def __init__(self, margin: float = 1.0, *, include_intra_image: bool = False) -> None:
        super().__init__()
        self.margin = margin
        self.include_intra_image = include_intra_image

    def forward(self, embeddings: Tensor, labels: Tensor, image_indices: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            embeddings: Unit rows ``(N, D)``.
            labels: ``(N,)`` int64; rows without an identity do not take part.
            image_indices: ``(N,)``, the image of each row.

        Returns:
            ``()``. Zero, with a graph, where there is no pair.
        """
        known = labels >= 0
        rows, identities, images = embeddings[known], labels[known], image_indices[known]
        first, second = torch.triu_indices(len(rows), len(rows), offset=1, device=rows.device)
        if not self.include_intra_image:
            across = images[first] != images[second]
            first, second = first[across], second[across]
        distances = euclidean_distances(rows, rows)[first, second]
        same = identities[first] == identities[second]
        squares = (rows[first[same]] - rows[second[same]]).square().sum(dim=1)
        shortfalls = F.relu(self.margin - distances[~same]).square()
        total = embeddings.sum() * 0.0
        for penalties in (squares, shortfalls):
            if len(penalties):
                total = total + 0.5 * penalties.mean()
        return total
