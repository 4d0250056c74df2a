"""NAE and NAE+: one vector says with its length that there is a person, and with its direction whom.

Source: Chen, Zhang, Yang and Schiele, Norm-Aware Embedding for Efficient Person Search (2020), and the authors' code.
Differs from the paper: a cell's label in NAE+ is the share of it that lies in the person's box, which is what resizing
the mask of the overlap to the cells comes to; scores of NAE+ are divided by the largest of the image, not of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneseek.models.backbones import Backbone, make_backbone
from sceneseek.models.heads.identity import IdentityLosses
from sceneseek.models.heads.joint import RegionAnswers
from sceneseek.models.heads.norm_aware import NormAwareHead, PixelAnswers, PixelNormAwareHead, cell_coverage
from sceneseek.models.heads.regions import SampledRegions, region_losses
from sceneseek.models.one_head import HeadNumbers, OneHeadNetwork, OneHeadOptions, region_tail
from sceneseek.models.skeleton import PERSON_SEARCH, SMALL, Skeleton, laid_out, skeleton
from sceneseek.models.zoo import register


class NAE(OneHeadNetwork):
    """Stem, proposals, one tail per region; the norm of the embedding is the detection score.

    Its losses are those of the proposals, ``loss_det_cls`` (binary, on the norm), ``loss_det_reg`` and ``loss_oim``.

    Args:
        parts: What stands in front of the regions.
        head: Tail, norm-aware embedding and box regressor.
        numbers: What is done with its answers.
        identity: The OIM loss, or others, with their memories.
    """

    def __init__(self, parts: Skeleton, head: NormAwareHead, numbers: HeadNumbers, identity: IdentityLosses) -> None:
        super().__init__(parts, head, numbers, identity)


class NAEPlus(OneHeadNetwork):
    """NAE with a norm-aware embedding for each cell of a region: where the person is becomes attention.

    ``loss_det_cls`` is binary and per cell. OIM learns from the attended mean, which is shorter than 1; searching
    compares directions.

    Args:
        parts: What stands in front of the regions.
        head: Tail, norm-aware embedding per cell and box regressor.
        numbers: What is done with its answers.
        identity: The OIM loss, or others, with their memories.
    """

    def __init__(
        self, parts: Skeleton, head: PixelNormAwareHead, numbers: HeadNumbers, identity: IdentityLosses
    ) -> None:
        super().__init__(parts, head, numbers, identity)

    def detection_losses(self, answers: RegionAnswers, regions: SampledRegions) -> tuple[Tensor, Tensor]:
        """Cross-entropy of every cell with its share of person; the box regression is NAE's."""
        assert isinstance(answers, PixelAnswers)
        _, regression = region_losses(answers.logits, answers.codes, regions, self.numbers.box_loss_beta)
        cells = answers.cell_logits
        if len(cells) == 0:
            return cells.sum() * 0.0, regression
        shares = cell_coverage(torch.cat(regions.boxes), regions.wanted, (cells.shape[1], cells.shape[2]))
        shares = shares * regions.person[:, None, None]
        return F.binary_cross_entropy_with_logits(cells, shares), regression

    def identity_losses(self, answers: RegionAnswers, regions: SampledRegions) -> dict[str, Tensor]:
        """The losses of the attended means."""
        return super().identity_losses(replace(answers, embeddings=answers.features), regions)

    def scores(self, answers: RegionAnswers, counts: list[int]) -> list[Tensor]:
        """Mean probability over cells, divided by the image's largest."""
        return [s / s.amax() if len(s) else s for s in super().scores(answers, counts)]


@dataclass(frozen=True)
class NAEOptions(OneHeadOptions):
    """Everything that can be chosen when a NAE or NAE+ is built.

    What is not told here is told by ``SkeletonOptions``, ``OneHeadOptions`` and ``IdentityOptions``; ``pooling`` and
    ``neck`` are not read: both vectors are pooled by maximum, and have their own normalisations.

    Attributes:
        box_pooling: Of NAE+: what the box is read off, the ``"max"`` of the tail's cells as in NAE, or their
            ``"average"`` as in the authors' code of NAE+.
    """

    network = "NAE"

    box_pooling: Literal["max", "average"] = "max"


RESNET50 = NAEOptions(**PERSON_SEARCH, background_threshold=0.1, pooling="max", oim_scale=30.0)
MOBILENET = NAEOptions(**SMALL, background_threshold=0.1, det_positive_fraction=0.5, pooling="max", oim_scale=30.0)


def build(backbone: Backbone, options: NAEOptions) -> NAE:
    """Put a NAE together.

    Args:
        backbone: Taken apart; its stem is used, its tail copied.
        options: Every choice.
    """
    parts = skeleton(backbone, options)
    pooling, tail = region_tail(backbone, options)
    channels = backbone.stem.level(options.det_level).channels
    head = NormAwareHead(pooling, channels, tail, options.embedding_dim)
    identity = IdentityLosses(options.num_identities, options.embedding_dim, options)
    return laid_out(NAE(parts, head, HeadNumbers.of(options), identity), options)


def build_plus(backbone: Backbone, options: NAEOptions) -> NAEPlus:
    """Put a NAE+ together; arguments as for ``build``."""
    parts = skeleton(backbone, options)
    pooling, tail = region_tail(backbone, options)
    channels = backbone.stem.level(options.det_level).channels
    head = PixelNormAwareHead(
        pooling, channels, tail, options.embedding_dim, box_average=options.box_pooling == "average"
    )
    identity = IdentityLosses(options.num_identities, options.embedding_dim, options)
    return laid_out(NAEPlus(parts, head, HeadNumbers.of(options), identity), options)


@register("nae_resnet50", RESNET50)
def nae_resnet50(**options: Any) -> NAE:
    """NAE on ResNet-50 with the published numbers; ``options`` are those of ``NAEOptions``."""
    chosen = RESNET50.changed(options)
    return build(make_backbone(chosen.backbone or "resnet50", chosen.weights), chosen)


@register("nae_plus_resnet50", RESNET50)
def nae_plus_resnet50(**options: Any) -> NAEPlus:
    """NAE+ on ResNet-50 with the published numbers; ``options`` are those of ``NAEOptions``."""
    chosen = RESNET50.changed(options)
    return build_plus(make_backbone(chosen.backbone or "resnet50", chosen.weights), chosen)


@register("nae_mobilenet_v2", MOBILENET)
def nae_mobilenet_v2(**options: Any) -> NAE:
    """The small NAE: MobileNetV2, scenes of 640x384; ``options`` are those of ``NAEOptions``."""
    chosen = MOBILENET.changed(options)
    return build(make_backbone(chosen.backbone or "mobilenet_v2", chosen.weights), chosen)


@register("nae_plus_mobilenet_v2", MOBILENET)
def nae_plus_mobilenet_v2(**options: Any) -> NAEPlus:
    """The small NAE+: MobileNetV2, scenes of 640x384; ``options`` are those of ``NAEOptions``."""
    chosen = MOBILENET.changed(options)
    return build_plus(make_backbone(chosen.backbone or "mobilenet_v2", chosen.weights), chosen)
