"""The re-identifier: refined boxes in, one unit embedding per box out."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler, Matcher
from torchvision.ops import box_iou

from sceneseek.errors import ValueRefused
from sceneseek.losses import BACKGROUND
from sceneseek.losses.gathering import gather_rows
from sceneseek.models.backbones import Tail
from sceneseek.models.trunk import RegionPooling, Target

Pooling = Literal["average", "gem", "max"]
_FEWEST_ROWS = 2
"""Fewer rows have no spread."""


class GeMPool(nn.Module):
    """Generalised mean over the cells: the average for ``p = 1``, towards the maximum for large ``p``; ``p`` is learnt.

    Source: Radenovic, Tolias and Chum, Fine-tuning CNN image retrieval with no human annotation (2018), eq. 1.

    Args:
        p: Where learning starts.
    """

    def __init__(self, p: float = 3.0) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor(p))

    def forward(self, regions: Tensor) -> Tensor:
        """``(N, C, h, w)`` to ``(N, C)``; negative activations count as 0."""
        powered = regions.float().clamp(min=1e-6).pow(self.p)
        return powered.mean(dim=(2, 3)).pow(1.0 / self.p)


class SpatialPool(nn.Module):
    """Average or maximum over the cells.

    Args:
        maximum: The maximum.
    """

    def __init__(self, maximum: bool) -> None:
        super().__init__()
        self.maximum = maximum

    def forward(self, regions: Tensor) -> Tensor:
        """``(N, C, h, w)`` to ``(N, C)``."""
        return regions.amax(dim=(2, 3)) if self.maximum else regions.mean(dim=(2, 3))


class NeckNorm(nn.BatchNorm1d):
    """Centre and scale embeddings by their running statistics, in training too.

    Pooled activations are all positive, so without centring every person points the same way. Batch statistics are no
    answer: a step shows a dozen different people, and a person's embedding would depend on the company of that step
    while the memories hold those of other steps. So the statistics move slowly, carry no gradient, and are those of
    all training processes together.

    Differs from the batch-normalisation neck of Luo et al., Bag of Tricks for Person Re-identification (2019), in that;
    as there, the offset stays zero.

    Args:
        num_features: ``D``.
        slowest: The weight of a new step once the statistics have settled; before, all steps weigh the same.
    """

    def __init__(self, num_features: int, slowest: float = 0.02) -> None:
        super().__init__(num_features)
        self.slowest = slowest
        self.bias.requires_grad_(False)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise ``(N, D)``."""
        if self.training:
            self._follow(input)
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)

    @torch.no_grad()
    def _follow(self, rows: Tensor) -> None:
        rows, _ = gather_rows(rows.detach(), rows.new_zeros(len(rows), dtype=torch.int64))
        if len(rows) < _FEWEST_ROWS:
            return
        mean, variance, seen = self.running_mean, self.running_var, self.num_batches_tracked
        assert mean is not None
        assert variance is not None
        assert seen is not None
        seen.add_(1)
        share = max(self.slowest, 1.0 / int(seen))
        mean.lerp_(rows.mean(dim=0), share)
        variance.lerp_(rows.var(dim=0, unbiased=False), share)


