"""DC-I-Net: the detector first, then a re-identifier on the refined boxes, each on layers of its own.

Source: Zhang, He, Yang, Wang and Gao, Tasks Integrated Networks: Joint Detection and Retrieval for Image Search (2020),
section on DC-I-Net.
Differs from the paper: which layers each part reads is not stated there; here both are options, and
``dcinet_mobilenet_v2`` is a small network of our own proportions after the same plan.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from sceneseek.errors import ModelError, ValueRefused, suggest
from sceneseek.losses.mining import HardOrder
from sceneseek.models.backbones import BACKBONES, Backbone
from sceneseek.models.heads.detection import Detector, DetectorSettings, LightRegionHead, TailRegionHead
from sceneseek.models.heads.identity import IdentityLosses, IdentitySettings
from sceneseek.models.heads.reid import Pooling, RegionLabeller, Reidentifier
from sceneseek.models.normalisation import NormMode, set_norm_mode
from sceneseek.models.trunk import (
    PEOPLE_ANCHORS,
    PUBLISHED_ANCHORS,
    ProposalNetwork,
    ProposalSettings,
    RegionOperator,
    RegionPooling,
    SceneTransform,
    Target,
)
from sceneseek.models.zoo import register


class DCINet(nn.Module):
    """Detect people and embed them, in one network.

    Args:
        transform: Resizes and normalises.
        stem: Scenes to maps (``backbones.Stem``).
        proposals: Maps to proposals.
        detector: Proposals to scored, refined boxes.
        reidentifier: Refined boxes to embeddings.
        labeller: Chooses what the re-identifier learns from.
        identity: The identity losses and their memories.

    Attributes:
        embedding_dim: ``D``.
        feature_strides: Stride by name of the maps that ``shared_features`` gives.
    """

    def __init__(
        self,
        transform: SceneTransform,
        stem: nn.Module,
        proposals: ProposalNetwork,
        detector: Detector,
        reidentifier: Reidentifier,
        labeller: RegionLabeller,
        identity: IdentityLosses,
    ) -> None:
        super().__init__()
        self.transform = transform
        self.stem = stem
        self.proposals = proposals
        self.detector = detector
        self.reidentifier = reidentifier
        self.labeller = labeller
        self.identity = identity
        self.embedding_dim = reidentifier.embedding_dim
        shared = reidentifier.pooling
        self.feature_strides = {shared.level_name: round(1 / shared.spatial_scale)}
        # Not state: what the last forward saw, until `update_memories` takes it in or the next step's replaces it.
        self._pending: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(
        self, images: list[Tensor], targets: list[Target] | None = None
    ) -> dict[str, Tensor] | list[dict[str, Tensor]]:
        """Losses in training, detections in evaluation.

        Args:
            images: ``(3, H, W)`` float RGB in [0, 1], at their own size.
            targets: In training: ``boxes`` ``(N, 4)`` in the images' pixels and ``person_ids`` ``(N,)`` per image.

        Returns:
            In training ``loss_rpn_cls``, ``loss_rpn_reg``, ``loss_det_cls``, ``loss_det_reg``, ``loss_olp``,
            ``loss_c2hep``, unweighted. In evaluation ``boxes`` ``(N, 4)`` in the images' pixels, ``scores`` ``(N,)``
            falling, and unit ``embeddings`` ``(N, D)`` per image.

        Raises:
            ValueRefused: Training without targets, or with an identity that has no class centre.
        """
        if self.training:
            if targets is None:
                raise ValueRefused("a network in training needs targets; call model.eval() first to detect.")
            return self._losses(images, targets)
        return self._detections(images)

    def _losses(self, images: list[Tensor], targets: list[Target]) -> dict[str, Tensor]:
        people = [
            {
                "boxes": t["boxes"],
                "person_ids": t["person_ids"],
                "labels": torch.ones(len(t["boxes"]), dtype=torch.int64, device=t["boxes"].device),
            }
            for t in targets
        ]
        scenes, people = self.transform(images, people)
        maps = self.stem(scenes.tensors)
        proposals, losses = self.proposals(scenes, maps, people)
        trained = self.detector.learn(maps, proposals, scenes.image_sizes, people)
        regions = self.labeller(trained.refined, people)
        embeddings = self.reidentifier(maps, regions.boxes)
        identity = self.identity(embeddings, regions.labels, regions.image_indices)
        self._pending.append((embeddings.detach(), regions.labels, regions.image_indices))
        return {**losses, **trained.losses, **identity}

    def _detections(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        scenes, _ = self.transform(images)
        maps = self.stem(scenes.tensors)
        proposals, _ = self.proposals(scenes, maps, None)
        boxes, scores = self.detector.detect(maps, proposals, scenes.image_sizes)
        embeddings = self.reidentifier(maps, boxes).split([len(b) for b in boxes])
        originals = [(int(image.shape[-2]), int(image.shape[-1])) for image in images]
        restored = [
            self.transform.restore(b, size, original)
            for b, size, original in zip(boxes, scenes.image_sizes, originals, strict=True)
        ]
        return [
            {"boxes": b, "scores": s, "embeddings": e} for b, s, e in zip(restored, scores, embeddings, strict=True)
        ]

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """Embed given boxes, through the re-identifier alone.

        Args:
            images: As for ``forward``.
            boxes: ``(N, 4)`` per image, in its pixels.

        Returns:
            Unit rows ``(N, D)`` per image.
        """
        scenes, given = self.transform(images, [{"boxes": b} for b in boxes])
        embeddings = self.reidentifier(self.stem(scenes.tensors), [g["boxes"] for g in given])
        return list(embeddings.split([len(b) for b in boxes]))

    def update_memories(self) -> None:
        """Let the memories take in what was seen since the last call; once per step, after the backward pass."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        # Several forward passes may make one step; their images are different ones.
        embeddings, labels, _ = (torch.cat(column) for column in zip(*pending, strict=True))
        offsets, images = 0, []
        for _, _, image_indices in pending:
            images.append(image_indices + offsets)
            offsets += int(image_indices.max()) + 1 if len(image_indices) else 0
        self.identity.update(embeddings, labels, torch.cat(images))

    def shared_features(self, images: list[Tensor]) -> OrderedDict[str, Tensor]:
        """The maps that detection and re-identification both depend on: ``(B, C, h, w)`` by level name."""
        scenes: ImageList = self.transform(images)[0]
        maps = self.stem(scenes.tensors)
        return OrderedDict((name, maps[name]) for name in self.feature_strides)

    @property
    def identity_table(self) -> Tensor:
        """One unit row per identity, ``(P, D)``; zero where never seen."""
        return self.identity.centres.centres

    @property
    def scale(self) -> float:
        """What multiplies cosines with the identity table."""
        return self.identity.c2hep.scale


