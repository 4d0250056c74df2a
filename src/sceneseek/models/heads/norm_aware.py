"""Norm-aware embedding: the length of a vector says how much of a person a region shows, its direction whom.

Source: Chen, Zhang, Yang and Schiele, Norm-Aware Embedding for Efficient Person Search (2020), and the authors' code.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneseek.models.backbones import Tail
from sceneseek.models.heads.joint import RegionAnswers
from sceneseek.models.heads.reid import SpatialPool
from sceneseek.models.trunk import RegionPooling

_INITIAL_STD = 0.01
_FEWEST_ROWS = 2


class RegionNorm(nn.BatchNorm1d):
    """Batch normalisation over regions; one region alone has no spread and is normalised by the running statistics."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise ``(N, C)``."""
        if self.training and len(input) < _FEWEST_ROWS:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        return super().forward(input)


def normed_linear(in_channels: int, out_channels: int) -> nn.Sequential:
    """A linear layer and a batch normalisation, weights of both drawn with a standard deviation of 0.01."""
    layer, norm = nn.Linear(in_channels, out_channels), RegionNorm(out_channels)
    for part in (layer, norm):
        nn.init.normal_(part.weight, std=_INITIAL_STD)
        nn.init.zeros_(part.bias)
    return nn.Sequential(layer, norm)


class NormedBoxRegressor(nn.Module):
    """Box codes with a batch normalisation behind them, which keeps their scale while the tail learns identities.

    Eight numbers per region as in class-specific regression; the last four are those of a person.

    Args:
        in_channels: Of a region's vector.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.bbox_pred = normed_linear(in_channels, 8)

    def forward(self, described: Tensor) -> Tensor:
        """``(N, C)`` to ``(N, 4)`` float32."""
        codes: Tensor = self.bbox_pred(described).float()
        return codes[:, 4:]


class NormAwareEmbedding(nn.Module):
    """Vectors of a region to one unit embedding, and the log-odds that it shows a person.

    Each vector is projected to its share of ``D`` numbers; concatenated they are ``f``. Its direction ``f / |f|`` is
    the embedding, its length, scaled and shifted by a one-channel batch normalisation, the log-odds.

    Args:
        in_channels: Length of each vector.
        embedding_dim: ``D``; where the number of vectors does not divide it, the first ones get one more.
    """

    def __init__(self, in_channels: Sequence[int], embedding_dim: int) -> None:
        super().__init__()
        share, left = divmod(embedding_dim, len(in_channels))
        self.embedding_dim = embedding_dim
        self.projectors = nn.ModuleList(
            normed_linear(channels, share + (i < left)) for i, channels in enumerate(in_channels)
        )
        self.rescaler = RegionNorm(1)

    def forward(self, vectors: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Embed ``(N, C)`` vectors: unit rows ``(N, D)``, logits ``(N,)``, and ``f`` ``(N, D)``, float32."""
        parts = [project(vector) for project, vector in zip(self.projectors, vectors, strict=True)]
        joined = torch.cat(parts, dim=1).float()
        lengths = joined.norm(dim=1, keepdim=True)
        logits: Tensor = self.rescaler(lengths)
        return joined / lengths.clamp(min=1e-12), logits.flatten(), joined


class NormAwareHead(nn.Module):
    """A region as cut from the map and as the tail describes it, both pooled by maximum: score, box and embedding.

    Args:
        pooling: Cuts the regions.
        in_channels: Of the map they are cut from.
        tail: The backbone's last layers.
        embedding_dim: ``D``.
    """

    def __init__(self, pooling: RegionPooling, in_channels: int, tail: Tail, embedding_dim: int) -> None:
        super().__init__()
        self.pooling = pooling
        self.tail = tail
        self.embedding_dim = embedding_dim
        self.embedding = NormAwareEmbedding((in_channels, tail.out_channels), embedding_dim)
        self.box = NormedBoxRegressor(tail.out_channels)

    def forward(
        self, maps: OrderedDict[str, Tensor], boxes: list[Tensor], labels: Tensor | None = None
    ) -> RegionAnswers:
        """Answer for ``(N, 4)`` boxes per image, in resized pixels; ``labels`` are not read."""
        regions = self.pooling(maps, boxes)
        described = self.tail(regions).amax(dim=(2, 3))
        embeddings, logits, features = self.embedding((regions.amax(dim=(2, 3)), described))
        return RegionAnswers(logits, self.box(described), embeddings, features)


