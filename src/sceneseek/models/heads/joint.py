"""One vector per region that detection and re-identification both read: the head of OIM and what follows its plan."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from sceneseek.models.backbones import Tail
from sceneseek.models.heads.reid import NeckNorm, SpatialPool
from sceneseek.models.trunk import RegionPooling

_SCORE_STD = 0.001


@dataclass(frozen=True)
class RegionAnswers:
    """What a head says of ``N`` regions, float32.

    Attributes:
        logits: ``(N,)``, log-odds of a person.
        codes: ``(N, 4)``, box codes.
        embeddings: Unit rows ``(N, D)``.
        features: ``(N, D)``, the same before they were made unit vectors, where a loss wants those.
    """

    logits: Tensor
    codes: Tensor
    embeddings: Tensor
    features: Tensor


class BoxRegressor(nn.Module):
    """A linear layer to eight numbers per region, as in class-specific regression; the last four are a person's.

    Args:
        in_channels: Of a region's vector.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.bbox_pred = nn.Linear(in_channels, 8)
        nn.init.normal_(self.bbox_pred.weight, std=_SCORE_STD)
        nn.init.zeros_(self.bbox_pred.bias)

    def forward(self, described: Tensor) -> Tensor:
        """``(N, C)`` to ``(N, 4)`` float32."""
        codes: Tensor = self.bbox_pred(described).float()
        return codes[:, 4:]


class JointHead(nn.Module):
    """Three linear layers side by side on a region's vector: person or not, a better box, the embedding.

    Source: Xiao, Li, Wang, Lin and Wang, Joint Detection and Identification Feature Learning for Person Search (2017).

    Args:
        pooling: Cuts the regions.
        tail: Describes a region.
        embedding_dim: ``D``.
        spatial: How the tail's cells become a vector.
        box: Vector to codes; ``BoxRegressor`` where none is given.
        neck: Between the linear layer and the unit sphere.
        bias: Whether the embedding's linear layer has one.
    """

    def __init__(
        self,
        pooling: RegionPooling,
        tail: Tail,
        embedding_dim: int,
        *,
        spatial: Literal["average", "max"] = "average",
        box: nn.Module | None = None,
        neck: nn.Module | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.pooling = pooling
        self.tail = tail
        self.spatial = SpatialPool(spatial == "max")
        self.score = nn.Linear(tail.out_channels, 2)
        self.box = box or BoxRegressor(tail.out_channels)
        self.embedding = nn.Linear(tail.out_channels, embedding_dim, bias=bias)
        self.neck = neck or nn.Identity()
        nn.init.normal_(self.score.weight, std=_SCORE_STD)
        nn.init.zeros_(self.score.bias)
        nn.init.kaiming_normal_(self.embedding.weight, mode="fan_in", nonlinearity="linear")
        if bias:
            nn.init.zeros_(self.embedding.bias)

    def forward(
        self, maps: OrderedDict[str, Tensor], boxes: list[Tensor], labels: Tensor | None = None
    ) -> RegionAnswers:
        """Answer for boxes.

        Args:
            maps: Levels of the stem.
            boxes: ``(N, 4)`` per image, in resized pixels.
            labels: ``(sum N,)`` in training: identity, ``UNLABELED`` or ``BACKGROUND``, for a neck that asks for them.
        """
        described = self.spatial(self.tail(self.pooling(maps, boxes)))
        classes = self.score(described).float()
        features = self._necked(self.embedding(described).float(), labels)
        return RegionAnswers(classes[:, 1] - classes[:, 0], self.box(described), F.normalize(features, dim=1), features)

    def _necked(self, features: Tensor, labels: Tensor | None) -> Tensor:
        asks = getattr(self.neck, "asks_for_labels", False)
        out: Tensor = self.neck(features, labels) if asks else self.neck(features)
        return out


def neck_of(kind: Literal["none", "running"], embedding_dim: int) -> nn.Module | None:
    """Nothing, or normalisation by slow running statistics (``reid.NeckNorm``)."""
    return NeckNorm(embedding_dim) if kind == "running" else None
