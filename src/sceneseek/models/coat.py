"""COAT: a cascade of three transformers, each stricter about boxes; the last two embed, with occlusion for a teacher.

Source: Yu, Du, LaLonde, Davila, Funk, Hoogs and Clipp, Cascade Transformers for End-to-End Person Search (2022), and
the authors' code. Differs from that code: its embedding is two unit vectors side by side, here divided by the root of
two, so that it is one unit vector: cosines are half of the published similarities, and rank alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from sceneseek.errors import ModelError
from sceneseek.models.backbones import Backbone, make_backbone
from sceneseek.models.heads.cascade import CascadeStage
from sceneseek.models.heads.detection import Detector, DetectorSettings, TailRegionHead
from sceneseek.models.heads.identity import IdentityLosses, IdentityOptions
from sceneseek.models.heads.joint import RegionAnswers
from sceneseek.models.heads.occluded_attention import OccludedHead, Occlusion, TransformerTail
from sceneseek.models.heads.regions import RegionSampler, Suppression, refine
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

LATER = ("second", "third")
"""The stages behind the detector."""


@dataclass(frozen=True)
class TransformerStage:
    """One of the stages behind the detector.

    Attributes:
        head: Refined boxes to scores, still better boxes, and embeddings.
        numbers: What is done with its answers.
        identity: Its own identity losses, with their memories.
    """

    head: OccludedHead
    numbers: CascadeStage
    identity: IdentityLosses


class COAT(SearchNetwork):
    """Stem, proposals, a detector, and two heads that each read the boxes refined before them.

    Searching, the second and the third head both embed the boxes that enter the third stage; the embedding is both side
    by side, ``2 D`` numbers. The detector's score is the final one.

    Its losses are those of the proposals, ``loss_det_cls`` and ``loss_det_reg`` of the detector, and for each of the
    ``second`` and the ``third`` stage ``loss_second_cls``, ``loss_second_reg``, ``loss_second_oim`` and
    ``loss_second_softmax``.

    Args:
        parts: What stands in front of the regions.
        detector: Proposals to scored, refined boxes.
        stages: By the names in ``LATER``.
        embed_refined: Embed the boxes that leave the third stage, not those that enter it.
    """

    def __init__(
        self, parts: Skeleton, detector: Detector, stages: Mapping[str, TransformerStage], *, embed_refined: bool
    ) -> None:
        width = sum(stages[name].head.embedding_dim for name in LATER)
        super().__init__(parts, width, parts.proposals.level_name)
        self.detector = detector
        self.heads = nn.ModuleDict({name: stages[name].head for name in LATER})
        self.numbers = {name: stages[name].numbers for name in LATER}
        self.identity = nn.ModuleDict({name: stages[name].identity for name in LATER})
        self.embed_refined = embed_refined

    def learn(
        self, maps: Maps, proposals: list[Tensor], sizes: Sequence[ImageSize], targets: list[Target]
    ) -> dict[str, Tensor]:
        """The losses of the three stages; arguments as in ``SearchNetwork``."""
        first = self.detector.learn(maps, proposals, sizes, targets)
        losses, boxes = dict(first.losses), first.refined
        remembered = []
        for place, name in enumerate(LATER):
            taught = self.numbers[name].learn(self.heads[name], maps, boxes, targets)
            regions, answers = taught.regions, taught.answers
            columns = (answers.embeddings, regions.labels, regions.image_indices)
            own = self.identity[name](*columns, features=answers.features)
            losses |= {f"loss_{name}_cls": taught.classification, f"loss_{name}_reg": taught.regression}
            losses |= {_of_stage(name, loss): value for loss, value in own.items()}
            stage = torch.full_like(regions.labels, place)
            remembered.append((*columns, answers.features, regions.overlaps, stage))
            boxes = refine(regions.boxes, answers.codes, sizes)
        self.remember(*(torch.cat(column) for column in zip(*remembered, strict=True)))
        return losses

    def take_in(self, *columns: Tensor) -> None:
        """Give each stage's memories its own rows."""
        *rows, stage = columns
        for place, name in enumerate(LATER):
            identity = self.identity[name]
            assert isinstance(identity, IdentityLosses)
            identity.update(*(column[stage == place] for column in rows))

    def find(self, maps: Maps, proposals: list[Tensor], sizes: Sequence[ImageSize]) -> Found:
        """Detect, refine and suppress twice more; scores stay those of the detector."""
        boxes, scores = self.detector.detect(maps, proposals, sizes)
        answers: RegionAnswers = self.heads["second"](maps, boxes)
        entering = self.numbers["second"].keep(boxes, answers.codes, scores, sizes)
        second, third = self._both(maps, entering.boxes)
        leaving = self.numbers["third"].keep(entering.boxes, third.codes, entering.scores, sizes)
        if self.embed_refined:
            embeddings = self.embed_regions(maps, leaving.boxes)
        else:
            embeddings = _side_by_side(second, third)[leaving.rows]
        return Found(leaving.boxes, leaving.scores, list(torch.split(embeddings, leaving.counts)))

    def judge_regions(self, maps: Maps, boxes: list[Tensor]) -> Tensor:
        """The detector's log-odds."""
        return self.detector.judge(maps, boxes)

    def embed_regions(self, maps: Maps, boxes: list[Tensor]) -> Tensor:
        """Embed boxes through the second and the third head."""
        return _side_by_side(*self._both(maps, boxes))

    def _both(self, maps: Maps, boxes: list[Tensor]) -> tuple[RegionAnswers, RegionAnswers]:
        """What the second and the third head say of boxes, whose regions are cut once."""
        second, third = (self.heads[name] for name in LATER)
        assert isinstance(second, OccludedHead)
        assert isinstance(third, OccludedHead)
        regions = second.pooling(maps, boxes)
        return second.answer(regions), third.answer(regions)

    @property
    def identity_table(self) -> Tensor:
        """Both stages' rows side by side, ``(P, 2 D)``: cosines with them are means of the stages' cosines."""
        tables = [identity.identity_table for identity in self._identities]
        return torch.cat(tables, dim=1) / math.sqrt(len(LATER))

    @property
    def scale(self) -> float:
        """What multiplies cosines with each stage's identity table."""
        return self._identities[0].scale

    @property
    def _identities(self) -> list[IdentityLosses]:
        return [identity for identity in self.identity.values() if isinstance(identity, IdentityLosses)]