@dataclass(frozen=True)
class DCINetOptions:
    """Everything that can be chosen when a DC-I-Net is built.

    The defaults are the published numbers where there are any. Builders change some of them.

    Attributes:
        num_identities: Labelled identities of the training set, numbered from 0; 0 for a network that only searches.
        weights: For the backbone: ``None`` (random), a name of torchvision's such as ``"DEFAULT"``, or a local file.
        min_size: Short side of the resized scene, pixels; of several, training picks at random, evaluation the last.
        max_size: Limit for the long side, pixels.
        image_mean: Normalisation of RGB in [0, 1]; torchvision's weights want the default.
        image_std: As above.
        antialias: Average over pixels when a scene is made smaller.
        channels_last: Memory layout; faster for depthwise convolutions on CPU.
        frozen_stages: So many stages of the stem do not learn.
        stem_norm: Batch normalisations of the stem: ``"batch"``, ``"affine"``, ``"frozen"`` or ``"folded"``
            (``normalisation.set_norm_mode``).
        tail_norm: Batch normalisations of the per-region tails.
        anchors: ``"published"`` or ``"people"`` (upright and smaller).
        rpn_batch: Anchors per image in the loss.
        train_proposals: Before and after suppression.
        test_proposals: Before and after suppression.
        det_level: What the proposal network and the detector read; the stem ends there.
        det_head: ``"tail"``: a copy of the backbone's last stage. ``"light"``: a few thin layers.
        det_size: Cells of a detector's region.
        det_regions: Per image in the loss.
        det_positive_fraction: Largest share of people among them.
        box_loss_beta: Of the smooth L1 loss.
        region_operator: ``"pool"``, ``"align"`` or ``"align_centred"``.
        score_threshold: Detections below it are dropped.
        nms_threshold: IoU of the suppression.
        max_detections: Per image.
        reid_level: What the re-identifier reads.
        reid_size: Cells of its region.
        reid_last_stride: Stride of the last reduction in its tail.
        reid_pooling: ``"average"``, ``"gem"`` or ``"max"``.
        reid_dropout: Before the embedding layer.
        reid_neck: Centre and scale embeddings by running statistics before they are made unit vectors.
        reid_regions: Per image in the loss.
        reid_positive_fraction: Largest share of people among them; with 1 no background passes through.
        embedding_dim: ``D``.
        dictionary_size: See ``IdentitySettings``, as for all below.
        dictionary_store: As named.
        exclude_current_positives: As named.
        olp_scale: As named.
        olp_intra_image: As named.
        olp_max_groups: As named.
        olp_current_negatives: As named.
        c2hep_scale: As named.
        c2hep_pool: As named.
        pool_size: As named.
        hard_negatives: As named.
        hard_order: As named.
        centre_momentum: As named.
    """

    num_identities: int = 0
    weights: str | None = None
    min_size: int | tuple[int, ...] = 600
    max_size: int = 1000
    image_mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    image_std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    antialias: bool = True
    channels_last: bool = True
    frozen_stages: int = 1
    stem_norm: NormMode = "frozen"
    tail_norm: NormMode = "frozen"
    anchors: Literal["published", "people"] = "published"
    rpn_batch: int = 256
    train_proposals: tuple[int, int] = (12000, 2000)
    test_proposals: tuple[int, int] = (6000, 300)
    det_level: str = ""
    det_head: Literal["tail", "light"] = "tail"
    det_size: tuple[int, int] = (7, 7)
    det_regions: int = 128
    det_positive_fraction: float = 0.25
    box_loss_beta: float = 1.0
    region_operator: RegionOperator = "pool"
    score_threshold: float = 0.5
    nms_threshold: float = 0.4
    max_detections: int = 100
    reid_level: str = ""
    reid_size: tuple[int, int] = (7, 7)
    reid_last_stride: int = 2
    reid_pooling: Pooling = "average"
    reid_dropout: float = 0.0
    reid_neck: bool = False
    reid_regions: int = 128
    reid_positive_fraction: float = 0.5
    embedding_dim: int = 256
    dictionary_size: int = 40 * 128
    dictionary_store: Literal["all", "fg", "labelled"] = "all"
    exclude_current_positives: bool = False
    olp_scale: float = 1.0
    olp_intra_image: bool = False
    olp_max_groups: int = 1024
    olp_current_negatives: bool = False
    c2hep_scale: float = 10.0
    c2hep_pool: Literal["dictionary", "centres"] = "dictionary"
    pool_size: int = 100
    hard_negatives: int = 20
    hard_order: HardOrder = "similar"
    centre_momentum: float = 0.5

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(DCINetOptions).items():
            if get_origin(hint) is Literal and getattr(self, name) not in get_args(hint):
                choices = ", ".join(repr(choice) for choice in get_args(hint))
                raise ModelError(f"option {name} of DC-I-Net must be one of {choices}; it is {getattr(self, name)!r}.")

    def changed(self, options: dict[str, Any]) -> DCINetOptions:
        """These options with some replaced; lists, as recipes and JSON hold them, become tuples.

        Raises:
            ModelError: There is no such option.
        """
        known = [field.name for field in fields(self)]
        for name in options:
            if name not in known:
                raise ModelError(f"DC-I-Net has no option {name!r}.{suggest(name, known)}")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
        return replace(self, **values)


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
    stem = backbone.stem
    stem.truncate(options.det_level)
    set_norm_mode(stem, options.stem_norm)
    stem.freeze(options.frozen_stages)
    identity = IdentityLosses(IdentitySettings(**{f.name: getattr(options, f.name) for f in fields(IdentitySettings)}))
    net = DCINet(
        SceneTransform(
            options.min_size,
            options.max_size,
            options.image_mean,
            options.image_std,
            antialias=options.antialias,
            channels_last=options.channels_last,
        ),
        stem,
        ProposalNetwork(stem.level(options.det_level), _proposal_settings(options)),
        _detector(backbone, options),
        _reidentifier(backbone, options),
        RegionLabeller(options.reid_regions, options.reid_positive_fraction),
        identity,
    )
    return net.to(memory_format=torch.channels_last) if options.channels_last else net


