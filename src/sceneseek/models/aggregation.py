"""Aligned feature aggregation: the maps of a stem joined into one at stride 8, each looking where its content lies.

Source: Yan et al., Anchor-Free Person Search (2021), section 3.2, and the authors' code.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneseek.models.backbones import Level
from sceneseek.models.deformable import DeformableConv2d

OffsetStart = Literal["xavier", "zero"]


class AlignedAggregation(nn.Module):
    """A pyramid with deformable 3x3 convolutions at its sides and outputs, joined by concatenation.

    ``l_i = D(C_i)``; from the top, ``m_5 = l_5`` and ``m_i = [l_i, up(m_{i+1})]``, enlarged by repetition; ``P_i =
    D(m_i)``. No normalisation, no activation. Searching needs ``P_3`` alone; in training two more levels may be derived
    from the top, each by a convolution of stride 2.

    Args:
        levels: What it reads, strides 8, 16 and 32.
        channels: Of everything it makes.
        coarse_levels: Have outputs beside ``P_3``, as published: training shows them what is no person.
        offsets_start: Displacements begin at random (``"xavier"``: the published code draws every plain convolution
            anew, and the one inside a deformable convolution is one), or at ``"zero"``.
    """

    def __init__(
        self, levels: Sequence[Level], channels: int, *, coarse_levels: bool = True, offsets_start: OffsetStart
    ) -> None:
        super().__init__()
        self.level_names = [level.name for level in levels]
        self.lateral_convs = nn.ModuleList(DeformableConv2d(level.channels, channels) for level in levels)
        outputs = len(levels) if coarse_levels else 1
        self.fpn_convs = nn.ModuleList(DeformableConv2d((len(levels) - i) * channels, channels) for i in range(outputs))
        extra = 2 if coarse_levels else 0
        self.extra_convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, stride=2, padding=1) for _ in range(extra))
        for conv in self.modules():
            if type(conv) is nn.Conv2d and (offsets_start == "xavier" or conv in self.extra_convs):
                nn.init.xavier_uniform_(conv.weight)
                assert conv.bias is not None
                nn.init.zeros_(conv.bias)

    def forward(self, maps: OrderedDict[str, Tensor], *, finest_only: bool) -> list[Tensor]:
        """Aggregate.

        Args:
            maps: Levels of the stem.
            finest_only: ``P_3`` alone.

        Returns:
            ``P_3`` and, unless left out, the coarser ones: ``(B, channels, H, W)`` float32 each.
        """
        merged = self._from_the_top([maps[name] for name in self.level_names])
        if finest_only or len(self.fpn_convs) == 1:
            return [self.fpn_convs[0](merged[0])]
        outputs = [conv(m) for conv, m in zip(self.fpn_convs, merged, strict=True)]
        for i, conv in enumerate(self.extra_convs):
            outputs.append(conv(outputs[-1] if i == 0 else outputs[-1].relu()))
        return outputs

    def _from_the_top(self, maps: list[Tensor]) -> list[Tensor]:
        merged = [conv(m) for conv, m in zip(self.lateral_convs, maps, strict=True)]
        for i in reversed(range(len(merged) - 1)):
            above = F.interpolate(merged[i + 1], size=merged[i].shape[-2:], mode="nearest")
            merged[i] = torch.cat([merged[i], above], dim=1)
        return merged
