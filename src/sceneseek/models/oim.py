"""OIM: one network that detects people and embeds them, taught identities by a look-up table and a queue.

Source: Xiao, Li, Wang, Lin and Wang, Joint Detection and Identification Feature Learning for Person Search (2017), and
the authors' prototxt files.
Differs from the paper: torchvision's ResNet-50, whose blocks normalise before the addition, in place of a network
converted from Torch whose blocks normalise after it; anchors across the border of a scene take part in training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sceneseek.errors import ModelError
from sceneseek.models.backbones import Backbone, make_backbone
from sceneseek.models.backbones.residual import resnet50_of_oim
from sceneseek.models.caffe_layout import SMALLEST_PROPOSAL, CellAnchors
from sceneseek.models.heads.identity import IdentityLosses
from sceneseek.models.heads.joint import JointHead, neck_of
from sceneseek.models.one_head import HeadNumbers, OneHeadNetwork, OneHeadOptions, region_tail
from sceneseek.models.skeleton import OIM_RESNET50, SMALL, laid_out, resnet50_of_division, skeleton
from sceneseek.models.trunk import ANCHORS
from sceneseek.models.zoo import register


class OIM(OneHeadNetwork):
    """Stem, proposals, and one tail per region with three linear layers: score, box, embedding.

    Its losses are the four of Faster R-CNN, and ``loss_oim`` over all sampled regions.

    Args:
        parts: What stands in front of the regions.
        head: Tail and linear layers.
        numbers: What is done with its answers.
        identity: The OIM loss, or others, with their memories.
    """


@dataclass(frozen=True)
class OIMNetOptions(OneHeadOptions):
    """Everything that can be chosen when an OIM network is built.

    What is not told here is told by ``SkeletonOptions``, ``OneHeadOptions`` and ``IdentityOptions``.

    Attributes:
        layout: ``"caffe"``: sums are normalised, not summands; the first pooling has no padding; anchors stand in the
            middle of cells; small proposals are dropped. Weights of the authors' network, and of its ports, want that.
    """

    network = "OIM"

    layout: Literal["torchvision", "caffe"] = "torchvision"


RESNET50 = OIMNetOptions(**OIM_RESNET50)
MOBILENET = OIMNetOptions(**SMALL, neck="running")


def build(backbone: Backbone, options: OIMNetOptions) -> OIM:
    """Put an OIM network together.

    Args:
        backbone: Taken apart; its stem is used, its tail copied.
        options: Every choice.
    """
    parts = skeleton(backbone, options)
    if options.layout == "caffe":
        sides, ratios = ANCHORS[options.anchors]
        parts.proposals.rpn.anchor_generator = CellAnchors((sides,), (ratios,))
        parts.proposals.rpn.min_size = SMALLEST_PROPOSAL
    pooling, tail = region_tail(backbone, options)
    neck = neck_of(options.neck, options.embedding_dim)
    head = JointHead(pooling, tail, options.embedding_dim, spatial=options.pooling, neck=neck)
    identity = IdentityLosses(options.num_identities, options.embedding_dim, options)
    return laid_out(OIM(parts, head, HeadNumbers.of(options), identity), options)


@register("oim_resnet50", RESNET50)
def oim_resnet50(**options: Any) -> OIM:
    """OIM on ResNet-50 with the published numbers; ``options`` are those of ``OIMNetOptions``.

    As published the stem ends behind the third block of layer 3 (``det_level="conv4_3"``). Later implementations end it
    behind the sixth: ``det_level="layer3"``.
    """
    chosen = RESNET50.changed(options)
    if chosen.layout == "caffe":
        if chosen.backbone:
            raise ModelError(
                f'layout "caffe" is a ResNet-50 of its own; backbone {chosen.backbone!r} does not go with it.'
            )
        return build(resnet50_of_oim(chosen.weights), chosen)
    return build(resnet50_of_division(chosen), chosen)


@register("oim_mobilenet_v2", MOBILENET)
def oim_mobilenet_v2(**options: Any) -> OIM:
    """The small OIM: MobileNetV2, scenes of 640x384; ``options`` are those of ``OIMNetOptions``."""
    chosen = MOBILENET.changed(options)
    return build(make_backbone(chosen.backbone or "mobilenet_v2", chosen.weights), chosen)