def _proposal_settings(options: DCINetOptions) -> ProposalSettings:
    sides, ratios = PEOPLE_ANCHORS if options.anchors == "people" else PUBLISHED_ANCHORS
    return ProposalSettings(
        anchor_sides=sides,
        anchor_ratios=ratios,
        batch_size_per_image=options.rpn_batch,
        train_pre_nms=options.train_proposals[0],
        train_post_nms=options.train_proposals[1],
        test_pre_nms=options.test_proposals[0],
        test_post_nms=options.test_proposals[1],
    )


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
        DetectorSettings(
            batch_size_per_image=options.det_regions,
            positive_fraction=options.det_positive_fraction,
            box_loss_beta=options.box_loss_beta,
            score_threshold=options.score_threshold,
            nms_threshold=options.nms_threshold,
            max_detections=options.max_detections,
        ),
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
    return build(BACKBONES[backbone](chosen.weights), chosen)


def default_options(name: str) -> dict[str, Any]:
    """The options a builder of this module uses where none are given."""
    return asdict({"dcinet_vgg16": VGG16, "dcinet_mobilenet_v2": MOBILENET}.get(name, RESNET))


@register("dcinet_vgg16")
def dcinet_vgg16(**options: Any) -> DCINet:
    """DC-I-Net on VGG16 with the published numbers; ``options`` are those of ``DCINetOptions``."""
    return _named("vgg16", VGG16, options)


@register("dcinet_resnet50")
def dcinet_resnet50(**options: Any) -> DCINet:
    """DC-I-Net on ResNet-50 with the published numbers; ``options`` are those of ``DCINetOptions``."""
    return _named("resnet50", RESNET, options)


@register("dcinet_resnet18")
def dcinet_resnet18(**options: Any) -> DCINet:
    """DC-I-Net on ResNet-18, laid out as on ResNet-50; ``options`` are those of ``DCINetOptions``."""
    return _named("resnet18", RESNET, options)


@register("dcinet_mobilenet_v2")
def dcinet_mobilenet_v2(**options: Any) -> DCINet:
    """The small DC-I-Net: MobileNetV2, scenes of 640x384, a fraction of a second on two CPU cores.

    The detector reads stride 16 through a light head; the re-identifier reads 24x12 cells of stride 8 through its own
    copies of all later blocks. ``options`` are those of ``DCINetOptions``.
    """
    return _named("mobilenet_v2", MOBILENET, options)
