"""Occluded attention: a region's cells attend to each other, some of them another region's while it learns.

Source: Yu, Du, LaLonde, Davila, Funk, Hoogs and Clipp, Cascade Transformers for End-to-End Person Search (2022), and
the authors' code. Differs from that code: the exchanged stripe may also be the last one of a region.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneseek.models.heads.joint import RegionAnswers
from sceneseek.models.heads.norm_aware import NormAwareEmbedding, NormedBoxRegressor
from sceneseek.models.trunk import RegionPooling

Occlusion = Literal["apart", "together", "none"]


@dataclass(frozen=True)
class Exchange:
    """Every region takes one stripe of cells from a partner; each is a partner once.

    Attributes:
        partners: ``(N,)``, a permutation of the regions.
        axis: 2 for a stripe of rows, 3 for one of columns.
        start: Its first row or column.
        size: How many there are.
    """

    partners: Tensor
    axis: int
    start: int
    size: int

    @classmethod
    def drawn(cls, regions: Tensor, size: int, generator: torch.Generator | None = None) -> Exchange:
        """One for ``(N, C, h, w)`` regions; from torch's own CPU generator where none is given."""
        partners = torch.randperm(len(regions), generator=generator)
        axis = 2 + int(torch.randint(2, (), generator=generator))
        start = int(torch.randint(regions.shape[axis] - size + 1, (), generator=generator))
        return cls(partners.to(regions.device), axis, start, size)

    def __call__(self, cells: Tensor) -> Tensor:
        """Exchange the stripe in ``(N, C, h, w)``, which stays as it is."""
        exchanged = cells.clone()
        taken = cells.narrow(self.axis, self.start, self.size)[self.partners]
        exchanged.narrow(self.axis, self.start, self.size).copy_(taken)
        return exchanged


