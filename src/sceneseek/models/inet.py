"""I-Net: pairs of scenes through one Faster R-CNN whose region vectors also serve re-identification.

Source: He and Zhang, End-to-End Detection and Re-identification Integrated Net for Person Search (2018), and Zhang, He,
Yang, Wang and Gao, Tasks Integrated Networks: Joint Detection and Retrieval for Image Search (2020).
Differs from the paper: no code was published and the layers are told in outline only. Here they are those of the first
version of OIM by Xiao et al. (2016), its ancestor, without the rectifier behind the embedding, which would keep cosines
from falling below zero; and person against background is a layer of its own beside the identity classifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sceneseek.models.backbones import Backbone, make_backbone
from sceneseek.models.heads.identity import IdentityLosses
from sceneseek.models.heads.joint import JointHead, neck_of
from sceneseek.models.one_head import HeadNumbers, OneHeadNetwork, OneHeadOptions, region_tail
from sceneseek.models.skeleton import OIM_RESNET50, SMALL, laid_out, resnet50_of_division, skeleton
from sceneseek.models.zoo import register


class INet(OneHeadNetwork):
    """Stem, proposals, one tail per region: score, box and embedding. OLP reads the embedding, HEP classifies it.

    Its losses are the four of Faster R-CNN, and ``loss_olp`` and ``loss_hep`` over all sampled regions: background is a
    class of HEP and enters the dictionary of OLP.

    Args:
        parts: What stands in front of the regions.
        head: Tail and linear layers.
        numbers: What is done with its answers.
        identity: The identity losses with dictionary and classifier.
    """


@dataclass(frozen=True)
class INetOptions(OneHeadOptions):
    """Everything that can be chosen when an I-Net is built.

    What is not told here is told by ``SkeletonOptions``, ``OneHeadOptions`` and ``IdentityOptions``.
    """

    network = "I-Net"

    identity_losses: tuple[str, ...] = ("olp", "hep")


VGG16 = INetOptions(det_level="conv5", frozen_stages=1, max_detections=300)
RESNET50 = INetOptions(**OIM_RESNET50)
MOBILENET = INetOptions(**SMALL, neck="running")


def build(backbone: Backbone, options: INetOptions) -> INet:
    """Put an I-Net together.

    Args:
        backbone: Taken apart; its stem is used, its tail copied.
        options: Every choice.
    """
    parts = skeleton(backbone, options)
    pooling, tail = region_tail(backbone, options)
    neck = neck_of(options.neck, options.embedding_dim)
    head = JointHead(pooling, tail, options.embedding_dim, spatial=options.pooling, neck=neck)
    identity = IdentityLosses(options.num_identities, options.embedding_dim, options)
    return laid_out(INet(parts, head, HeadNumbers.of(options), identity), options)


@register("inet_vgg16", VGG16)
def inet_vgg16(**options: Any) -> INet:
    """I-Net on VGG16 with the published numbers; ``options`` are those of ``INetOptions``."""
    chosen = VGG16.changed(options)
    return build(make_backbone(chosen.backbone or "vgg16", chosen.weights), chosen)


@register("inet_resnet50", RESNET50)
def inet_resnet50(**options: Any) -> INet:
    """I-Net on ResNet-50, divided as OIM (``oim_resnet50``); ``options`` are those of ``INetOptions``."""
    chosen = RESNET50.changed(options)
    return build(resnet50_of_division(chosen), chosen)


@register("inet_mobilenet_v2", MOBILENET)
def inet_mobilenet_v2(**options: Any) -> INet:
    """The small I-Net: MobileNetV2, scenes of 640x384; ``options`` are those of ``INetOptions``."""
    chosen = MOBILENET.changed(options)
    return build(make_backbone(chosen.backbone or "mobilenet_v2", chosen.weights), chosen)
