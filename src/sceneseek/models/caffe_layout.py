"""What the network of Xiao et al. (2017), made in Caffe, does in its own way, so that weights trained there fit.

Source: Xiao, Li, Wang, Lin and Wang, Joint Detection and Identification Feature Learning for Person Search (2017), the
authors' prototxt files; anchors: Ren, He, Girshick and Sun, Faster R-CNN (2015), the authors' code.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.resnet import Bottleneck

_CELL = 16
"""Pixels of the square that anchors are made from, which is the stride."""
SMALLEST_PROPOSAL = 16.0
"""Pixels; the published program counts them in the picture before it is resized."""


def normalise_sums(net: nn.Module) -> None:
    """Let every bottleneck normalise the sum of its layers and its shortcut, as ``BN(f(x) + x)``.

    That is ``BN'(f(x)) + BN''(x)`` with one scale: shortcuts without layers get a normalisation of their own. Those
    with layers have one already.

    Args:
        net: A ResNet of bottlenecks; changed in place.
    """
    for block in net.modules():
        if isinstance(block, Bottleneck) and block.downsample is None:
            block.downsample = nn.BatchNorm2d(block.conv3.out_channels)


def pool_without_padding(net: Any) -> None:
    """Let a ResNet's first pooling start at the map's corner and run over its far edges."""
    net.maxpool = nn.MaxPool2d(3, stride=2, padding=0, ceil_mode=True)


class CellAnchors(AnchorGenerator):  # type: ignore[misc]
    """Anchors made from a 16-pixel square in the middle of a cell, sides rounded before they are scaled.

    Sides are given as for torchvision's anchors and must be multiples of 16; those stand on a cell's corner.

    Example:
        >>> CellAnchors(((128,),), ((0.5, 1.0),)).cell_anchors[0].tolist()
        [[-84.0, -40.0, 100.0, 56.0], [-56.0, -56.0, 72.0, 72.0]]
    """

    def generate_anchors(
        self,
        scales: list[int],
        aspect_ratios: list[float],
        dtype: torch.dtype = torch.float32,
        device: torch.device = torch.device("cpu"),  # noqa: B008 (torchvision's signature)
    ) -> Tensor:
        """Make the anchors of the cell at the origin, ``(len(aspect_ratios) * len(scales), 4)``."""
        ratios = torch.as_tensor(aspect_ratios, dtype=dtype, device=device)
        widths = (_CELL**2 / ratios).sqrt().round()
        heights = (widths * ratios).round()
        times = torch.as_tensor(scales, dtype=dtype, device=device) / _CELL
        half = torch.stack([widths, heights], dim=1)[:, None] * times[:, None] / 2
        half = half.reshape(-1, 2)
        return torch.cat([_CELL / 2 - half, _CELL / 2 + half], dim=1)