class TokenAttention(nn.Module):
    """Multi-head attention among the tokens of a region.

    Source: Vaswani et al., Attention Is All You Need (2017), section 3.2.

    Args:
        dim: ``E``, of a token.
        num_heads: A divisor of it.
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.project = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(N, T, E)`` to ``(N, T, E)``."""
        query, key, value = (
            layer(tokens).unflatten(2, (self.num_heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        attended = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.project(attended.transpose(1, 2).flatten(2))
        return out


class TokenBlock(nn.Module):
    """Attention, then a small network for each token.

    As in the authors' code the first shortcut starts behind the normalisation, the second before it.

    Args:
        dim: ``E``, of a token.
        num_heads: Of the attention.
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.first_norm = nn.LayerNorm(dim)
        self.attention = TokenAttention(dim, num_heads)
        self.second_norm = nn.LayerNorm(dim)
        self.feed_forward = nn.Sequential(nn.Linear(dim, 4 * dim), nn.ReLU(inplace=True), nn.Linear(4 * dim, dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """``(N, T, E)`` to ``(N, T, E)``."""
        tokens = self.first_norm(tokens)
        tokens = tokens + self.attention(tokens)
        out: Tensor = tokens + self.feed_forward(self.second_norm(tokens))
        return out


class TokenScale(nn.Module):
    """Cells to tokens of one size, the tokens through a block, and back to cells: a shortcut leads around.

    Going back, every token gives its ``size x size`` neighbourhood a patch, and patches that overlap are added.

    Args:
        channels: Of the cells.
        dim: ``E``, of a token.
        size: Cells that a token sees, across and down; odd.
        num_heads: Of the attention.
    """

    def __init__(self, channels: int, dim: int, size: int, num_heads: int) -> None:
        super().__init__()
        self.size = size
        self.to_tokens = nn.Conv2d(channels, dim, size, padding=size // 2)
        self.block = TokenBlock(dim, num_heads)
        self.to_patches = nn.Linear(dim, channels * size * size)

    def forward(self, cells: Tensor, exchange: Exchange | None = None) -> Tensor:
        """``(N, C, h, w)`` to ``(N, C, h, w)``; the tokens are exchanged first where that is asked for."""
        tokens = self.to_tokens(cells)
        if exchange is not None:
            tokens = exchange(tokens)
        patches = self.to_patches(self.block(tokens.flatten(2).transpose(1, 2)))
        height, width = cells.shape[-2:]
        return cells + F.fold(patches.transpose(1, 2), (height, width), self.size, padding=self.size // 2)


class TransformerTail(nn.Module):
    """What stands in place of a backbone's last stage: channels in groups, each with tokens of its own size.

    Args:
        in_channels: Of the regions.
        dim: Channels inside, all groups together; tokens are half as deep as a group.
        token_sizes: Per group, odd; ``(1, 3)`` as published.
        num_heads: Of the attention.
        out_channels: Of what comes out.
    """

    def __init__(
        self, in_channels: int, dim: int, token_sizes: Sequence[int], num_heads: int, out_channels: int
    ) -> None:
        super().__init__()
        group = dim // len(token_sizes)
        self.out_channels = out_channels
        self.enter = nn.Conv2d(in_channels, dim, 1, bias=False)
        self.scales = nn.ModuleList(TokenScale(group, group // 2, size, num_heads) for size in token_sizes)
        self.leave = nn.Conv2d(dim, out_channels, 1, bias=False)

    def forward(self, regions: Tensor, exchange: Exchange | None = None) -> Tensor:
        """Describe ``(N, C, h, w)`` regions as ``(N, out_channels, h, w)``."""
        entered = self.enter(regions)
        groups = entered.chunk(len(self.scales), dim=1)
        mixed = torch.cat([scale(group, exchange) for scale, group in zip(self.scales, groups, strict=True)], dim=1)
        described: Tensor = self.leave(entered + mixed)
        return described


class OccludedHead(nn.Module):
    """A region beside the transformer and behind it, both pooled by maximum: score, box and embedding.

    In training a stripe is exchanged between regions in both: among the tokens, all sizes alike, and in what passes
    beside them.

    Args:
        pooling: Cuts the regions.
        in_channels: Of the map they are cut from.
        tail: The transformer.
        embedding_dim: ``D``.
        occlusion: ``"apart"``: the two exchanges are drawn on their own, as in the authors' code. ``"together"``: they
            are the same. ``"none"``: there are none.
        stripe: Rows or columns exchanged.
    """

    def __init__(
        self,
        pooling: RegionPooling,
        in_channels: int,
        tail: TransformerTail,
        embedding_dim: int,
        *,
        occlusion: Occlusion = "apart",
        stripe: int = 1,
    ) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.occlusion = occlusion
        self.stripe = stripe
        self.pooling = pooling
        self.beside = nn.Conv2d(in_channels, in_channels, 1, bias=False)
        self.tail = tail
        self.embedding = NormAwareEmbedding((in_channels, tail.out_channels), embedding_dim)
        self.box = NormedBoxRegressor(tail.out_channels)

    def forward(
        self, maps: OrderedDict[str, Tensor], boxes: list[Tensor], labels: Tensor | None = None
    ) -> RegionAnswers:
        """Answer for ``(N, 4)`` boxes per image, in resized pixels; ``labels`` are not read."""
        return self.answer(self.pooling(maps, boxes))

    def answer(self, regions: Tensor) -> RegionAnswers:
        """Answer for regions already cut, ``(N, C, h, w)``."""
        among_tokens, beside_them = self._exchanges(regions)
        passed = self.beside(regions)
        if beside_them is not None:
            passed = beside_them(passed)
        described = self.tail(regions, among_tokens).amax(dim=(2, 3))
        embeddings, logits, features = self.embedding((passed.amax(dim=(2, 3)), described))
        return RegionAnswers(logits, self.box(described), embeddings, features)

    def _exchanges(self, regions: Tensor) -> tuple[Exchange | None, Exchange | None]:
        """What is exchanged among the tokens, and beside them."""
        if not self.training or self.occlusion == "none":
            return None, None
        among_tokens = Exchange.drawn(regions, self.stripe)
        beside_them = among_tokens if self.occlusion == "together" else Exchange.drawn(regions, self.stripe)
        return among_tokens, beside_them
