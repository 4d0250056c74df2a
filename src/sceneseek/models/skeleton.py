"""What all networks with region proposals share: transform, stem and proposal network.

Source: Ren, He, Girshick and Sun, Faster R-CNN (2015), trained jointly: proposals are constants for everything behind
them. A network says what it learns from regions, what it finds in them, and how it embeds them; the rest is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from sceneseek.models.backbones import Backbone, Stem, make_backbone
from sceneseek.models.heads.identity import IdentityLosses
from sceneseek.models.normalisation import NormMode, set_norm_mode
from sceneseek.models.options import NetworkOptions
from sceneseek.models.scene_network import Found, Maps, SceneNetwork
from sceneseek.models.trunk import (
    ANCHORS,
    ImageSize,
    ProposalNetwork,
    ProposalSettings,
    RegionOperator,
    SceneTransform,
    Target,
)

__all__ = [
    "OIM_RESNET50",
    "PERSON_SEARCH",
    "SMALL",
    "Found",
    "Maps",
    "SearchNetwork",
    "Skeleton",
    "SkeletonOptions",
    "laid_out",
    "resnet50_of_division",
    "skeleton",
]


@dataclass(frozen=True)
class SkeletonOptions(NetworkOptions):
    """What can be chosen in every network with region proposals; the defaults are py-faster-rcnn's.

    Attributes:
        num_identities: Labelled identities of the training set, numbered from 0; 0 for a network that only searches.
        backbone: One of ``backbones.BACKBONES`` in place of the builder's own; ``det_level`` is then a level of it.
        weights: For the backbone: ``None`` (random), a name of torchvision's such as ``"DEFAULT"``, or a local file.
        min_size: Short side of the resized scene, pixels; of several, training picks at random, evaluation the last.
        max_size: Limit for the long side, pixels.
        image_mean: Normalisation of RGB in [0, 1]; torchvision's weights want the default.
        image_std: As above.
        antialias: Average over pixels when a scene is made smaller.
        channels_last: Memory layout; faster for depthwise convolutions on CPU.
        frozen_stages: So many stages of the stem do not learn.
        freeze_entry: The first convolution and its normalisation do not learn.
        stem_norm: Batch normalisations of the stem: ``"batch"``, ``"affine"``, ``"frozen"`` or ``"folded"``
            (``normalisation.set_norm_mode``).
        tail_norm: Batch normalisations of the per-region tails.
        anchors: ``"published"``: sides of 128, 256 and 512 pixels. ``"person_search"``: 32 to 512, of NAE and all that
            build on it. ``"people"``: upright and smaller. ``"oimnetpp"``: 8, 16 and 32, as that code has it.
        rpn_batch: Anchors per image in the loss.
        train_proposals: Before and after suppression.
        test_proposals: Before and after suppression.
        det_level: What the proposal network and the detector read; the stem ends there.
        det_size: Cells of a detector's region.
        det_regions: Per image in the loss.
        det_positive_fraction: Largest share of people among them.
        box_loss_beta: Of the smooth L1 loss.
        region_operator: ``"pool"``, ``"pool_inclusive"``, ``"align"``, ``"align_centred"`` or ``"align_adaptive"``
            (``trunk.RegionPooling``).
        score_threshold: Detections below it are dropped.
        nms_threshold: IoU of the suppression.
        max_detections: Per image.
        embedding_dim: ``D``.
    """

    num_identities: int = 0
    backbone: str = ""
    weights: str | None = None
    min_size: int | tuple[int, ...] = 600
    max_size: int = 1000
    image_mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    image_std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    antialias: bool = True
    channels_last: bool = True
    frozen_stages: int = 1
    freeze_entry: bool = False
    stem_norm: NormMode = "frozen"
    tail_norm: NormMode = "frozen"
    anchors: Literal["published", "person_search", "people", "oimnetpp"] = "published"
    rpn_batch: int = 256
    train_proposals: tuple[int, int] = (12000, 2000)
    test_proposals: tuple[int, int] = (6000, 300)
    det_level: str = ""
    det_size: tuple[int, int] = (7, 7)
    det_regions: int = 128
    det_positive_fraction: float = 0.25
    box_loss_beta: float = 1.0
    region_operator: RegionOperator = "pool"
    score_threshold: float = 0.5
    nms_threshold: float = 0.4
    max_detections: int = 100
    embedding_dim: int = 256


SMALL: dict[str, Any] = {
    "min_size": 384,
    "max_size": 640,
    "frozen_stages": 0,
    "stem_norm": "batch",
    "tail_norm": "batch",
    "anchors": "people",
    "rpn_batch": 128,
    "train_proposals": (1000, 300),
    "test_proposals": (500, 100),
    "det_level": "stride16",
    "det_size": (12, 6),
    "det_regions": 32,
    "region_operator": "align_centred",
}
"""For the small networks on MobileNetV2: scenes of 640x384, upright regions, a hundred proposals."""
OIM_RESNET50: dict[str, Any] = {
    "det_level": "conv4_3",
    "det_size": (14, 14),
    "frozen_stages": 0,
    "freeze_entry": True,
    "tail_norm": "batch",
    "max_detections": 300,
}
"""OIM's division of ResNet-50, which I-Net takes over: the stem ends behind the third block of layer 3."""
PERSON_SEARCH: dict[str, Any] = {
    "min_size": 900,
    "max_size": 1500,
    "frozen_stages": 0,
    "freeze_entry": True,
    "stem_norm": "batch",
    "tail_norm": "batch",
    "anchors": "person_search",
    "det_level": "layer3",
    "det_size": (14, 14),
    "det_positive_fraction": 0.5,
    "region_operator": "align",
    "max_detections": 300,
}
"""What the codes of NAE, SeqNet, COAT and OIMNet++ have in common, on ResNet-50; normalisations train on the batch."""


