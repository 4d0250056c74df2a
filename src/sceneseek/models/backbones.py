"""Classification networks taken apart: a stem for whole scenes, and tails for single regions.

A stem gives maps at named levels. A tail is a copy of all layers after one level, for the regions cut out of its map:
the detector and the re-identifier each get their own, both with the pretrained numbers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision.models as tv
from torch import Tensor, nn

from sceneseek.errors import ModelError, WeightsError, suggest


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

    def freeze(self, num_stages: int) -> None:
        """Stop the first ``num_stages`` stages from learning."""
        for stage in list(self.stages)[:num_stages]:
            stage.requires_grad_(False)

    def freeze_entry(self) -> None:
        """Stop the first convolution from learning, and the normalisation right after it."""
        layers = [m for m in self.stages[0].modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
        layers[0].requires_grad_(False)
        if isinstance(layers[1], nn.BatchNorm2d):
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
            ModelError: There is no such level, or the network's shape does not allow the stride.
        """
        self.stem.level(level)
        return self.tail_of(level, last_stride)


def vgg16(weights: str | None = None) -> Backbone:
    """VGG16 without batch normalisation; levels ``conv2`` to ``conv5`` at strides 2, 4, 8 and 16.

    The tail of ``conv5`` is fc6 and fc7 with dropout and reads 7x7 regions; those of earlier levels are the
    convolutions that follow, up to conv5_3.
    """
    net = _classifier("vgg16", weights)
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


def resnet18(weights: str | None = None) -> Backbone:
    """ResNet-18; levels ``layer1``, ``layer2`` and ``layer3`` at strides 4, 8 and 16."""
    return _resnet("resnet18", weights, width=64)


def resnet50(weights: str | None = None) -> Backbone:
    """ResNet-50; levels ``layer1``, ``layer2`` and ``layer3`` at strides 4, 8 and 16."""
    return _resnet("resnet50", weights, width=256)


def _resnet(name: str, weights: str | None, width: int) -> Backbone:
    net = _classifier(name, weights)
    stages = [nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1), net.layer2, net.layer3]
    levels = [Level(f"layer{i}", 2 ** (i + 1), width * 2 ** (i - 1)) for i in (1, 2, 3)]

    def tail_of(level: str, last_stride: int) -> Tail:
        first = int(level.removeprefix("layer")) + 1
        layers = deepcopy(nn.Sequential(*(getattr(net, f"layer{i}") for i in range(first, 5))))
        _set_stride(layers[-1], last_stride)
        return Tail(layers, width * 8)

    return Backbone(Stem(stages, levels), tail_of)


def mobilenet_v2(weights: str | None = None) -> Backbone:
    """MobileNetV2 1.0; levels ``stride4``, ``stride8`` and ``stride16`` with 24, 32 and 96 channels.

    A tail ends with the last 1x1 convolution, 1280 channels.
    """
    blocks = _classifier("mobilenet_v2", weights).features
    ends = {"stride4": 4, "stride8": 7, "stride16": 14}
    starts = [0, 4, 7]
    stages = [blocks[a:b] for a, b in zip(starts, ends.values(), strict=True)]
    levels = [Level(name, int(name.removeprefix("stride")), c) for name, c in zip(ends, (24, 32, 96), strict=True)]

    def tail_of(level: str, last_stride: int) -> Tail:
        layers = deepcopy(blocks[ends[level] :])
        _set_stride(layers[14 - ends[level]], last_stride)
        return Tail(layers, 1280)

    return Backbone(Stem(stages, levels), tail_of)


BACKBONES: dict[str, Callable[[str | None], Backbone]] = {
    "vgg16": vgg16,
    "resnet50": resnet50,
    "resnet18": resnet18,
    "mobilenet_v2": mobilenet_v2,
}


def _set_stride(block: nn.Module, stride: int) -> None:
    """Give every strided convolution of a block another stride."""
    for conv in block.modules():
        if isinstance(conv, nn.Conv2d) and max(conv.stride) > 1:
            conv.stride = (stride, stride)


def _classifier(name: str, weights: str | None) -> Any:
    """A torchvision classifier: random, with weights of torchvision's (such as ``"DEFAULT"``), or from a file."""
    known = list(tv.get_model_weights(name).__members__)
    if weights is None:
        net = tv.get_model(name, weights=None)
    elif weights in known or weights == "DEFAULT":
        net = tv.get_model(name, weights=weights)
    else:
        net = tv.get_model(name, weights=None)
        _load_file(net, name, Path(weights), known)
    return net


def _load_file(net: nn.Module, name: str, path: Path, known: list[str]) -> None:
    if not path.is_file():
        raise WeightsError(
            f"backbone weights {str(path)!r} are neither a file nor weights of torchvision's {name} "
            f"({', '.join(['DEFAULT', *known])}). Give a path to a .pth or .safetensors "
            "file, one of those names, or none."
        )
    state = _read_state(path)
    wanted = {key: value.shape for key, value in net.state_dict().items()}
    wrong = [key for key in wanted if key not in state or state[key].shape != wanted[key]]
    wrong += [key for key in state if key not in wanted]
    if wrong:
        raise WeightsError(
            f"{path} does not hold the weights of torchvision's {name}: {len(wrong)} tensors are missing, unknown or "
            f"of another shape ({', '.join(wrong[:3])}, ...). Give weights of {name}, or choose their backbone."
        )
    net.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in state.items()})


def _read_state(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError, AttributeError, KeyError) as error:
        raise WeightsError(f"{path} cannot be read as plain tensors: {error}") from error
    except Exception as error:  # pickle.UnpicklingError; naming it would import pickle for nothing else
        if type(error).__name__ != "UnpicklingError":
            raise
        raise WeightsError(
            f"{path} holds more than plain tensors, or is damaged; it was not opened further."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path} is not a state dictionary of tensors by name; save `net.state_dict()` instead.")
    return state
