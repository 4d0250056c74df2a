"""ROI-AlignPS: AlignPS with a second branch that reads regions; both embeddings together describe a person.

Source: the authors' code of Yan et al., Anchor-Free Person Search (2021), which came with the paper's extension.
Differs from that code: the proposals' box loss is torchvision's smooth L1 (nearly L1: it turns straight at 1/9).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList

from sceneseek.models.alignps import (
    SMALL,
    STRIDES,
    AlignedParts,
    AlignPS,
    AlignPSOptions,
    GivenBoxes,
    MeanOver,
    aligned_parts,
    coarse_maps,
    described,
)
from sceneseek.models.backbones import Backbone, make_backbone, stride_on_first_convolution
from sceneseek.models.heads.identity import IdentityLosses, IdentityOptions
from sceneseek.models.heads.mutual_information import MutualInformation, shared_people
from sceneseek.models.heads.norm_aware import NormAwareHead
from sceneseek.models.heads.regions import RegionSampler, region_losses
from sceneseek.models.normalisation import NormMode, set_norm_mode
from sceneseek.models.scene_network import Found, Maps
from sceneseek.models.trunk import (
    ANCHORS,
    ProposalNetwork,
    ProposalSettings,
    RegionOperator,
    RegionPooling,
    Target,
)
from sceneseek.models.zoo import register

_LOCATIONS, _REGIONS = 0, 1


@dataclass(frozen=True)
class RegionBranch:
    """The second branch.

    Attributes:
        proposals: In training, what the head learns from; searching reads the boxes of the aligned map.
        sampler: Chooses among the proposals.
        head: Region to score, box and embedding; score and box teach alone.
        identity: Its OIM loss.
        mutual: Ties the branches' embeddings.
    """

    proposals: ProposalNetwork
    sampler: RegionSampler
    head: NormAwareHead
    identity: IdentityLosses
    mutual: MutualInformation


class ROIAlignPS(AlignPS):
    """AlignPS, and a norm-aware head on regions of a map at stride 16.

    Searching, the aligned map finds people; each is described by its location's vector and by the region head's
    embedding of its box, side by side: ``2 D`` numbers. Losses: AlignPS's, ``loss_rpn_cls``, ``loss_rpn_reg``,
    ``loss_roi_cls``, ``loss_roi_reg``, ``loss_roi_oim`` and ``loss_mutual``.

    Args:
        parts: The arguments of ``AlignPS``.
        branch: The second branch.
        mean_over: As for ``AlignPS``.
        given_boxes: As for ``AlignPS``, for its half; regions are cut at the given boxes themselves.
    """

    def __init__(
        self, parts: AlignedParts, branch: RegionBranch, *, mean_over: MeanOver, given_boxes: GivenBoxes
    ) -> None:
        super().__init__(**vars(parts), mean_over=mean_over, given_boxes=given_boxes)
        self.proposals = branch.proposals
        self.sampler = branch.sampler
        self.region_head = branch.head
        self.region_identity = branch.identity
        self.mutual = branch.mutual
        self.embedding_dim = parts.identity.embedding_dim + branch.head.embedding_dim

    def learn_scenes(self, maps: Maps, scenes: ImageList, targets: list[Target]) -> dict[str, Tensor]:
        """The losses of both branches, and of what they know of each other."""
        aligned = maps["p3"]
        location_losses, people = self.detector.learn([aligned, *coarse_maps(maps)], targets)
        at_locations = described(aligned)[people.where]
        location_losses |= self.identity(at_locations, people.labels, people.image_indices)

        proposals, proposal_losses = self.proposals(scenes, maps, targets)
        regions = self.sampler(proposals, targets)
        answers = self.region_head(maps, regions.boxes)
        # Published: the absolute difference of box codes.
        classification, regression = region_losses(answers.logits, answers.codes, regions, beta=0.0)
        matching = self.region_identity(answers.embeddings, regions.labels, regions.image_indices)

        self.remember(
            torch.cat([at_locations, answers.embeddings]),
            torch.cat([people.labels, regions.labels]),
            torch.cat([people.image_indices, regions.image_indices]),
            torch.cat([torch.full_like(people.labels, _LOCATIONS), torch.full_like(regions.labels, _REGIONS)]),
        )
        return {
            **location_losses,
            **proposal_losses,
            "loss_roi_cls": classification,
            "loss_roi_reg": regression,
            "loss_roi_oim": matching["loss_oim"],
            "loss_mutual": self.mutual(*shared_people(answers.embeddings, regions.labels, at_locations, people.labels)),
        }

    def take_in(self, *columns: Tensor) -> None:
        """Give each branch's memories its own rows."""
        embeddings, labels, image_indices, branch = columns
        for which, identity in ((_LOCATIONS, self.identity), (_REGIONS, self.region_identity)):
            own = branch == which
            identity.update(embeddings[own], labels[own], image_indices[own])

    def find_scenes(self, maps: Maps, scenes: ImageList) -> Found:
        """People on the aligned map, described by both branches."""
        aligned = maps["p3"]
        found = self.detector.find(aligned, scenes.image_sizes)
        at_locations = [rows[image.cells] for rows, image in zip(described(aligned), found, strict=True)]
        boxes = [f.boxes for f in found]
        in_regions = self.region_head(maps, boxes).embeddings.split([len(b) for b in boxes])
        return Found(boxes, [f.scores for f in found], _side_by_side(at_locations, in_regions))

    def embed_scenes(self, maps: Maps, scenes: ImageList, boxes: list[Tensor]) -> list[Tensor]:
        """The region head on the given boxes, beside the aligned map's vectors for them."""
        return self._beside_regions(maps, self.describe_boxes(maps["p3"], scenes, boxes), boxes)

    def describe_people(self, maps: Maps, scenes: ImageList, boxes: list[Tensor]) -> list[Tensor]:
        """The same, with the vectors of the locations that answer for each person in training."""
        return self._beside_regions(maps, self.describe_by_centre(maps["p3"], boxes), boxes)

    def located(self, maps: Maps, targets: list[Target]) -> None:
        """Nothing: no single location has both halves of an embedding."""
        return

    def _beside_regions(self, maps: Maps, at_locations: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        in_regions = self.region_head(maps, boxes).embeddings.split([len(b) for b in boxes])
        return _side_by_side(at_locations, in_regions)

    @property
    def identity_table(self) -> Tensor:
        """Both branches' rows side by side, ``(P, 2 D)``: cosines with them are means of the branches' cosines."""
        both = (self.identity.table.centres, self.region_identity.table.centres)
        return torch.cat(both, dim=1) / 2**0.5

    @property
    def scale(self) -> float:
        """The mean of what multiplies cosines in the two branches, which have no scale in common."""
        return (self.identity.oim.scale + self.region_identity.scale) / 2


def _side_by_side(at_locations: list[Tensor], in_regions: tuple[Tensor, ...]) -> list[Tensor]:
    """Unit rows next to unit rows, as unit rows."""
    return [torch.cat(halves, dim=1) / 2**0.5 for halves in zip(at_locations, in_regions, strict=True)]


@dataclass(frozen=True)
class ROIAlignPSOptions(AlignPSOptions):
    """Everything that can be chosen when a ROI-AlignPS is built.

    What is not told here is told by ``AlignPSOptions``; ``embedding_dim`` is that of each branch.

    Attributes:
        anchors: Of the proposals, see ``SkeletonOptions``.
        rpn_batch: Anchors per image in the loss.
        train_proposals: Before and after suppression. There are none in evaluation.
        region_operator: As in ``trunk.RegionPooling``.
        tail_norm: Batch normalisations of the region branch's copy of the last stage.
        reid_size: Cells of a region.
        reid_regions: Per image in the loss.
        reid_positive_fraction: Largest share of people among them.
        background_threshold: Overlap below which a proposal is background; between it and 0.5 it is ignored.
        region_oim_scale: What multiplies cosines in the region branch.
        mutual_hidden: Width of the network that estimates mutual information.
        mutual_estimator_share: Share of the steps that train it alone.
    """

    network = "ROI-AlignPS"

    oim_average: Literal["labelled", "people"] = "labelled"
    anchors: Literal["person_search", "people"] = "person_search"
    rpn_batch: int = 256
    train_proposals: tuple[int, int] = (12000, 2000)
    region_operator: RegionOperator = "align_adaptive"
    tail_norm: NormMode = "frozen"
    reid_size: tuple[int, int] = (14, 14)
    reid_regions: int = 128
    reid_positive_fraction: float = 0.5
    background_threshold: float = 0.1
    region_oim_scale: float = 30.0
    mutual_hidden: int = 256
    mutual_estimator_share: float = 2 / 3

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the losses, sorted."""
        own = ("rpn_cls", "rpn_reg", "roi_cls", "roi_reg", "roi_oim", "mutual")
        return tuple(sorted((*super().losses, *(f"loss_{name}" for name in own))))


RESNET = ROIAlignPSOptions()
COMPACT = ROIAlignPSOptions(
    **SMALL,
    anchors="people",
    rpn_batch=128,
    train_proposals=(1000, 300),
    tail_norm="batch",
    reid_size=(12, 6),
    reid_regions=32,
)


def build(backbone: Backbone, options: ROIAlignPSOptions) -> ROIAlignPS:
    """Put a ROI-AlignPS together.

    Args:
        backbone: Taken apart; its stem is used, its last stage copied.
        options: Every choice.
    """
    # The branch first: its copy of the last stage is one of the stage as it came, not as the stem will have changed it.
    branch = _region_branch(backbone, options)
    net = ROIAlignPS(
        aligned_parts(backbone, options), branch, mean_over=options.mean_over, given_boxes=options.given_boxes
    )
    return net.to(memory_format=torch.channels_last) if options.channels_last else net


def _region_branch(backbone: Backbone, options: ROIAlignPSOptions) -> RegionBranch:
    level = backbone.stem.at_stride(STRIDES[1])
    tail = backbone.tail(level.name)
    if options.caffe_strides:
        stride_on_first_convolution(tail)
    set_norm_mode(tail, options.tail_norm)
    sides, ratios = ANCHORS[options.anchors]
    settings = ProposalSettings(
        anchor_sides=sides,
        anchor_ratios=ratios,
        batch_size_per_image=options.rpn_batch,
        train_pre_nms=options.train_proposals[0],
        train_post_nms=options.train_proposals[1],
    )
    pooling = RegionPooling(level, options.reid_size, options.region_operator)
    oim = IdentityOptions(
        identity_losses=("oim",),
        oim_scale=options.region_oim_scale,
        oim_momentum=options.oim_momentum,
        queue_size=options.queue_size,
    )
    width = options.embedding_dim
    return RegionBranch(
        ProposalNetwork(level, settings),
        RegionSampler(options.reid_regions, options.reid_positive_fraction, background=options.background_threshold),
        NormAwareHead(pooling, level.channels, tail, width),
        IdentityLosses(options.num_identities, width, oim),
        MutualInformation((width, width), options.mutual_hidden, options.mutual_estimator_share),
    )


def _named(backbone: str, defaults: ROIAlignPSOptions, options: dict[str, Any]) -> ROIAlignPS:
    chosen = defaults.changed(options)
    return build(make_backbone(chosen.backbone or backbone, chosen.weights), chosen)


@register("roi_alignps_resnet50", RESNET)
def roi_alignps_resnet50(**options: Any) -> ROIAlignPS:
    """ROI-AlignPS on ResNet-50 with the published numbers; ``options`` are those of ``ROIAlignPSOptions``."""
    return _named("resnet50", RESNET, options)


@register("roi_alignps_mobilenet_v2", COMPACT)
def roi_alignps_mobilenet_v2(**options: Any) -> ROIAlignPS:
    """The small ROI-AlignPS: MobileNetV2, scenes of 640x384; ``options`` are those of ``ROIAlignPSOptions``."""
    return _named("mobilenet_v2", COMPACT, options)
