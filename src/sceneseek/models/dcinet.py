"""DC-I-Net: the detector first, then a re-identifier on the refined boxes, each on layers of its own.

Source: Zhang, He, Yang, Wang and Gao, Tasks Integrated Networks: Joint Detection and Retrieval for Image Search (2020),
section on DC-I-Net.
Differs from the paper: which layers each part reads is not stated there; here both are options, and
``dcinet_mobilenet_v2`` is a small network of our own proportions after the same plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneseek.models.backbones import Backbone, make_backbone
from sceneseek.models.heads.detection import Detector, DetectorSettings, LightRegionHead, TailRegionHead
from sceneseek.models.heads.identity import IdentityLosses, IdentityOptions
from sceneseek.models.heads.reid import Pooling, RegionLabeller, Reidentifier
from sceneseek.models.normalisation import set_norm_mode
from sceneseek.models.skeleton import Found, Maps, SearchNetwork, Skeleton, SkeletonOptions, laid_out, skeleton
from sceneseek.models.trunk import ImageSize, RegionPooling, Target
from sceneseek.models.zoo import register


class DCINet(SearchNetwork):
    """Detect people and embed them, in one network.

    Its losses are ``loss_rpn_cls``, ``loss_rpn_reg``, ``loss_det_cls``, ``loss_det_reg`` and the identity losses.

    Args:
        parts: What stands in front of the regions.
        detector: Proposals to scored, refined boxes.
        reidentifier: Refined boxes to embeddings.
        labeller: Chooses what the re-identifier learns from.
        identity: The identity losses and their memories.
    """

    def __init__(
        self,
        parts: Skeleton,
        detector: Detector,
        reidentifier: Reidentifier,
        labeller: RegionLabeller,
        identity: IdentityLosses,
    ) -> None:
        super().__init__(parts, reidentifier.embedding_dim, reidentifier.pooling.level_name)
        self.detector = detector
        self.reidentifier = reidentifier
        self.labeller = labeller
        self.identity = identity

    def learn(
        self, maps: Maps, proposals: list[Tensor], sizes: Sequence[ImageSize], targets: list[Target]
    ) -> dict[str, Tensor]:
        """The losses of detector and re-identifier; arguments as in ``SearchNetwork``."""
        trained = self.detector.learn(maps, proposals, sizes, targets)
        regions = self.labeller(trained.refined, targets)
        features = self.reidentifier.features(maps, regions.boxes)
        embeddings = F.normalize(features, dim=1)
        identity = self.identity(embeddings, regions.labels, regions.image_indices, features=features)
        self.remember(embeddings, regions.labels, regions.image_indices, features)
        return {**trained.losses, **identity}

    def find(self, maps: Maps, proposals: list[Tensor], sizes: Sequence[ImageSize]) -> Found:
        """Detect, then embed the refined boxes."""
        boxes, scores = self.detector.detect(maps, proposals, sizes)
        embeddings = torch.split(self.embed_regions(maps, boxes), [len(b) for b in boxes])
        return Found(boxes, scores, list(embeddings))

    def judge_regions(self, maps: Maps, boxes: list[Tensor]) -> Tensor:
        """The detector's log-odds."""
        return self.detector.judge(maps, boxes)

    def embed_regions(self, maps: Maps, boxes: list[Tensor]) -> Tensor:
        """Embed boxes through the re-identifier alone."""
        embeddings: Tensor = self.reidentifier(maps, boxes)
        return embeddings


