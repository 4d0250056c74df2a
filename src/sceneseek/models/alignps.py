"""AlignPS: detection and re-identification on one aligned map, without anchors and without regions.

Source: Yan et al., Anchor-Free Person Search (2021), and the authors' code.

Peculiarities of that code are options. As there by default: a mean over the padding of a batch too (``mean_over``),
displacements that start at random (``offsets_start``), maps that only ever see background (``coarse_levels``). Off by
default: a queue that keeps 64 of 256 numbers (``queue_dims``), the strides of Caffe's ResNet-50 (``caffe_strides``).
Not reproduced: the first identity of a data set has no row of the table in the triplet loss there, an off-by-one.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_iou

from sceneseek.models.aggregation import AlignedAggregation, OffsetStart
from sceneseek.models.backbones import Backbone, Stem, make_backbone, stride_on_first_convolution
from sceneseek.models.heads.anchor_free import (
    AnchorFreeHead,
    FoundLocations,
    LocationDetector,
    LocationSettings,
    location_grid,
    nearest_person,
)
from sceneseek.models.heads.location_identity import LocationIdentity, LocationIdentityOptions
from sceneseek.models.normalisation import NormMode, set_norm_mode
from sceneseek.models.scene_network import Found, Located, Maps, SceneNetwork
from sceneseek.models.trunk import SceneTransform, Target
from sceneseek.models.zoo import register

STRIDES = (8, 16, 32)
_SHARED = "p3"
_TOWERS = {"cls_tower": "cls_convs", "reg_tower": "reg_convs"}
MeanOver = Literal["batch", "scene", "nothing"]
GivenBoxes = Literal["detection", "centre"]


class AlignPS(SceneNetwork):
    """One map at stride 8 finds people and describes them: the embedding of a person is the map's own vector there.

    Its losses are ``loss_det_cls``, ``loss_det_reg``, ``loss_det_ctr``, ``loss_oim`` and ``loss_triplet``.

    Args:
        transform: Resizes and normalises.
        stem: Scenes to maps (``backbones.Stem``).
        aggregation: Maps to the aligned one.
        detector: Finds people on it.
        identity: The identity losses with their memories.
        mean_over: The mean that is taken off the aligned map, see ``AlignPSOptions``.
        given_boxes: How a given box is described, see ``AlignPSOptions``.
    """

    def __init__(
        self,
        transform: SceneTransform,
        stem: Stem,
        aggregation: AlignedAggregation,
        detector: LocationDetector,
        identity: LocationIdentity,
        *,
        mean_over: MeanOver,
        given_boxes: GivenBoxes,
    ) -> None:
        self.stride = detector.settings.stride
        super().__init__(transform, stem, identity.embedding_dim, {_SHARED: self.stride})
        self.aggregation = aggregation
        self.detector = detector
        self.identity = identity
        self.mean_over = mean_over
        self.given_boxes = given_boxes

    def look(self, scenes: ImageList) -> Maps:
        """The stem's maps, the aligned map without its mean (``p3``) and, in training, the coarser ones (``p4`` on)."""
        maps: Maps = self.stem(scenes.tensors)
        aligned, *coarse = self.aggregation(maps, finest_only=not self.training)
        seen = OrderedDict(maps)
        seen[_SHARED] = self.centred(aligned, scenes)
        seen.update((f"p{level}", coarser) for level, coarser in enumerate(coarse, start=4))
        return seen

    def learn_scenes(self, maps: Maps, scenes: ImageList, targets: list[Target]) -> dict[str, Tensor]:
        """The losses of the detector, and TOIM at the locations that answer for people."""
        aligned = maps[_SHARED]
        losses, people = self.detector.learn([aligned, *coarse_maps(maps)], targets)
        embeddings = described(aligned)[people.where]
        self.remember(embeddings, people.labels, people.image_indices)
        return {**losses, **self.identity(embeddings, people.labels, people.image_indices)}

    def find_scenes(self, maps: Maps, scenes: ImageList) -> Found:
        """People on the aligned map, each with the vector of the location that found them."""
        aligned = maps[_SHARED]
        found = self.detector.find(aligned, scenes.image_sizes)
        embeddings = [rows[image.cells] for rows, image in zip(described(aligned), found, strict=True)]
        return Found([f.boxes for f in found], [f.scores for f in found], embeddings)

    def embed_scenes(self, maps: Maps, scenes: ImageList, boxes: list[Tensor]) -> list[Tensor]:
        """The vectors of the locations that answer for given boxes."""
        return self.describe_boxes(maps[_SHARED], scenes, boxes)

    def describe_people(self, maps: Maps, scenes: ImageList, boxes: list[Tensor]) -> list[Tensor]:
        """The mean direction of the locations that answer for each person in training."""
        return self.describe_by_centre(maps[_SHARED], boxes)

    @property
    def map_strides(self) -> dict[str, int]:
        """The aligned map, and the ends of the two towers: ``cls_tower`` and ``reg_tower``."""
        return {**self.feature_strides, **dict.fromkeys(_TOWERS, self.stride)}

    def show_map(self, maps: Maps, name: str) -> Tensor:
        """The aligned map, or the end of a tower."""
        if name in _TOWERS:
            tower: Tensor = getattr(self.detector.head, _TOWERS[name])(maps[_SHARED])
            return tower
        return maps[name]

    def located(self, maps: Maps, targets: list[Target]) -> Located | None:
        """The vectors of the locations that answer for people."""
        aligned = maps[_SHARED]
        grid = (aligned.shape[-2], aligned.shape[-1])
        people = self.detector.assign(grid, targets)
        return Located(described(aligned)[people.where], people.labels, grid)

    @property
    def detects(self) -> Literal["locations"]:
        """Locations say "person"."""
        return "locations"

    def judge_locations(self, maps: Maps) -> Tensor:
        """The classification tower's log-odds at the cells of the aligned map."""
        aligned = maps[_SHARED]
        return self.detector.head.classify(aligned).reshape(len(aligned), 1, *aligned.shape[-2:])

    def aligned(self, scenes: ImageList) -> Tensor:
        """The map that everything reads, ``(B, D, H, W)`` float32."""
        return self.look(scenes)[_SHARED]

    def centred(self, aligned: Tensor, scenes: ImageList) -> Tensor:
        """Take each channel's mean off the map."""
        if self.mean_over == "nothing":
            return aligned
        if self.mean_over == "batch":
            return aligned - aligned.mean(dim=(2, 3), keepdim=True)
        means = [
            image[:, : -(-height // self.stride), : -(-width // self.stride)].mean(dim=(1, 2))
            for image, (height, width) in zip(aligned, scenes.image_sizes, strict=True)
        ]
        return aligned - torch.stack(means)[:, :, None, None]

    def describe_boxes(self, aligned: Tensor, scenes: ImageList, boxes: list[Tensor]) -> list[Tensor]:
        """Unit rows ``(N, D)`` for ``(N, 4)`` boxes per image, in resized pixels."""
        central = self.describe_by_centre(aligned, boxes)
        if self.given_boxes == "centre":
            return central
        found = self.detector.find(aligned, scenes.image_sizes)
        columns = zip(described(aligned), boxes, found, central, strict=True)
        return [_described_by_detection(*column) for column in columns]

    def describe_by_centre(self, aligned: Tensor, boxes: list[Tensor]) -> list[Tensor]:
        """The same by the locations around each box's centre alone."""
        grid = location_grid(aligned.shape[-2], aligned.shape[-1], self.stride, aligned.device)
        return [self._described_by_centre(grid, r, b) for r, b in zip(described(aligned), boxes, strict=True)]

    def _described_by_centre(self, grid: Tensor, rows: Tensor, boxes: Tensor) -> Tensor:
        """The mean direction of the locations that would answer for each box in training, had it been alone."""
        means = []
        for box in boxes:
            reach = self.stride * self.detector.settings.centre_radius
            near = nearest_person(grid, box[None], reach) >= 0
            if not near.any():  # a box between all locations
                near = (grid - (box[:2] + box[2:]) / 2).norm(dim=1).argmin()[None]
            means.append(rows[near].mean(dim=0))
        return F.normalize(torch.stack(means), dim=1) if means else rows[:0]

    @property
    def identity_table(self) -> Tensor:
        """One row per identity, ``(P, D)``, as the loss sees it: not of length one unless ``oim_renormalise``."""
        return self.identity.table.centres

    @property
    def scale(self) -> float:
        """What multiplies cosines with the identity table."""
        return self.identity.oim.scale


def coarse_maps(maps: Maps) -> list[Tensor]:
    """The coarser maps of the aggregation, finest first."""
    return [maps[name] for name in ("p4", "p5", "p6", "p7") if name in maps]


def described(aligned: Tensor) -> Tensor:
    """The vectors of a ``(B, D, H, W)`` map as unit rows ``(B, H W, D)``."""
    return F.normalize(aligned.flatten(2).transpose(1, 2), dim=2)


def _described_by_detection(rows: Tensor, boxes: Tensor, found: FoundLocations, otherwise: Tensor) -> Tensor:
    """Each box described as the detection that overlaps it most; as ``otherwise`` says where none touches it."""
    if len(boxes) == 0 or len(found.boxes) == 0:
        return otherwise
    overlap, best = box_iou(boxes, found.boxes).max(dim=1)
    return torch.where(overlap[:, None] > 0, rows[found.cells[best]], otherwise)


class ProportionalTransform(SceneTransform):
    """The same with a limit for the long side that grows with the short side chosen; ``max_size`` is evaluation's.

    Source: the sizes AlignPS is trained with, 667x400 to 2000x1200, all of one shape.
    """

    def zoom(self, height: int, width: int, short: float | None = None) -> float:
        """Pixels of the resized scene per pixel of a picture."""
        usual = self.min_size[-1]
        wanted = usual if short is None else short
        limit = self.max_size * wanted / usual
        return float(min(wanted / min(height, width), limit / max(height, width)))


@dataclass(frozen=True)
class AlignPSOptions(LocationIdentityOptions):
    """Everything that can be chosen when an AlignPS is built; the defaults are the published numbers.

    What is not told here is told by ``LocationIdentityOptions``.

    Attributes:
        num_identities: Labelled identities of the training set, numbered from 0; 0 for a network that only searches.
        backbone: One of ``backbones.BACKBONES`` in place of the builder's own.
        weights: For the backbone: ``None`` (random), a name of torchvision's such as ``"DEFAULT"``, or a local file.
        min_size: Short side of the resized scene, pixels; of several, training picks at random, evaluation the last.
        max_size: Limit for the long side in evaluation, pixels.
        long_side: ``"proportional"``: in training the limit keeps the shape of evaluation's sizes. ``"fixed"``: it is
            ``max_size`` always.
        image_mean: Normalisation of RGB in [0, 1]. The default is that of torchvision's weights; the published ones
            want ``(123.675, 116.28, 103.53) / 255``, and their first convolution's channels turned round.
        image_std: As above; ``1 / 255`` each.
        antialias: Average over pixels when a scene is made smaller; the published code does not.
        channels_last: Memory layout; faster for depthwise convolutions on CPU.
        frozen_stages: So many stages of the stem do not learn.
        stem_norm: Batch normalisations of the stem (``normalisation.set_norm_mode``).
        caffe_strides: Bottlenecks stride in their first convolution, as weights from Caffe or detectron2 want it.
        coarse_levels: Maps at strides 16 to 128 join the classification loss in training, on which nobody is to be
            found, as published.
        offsets_start: Displacements of the aggregation start by ``"xavier"``, as published, or at ``"zero"``.
        mean_over: The mean that is taken off the aligned map: over the padded ``"batch"``, as published, over the
            ``"scene"`` without padding, or over ``"nothing"``.
        embedding_dim: ``D``, which is the width of the aligned map and the towers.
        tower_convs: Convolutions per tower.
        tower_deformable: The last of them is deformable.
        centre_radius: Strides from a person's centre within which locations answer for them.
        candidates: Best-scored locations before suppression.
        score_threshold: Locations whose class score does not exceed it are dropped.
        nms_threshold: IoU of the suppression.
        max_detections: Per image.
        given_boxes: A given box is described by the ``"detection"`` that overlaps it most, as published for queries,
            and by its centre where none touches it; or by its ``"centre"``: the mean direction of the locations that
            would answer for it in training.
    """

    network = "AlignPS"

    num_identities: int = 0
    backbone: str = ""
    weights: str | None = None
    min_size: int | tuple[int, ...] = (400, 600, 800, 1000, 1200, 900)
    max_size: int = 1500
    long_side: Literal["proportional", "fixed"] = "proportional"
    image_mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    image_std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    antialias: bool = True
    channels_last: bool = True
    frozen_stages: int = 1
    stem_norm: NormMode = "frozen"
    caffe_strides: bool = False
    coarse_levels: bool = True
    offsets_start: OffsetStart = "xavier"
    mean_over: MeanOver = "batch"
    embedding_dim: int = 256
    tower_convs: int = 4
    tower_deformable: bool = True
    centre_radius: float = 1.5
    candidates: int = 1000
    score_threshold: float = 0.05
    nms_threshold: float = 0.5
    max_detections: int = 100
    given_boxes: GivenBoxes = "detection"

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the losses, sorted."""
        return ("loss_det_cls", "loss_det_ctr", "loss_det_reg", "loss_oim", "loss_triplet")


RESNET = AlignPSOptions()
SMALL: dict[str, Any] = {
    "min_size": 384,
    "max_size": 640,
    "frozen_stages": 0,
    "stem_norm": "batch",
    "mean_over": "scene",
    "embedding_dim": 128,
    "tower_convs": 2,
}
"""For the small networks: scenes of 640x384, half the width, half the towers; embeddings that no neighbour changes."""
COMPACT = AlignPSOptions(**SMALL)


@dataclass(frozen=True)
class AlignedParts:
    """What an AlignPS is made of, in the order of its figure; the fields are its arguments."""

    transform: SceneTransform
    stem: Stem
    aggregation: AlignedAggregation
    detector: LocationDetector
    identity: LocationIdentity


def aligned_parts(backbone: Backbone, options: AlignPSOptions) -> AlignedParts:
    """Make the parts.

    Args:
        backbone: Taken apart; its stem is used.
        options: Every choice.
    """
    stem = backbone.stem
    levels = [stem.at_stride(stride) for stride in STRIDES]
    stem.truncate(levels[-1].name)
    if options.caffe_strides:
        stride_on_first_convolution(stem)
    set_norm_mode(stem, options.stem_norm)
    stem.freeze(options.frozen_stages)
    transform = (ProportionalTransform if options.long_side == "proportional" else SceneTransform)(
        options.min_size,
        options.max_size,
        options.image_mean,
        options.image_std,
        antialias=options.antialias,
        channels_last=options.channels_last,
    )
    width = options.embedding_dim
    aggregation = AlignedAggregation(
        levels, width, coarse_levels=options.coarse_levels, offsets_start=options.offsets_start
    )
    settings = LocationSettings(
        stride=STRIDES[0],
        centre_radius=options.centre_radius,
        candidates=options.candidates,
        score_threshold=options.score_threshold,
        nms_threshold=options.nms_threshold,
        max_detections=options.max_detections,
    )
    head = AnchorFreeHead(width, options.tower_convs, deformable=options.tower_deformable)
    identity = LocationIdentity(options.num_identities, width, options)
    return AlignedParts(transform, stem, aggregation, LocationDetector(head, settings), identity)


def build(backbone: Backbone, options: AlignPSOptions) -> AlignPS:
    """Put an AlignPS together.

    Args:
        backbone: Taken apart; its stem is used.
        options: Every choice.
    """
    parts = aligned_parts(backbone, options)
    net = AlignPS(**vars(parts), mean_over=options.mean_over, given_boxes=options.given_boxes)
    return net.to(memory_format=torch.channels_last) if options.channels_last else net


def _named(backbone: str, defaults: AlignPSOptions, options: dict[str, Any]) -> AlignPS:
    chosen = defaults.changed(options)
    return build(make_backbone(chosen.backbone or backbone, chosen.weights), chosen)


@register("alignps_resnet50", RESNET)
def alignps_resnet50(**options: Any) -> AlignPS:
    """AlignPS on ResNet-50 with the published numbers; ``options`` are those of ``AlignPSOptions``."""
    return _named("resnet50", RESNET, options)


@register("alignps_resnet50_dcn", RESNET)
def alignps_resnet50_dcn(**options: Any) -> AlignPS:
    """AlignPS+: on ResNet-50 with deformable convolutions, with the published numbers; ``options`` as for AlignPS."""
    return _named("resnet50_dcn", RESNET, options)


@register("alignps_resnet18", COMPACT)
def alignps_resnet18(**options: Any) -> AlignPS:
    """A small AlignPS on ResNet-18, scenes of 640x384; ``options`` are those of ``AlignPSOptions``."""
    return _named("resnet18", COMPACT, options)


@register("alignps_mobilenet_v2", COMPACT)
def alignps_mobilenet_v2(**options: Any) -> AlignPS:
    """The small AlignPS: MobileNetV2, scenes of 640x384; ``options`` are those of ``AlignPSOptions``."""
    return _named("mobilenet_v2", COMPACT, options)
