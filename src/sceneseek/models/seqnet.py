"""SeqNet: a Faster R-CNN first, then a norm-aware head on the boxes it refined.

Source: Li and Miao, Sequential End-to-end Network for Efficient Person Search (2021), and the authors' code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from sceneseek.models.backbones import Backbone, make_backbone
from sceneseek.models.heads.cascade import CascadeStage
from sceneseek.models.heads.detection import Detector, DetectorSettings, TailRegionHead
from sceneseek.models.heads.identity import IdentityLosses, IdentityOptions
from sceneseek.models.heads.joint import JointHead, RegionAnswers
from sceneseek.models.heads.norm_aware import NormAwareHead, NormedBoxRegressor
from sceneseek.models.heads.regions import RegionSampler, Suppression
from sceneseek.models.normalisation import set_norm_mode
from sceneseek.models.skeleton import (
    PERSON_SEARCH,
    SMALL,
    Found,
    Maps,
    SearchNetwork,
    Skeleton,
    SkeletonOptions,
    laid_out,
    skeleton,
)
from sceneseek.models.trunk import ImageSize, RegionPooling, Target
from sceneseek.models.zoo import register


@dataclass(frozen=True)
class SecondStage(CascadeStage):
    """What a SeqNet does with the answers of its second head.

    Attributes:
        embed_refined: Embed the boxes that leave the second stage, not those that enter it.
    """

    embed_refined: bool


class SeqNet(SearchNetwork):
    """Stem, proposals, a detector, and a second head of its own layers on the detector's boxes.

    In evaluation the detector's score is the final one; that of the second head is used in training alone.

    Its losses are those of the proposals, ``loss_det_cls`` and ``loss_det_reg`` of the detector, ``loss_box_cls`` and
    ``loss_box_reg`` of the second head, and ``loss_oim``.

    Args:
        parts: What stands in front of the regions.
        detector: Proposals to scored, refined boxes.
        head: Refined boxes to scores, still better boxes, and embeddings.
        second: What is done with the head's answers.
        identity: The OIM loss, or others, with their memories.
    """

    def __init__(
        self,
        parts: Skeleton,
        detector: Detector,
        head: NormAwareHead | JointHead,
        second: SecondStage,
        identity: IdentityLosses,
    ) -> None:
        super().__init__(parts, head.embedding_dim, parts.proposals.level_name)
        self.detector = detector
        self.head = head
        self.second = second
        self.identity = identity

    def learn(
        self, maps: Maps, proposals: list[Tensor], sizes: Sequence[ImageSize], targets: list[Target]
    ) -> dict[str, Tensor]:
        """The losses of both stages; arguments as in ``SearchNetwork``."""
        first = self.detector.learn(maps, proposals, sizes, targets)
        second = self.second.learn(self.head, maps, first.refined, targets)
        regions, answers = second.regions, second.answers
        columns = (answers.embeddings, regions.labels, regions.image_indices)
        self.remember(*columns, answers.features, regions.overlaps)
        return {
            **first.losses,
            "loss_box_cls": second.classification,
            "loss_box_reg": second.regression,
            **self.identity(*columns, features=answers.features),
        }

    def find(self, maps: Maps, proposals: list[Tensor], sizes: Sequence[ImageSize]) -> Found:
        """Detect, refine once more, suppress once more; scores stay those of the detector."""
        boxes, scores = self.detector.detect(maps, proposals, sizes)
        answers: RegionAnswers = self.head(maps, boxes)
        kept = self.second.keep(boxes, answers.codes, scores, sizes)
        if self.second.embed_refined:
            embeddings = self.embed_regions(maps, kept.boxes)
        else:
            embeddings = answers.embeddings[kept.rows]
        return Found(kept.boxes, kept.scores, list(torch.split(embeddings, kept.counts)))

    def judge_regions(self, maps: Maps, boxes: list[Tensor]) -> Tensor:
        """The detector's log-odds."""
        return self.detector.judge(maps, boxes)

    def embed_regions(self, maps: Maps, boxes: list[Tensor]) -> Tensor:
        """Embed boxes through the second head alone."""
        embeddings: Tensor = self.head(maps, boxes).embeddings
        return embeddings


