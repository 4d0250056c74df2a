"""Networks with one head: it reads proposals once, and says of each whether it is a person, where exactly, and whom.

OIM, I-Net, NAE and OIMNet++ have this plan. As published, a detection's embedding is that of the proposal it came from,
not of its refined box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sceneseek.models.backbones import Backbone, Tail
from sceneseek.models.heads.identity import IdentityLosses, IdentityOptions
from sceneseek.models.heads.joint import JointHead, RegionAnswers
from sceneseek.models.heads.norm_aware import NormAwareHead, PixelNormAwareHead
from sceneseek.models.heads.regions import RegionSampler, SampledRegions, Suppression, refine, region_losses
from sceneseek.models.normalisation import set_norm_mode
from sceneseek.models.skeleton import Found, Maps, SearchNetwork, Skeleton, SkeletonOptions
from sceneseek.models.trunk import ImageSize, RegionPooling, Target


@dataclass(frozen=True)
class OneHeadOptions(SkeletonOptions, IdentityOptions):
    """What can be chosen in a network with one head, beside ``SkeletonOptions`` and ``IdentityOptions``.

    Attributes:
        background_threshold: Overlap below which a proposal is background; between it and 0.5 it is ignored.
        pooling: How the cells of a region's description become a vector, ``"average"`` or ``"max"``.
        last_stride: Stride of the last reduction in the tail.
        neck: ``"running"`` centres and scales embeddings by slow running statistics before they are made unit vectors;
            no published network has it.
        embed_refined: Embed refined boxes in evaluation, by a second pass through the head, as DC-I-Net does; the
            published networks take the proposal's embedding.
    """

    background_threshold: float = 0.5
    pooling: Literal["average", "max"] = "average"
    last_stride: int = 2
    neck: Literal["none", "running"] = "none"
    embed_refined: bool = False
    identity_losses: tuple[str, ...] = ("oim",)

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the losses, sorted."""
        detection = ("loss_det_cls", "loss_det_reg", "loss_rpn_cls", "loss_rpn_reg")
        return tuple(sorted((*detection, *self.identity_loss_names)))


@dataclass(frozen=True)
class HeadNumbers:
    """What a one-head network does with its head's answers.

    Attributes:
        sampler: Chooses proposals to learn from.
        suppression: Chooses the detections that remain.
        box_loss_beta: Of the smooth L1 loss.
        embed_refined: See ``OneHeadOptions``.
    """

    sampler: RegionSampler
    suppression: Suppression
    box_loss_beta: float
    embed_refined: bool

    @classmethod
    def of(cls, options: OneHeadOptions) -> HeadNumbers:
        """Those that the options name."""
        return cls(
            RegionSampler(options.det_regions, options.det_positive_fraction, background=options.background_threshold),
            Suppression(options.score_threshold, options.nms_threshold, options.max_detections),
            options.box_loss_beta,
            options.embed_refined,
        )


RegionHead = JointHead | NormAwareHead | PixelNormAwareHead


class OneHeadNetwork(SearchNetwork):
    """Proposals, sampled, through one head.

    Its losses are those of the proposals, ``loss_det_cls``, ``loss_det_reg`` and what ``identity`` gives.

    Args:
        parts: What stands in front of the regions.
        head: ``(maps, boxes, labels)`` to ``RegionAnswers``; has ``embedding_dim``.
        numbers: What is done with the answers.
        identity: Its losses and their memories.
    """

    def __init__(self, parts: Skeleton, head: RegionHead, numbers: HeadNumbers, identity: IdentityLosses) -> None:
        super().__init__(parts, head.embedding_dim, parts.proposals.level_name)
        self.head = head
        self.numbers = numbers
        self.identity = identity

    def detection_losses(self, answers: RegionAnswers, regions: SampledRegions) -> tuple[Tensor, Tensor]:
        """What the head gets wrong about people and their boxes."""
        return region_losses(answers.logits, answers.codes, regions, self.numbers.box_loss_beta)

    def identity_losses(self, answers: RegionAnswers, regions: SampledRegions) -> dict[str, Tensor]:
        """What the head gets wrong about identities; what the memories will take in is kept."""
        columns = (answers.embeddings, regions.labels, regions.image_indices)
        self.remember(*columns, answers.features, regions.overlaps)
        losses: dict[str, Tensor] = self.identity(*columns, features=answers.features)
        return losses

    def scores(self, answers: RegionAnswers, counts: list[int]) -> list[Tensor]:
        """Detection scores ``(N,)`` per image of so many regions each."""
        return list(torch.split(answers.logits.sigmoid(), counts))

    def learn(
        self, maps: Maps, proposals: list[Tensor], sizes: Sequence[ImageSize], targets: list[Target]
    ) -> dict[str, Tensor]:
        """Sample, ask the head, compare; arguments as in ``SearchNetwork``."""
        regions = self.numbers.sampler(proposals, targets)
        answers: RegionAnswers = self.head(maps, regions.boxes, regions.labels)
        classification, regression = self.detection_losses(answers, regions)
        return {
            "loss_det_cls": classification,
            "loss_det_reg": regression,
            **self.identity_losses(answers, regions),
        }

    def find(self, maps: Maps, proposals: list[Tensor], sizes: Sequence[ImageSize]) -> Found:
        """Refine, score and suppress the proposals."""
        answers: RegionAnswers = self.head(maps, proposals)
        counts = [len(boxes) for boxes in proposals]
        refined = refine(proposals, answers.codes, sizes)
        scores = self.scores(answers, counts)
        kept = [self.numbers.suppression(b, s) for b, s in zip(refined, scores, strict=True)]
        boxes = [b[k] for b, k in zip(refined, kept, strict=True)]
        if self.numbers.embed_refined:
            embeddings = list(torch.split(self.embed_regions(maps, boxes), [len(b) for b in boxes]))
        else:
            embeddings = [e[k] for e, k in zip(torch.split(answers.embeddings, counts), kept, strict=True)]
        return Found(boxes, [s[k] for s, k in zip(scores, kept, strict=True)], embeddings)

    def judge_regions(self, maps: Maps, boxes: list[Tensor]) -> Tensor:
        """The head's log-odds."""
        logits: Tensor = self.head(maps, boxes).logits
        return logits

    def embed_regions(self, maps: Maps, boxes: list[Tensor]) -> Tensor:
        """The head's embeddings of given boxes."""
        embeddings: Tensor = self.head(maps, boxes).embeddings
        return embeddings


def region_tail(backbone: Backbone, options: OneHeadOptions) -> tuple[RegionPooling, Tail]:
    """What cuts the regions, and a copy of the backbone's layers after ``det_level``."""
    pooling = RegionPooling(backbone.stem.level(options.det_level), options.det_size, options.region_operator)
    tail = backbone.tail(options.det_level, last_stride=options.last_stride)
    set_norm_mode(tail, options.tail_norm)
    return pooling, tail
