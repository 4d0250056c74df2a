"""VGG: plain convolutions and pooling."""

from __future__ import annotations

from copy import deepcopy

from torch import nn

from sceneseek.errors import ModelError
from sceneseek.models.backbones.anatomy import Backbone, Level, Stem, Tail
from sceneseek.models.backbones.pretrained import classifier


def vgg16(weights: str | None = None) -> Backbone:
    """VGG16 without batch normalisation; levels ``conv2`` to ``conv5`` at strides 2, 4, 8 and 16.

    The tail of ``conv5`` is fc6 and fc7 with dropout and reads 7x7 regions; those of earlier levels are the
    convolutions that follow, up to conv5_3.

    Source: Simonyan and Zisserman, Very deep convolutional networks (2015), configuration D.
    """
    net = classifier("vgg16", weights)
    layers = list(net.features)
    # features[:30] ends with the ReLU of conv5_3; the pooling that would follow is the region pooling's job.
    stages = [nn.Sequential(*layers[a:b]) for a, b in ((0, 9), (9, 16), (16, 23), (23, 30))]
    levels = [Level("conv2", 2, 128), Level("conv3", 4, 256), Level("conv4", 8, 512), Level("conv5", 16, 512)]

    first_layer = {"conv2": 9, "conv3": 16, "conv4": 23}

    def tail_of(level: str, last_stride: int) -> Tail:
        if last_stride != 2:
            raise ModelError("VGG16 makes maps smaller by pooling alone; its tails have no other last stride than 2.")
        if level in first_layer:
            return Tail(deepcopy(net.features[first_layer[level] : 30]), 512)
        fully_connected = deepcopy(net.classifier[:6])
        return Tail(nn.Sequential(nn.Flatten(), *fully_connected, nn.Unflatten(1, (4096, 1, 1))), 4096)

    return Backbone(Stem(stages, levels), tail_of)
