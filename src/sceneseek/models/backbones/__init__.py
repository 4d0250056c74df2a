"""Classification networks taken apart: a stem for whole scenes, and tails for single regions.

A stem gives maps at named levels, each with its stride and channels. A tail is a copy of all layers after one level,
for the regions cut out of its map: the detector and the re-identifier each get their own, both with the pretrained
numbers. Every network here is torchvision's and takes torchvision's weights.
"""

from __future__ import annotations

from collections.abc import Callable

from sceneseek.errors import ModelError, suggest
from sceneseek.models.backbones.anatomy import Backbone, Level, Stem, Tail
from sceneseek.models.backbones.mobile import mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small
from sceneseek.models.backbones.patches import convnext_tiny, swin_tiny
from sceneseek.models.backbones.residual import (
    resnet18,
    resnet34,
    resnet50,
    resnet50_conv4_3,
    resnet50_dcn,
    resnet101,
    stride_on_first_convolution,
)
from sceneseek.models.backbones.vgg import vgg16

__all__ = [
    "BACKBONES",
    "Backbone",
    "Level",
    "Stem",
    "Tail",
    "convnext_tiny",
    "make_backbone",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet50_conv4_3",
    "resnet50_dcn",
    "resnet101",
    "stride_on_first_convolution",
    "swin_tiny",
    "vgg16",
]

BACKBONES: dict[str, Callable[[str | None], Backbone]] = {
    "vgg16": vgg16,
    "resnet18": resnet18,
    "resnet34": resnet34,
    "resnet50": resnet50,
    "resnet50_conv4_3": resnet50_conv4_3,
    "resnet50_dcn": resnet50_dcn,
    "resnet101": resnet101,
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3_small": mobilenet_v3_small,
    "mobilenet_v3_large": mobilenet_v3_large,
    "convnext_tiny": convnext_tiny,
    "swin_tiny": swin_tiny,
}
"""What options call them; the argument is ``None``, a name of torchvision's weights, or a local file."""


def make_backbone(name: str, weights: str | None = None) -> Backbone:
    """Make a backbone by name.

    Args:
        name: One of ``BACKBONES``.
        weights: ``None``, a name of torchvision's weights, or a local file.

    Raises:
        ModelError: There is none of that name.
        WeightsError: The weights do not fit.

    Example:
        >>> [(level.name, level.stride) for level in make_backbone("resnet18").stem.levels][:2]
        [('layer1', 4), ('layer2', 8)]
    """
    if name not in BACKBONES:
        raise ModelError(f"there is no backbone {name!r}.{suggest(name, list(BACKBONES))}")
    return BACKBONES[name](weights)
