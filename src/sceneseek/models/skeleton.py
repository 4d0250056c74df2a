"""What all networks with region proposals share: transform, stem, proposal network, and the conventions of calling.

Source: Ren, He, Girshick and Sun, Faster R-CNN (2015), trained jointly: proposals are constants for everything behind
them. A network says what it learns from regions, what it finds in them, and how it embeds them; the rest is here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from sceneseek.errors import ValueRefused
from sceneseek.models.backbones import Backbone, Stem
from sceneseek.models.normalisation import NormMode, set_norm_mode
from sceneseek.models.options import NetworkOptions
from sceneseek.models.trunk import (
    ANCHORS,
    ImageSize,
    ProposalNetwork,
    ProposalSettings,
    RegionOperator,
    SceneTransform,
    Target,
)

Maps = OrderedDict[str, Tensor]


@dataclass(frozen=True)
class SkeletonOptions(NetworkOptions):
    """What can be chosen in every network with region proposals; the defaults are py-faster-rcnn's.

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
        region_operator: ``"pool"``, ``"align"`` or ``"align_centred"``.
        score_threshold: Detections below it are dropped.
        nms_threshold: IoU of the suppression.
        max_detections: Per image.
        embedding_dim: ``D``.
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


class IdentityModule(Protocol):
    """Identity losses with their memories, as a network calls them."""

    def update(self, *columns: Tensor) -> None:
        """Let the memories take in a step's regions."""


@dataclass(frozen=True)
class Found:
    """Detections per image, in resized pixels.

    Attributes:
        boxes: ``(N, 4)``.
        scores: ``(N,)``, falling.
        embeddings: Unit rows ``(N, D)``.
    """

    boxes: list[Tensor]
    scores: list[Tensor]
    embeddings: list[Tensor]


class SearchNetwork(nn.Module):
    """A network with region proposals that keeps the model contract.

    A subclass has ``identity``, says with ``learn``, ``find`` and ``embed_regions`` what happens to regions, and names
    with ``identity_table`` and ``scale`` what its cosines are compared with.

    Args:
        parts: What stands in front of the regions.
        embedding_dim: ``D``.
        shared_level: The map on which detection and re-identification both depend.

    Attributes:
        embedding_dim: ``D``.
        feature_strides: Stride by name of the maps that ``shared_features`` gives.
    """

    def __init__(self, parts: Skeleton, embedding_dim: int, shared_level: str) -> None:
        super().__init__()
        self.transform = parts.transform
        self.stem = parts.stem
        self.proposals = parts.proposals
        self.embedding_dim = embedding_dim
        self.feature_strides = {shared_level: parts.stem.level(shared_level).stride}
        # Not state: what the last forward saw, until `update_memories` takes it in or the next step's replaces it.
        self._pending: list[tuple[Tensor, ...]] = []

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

    def remember(self, embeddings: Tensor, labels: Tensor, image_indices: Tensor, *more: Tensor) -> None:
        """Keep what a forward pass saw for ``update_memories``: columns of equal length, the labels as in ``losses``."""
        self._pending.append(tuple(column.detach() for column in (embeddings, labels, image_indices, *more)))

    def forward(
        self, images: list[Tensor], targets: list[Target] | None = None
    ) -> dict[str, Tensor] | list[dict[str, Tensor]]:
        """Losses in training, detections in evaluation.

        Args:
            images: ``(3, H, W)`` float RGB in [0, 1], at their own size.
            targets: In training: ``boxes`` ``(N, 4)`` in the images' pixels and ``person_ids`` ``(N,)`` per image.

        Returns:
            In training unweighted losses by name. In evaluation ``boxes`` ``(N, 4)`` in the images' pixels, ``scores``
            ``(N,)`` falling, and unit ``embeddings`` ``(N, D)`` per image.

        Raises:
            ValueRefused: Training without targets, or with an identity that the memories have no room for.
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
        return {**losses, **self.learn(maps, proposals, scenes.image_sizes, people)}

    def _detections(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        scenes, _ = self.transform(images)
        maps = self.stem(scenes.tensors)
        proposals, _ = self.proposals(scenes, maps, None)
        found = self.find(maps, proposals, scenes.image_sizes)
        originals = [(int(image.shape[-2]), int(image.shape[-1])) for image in images]
        restored = [
            self.transform.restore(boxes, size, original)
            for boxes, size, original in zip(found.boxes, scenes.image_sizes, originals, strict=True)
        ]
        columns = zip(restored, found.scores, found.embeddings, strict=True)
        return [{"boxes": b, "scores": s, "embeddings": e} for b, s, e in columns]

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """Embed given boxes, past the proposals.

        Args:
            images: As for ``forward``.
            boxes: ``(N, 4)`` per image, in its pixels.

        Returns:
            Unit rows ``(N, D)`` per image.
        """
        scenes, given = self.transform(images, [{"boxes": b} for b in boxes])
        embeddings = self.embed_regions(self.stem(scenes.tensors), [g["boxes"] for g in given])
        return list(embeddings.split([len(b) for b in boxes]))

    def update_memories(self) -> None:
        """Let the memories take in what was seen since the last call; once per step, after the backward pass."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        embeddings, labels, _, *more = (torch.cat(column) for column in zip(*pending, strict=True))
        # Several forward passes may make one step; their images are different ones.
        offsets, images = 0, []
        for _, _, image_indices, *_ in pending:
            images.append(image_indices + offsets)
            offsets += int(image_indices.max()) + 1 if len(image_indices) else 0
        identity: IdentityModule = self.identity
        identity.update(embeddings, labels, torch.cat(images), *more)

    def shared_features(self, images: list[Tensor]) -> Maps:
        """The maps that detection and re-identification both depend on: ``(B, C, h, w)`` by level name."""
        scenes: ImageList = self.transform(images)[0]
        maps = self.stem(scenes.tensors)
        return OrderedDict((name, maps[name]) for name in self.feature_strides)

    @property
    def identity_table(self) -> Tensor:
        """One unit row per identity, ``(P, D)``; zero where never seen."""
        raise NotImplementedError

    @property
    def scale(self) -> float:
        """What multiplies cosines with the identity table."""
        raise NotImplementedError
