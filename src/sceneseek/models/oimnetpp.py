"""OIMNet++: OIM with prototype normalisation, and a table that trusts well-cut regions more.

Source: Lee, Oh, Baek, Lee and Ham, OIMNet++: Prototypical Normalization and Localization-aware Learning for Person
Search (2022), and the authors' code, whose anchors of 8, 16 and 32 pixels the published recipe keeps.
Differs from the paper: memories are stored in single precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sceneseek.models.backbones import Backbone, make_backbone
from sceneseek.models.heads.identity import IdentityLosses
from sceneseek.models.heads.joint import JointHead
from sceneseek.models.heads.norm_aware import NormedBoxRegressor, RegionNorm
from sceneseek.models.heads.protonorm import ProtoNorm
from sceneseek.models.one_head import HeadNumbers, OneHeadNetwork, OneHeadOptions, region_tail
from sceneseek.models.skeleton import PERSON_SEARCH, SMALL, laid_out, skeleton
from sceneseek.models.zoo import register


class OIMNetPlusPlus(OneHeadNetwork):
    """Stem, proposals, one tail per region; embeddings are normalised by prototypes, not by samples.

    Its losses are the four of Faster R-CNN, and ``loss_oim`` over all sampled regions.

    Args:
        parts: What stands in front of the regions.
        head: Tail, linear layers and prototype normalisation.
        numbers: What is done with its answers.
        identity: The OIM loss, or others; regions enter its table by their overlap.
    """


@dataclass(frozen=True)
class OIMNetPlusPlusOptions(OneHeadOptions):
    """Everything that can be chosen when an OIMNet++ is built.

    What is not told here is told by ``SkeletonOptions``, ``OneHeadOptions`` (whose ``neck`` is not read) and
    ``IdentityOptions``.

    Attributes:
        normalisation: Of embeddings: ``"prototypes"`` as published, ``"batch"`` for the comparison, or ``"none"``.
    """

    network = "OIMNet++"

    normalisation: Literal["prototypes", "batch", "none"] = "prototypes"
    oim_localised: bool = True


RESNET50 = OIMNetPlusPlusOptions(**{**PERSON_SEARCH, "anchors": "oimnetpp"}, pooling="max", oim_scale=30.0)
MOBILENET = OIMNetPlusPlusOptions(**SMALL, det_positive_fraction=0.5, pooling="max", oim_scale=30.0)


def build(backbone: Backbone, options: OIMNetPlusPlusOptions) -> OIMNetPlusPlus:
    """Put an OIMNet++ together.

    Args:
        backbone: Taken apart; its stem is used, its tail copied.
        options: Every choice.
    """
    parts = skeleton(backbone, options)
    pooling, tail = region_tail(backbone, options)
    head = JointHead(
        pooling,
        tail,
        options.embedding_dim,
        spatial=options.pooling,
        box=NormedBoxRegressor(tail.out_channels),
        neck=_normalisation(options),
        bias=False,
    )
    identity = IdentityLosses(options.num_identities, options.embedding_dim, options)
    return laid_out(OIMNetPlusPlus(parts, head, HeadNumbers.of(options), identity), options)


def _normalisation(options: OIMNetPlusPlusOptions) -> ProtoNorm | RegionNorm | None:
    if options.normalisation == "prototypes":
        return ProtoNorm(options.embedding_dim)
    return RegionNorm(options.embedding_dim, affine=False) if options.normalisation == "batch" else None


@register("oimnetpp_resnet50", RESNET50)
def oimnetpp_resnet50(**options: Any) -> OIMNetPlusPlus:
    """OIMNet++ on ResNet-50 with the published numbers; ``options`` are those of ``OIMNetPlusPlusOptions``."""
    chosen = RESNET50.changed(options)
    return build(make_backbone(chosen.backbone or "resnet50", chosen.weights), chosen)


@register("oimnetpp_mobilenet_v2", MOBILENET)
def oimnetpp_mobilenet_v2(**options: Any) -> OIMNetPlusPlus:
    """The small OIMNet++: MobileNetV2, scenes of 640x384; ``options`` are those of ``OIMNetPlusPlusOptions``."""
    chosen = MOBILENET.changed(options)
    return build(make_backbone(chosen.backbone or "mobilenet_v2", chosen.weights), chosen)
