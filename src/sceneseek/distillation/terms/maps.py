"""Terms between maps: on the teacher's grid, or of people cut out of both."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from sceneseek.distillation import feature, shaping
from sceneseek.distillation.contract import Reading
from sceneseek.distillation.terms.levels import Level, LevelLoss
from sceneseek.distillation.terms.pair import Pair, Pairs, Term
from sceneseek.errors import RecipeError


def learnable(student: Reading, name: str) -> Tensor:
    """A student's map, float32, that a loss can reach.

    Raises:
        RecipeError: Every layer in front of it is frozen: nothing would be learnt, and nobody would notice.
    """
    maps = student.map(name)
    if torch.is_grad_enabled() and not maps.requires_grad:
        raise RecipeError(
            f"No gradient can reach the student's map {name!r}: all layers in front of it are frozen. Lower "
            "model.options.frozen_stages, or leave distillation.feature out."
        )
    return maps.float()


class MapTerm(Term):
    """A loss between maps on the teacher's grid, a mean over the levels.

    Args:
        pair: The two networks.
        names: Which maps belong together.
        loss: Makes the loss of a level for so many channels.
    """

    def __init__(self, pair: Pair, names: Pairs, loss: Callable[[int], LevelLoss]) -> None:
        super().__init__()
        self.names = pair.maps(names)
        self.strides = [(pair.student.maps[own].stride, pair.teacher.maps[other].stride) for own, other in self.names]
        widths = [(pair.student.maps[own].channels, pair.teacher.maps[other].channels) for own, other in self.names]
        self.adapters = nn.ModuleList(shaping.adapter(*width) for width in widths)
        self.levels = nn.ModuleList(loss(wanted) for _, wanted in widths)

    def forward(self, student: Reading, teacher: Reading) -> Tensor:
        """Compare all levels."""
        losses = []
        for (own, other), strides, adapt, loss in zip(
            self.names, self.strides, self.adapters, self.levels, strict=True
        ):
            wanted = teacher.map(other).float()
            grid = (wanted.shape[-2], wanted.shape[-1])
            maps = shaping.resampled(
                learnable(student, own), strides[0], student.sizes, strides[1], teacher.sizes, grid
            )
            losses.append(loss(Level(adapt(maps), wanted, teacher.boxes, teacher.sizes, strides[1])))
        return feature.mean_over_levels(losses)


class CropTerm(Term):
    """``feature.crop_difference`` of people cut out of each network's own map: grids need not agree.

    Args:
        pair: The two networks.
        names: Which maps belong together.
        size: Cells of a crop, a side.
    """

    def __init__(self, pair: Pair, names: Pairs, *, size: int = 10) -> None:
        super().__init__()
        self.names = pair.maps(names)
        self.strides = [(pair.student.maps[own].stride, pair.teacher.maps[other].stride) for own, other in self.names]
        self.adapters = nn.ModuleList(
            shaping.adapter(pair.student.maps[own].channels, pair.teacher.maps[other].channels)
            for own, other in self.names
        )
        self.size = size

    def forward(self, student: Reading, teacher: Reading) -> Tensor:
        """Compare people."""
        losses = []
        for (own, other), strides, adapt in zip(self.names, self.strides, self.adapters, strict=True):
            ours = self._cut(learnable(student, own), student.boxes, strides[0])
            theirs = self._cut(teacher.map(other), teacher.boxes, strides[1])
            losses.append(feature.crop_difference(adapt(ours), theirs))
        return feature.mean_over_levels(losses)

    def _cut(self, maps: Tensor, boxes: list[Tensor], stride: int) -> Tensor:
        cut: Tensor = roi_align(maps.float(), boxes, self.size, 1.0 / stride, sampling_ratio=2, aligned=True)
        return cut