class Reidentifier(nn.Module):
    """One unit embedding per box, from layers of its own.

    Source: the re-identifier behind the detector of Zhang et al., Tasks Integrated Networks (2020), DC-I-Net.

    Args:
        pooling: Cuts the regions.
        tail: Its own copy of the backbone's later layers.
        embedding_dim: ``D``.
        spatial: How cells become a vector.
        dropout: Before the embedding layer.
        neck: Centre and scale embeddings (``NeckNorm``) before they are made unit vectors.
    """

    def __init__(
        self,
        pooling: RegionPooling,
        tail: Tail,
        embedding_dim: int,
        *,
        spatial: Pooling = "average",
        dropout: float = 0.0,
        neck: bool = False,
    ) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.pooling = pooling
        self.tail = tail
        self.spatial: nn.Module = GeMPool() if spatial == "gem" else SpatialPool(spatial == "max")
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(tail.out_channels, embedding_dim)
        self.neck = NeckNorm(embedding_dim) if neck else nn.Identity()
        nn.init.normal_(self.project.weight, std=0.01)
        nn.init.zeros_(self.project.bias)

    def forward(self, maps: OrderedDict[str, Tensor], boxes: list[Tensor]) -> Tensor:
        """Embed ``(N, 4)`` boxes per image, in resized pixels: unit rows ``(sum N, D)``, float32, images in order."""
        return F.normalize(self.features(maps, boxes), dim=1)

    def features(self, maps: OrderedDict[str, Tensor], boxes: list[Tensor]) -> Tensor:
        """The same before they are made unit vectors, ``(sum N, D)`` float32, for losses that want those."""
        described = self.spatial(self.tail(self.pooling(maps, boxes)))
        features: Tensor = self.neck(self.project(self.dropout(described)).float())
        return features


@dataclass(frozen=True)
class LabelledRegions:
    """Boxes for the re-identifier to learn from.

    Attributes:
        boxes: ``(R, 4)`` per image.
        labels: ``(sum R,)``: identity, ``UNLABELED`` or ``BACKGROUND``.
        image_indices: ``(sum R,)``.
    """

    boxes: list[Tensor]
    labels: Tensor
    image_indices: Tensor


class RegionLabeller:
    """Match refined boxes to the annotated people again, and choose which to learn from.

    The annotated boxes themselves are added, so that a person is learnt even where the detector is still blind.

    Args:
        batch_size_per_image: How many boxes.
        positive_fraction: At most this share of them are people; 1 leaves background out.
        iou_threshold: From which overlap a box shows the person.
    """

    def __init__(self, batch_size_per_image: int, positive_fraction: float, iou_threshold: float = 0.5) -> None:
        if not 0.0 < positive_fraction <= 1.0:
            raise ValueRefused(f"positive_fraction must lie in (0, 1]; it is {positive_fraction}.")
        self.batch_size_per_image = batch_size_per_image
        self.positive_fraction = positive_fraction
        self.matcher = Matcher(iou_threshold, iou_threshold, allow_low_quality_matches=False)
        self.sampler = BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)

    @torch.no_grad()
    def __call__(self, refined: list[Tensor], targets: list[Target]) -> LabelledRegions:
        """Label and sample.

        Args:
            refined: ``(R, 4)`` per image, without gradient.
            targets: With ``boxes`` ``(N, 4)`` in the same pixels and ``person_ids`` ``(N,)``.
        """
        boxes, labels = [], []
        for candidates, target in zip(refined, targets, strict=True):
            everything = torch.cat([candidates, target["boxes"].to(candidates)])
            everything_labels = self._labels(everything, target)
            chosen = self._sample(everything_labels)
            boxes.append(everything[chosen])
            labels.append(everything_labels[chosen])
        counts = torch.tensor([len(b) for b in boxes], device=labels[0].device)
        image_indices = torch.repeat_interleave(torch.arange(len(boxes), device=counts.device), counts)
        return LabelledRegions(boxes, torch.cat(labels), image_indices)

    def _labels(self, boxes: Tensor, target: Target) -> Tensor:
        if len(target["boxes"]) == 0:
            return torch.full((len(boxes),), BACKGROUND, dtype=torch.int64, device=boxes.device)
        matched = self.matcher(box_iou(target["boxes"].to(boxes), boxes))
        labels: Tensor = target["person_ids"][matched.clamp(min=0)].clone()
        labels[matched < 0] = BACKGROUND
        return labels

    def _sample(self, labels: Tensor) -> Tensor:
        positive, negative = self.sampler([(labels != BACKGROUND).to(torch.int64)])
        chosen: Tensor = (positive[0].bool() | negative[0].bool()).nonzero().flatten()
        if self.positive_fraction == 1.0:
            # The sampler fills up with background where people are few.
            chosen = chosen[labels[chosen] != BACKGROUND]
        return chosen
