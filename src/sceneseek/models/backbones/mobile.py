"""MobileNets: depthwise convolutions, for machines without an accelerator."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise

from sceneseek.errors import ModelError
from sceneseek.models.backbones.anatomy import Backbone, Level, Stem, Tail, set_stride
from sceneseek.models.backbones.pretrained import classifier


def mobilenet_v2(weights: str | None = None) -> Backbone:
    """MobileNetV2 1.0; levels ``stride4`` to ``stride32`` with 24, 32, 96 and 320 channels.

    A tail ends with the last 1x1 convolution, 1280 channels.

    Source: Sandler, Howard, Zhu, Zhmoginov and Chen, MobileNetV2 (2018).
    """
    return _mobilenet("mobilenet_v2", weights, ends=(4, 7, 14, 18), channels=(24, 32, 96, 320), out_channels=1280)


def mobilenet_v3_small(weights: str | None = None) -> Backbone:
    """MobileNetV3-Small; levels ``stride4`` to ``stride32`` with 16, 24, 48 and 96 channels, tails with 576.

    Source: Howard et al., Searching for MobileNetV3 (2019).
    """
    return _mobilenet("mobilenet_v3_small", weights, ends=(2, 4, 9, 12), channels=(16, 24, 48, 96), out_channels=576)


def mobilenet_v3_large(weights: str | None = None) -> Backbone:
    """MobileNetV3-Large; levels ``stride4`` to ``stride32`` with 24, 40, 112 and 160 channels, tails with 960.

    Source: Howard et al., Searching for MobileNetV3 (2019).
    """
    return _mobilenet("mobilenet_v3_large", weights, ends=(4, 7, 13, 16), channels=(24, 40, 112, 160), out_channels=960)


def _mobilenet(
    name: str, weights: str | None, *, ends: tuple[int, ...], channels: tuple[int, ...], out_channels: int
) -> Backbone:
    """Cut the blocks at ``ends``: the block after each is the one that halves the map, the last one excepted."""
    blocks = classifier(name, weights).features
    stages = [blocks[a:b] for a, b in pairwise((0, *ends))]
    levels = [Level(f"stride{4 << i}", 4 << i, width) for i, width in enumerate(channels)]
    end_of = {level.name: end for level, end in zip(levels, ends, strict=True)}
    halving = ends[-2]

    def tail_of(level: str, last_stride: int) -> Tail:
        end = end_of[level]
        layers = deepcopy(blocks[end:])
        if end <= halving:
            set_stride(layers[halving - end], last_stride)
        elif last_stride != 2:
            raise ModelError(f"the tail of {level} does not make maps smaller; it has no other last stride than 2.")
        return Tail(layers, out_channels)

    return Backbone(Stem(stages, levels), tail_of)
