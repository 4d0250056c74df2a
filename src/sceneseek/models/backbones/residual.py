"""Residual networks, also with deformable convolutions."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from torch import nn
from torchvision.models.resnet import Bottleneck

from sceneseek.errors import ModelError
from sceneseek.models.backbones.anatomy import Backbone, Level, Stem, Tail, set_stride
from sceneseek.models.backbones.pretrained import classifier
from sceneseek.models.caffe_layout import normalise_sums, pool_without_padding
from sceneseek.models.deformable import DeformableConv2d


def resnet18(weights: str | None = None) -> Backbone:
    """ResNet-18; levels ``layer1`` to ``layer4`` at strides 4, 8, 16 and 32 with 64 to 512 channels."""
    return _resnet(classifier("resnet18", weights), width=64)


def resnet34(weights: str | None = None) -> Backbone:
    """ResNet-34; levels as of ResNet-18."""
    return _resnet(classifier("resnet34", weights), width=64)


def resnet50(weights: str | None = None) -> Backbone:
    """ResNet-50; levels ``layer1`` to ``layer4`` at strides 4, 8, 16 and 32 with 256 to 2048 channels."""
    return _resnet(classifier("resnet50", weights), width=256)


def resnet50_conv4_3(weights: str | None = None) -> Backbone:
    """ResNet-50 with a level ``conv4_3`` in the middle of ``layer3``, behind its third block.

    Source: the division of Xiao, Li, Wang, Lin and Wang, Joint Detection and Identification Feature Learning (2017).
    """
    return _resnet(classifier("resnet50", weights), width=256, cut=3)


def resnet50_of_oim(weights: str | None = None) -> Backbone:
    """The same as the authors built it in Caffe: normalised behind sums, the first pooling without padding.

    torchvision's weights do not belong to it; those of the authors' network do (``convert``).

    Source: as above, the authors' prototxt files.
    """
    net = classifier("resnet50", weights)
    normalise_sums(net)
    pool_without_padding(net)
    return _resnet(net, width=256, cut=3)


def resnet50_dcn(weights: str | None = None) -> Backbone:
    """ResNet-50 with modulated deformable 3x3 convolutions in ``layer2`` to ``layer4``; levels as of ResNet-50.

    It takes the weights of a plain ResNet-50. Offsets start at zero and masks at a half, as in mmcv: every deformable
    convolution first answers with half of what the plain one would.

    Source: Zhu, Hu, Lin and Dai, Deformable ConvNets v2 (2019); the stages are those of Yan et al., AlignPS (2021).
    """
    return _resnet(_deformable(classifier("resnet50", weights)), width=256)


def resnet101(weights: str | None = None) -> Backbone:
    """ResNet-101; levels as of ResNet-50."""
    return _resnet(classifier("resnet101", weights), width=256)


def stride_on_first_convolution(stem: nn.Module) -> None:
    """Move the stride of every bottleneck from its 3x3 convolution to the 1x1 before it: no weight changes.

    torchvision's networks stride in the 3x3 convolution; weights that come from Caffe, detectron2's among them, belong
    to networks that stride in the 1x1 as He et al. (2016) wrote it.

    Args:
        stem: Changed in place, recursively.
    """
    for block in stem.modules():
        if isinstance(block, Bottleneck):
            block.conv1.stride, first = block.conv2.stride, block.conv1.stride
            for conv in block.conv2.modules():
                if isinstance(conv, nn.Conv2d):
                    conv.stride = first


def _deformable(net: Any) -> Any:
    for layer in (net.layer2, net.layer3, net.layer4):
        for block in layer:
            block.conv2 = DeformableConv2d.taking_over(block.conv2, modulated=True)
    return net


def _resnet(net: Any, width: int, cut: int | None = None) -> Backbone:
    entry = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1)
    stages: list[nn.Module] = [entry, net.layer2, net.layer3, net.layer4]
    levels = [Level(f"layer{i}", 2 ** (i + 1), width * 2 ** (i - 1)) for i in (1, 2, 3, 4)]
    if cut is not None:
        stages[2:3] = [net.layer3[:cut], net.layer3[cut:]]
        levels.insert(2, Level(f"conv4_{cut}", 16, width * 4))
    names = [level.name for level in levels]

    def tail_of(level: str, last_stride: int) -> Tail:
        after = stages[names.index(level) + 1 :]
        if not after:
            raise ModelError(f"nothing comes after {level} of a ResNet; a tail starts at an earlier level.")
        layers = deepcopy(nn.Sequential(*after))
        set_stride(layers[-1], last_stride)
        return Tail(layers, width * 8)

    return Backbone(Stem(stages, levels), tail_of)