@dataclass(frozen=True)
class DCINetOptions(SkeletonOptions, IdentityOptions):
    """Everything that can be chosen when a DC-I-Net is built.

    The defaults are the published numbers where there are any. Builders change some of them.

    What is not told here is told by ``SkeletonOptions`` and, of the identity losses, by ``IdentityOptions``.

    Attributes:
        det_head: ``"tail"``: a copy of the backbone's last stage. ``"light"``: a few thin layers.
        reid_level: What the re-identifier reads.
        reid_size: Cells of its region.
        reid_last_stride: Stride of the last reduction in its tail.
        reid_pooling: ``"average"``, ``"gem"`` or ``"max"``.
        reid_dropout: Before the embedding layer.
        reid_neck: Centre and scale embeddings by running statistics before they are made unit vectors.
        reid_regions: Per image in the loss.
        reid_positive_fraction: Largest share of people among them; with 1 no background passes through.
    """

    network = "DC-I-Net"

    det_head: Literal["tail", "light"] = "tail"
    reid_level: str = ""
    reid_size: tuple[int, int] = (7, 7)
    reid_last_stride: int = 2
    reid_pooling: Pooling = "average"
    reid_dropout: float = 0.0
    reid_neck: bool = False
    reid_regions: int = 128
    reid_positive_fraction: float = 0.5

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the losses, sorted."""
        detection = ("loss_det_cls", "loss_det_reg", "loss_rpn_cls", "loss_rpn_reg")
        return tuple(sorted((*detection, *self.identity_loss_names)))


VGG16 = DCINetOptions(det_level="conv5", reid_level="conv5", frozen_stages=1)
RESNET = DCINetOptions(det_level="layer3", reid_level="layer3", det_size=(14, 14), reid_size=(14, 14), frozen_stages=0)
MOBILENET = DCINetOptions(
    min_size=384,
    max_size=640,
    frozen_stages=0,
    stem_norm="batch",
    tail_norm="batch",
    anchors="people",
    rpn_batch=128,
    train_proposals=(1000, 300),
    test_proposals=(500, 100),
    det_level="stride16",
    det_head="light",
    det_regions=64,
    region_operator="align_centred",
    reid_level="stride8",
    reid_size=(24, 12),
    reid_neck=True,
    reid_regions=16,
    reid_positive_fraction=1.0,
    dictionary_store="fg",
)


def build(backbone: Backbone, options: DCINetOptions) -> DCINet:
    """Put a DC-I-Net together.

    Args:
        backbone: Taken apart; its stem is used, its tails copied.
        options: Every choice.
    """
    parts = skeleton(backbone, options)
    net = DCINet(
        parts,
        _detector(backbone, options),
        _reidentifier(backbone, options),
        RegionLabeller(options.reid_regions, options.reid_positive_fraction),
        IdentityLosses(options.num_identities, options.embedding_dim, options),
    )
    return laid_out(net, options)


def _detector(backbone: Backbone, options: DCINetOptions) -> Detector:
    level = backbone.stem.level(options.det_level)
    head: LightRegionHead | TailRegionHead
    if options.det_head == "light":
        head = LightRegionHead(level.channels, options.det_size)
    else:
        tail = backbone.tail(options.det_level)
        set_norm_mode(tail, options.tail_norm)
        head = TailRegionHead(tail, tail.out_channels)
    return Detector(
        RegionPooling(level, options.det_size, options.region_operator),
        head,
        DetectorSettings.of(options),
    )


def _reidentifier(backbone: Backbone, options: DCINetOptions) -> Reidentifier:
    tail = backbone.tail(options.reid_level, last_stride=options.reid_last_stride)
    set_norm_mode(tail, options.tail_norm)
    return Reidentifier(
        RegionPooling(backbone.stem.level(options.reid_level), options.reid_size, options.region_operator),
        tail,
        options.embedding_dim,
        spatial=options.reid_pooling,
        dropout=options.reid_dropout,
        neck=options.reid_neck,
    )


def _named(backbone: str, defaults: DCINetOptions, options: dict[str, Any]) -> DCINet:
    chosen = defaults.changed(options)
    return build(make_backbone(chosen.backbone or backbone, chosen.weights), chosen)


@register("dcinet_vgg16", VGG16)
def dcinet_vgg16(**options: Any) -> DCINet:
    """DC-I-Net on VGG16 with the published numbers; ``options`` are those of ``DCINetOptions``."""
    return _named("vgg16", VGG16, options)


@register("dcinet_resnet50", RESNET)
def dcinet_resnet50(**options: Any) -> DCINet:
    """DC-I-Net on ResNet-50 with the published numbers; ``options`` are those of ``DCINetOptions``."""
    return _named("resnet50", RESNET, options)


@register("dcinet_resnet18", RESNET)
def dcinet_resnet18(**options: Any) -> DCINet:
    """DC-I-Net on ResNet-18, laid out as on ResNet-50; ``options`` are those of ``DCINetOptions``."""
    return _named("resnet18", RESNET, options)


@register("dcinet_mobilenet_v2", MOBILENET)
def dcinet_mobilenet_v2(**options: Any) -> DCINet:
    """The small DC-I-Net: MobileNetV2, scenes of 640x384, a fraction of a second on two CPU cores.

    The detector reads stride 16 through a light head; the re-identifier reads 24x12 cells of stride 8 through its own
    copies of all later blocks. ``options`` are those of ``DCINetOptions``.
    """
    return _named("mobilenet_v2", MOBILENET, options)