def _of_stage(stage: str, loss: str) -> str:
    """What a network calls a stage's loss."""
    return f"loss_{stage}_{loss.removeprefix('loss_')}"


def _side_by_side(second: RegionAnswers, third: RegionAnswers) -> Tensor:
    """Unit rows next to unit rows, as unit rows ``(N, 2 D)``."""
    return torch.cat([second.embeddings, third.embeddings], dim=1) / math.sqrt(len(LATER))


@dataclass(frozen=True)
class COATOptions(SkeletonOptions, IdentityOptions):
    """Everything that can be chosen when a COAT is built.

    What is not told here is told by ``SkeletonOptions``, whose ``det_...`` fields are those of all three stages and
    whose ``tail_norm`` is not read (the tails have no batch normalisations), and by ``IdentityOptions``;
    ``embedding_dim`` is that of each stage.

    Attributes:
        later_overlaps: From which IoU a box shows the person, in the second and in the third stage; 0.5 in the first.
        later_nms_thresholds: IoU of the suppression behind those stages.
        transformer_dim: Channels inside a transformer.
        token_sizes: Cells that a token sees, across and down, per group of those channels.
        attention_heads: Of each attention.
        described_dim: Channels that leave a transformer.
        occlusion: How a stripe is exchanged between regions in training, ``"apart"``, ``"together"`` or ``"none"``
            (``heads.occluded_attention.OccludedHead``).
        stripe: Rows or columns exchanged.
        embed_refined: Embed the boxes that leave the third stage, by one more pass; as published the embedding is that
            of the box that enters it.
    """

    network = "COAT"

    later_overlaps: tuple[float, float] = (0.6, 0.7)
    later_nms_thresholds: tuple[float, float] = (0.4, 0.5)
    transformer_dim: int = 512
    token_sizes: tuple[int, ...] = (1, 3)
    attention_heads: int = 8
    described_dim: int = 2048
    occlusion: Occlusion = "apart"
    stripe: int = 1
    embed_refined: bool = False
    identity_losses: tuple[str, ...] = ("oim", "softmax")
    classifier_input: Literal["raw", "unit"] = "unit"
    classifier_background: bool = False
    classifier_bias: bool = False
    classifier_neck: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("later_overlaps", "later_nms_thresholds"):
            if len(getattr(self, name)) != len(LATER):
                raise ModelError(
                    f"{name} of {self.network} is one number for the second and one for the third stage; "
                    f"found {getattr(self, name)}."
                )
        if not self.token_sizes or any(size < 1 or size % 2 == 0 for size in self.token_sizes):
            raise ModelError(f"token_sizes of {self.network} must be odd numbers; found {self.token_sizes}.")
        parts = 2 * len(self.token_sizes) * self.attention_heads
        if self.transformer_dim % parts:
            raise ModelError(
                f"transformer_dim of {self.network} must be a multiple of {parts}, as it is divided among "
                f"{len(self.token_sizes)} sizes of token, halved, and divided among {self.attention_heads} heads; "
                f"it is {self.transformer_dim}."
            )
        if not 1 <= self.stripe <= min(self.det_size):
            raise ModelError(
                f"stripe of {self.network} must be from 1 to {min(self.det_size)}, as a region has "
                f"{self.det_size[0]} x {self.det_size[1]} cells; it is {self.stripe}."
            )

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the losses, sorted."""
        own = ("cls", "reg", *self.identity_loss_names)
        later = (_of_stage(stage, loss) for stage in LATER for loss in own)
        return tuple(sorted(("loss_rpn_cls", "loss_rpn_reg", "loss_det_cls", "loss_det_reg", *later)))


RESNET50 = COATOptions(**{**PERSON_SEARCH, "det_positive_fraction": 0.25}, oim_scale=30.0)
MOBILENET = COATOptions(
    **SMALL, det_positive_fraction=0.5, oim_scale=30.0, transformer_dim=192, attention_heads=4, described_dim=512
)


def build(backbone: Backbone, options: COATOptions) -> COAT:
    """Put a COAT together.

    Args:
        backbone: Taken apart; its stem is used, its last stage is not.
        options: Every choice.
    """
    parts = skeleton(backbone, options)
    stages = {name: _stage(backbone, options, place) for place, name in enumerate(LATER)}
    net = COAT(parts, _detector(backbone, options), stages, embed_refined=options.embed_refined)
    return laid_out(net, options)


def _transformer(backbone: Backbone, options: COATOptions) -> tuple[RegionPooling, int, TransformerTail]:
    """What cuts the regions, their channels, and a stage's transformer for them."""
    level = backbone.stem.level(options.det_level)
    tail = TransformerTail(
        level.channels, options.transformer_dim, options.token_sizes, options.attention_heads, options.described_dim
    )
    return RegionPooling(level, options.det_size, options.region_operator), level.channels, tail


