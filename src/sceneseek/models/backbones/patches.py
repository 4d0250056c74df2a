"""Networks that merge 2x2 patches between their stages: ConvNeXt and Swin."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from torch import Tensor, nn

from sceneseek.errors import ModelError
from sceneseek.models.backbones.anatomy import Backbone, Level, Stem, Tail
from sceneseek.models.backbones.pretrained import classifier


def convnext_tiny(weights: str | None = None) -> Backbone:
    """ConvNeXt-T; levels ``stride4`` to ``stride32`` with 96, 192, 384 and 768 channels, tails with 768.

    Source: Liu, Mao, Wu, Feichtenhofer, Darrell and Xie, A ConvNet for the 2020s (2022).
    """
    layers = classifier("convnext_tiny", weights).features
    return _in_stages([layers[i : i + 2] for i in (0, 2, 4, 6)], width=96)


def swin_tiny(weights: str | None = None) -> Backbone:
    """Swin-T; levels ``stride4`` to ``stride32`` with 96, 192, 384 and 768 channels, tails with 768.

    A tail ends with the classifier's layer normalisation.

    Source: Liu et al., Swin Transformer: hierarchical vision transformer using shifted windows (2021).
    """
    net = classifier("swin_t", weights)
    stages = [ChannelsFirst(net.features[i : i + 2], reads_scenes=i == 0) for i in (0, 2, 4, 6)]
    return _in_stages(stages, width=96, end=ChannelsFirst(net.norm))


class ChannelsFirst(nn.Module):
    """Layers that work on ``(B, H, W, C)``, among others that work on ``(B, C, H, W)``.

    Args:
        layers: What they do.
        reads_scenes: Their input is ``(B, C, H, W)`` by itself.
    """

    def __init__(self, layers: nn.Module, *, reads_scenes: bool = False) -> None:
        super().__init__()
        self.layers = layers
        self.reads_scenes = reads_scenes

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C', H', W')``."""
        out: Tensor = self.layers(maps if self.reads_scenes else maps.permute(0, 2, 3, 1))
        return out.permute(0, 3, 1, 2)


def _in_stages(stages: Sequence[nn.Module], width: int, end: nn.Module | None = None) -> Backbone:
    levels = [Level(f"stride{4 << i}", 4 << i, width << i) for i in range(len(stages))]
    names = [level.name for level in levels]

    def tail_of(level: str, last_stride: int) -> Tail:
        after = stages[names.index(level) + 1 :]
        if not after:
            raise ModelError(f"nothing comes after {level} of this network; a tail starts at an earlier level.")
        if last_stride != 2:
            raise ModelError("this network merges 2x2 patches; its tails have no other last stride than 2.")
        return Tail(deepcopy(nn.Sequential(*after, *([] if end is None else [end]))), levels[-1].channels)

    return Backbone(Stem(stages, levels), tail_of)
