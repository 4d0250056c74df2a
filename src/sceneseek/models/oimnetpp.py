"""OIMNet++: OIM with prototype normalisation, and a table that trusts well-cut regions more.

Source: Lee, Oh, Baek, Lee and Ham, OIMNet++: Prototypical Normalization and Localization-aware Learning for Person
Search (2022), and the authors' code, whose anchors of 8, 16 and 32 pixels the published recipe keeps.
Differs from the paper: memories are stored in single precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from sceneseek.models.backbones import BACKBONES, Backbone
from sceneseek.models.heads.joint import JointHead, RegionAnswers
from sceneseek.models.heads.norm_aware import NormedBoxRegressor, RegionNorm
from sceneseek.models.heads.oim_identity import OIMIdentity, OIMOptions
from sceneseek.models.heads.protonorm import ProtoNorm
from sceneseek.models.heads.regions import SampledRegions
from sceneseek.models.one_head import HeadNumbers, OneHeadNetwork, OneHeadOptions, region_tail
from sceneseek.models.skeleton import PERSON_SEARCH, SMALL, Skeleton, laid_out, skeleton
from sceneseek.models.zoo import register


class OIMNetPlusPlus(OneHeadNetwork):
    """Stem, proposals, one tail per region; embeddings are normalised by prototypes, not by samples.

    Its losses are the four of Faster R-CNN, and ``loss_oim`` over all sampled regions.

    Args:
        parts: What stands in front of the regions.
        head: Tail, linear layers and prototype normalisation.
        numbers: What is done with its answers.
        identity: The OIM loss, its table updated by overlap.
    """

    def __init__(self, parts: Skeleton, head: JointHead, numbers: HeadNumbers, identity: OIMIdentity) -> None:
        super().__init__(parts, head, numbers, identity)

    def identity_losses(self, answers: RegionAnswers, regions: SampledRegions) -> dict[str, Tensor]:
        """``loss_oim``; overlaps are kept beside the embeddings."""
        self.remember(answers.embeddings, regions.labels, regions.image_indices, regions.overlaps)
        losses: dict[str, Tensor] = self.identity(answers.embeddings, regions.labels, regions.image_indices)
        return losses


@dataclass(frozen=True)
class OIMNetPlusPlusOptions(OneHeadOptions, OIMOptions):
    """Everything that can be chosen when an OIMNet++ is built.

    What is not told here is told by ``SkeletonOptions``, ``OneHeadOptions`` (whose ``neck`` is not read) and
    ``OIMOptions``.

    Attributes:
        normalisation: Of embeddings: ``"prototypes"`` as published, ``"batch"`` for the comparison, or ``"none"``.
        localised: Regions enter the table by their overlap with the person, not by ``oim_momentum``.
        smallest_share: Lower limit of a region's share in its new row.
        largest_share: Upper limit.
    """

    network = "OIMNet++"

    normalisation: Literal["prototypes", "batch", "none"] = "prototypes"
    localised: bool = True
    smallest_share: float = 0.7
    largest_share: float = 0.9

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the losses, sorted."""
        return ("loss_det_cls", "loss_det_reg", "loss_oim", "loss_rpn_cls", "loss_rpn_reg")


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
    limits = (options.smallest_share, options.largest_share) if options.localised else None
    identity = OIMIdentity(options.num_identities, options.embedding_dim, options, localised=limits)
    return laid_out(OIMNetPlusPlus(parts, head, HeadNumbers.of(options), identity), options)


def _normalisation(options: OIMNetPlusPlusOptions) -> ProtoNorm | RegionNorm | None:
    if options.normalisation == "prototypes":
        return ProtoNorm(options.embedding_dim)
    return RegionNorm(options.embedding_dim, affine=False) if options.normalisation == "batch" else None


@register("oimnetpp_resnet50", RESNET50)
def oimnetpp_resnet50(**options: Any) -> OIMNetPlusPlus:
    """OIMNet++ on ResNet-50 with the published numbers; ``options`` are those of ``OIMNetPlusPlusOptions``."""
    chosen = RESNET50.changed(options)
    return build(BACKBONES["resnet50"](chosen.weights), chosen)


@register("oimnetpp_mobilenet_v2", MOBILENET)
def oimnetpp_mobilenet_v2(**options: Any) -> OIMNetPlusPlus:
    """The small OIMNet++: MobileNetV2, scenes of 640x384; ``options`` are those of ``OIMNetPlusPlusOptions``."""
    chosen = MOBILENET.changed(options)
    return build(BACKBONES["mobilenet_v2"](chosen.weights), chosen)