@dataclass(frozen=True)
class Skeleton:
    """The parts in front of the regions.

    Attributes:
        transform: Resizes and normalises.
        stem: Scenes to maps.
        proposals: Maps to proposals.
    """

    transform: SceneTransform
    stem: Stem
    proposals: ProposalNetwork


def skeleton(backbone: Backbone, options: SkeletonOptions) -> Skeleton:
    """Put the parts in front of the regions together.

    Args:
        backbone: Taken apart; its stem is used and cut off after ``det_level``.
        options: Every choice.
    """
    stem = backbone.stem
    stem.truncate(options.det_level)
    set_norm_mode(stem, options.stem_norm)
    stem.freeze(options.frozen_stages)
    if options.freeze_entry:
        stem.freeze_entry()
    transform = SceneTransform(
        options.min_size,
        options.max_size,
        options.image_mean,
        options.image_std,
        antialias=options.antialias,
        channels_last=options.channels_last,
    )
    sides, ratios = ANCHORS[options.anchors]
    proposals = ProposalNetwork(
        stem.level(options.det_level),
        ProposalSettings(
            anchor_sides=sides,
            anchor_ratios=ratios,
            batch_size_per_image=options.rpn_batch,
            train_pre_nms=options.train_proposals[0],
            train_post_nms=options.train_proposals[1],
            test_pre_nms=options.test_proposals[0],
            test_post_nms=options.test_proposals[1],
        ),
    )
    return Skeleton(transform, stem, proposals)


def resnet50_of_division(options: SkeletonOptions) -> Backbone:
    """ResNet-50 with a level behind the third block of layer 3 where ``det_level`` is that, torchvision's otherwise."""
    name = "resnet50_conv4_3" if options.det_level == "conv4_3" else "resnet50"
    return make_backbone(options.backbone or name, options.weights)


NetworkT = TypeVar("NetworkT", bound=nn.Module)


def laid_out(net: NetworkT, options: SkeletonOptions) -> NetworkT:
    """A network with its weights in the memory layout that the options name."""
    return net.to(memory_format=torch.channels_last) if options.channels_last else net


class SearchNetwork(SceneNetwork):
    """A network with region proposals that keeps the model contract.

    A subclass has ``identity`` and says with ``learn``, ``find`` and ``embed_regions`` what happens to regions. Its
    cosines are compared with what ``identity`` holds, unless ``identity_table`` and ``scale`` say otherwise.

    Args:
        parts: What stands in front of the regions.
        embedding_dim: ``D``.
        shared_level: The map on which detection and re-identification both depend.

    Attributes:
        embedding_dim: ``D``.
        feature_strides: Stride by name of the maps that ``shared_features`` gives.
    """

    def __init__(self, parts: Skeleton, embedding_dim: int, shared_level: str) -> None:
        stride = parts.stem.level(shared_level).stride
        super().__init__(parts.transform, parts.stem, embedding_dim, {shared_level: stride})
        self.proposals = parts.proposals

    def learn(
        self, maps: Maps, proposals: list[Tensor], sizes: Sequence[ImageSize], targets: list[Target]
    ) -> dict[str, Tensor]:
        """The losses of everything behind the proposals.

        Args:
            maps: Levels of the stem.
            proposals: ``(R, 4)`` per image, resized pixels.
            sizes: Heights and widths of the resized images.
            targets: ``boxes`` in resized pixels, ``person_ids``, and ``labels`` that are all 1 (a person).
        """
        raise NotImplementedError

    def find(self, maps: Maps, proposals: list[Tensor], sizes: Sequence[ImageSize]) -> Found:
        """The people among the proposals; arguments as for ``learn``."""
        raise NotImplementedError

    def embed_regions(self, maps: Maps, boxes: list[Tensor]) -> Tensor:
        """Unit rows ``(sum N, D)`` for ``(N, 4)`` boxes per image, in resized pixels."""
        raise NotImplementedError

    def look(self, scenes: ImageList) -> Maps:
        """The levels of the stem."""
        maps: Maps = self.stem(scenes.tensors)
        return maps

    def learn_scenes(self, maps: Maps, scenes: ImageList, targets: list[Target]) -> dict[str, Tensor]:
        """The losses of the proposal network, and of everything behind it."""
        proposals, losses = self.proposals(scenes, maps, targets)
        return {**losses, **self.learn(maps, proposals, scenes.image_sizes, targets)}

    def find_scenes(self, maps: Maps, scenes: ImageList) -> Found:
        """The people among the proposals."""
        return self.find(maps, self.propose(maps, scenes), scenes.image_sizes)

    def embed_scenes(self, maps: Maps, scenes: ImageList, boxes: list[Tensor]) -> list[Tensor]:
        """Embed given boxes, past the proposals."""
        return list(torch.split(self.embed_regions(maps, boxes), [len(b) for b in boxes]))

    @property
    def detects(self) -> Literal["regions"]:
        """Regions say "person"."""
        return "regions"

    @torch.no_grad()
    def propose(self, maps: Maps, scenes: ImageList) -> list[Tensor]:
        """Evaluation's proposals, best first."""
        training = self.proposals.training
        self.proposals.eval()
        proposals, _ = self.proposals(scenes, maps, None)
        self.proposals.train(training)
        return list(proposals)

    @property
    def identity_table(self) -> Tensor:
        """One unit row per identity, ``(P, D)``; zero where never seen."""
        return cast(IdentityLosses, self.identity).identity_table

    @property
    def scale(self) -> float:
        """What multiplies cosines with the identity table."""
        return cast(IdentityLosses, self.identity).scale