@dataclass(frozen=True)
class SeqNetOptions(SkeletonOptions, IdentityOptions):
    """Everything that can be chosen when a SeqNet is built.

    What is not told here is told by ``SkeletonOptions``, whose ``det_...`` fields and thresholds are the detector's,
    and by ``IdentityOptions``.

    Attributes:
        second_head: ``"nae"``: norm-aware. ``"oim"``: three linear layers, as in OIM.
        second_regions: Per image in the second head's losses.
        second_positive_fraction: Largest share of people among them.
        second_nms_threshold: IoU of the suppression behind the second head.
        last_stride: Stride of the last reduction in both tails.
        embed_refined: Embed the boxes that leave the second stage, by one more pass; as published the embedding is that
            of the box that enters it.
    """

    network = "SeqNet"

    second_head: Literal["nae", "oim"] = "nae"
    second_regions: int = 128
    second_positive_fraction: float = 0.5
    second_nms_threshold: float = 0.5
    last_stride: int = 2
    embed_refined: bool = False
    identity_losses: tuple[str, ...] = ("oim",)

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the losses, sorted."""
        detection = ("loss_box_cls", "loss_box_reg", "loss_det_cls", "loss_det_reg", "loss_rpn_cls", "loss_rpn_reg")
        return tuple(sorted((*detection, *self.identity_loss_names)))


RESNET50 = SeqNetOptions(**PERSON_SEARCH, oim_scale=30.0)
MOBILENET = SeqNetOptions(**SMALL, det_positive_fraction=0.5, second_regions=32, oim_scale=30.0)


def build(backbone: Backbone, options: SeqNetOptions) -> SeqNet:
    """Put a SeqNet together.

    Args:
        backbone: Taken apart; its stem is used, its tail copied twice.
        options: Every choice.
    """
    parts = skeleton(backbone, options)
    second = SecondStage(
        RegionSampler(options.second_regions, options.second_positive_fraction),
        Suppression(options.score_threshold, options.second_nms_threshold, options.max_detections),
        options.box_loss_beta,
        options.embed_refined,
    )
    net = SeqNet(
        parts,
        _detector(backbone, options),
        _second_head(backbone, options),
        second,
        IdentityLosses(options.num_identities, options.embedding_dim, options),
    )
    return laid_out(net, options)


def _detector(backbone: Backbone, options: SeqNetOptions) -> Detector:
    tail = backbone.tail(options.det_level, last_stride=options.last_stride)
    set_norm_mode(tail, options.tail_norm)
    return Detector(
        RegionPooling(backbone.stem.level(options.det_level), options.det_size, options.region_operator),
        TailRegionHead(tail, tail.out_channels, "max"),
        DetectorSettings.of(options),
    )


def _second_head(backbone: Backbone, options: SeqNetOptions) -> NormAwareHead | JointHead:
    level = backbone.stem.level(options.det_level)
    pooling = RegionPooling(level, options.det_size, options.region_operator)
    tail = backbone.tail(options.det_level, last_stride=options.last_stride)
    set_norm_mode(tail, options.tail_norm)
    if options.second_head == "nae":
        return NormAwareHead(pooling, level.channels, tail, options.embedding_dim)
    box = NormedBoxRegressor(tail.out_channels)
    return JointHead(pooling, tail, options.embedding_dim, spatial="max", box=box)


@register("seqnet_resnet50", RESNET50)
def seqnet_resnet50(**options: Any) -> SeqNet:
    """SeqNet on ResNet-50 with the published numbers; ``options`` are those of ``SeqNetOptions``."""
    chosen = RESNET50.changed(options)
    return build(make_backbone(chosen.backbone or "resnet50", chosen.weights), chosen)


@register("seqnet_resnet18", RESNET50)
def seqnet_resnet18(**options: Any) -> SeqNet:
    """SeqNet on ResNet-18, laid out as on ResNet-50; ``options`` are those of ``SeqNetOptions``."""
    chosen = RESNET50.changed(options)
    return build(make_backbone(chosen.backbone or "resnet18", chosen.weights), chosen)


@register("seqnet_mobilenet_v2", MOBILENET)
def seqnet_mobilenet_v2(**options: Any) -> SeqNet:
    """The small SeqNet: MobileNetV2, scenes of 640x384; ``options`` are those of ``SeqNetOptions``."""
    chosen = MOBILENET.changed(options)
    return build(make_backbone(chosen.backbone or "mobilenet_v2", chosen.weights), chosen)
