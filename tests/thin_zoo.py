"""Every network of the zoo at a size at which it proves nothing but that it keeps its word."""

from contextlib import contextmanager
from dataclasses import fields
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.models.vgg import cfgs, make_layers

from sceneseek.models import zoo
from sceneseek.models.backbones import BACKBONES, vgg
from sceneseek.models.backbones.residual import _deformable, _resnet

TINY = {
    "num_identities": 6,
    "min_size": 64,
    "max_size": 96,
    "det_size": (6, 6),
    "reid_size": (6, 6),
    "stem_norm": "batch",
    "tail_norm": "batch",
    "frozen_stages": 0,
    "anchors": "people",
    "train_proposals": (60, 10),
    "test_proposals": (60, 6),
    "det_regions": 8,
    "det_positive_fraction": 0.75,
    "second_regions": 8,
    "second_positive_fraction": 0.75,
    "reid_regions": 4,
    "embedding_dim": 16,
    "dictionary_size": 40,
    "queue_size": 40,
    "pool_size": 5,
    # The published networks embed what enters their last head; what leaves it can be embedded again and compared.
    "embed_refined": True,
    # Suppression and thresholds of a network that knows nothing would leave nothing to look at.
    "score_threshold": 0.0,
}
"""Of these a network gets the options it has."""
OWN = {
    "dcinet_vgg16": {"det_size": (7, 7), "reid_size": (7, 7)},
    "dcinet_mobilenet_v2": {"reid_size": (12, 6)},
    "inet_vgg16": {"det_size": (7, 7)},
}


def options_of(name):
    known = {field.name for field in fields(zoo.default_options(name))}
    return {**{key: value for key, value in TINY.items() if key in known}, **OWN.get(name, {})}


class Thin(ResNet):
    """Half as wide."""

    def _make_layer(self, block, planes, *arguments, **named):
        return super()._make_layer(block, planes // 2, *arguments, **named)


@contextmanager
def thin_backbones():
    """ResNets and VGG16 by plan; what is left out adds time here and nothing else."""

    def thin(cut):
        return lambda _: _resnet(Thin(Bottleneck, [1, 1, 1 + (cut or 0), 1], width_per_group=8), width=128, cut=cut)

    def thin_vgg(name, weights):
        fully_connected = [nn.Linear(25088, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 4096), nn.ReLU(), nn.Dropout()]
        return SimpleNamespace(features=make_layers(cfgs["D"]), classifier=nn.Sequential(*fully_connected))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vgg, "classifier", thin_vgg)
        patch.setitem(BACKBONES, "resnet18", lambda _: _resnet(Thin(BasicBlock, [1, 1, 1, 1]), width=32))
        patch.setitem(BACKBONES, "resnet50", thin(None))
        patch.setitem(BACKBONES, "resnet50_conv4_3", thin(3))
        patch.setitem(
            BACKBONES,
            "resnet50_dcn",
            lambda _: _resnet(_deformable(Thin(Bottleneck, [1, 1, 1, 1], width_per_group=8)), width=128),
        )
        yield


def scenes(count=2, people=True, seed=0):
    """Noise with people in it: identities 0 and 1, and one unlabelled."""
    generator = torch.Generator().manual_seed(seed)
    images = [torch.rand(3, 128, 192, generator=generator) for _ in range(count)]
    boxes = torch.tensor([[10.0, 20.0, 40.0, 100.0], [60.0, 10.0, 95.0, 110.0], [120.0, 30.0, 160.0, 120.0]])
    targets = [
        {
            "boxes": boxes + 2.0 * i if people else torch.zeros(0, 4),
            "person_ids": torch.tensor([0, 1, -1] if people else [], dtype=torch.int64),
            "image_id": f"scene-{i}",
        }
        for i in range(count)
    ]
    return images, targets
