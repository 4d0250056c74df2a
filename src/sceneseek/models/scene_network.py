"""The model contract in one place: scenes in, losses or people out; boxes in, embeddings out; memories once a step."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from sceneseek.errors import ValueRefused
from sceneseek.models.backbones import Stem
from sceneseek.models.trunk import SceneTransform, Target

Maps = OrderedDict[str, Tensor]


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


class SceneNetwork(nn.Module):
    """A network that keeps the model contract.

    A subclass has ``identity``, says with ``learn_scenes``, ``find_scenes``, ``embed_scenes`` and ``share_maps`` what
    happens to a resized batch, and names with ``identity_table`` and ``scale`` what its cosines are compared with.

    Args:
        transform: Resizes and normalises.
        stem: Scenes to maps.
        embedding_dim: ``D``.
        feature_strides: Stride by name of the maps that ``shared_features`` gives.
    """

    def __init__(
        self, transform: SceneTransform, stem: Stem, embedding_dim: int, feature_strides: dict[str, int]
    ) -> None:
        super().__init__()
        self.transform = transform
        self.stem = stem
        self.embedding_dim = embedding_dim
        self.feature_strides = feature_strides
        # Not state: what the last forward saw, until `update_memories` takes it in or the next step's replaces it.
        self._pending: list[tuple[Tensor, ...]] = []

    def learn_scenes(self, scenes: ImageList, targets: list[Target]) -> dict[str, Tensor]:
        """The losses of a resized batch.

        Args:
            scenes: The batch.
            targets: ``boxes`` in resized pixels, ``person_ids``, and ``labels`` that are all 1 (a person).
        """
        raise NotImplementedError

    def find_scenes(self, scenes: ImageList) -> Found:
        """The people of a resized batch."""
        raise NotImplementedError

    def embed_scenes(self, scenes: ImageList, boxes: list[Tensor]) -> list[Tensor]:
        """Unit rows ``(N, D)`` for ``(N, 4)`` boxes per image, in resized pixels."""
        raise NotImplementedError

    def share_maps(self, scenes: ImageList) -> Maps:
        """The maps of a resized batch that detection and re-identification both depend on."""
        raise NotImplementedError

    def remember(self, embeddings: Tensor, labels: Tensor, image_indices: Tensor, *more: Tensor) -> None:
        """Keep columns ``(N, ...)`` of what a forward pass saw until ``update_memories``."""
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
        return self.learn_scenes(scenes, people)

    def _detections(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        scenes, _ = self.transform(images)
        found = self.find_scenes(scenes)
        originals = [(int(image.shape[-2]), int(image.shape[-1])) for image in images]
        restored = [
            self.transform.restore(boxes, size, original)
            for boxes, size, original in zip(found.boxes, scenes.image_sizes, originals, strict=True)
        ]
        columns = zip(restored, found.scores, found.embeddings, strict=True)
        return [{"boxes": b, "scores": s, "embeddings": e} for b, s, e in columns]

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """Embed given boxes.

        Args:
            images: As for ``forward``.
            boxes: ``(N, 4)`` per image, in its pixels.

        Returns:
            Unit rows ``(N, D)`` per image.
        """
        scenes, given = self.transform(images, [{"boxes": b} for b in boxes])
        return self.embed_scenes(scenes, [g["boxes"] for g in given])

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
        self.take_in(embeddings, labels, torch.cat(images), *more)

    def take_in(self, *columns: Tensor) -> None:
        """Give a step's remembered columns to the memories."""
        cast(IdentityModule, self.identity).update(*columns)

    def shared_features(self, images: list[Tensor]) -> Maps:
        """The maps that detection and re-identification both depend on: ``(B, C, h, w)`` by level name."""
        return self.share_maps(self.transform(images)[0])

    @property
    def identity_table(self) -> Tensor:
        """One unit row per identity, ``(P, D)``; zero where never seen."""
        raise NotImplementedError

    @property
    def scale(self) -> float:
        """What multiplies cosines with the identity table."""
        raise NotImplementedError
