"""The parts of a backbone: a stem with its levels, and tails."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from sceneseek.errors import ModelError, suggest


@dataclass(frozen=True)
class Level:
    """A map of the stem.

    Attributes:
        name: What options call it.
        stride: Scene pixels per cell.
        channels: Its depth.
    """

    name: str
    stride: int
    channels: int


class Stem(nn.Module):
    """The layers a whole scene passes through, cut into stages that each end at a level.

    Args:
        stages: One module per level, in order.
        levels: What comes out of each stage.
    """

    def __init__(self, stages: Sequence[nn.Module], levels: Sequence[Level]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.levels = tuple(levels)

    def forward(self, scenes: Tensor) -> OrderedDict[str, Tensor]:
        """Compute all levels of ``(B, 3, H, W)``: by name, ``(B, C, H / stride, W / stride)`` each."""
        maps: OrderedDict[str, Tensor] = OrderedDict()
        x = scenes
        for stage, level in zip(self.stages, self.levels, strict=True):
            x = stage(x)
            maps[level.name] = x
        return maps

    def level(self, name: str) -> Level:
        """The level of that name.

        Raises:
            ModelError: There is none.
        """
        for level in self.levels:
            if level.name == name:
                return level
        known = [level.name for level in self.levels]
        raise ModelError(f"this backbone has no level {name!r}.{suggest(name, known)}")

    def at_stride(self, stride: int) -> Level:
        """The deepest level with so many scene pixels per cell, for networks that read several sizes of map.

        Raises:
            ModelError: There is none.
        """
        for level in reversed(self.levels):
            if level.stride == stride:
                return level
        held = ", ".join(f"{level.name} ({level.stride})" for level in self.levels)
        raise ModelError(f"this backbone has no level of stride {stride}; it has {held}. Choose another backbone.")

    def freeze(self, num_stages: int) -> None:
        """Stop the first ``num_stages`` stages from learning."""
        for stage in list(self.stages)[:num_stages]:
            stage.requires_grad_(False)

    def freeze_entry(self) -> None:
        """Stop the first convolution from learning, and the normalisation right after it."""
        layers = [m for m in self.stages[0].modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
        layers[0].requires_grad_(False)
        if len(layers) > 1 and isinstance(layers[1], nn.BatchNorm2d):
            layers[1].requires_grad_(False)

    def truncate(self, last: str) -> None:
        """Drop the stages after level ``last``: nothing reads them."""
        keep = [level.name for level in self.levels].index(self.level(last).name) + 1
        self.stages, self.levels = self.stages[:keep], self.levels[:keep]


class Tail(nn.Module):
    """The layers one region passes through, ``(N, C, h, w)`` to ``(N, out_channels, h', w')``.

    Args:
        layers: A module that maps regions to regions.
        out_channels: Depth of its output.
    """

    def __init__(self, layers: nn.Module, out_channels: int) -> None:
        super().__init__()
        self.layers = layers
        self.out_channels = out_channels

    def forward(self, regions: Tensor) -> Tensor:
        """Apply the layers."""
        out: Tensor = self.layers(regions)
        return out


@dataclass(frozen=True)
class Backbone:
    """A pretrained or random classification network, taken apart.

    Attributes:
        stem: Shared by everything; its levels are listed in it.
        tail_of: Makes a new copy of the layers after a level, with the stride of its last reduction given (2 as
            published, 1 keeps the map twice as large).
    """

    stem: Stem
    tail_of: Callable[[str, int], Tail]

    def tail(self, level: str, *, last_stride: int = 2) -> Tail:
        """A new copy of the layers after ``level``.

        Raises:
            ModelError: There is no such level, nothing comes after it, or the network's shape does not allow the
                stride.
        """
        self.stem.level(level)
        return self.tail_of(level, last_stride)


def set_stride(block: nn.Module, stride: int) -> None:
    """Give every strided convolution of a block another stride."""
    for conv in block.modules():
        if isinstance(conv, nn.Conv2d) and max(conv.stride) > 1:
            conv.stride = (stride, stride)