def _detector(backbone: Backbone, options: COATOptions) -> Detector:
    """The first stage: nothing is exchanged, and nothing passes beside its transformer."""
    pooling, _, tail = _transformer(backbone, options)
    return Detector(pooling, TailRegionHead(tail, tail.out_channels, "max"), DetectorSettings.of(options))


def _stage(backbone: Backbone, options: COATOptions, place: int) -> TransformerStage:
    """The second stage (``place`` 0) or the third."""
    pooling, channels, tail = _transformer(backbone, options)
    head = OccludedHead(
        pooling, channels, tail, options.embedding_dim, occlusion=options.occlusion, stripe=options.stripe
    )
    overlap = options.later_overlaps[place]
    numbers = CascadeStage(
        RegionSampler(options.det_regions, options.det_positive_fraction, foreground=overlap, background=overlap),
        Suppression(options.score_threshold, options.later_nms_thresholds[place], options.max_detections),
        options.box_loss_beta,
    )
    return TransformerStage(head, numbers, IdentityLosses(options.num_identities, options.embedding_dim, options))


@register("coat_resnet50", RESNET50)
def coat_resnet50(**options: Any) -> COAT:
    """COAT on ResNet-50 with the published numbers; ``options`` are those of ``COATOptions``."""
    chosen = RESNET50.changed(options)
    return build(make_backbone(chosen.backbone or "resnet50", chosen.weights), chosen)


@register("coat_mobilenet_v2", MOBILENET)
def coat_mobilenet_v2(**options: Any) -> COAT:
    """The small COAT: MobileNetV2, scenes of 640x384; ``options`` are those of ``COATOptions``."""
    chosen = MOBILENET.changed(options)
    return build(make_backbone(chosen.backbone or "mobilenet_v2", chosen.weights), chosen)