@dataclass(frozen=True)
class PixelAnswers(RegionAnswers):
    """What ``PixelNormAwareHead`` says of ``N`` regions.

    ``logits`` are those of the mean probability over cells; ``features`` are the mean over cells of unit embeddings
    times their probabilities, which is shorter than 1.

    Attributes:
        cell_logits: ``(N, h, w)``, log-odds that a cell shows the person.
    """

    cell_logits: Tensor


class PixelNormAwareHead(nn.Module):
    """The norm-aware embedding for each cell of a region: the lengths become attention.

    Args:
        pooling: Cuts the regions.
        in_channels: Of the map they are cut from.
        tail: The backbone's last layers; its cells are those of the answer.
        embedding_dim: ``D``.
        box_average: The box is read off the mean of the tail's cells, not off their maximum.
    """

    def __init__(
        self, pooling: RegionPooling, in_channels: int, tail: Tail, embedding_dim: int, *, box_average: bool = False
    ) -> None:
        super().__init__()
        self.spatial = SpatialPool(maximum=not box_average)
        self.pooling = pooling
        self.tail = tail
        self.embedding_dim = embedding_dim
        half = embedding_dim - embedding_dim // 2
        self.projectors = nn.ModuleList(
            _normed_convolution(channels, size)
            for channels, size in ((in_channels, half), (tail.out_channels, embedding_dim - half))
        )
        self.rescaler = nn.BatchNorm2d(1)
        self.box = NormedBoxRegressor(tail.out_channels)

    def forward(
        self, maps: OrderedDict[str, Tensor], boxes: list[Tensor], labels: Tensor | None = None
    ) -> PixelAnswers:
        """Answer for ``(N, 4)`` boxes per image, in resized pixels; ``labels`` are not read."""
        regions = self.pooling(maps, boxes)
        described = self.tail(regions)
        resized = F.interpolate(regions, described.shape[-2:], mode="bilinear", align_corners=False)
        parts = [project(cells) for project, cells in zip(self.projectors, (resized, described), strict=True)]
        joined = torch.cat(parts, dim=1).float()
        lengths = joined.norm(dim=1, keepdim=True)
        logits = self.rescaler(lengths)
        attention = logits.sigmoid()
        attended = (attention * joined / lengths.clamp(min=1e-12)).mean(dim=(2, 3))
        return PixelAnswers(
            torch.logit(attention.mean(dim=(1, 2, 3)), eps=1e-6),
            self.box(self.spatial(described)),
            F.normalize(attended, dim=1),
            attended,
            logits[:, 0],
        )


def _normed_convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    layer, norm = nn.Conv2d(in_channels, out_channels, 1), nn.BatchNorm2d(out_channels)
    for part in (layer, norm):
        nn.init.normal_(part.weight, std=_INITIAL_STD)
        assert part.bias is not None
        nn.init.zeros_(part.bias)
    return nn.Sequential(layer, norm)


def cell_coverage(regions: Tensor, people: Tensor, size: tuple[int, int]) -> Tensor:
    """The share of each of a region's cells that lies in its person's box, ``(N, h, w)`` in [0, 1].

    Args:
        regions: ``(N, 4)``.
        people: ``(N, 4)``.
        size: Cells, height and width.

    Example:
        >>> cell_coverage(torch.tensor([[0.0, 0.0, 4.0, 2.0]]), torch.tensor([[1.0, 0.0, 9.0, 9.0]]), (1, 2)).tolist()
        [[[0.5, 1.0]]]
    """
    across = _interval_coverage(regions[:, 0::2], people[:, 0::2], size[1])
    down = _interval_coverage(regions[:, 1::2], people[:, 1::2], size[0])
    return down[:, :, None] * across[:, None, :]


def _interval_coverage(regions: Tensor, people: Tensor, cells: int) -> Tensor:
    """The same in one dimension: ``(N, 2)`` and ``(N, 2)`` to ``(N, cells)``."""
    edges = torch.linspace(0.0, 1.0, cells + 1, device=regions.device)
    length = (regions[:, 1:] - regions[:, :1]).clamp(min=1e-6)
    edges = regions[:, :1] + length * edges
    inside = torch.minimum(edges[:, 1:], people[:, 1:]) - torch.maximum(edges[:, :-1], people[:, :1])
    return (inside * cells / length).clamp(0.0, 1.0)
