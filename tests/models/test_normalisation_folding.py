"""Folding changes what a network costs, not what it computes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sceneseek.errors import ModelError
from sceneseek.models.backbones import mobilenet_v2, resnet18
from sceneseek.models.normalisation import fold_norms


def with_statistics(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2.0)
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
    return module.eval()


def test_folded_network_computes_the_same() -> None:
    stem = with_statistics(mobilenet_v2().stem)
    scenes = torch.rand(1, 3, 64, 64)
    before = stem(scenes)["stride16"]
    fold_norms(stem)
    assert not [m for m in stem.modules() if isinstance(m, nn.BatchNorm2d)]
    torch.testing.assert_close(stem(scenes)["stride16"], before, rtol=1e-3, atol=1e-3)
    assert all(p.requires_grad for p in stem.parameters())


def test_what_cannot_be_folded_is_named() -> None:
    with pytest.raises(ModelError, match=r"bn1 does not follow a convolution.*frozen"):
        fold_norms(resnet18().stem)
