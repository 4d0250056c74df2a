"""Losses on one pair of maps that lie on one grid, with the layers that some of them train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from sceneseek.distillation import feature, regions
from sceneseek.errors import RecipeError, suggest


@dataclass(frozen=True)
class Level:
    """Two maps on the teacher's grid.

    Attributes:
        student: ``(B, C, h, w)``, resampled and adapted.
        teacher: The same shape.
        boxes: Annotated people, ``(N, 4)`` per image in the teacher's pixels.
        sizes: The teacher's resized pictures.
        stride: Pixels per cell.
    """

    student: Tensor
    teacher: Tensor
    boxes: list[Tensor]
    sizes: list[tuple[int, int]]
    stride: int

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.teacher.shape[-2], self.teacher.shape[-1]

    @cached_property
    def shares(self) -> Tensor:
        """``regions.foreground_shares``."""
        return regions.foreground_shares(self.boxes, self.stride, self.grid).to(self.teacher.device)

    @property
    def foreground(self) -> Tensor:
        """Cells that people cover, ``(B, 1, h, w)`` bool."""
        return self.shares > 0

    @property
    def background(self) -> Tensor:
        """The others that show some of a picture."""
        pictures = regions.picture_mask(self.sizes, self.stride, self.grid, self.teacher.device)
        return pictures & ~self.foreground


class LevelLoss(nn.Module):
    """A loss on one level. Built for a teacher's map of so many channels, after adaptation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, level: Level) -> Tensor:
        """``()``."""
        raise NotImplementedError


class MaskedPearson(LevelLoss):
    """``feature.masked_pearson``."""

    def __init__(self, channels: int, *, foreground: float = 0.5, background: float = 0.5) -> None:
        super().__init__(channels)
        self.weights = {"foreground_weight": foreground, "background_weight": background}

    def forward(self, level: Level) -> Tensor:
        """People and background apart."""
        return feature.masked_pearson(level.student, level.teacher, level.foreground, level.background, **self.weights)


class Pearson(LevelLoss):
    """``feature.pkd``."""

    def forward(self, level: Level) -> Tensor:
        """The whole map."""
        return feature.pkd(level.student, level.teacher)


class ChannelWise(LevelLoss):
    """``feature.cwd``."""

    def __init__(self, channels: int, *, temperature: float = 1.0) -> None:
        super().__init__(channels)
        self.temperature = temperature

    def forward(self, level: Level) -> Tensor:
        """The whole map."""
        return feature.cwd(level.student, level.teacher, self.temperature)


class FineGrained(LevelLoss):
    """``feature.fgfi``."""

    def __init__(self, channels: int, *, share: float = 0.5) -> None:
        super().__init__(channels)
        self.share = share

    def forward(self, level: Level) -> Tensor:
        """Cells near people."""
        cells = regions.near_anchors(level.boxes, level.stride, level.grid, share=self.share)
        return feature.fgfi(level.student, level.teacher, cells)


class Decoupled(MaskedPearson):
    """``feature.defeat``."""

    def forward(self, level: Level) -> Tensor:
        """People and background apart."""
        return feature.defeat(level.student, level.teacher, level.foreground, level.background, **self.weights)


class GlobalContext(nn.Module):
    """A map with what the whole of it says added to every cell: one of FGD's two GCNet blocks.

    Source: Yang et al., Focal and Global Knowledge Distillation for Detectors (2022), eq. 11.

    Args:
        channels: Of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // 2, 1)
        self.attend = nn.Conv2d(channels, 1, 1)
        self.transform = nn.Sequential(
            nn.Conv2d(channels, inner, 1), nn.LayerNorm([inner, 1, 1]), nn.ReLU(), nn.Conv2d(inner, channels, 1)
        )
        last = self.transform[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, C, h, w)`` to the same shape."""
        attention = self.attend(maps).flatten(2).softmax(dim=2)
        context = maps.flatten(2) @ attention.transpose(1, 2)
        added: Tensor = maps + self.transform(context[..., None])
        return added


class FocalGlobal(LevelLoss):
    """FGD: the focal parts (``feature.fgd``) and the difference of maps with their context.

    Args:
        channels: Of the maps.
        foreground: Weight of people, alpha.
        background: Weight of the background, beta.
        attention: Weight of the attentions, gamma.
        context: Weight of the global part, lambda.
        temperature: Of the attentions.
        per_cell: Divide by the cells of the map, as the authors advise where the loss is too large.
    """

    def __init__(
        self,
        channels: int,
        *,
        foreground: float = 1.6e-3,
        background: float = 8e-4,
        attention: float = 8e-4,
        context: float = 8e-6,
        temperature: float = 0.8,
        per_cell: bool = False,
    ) -> None:
        super().__init__(channels)
        self.weights = (foreground, background, attention, context)
        self.temperature = temperature
        self.per_cell = per_cell
        self.contexts = nn.ModuleList(GlobalContext(channels) for _ in range(2))

    def forward(self, level: Level) -> Tensor:
        """All four parts, weighted among themselves."""
        around = regions.background_shares(level.background)
        focal = feature.fgd(level.student, level.teacher, level.shares, around, self.temperature)
        ours, theirs = self.contexts[0](level.student), self.contexts[1](level.teacher.detach())
        # The teacher's block learns, too: its output is no constant.
        apart = (ours - theirs).square().sum() / len(ours)
        parts = torch.stack([focal.foreground, focal.background, focal.attention, apart])
        total = (parts * parts.new_tensor(self.weights)).sum()
        return total / (level.grid[0] * level.grid[1]) if self.per_cell else total


class MaskedGeneration(LevelLoss):
    """MGD: the teacher's map out of a student's of which a share of the cells is hidden.

    Source: Yang et al., Masked Generative Distillation (2022), eq. 1 to 3.

    Args:
        channels: Of the maps.
        masked: Share of the cells that is hidden, drawn anew each time.
    """

    def __init__(self, channels: int, *, masked: float = 0.65) -> None:
        super().__init__(channels)
        self.masked = masked
        self.generator = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1)
        )

    def forward(self, level: Level) -> Tensor:
        """The whole map."""
        kept = torch.rand_like(level.student[:, :1]) <= 1.0 - self.masked
        return feature.per_image_difference(self.generator(level.student * kept), level.teacher)


LEVEL_LOSSES: dict[str, type[LevelLoss]] = {
    "pkd_fgbg": MaskedPearson,
    "pkd": Pearson,
    "fgd": FocalGlobal,
    "mgd": MaskedGeneration,
    "cwd": ChannelWise,
    "fgfi": FineGrained,
    "defeat": Decoupled,
}


def level_loss(name: str, **options: float) -> Callable[[int], LevelLoss]:
    """Makes losses of ``LEVEL_LOSSES`` by name.

    Raises:
        RecipeError: There is none of that name.
    """
    if name not in LEVEL_LOSSES:
        raise RecipeError(f"There is no loss between maps called {name!r}.{suggest(name, list(LEVEL_LOSSES))}")
    chosen = LEVEL_LOSSES[name]
    return lambda channels: chosen(channels, **options)
