"""The model contract in one place: scenes in, losses or people out; boxes in, embeddings out; memories once a step.

A network looks at a resized batch once (``look``) and answers questions about what it saw: losses, people, embeddings
of boxes, and what distillation compares. ``Reading`` holds one such look.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, cast

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


@dataclass(frozen=True)
class Located:
    """What is said at single locations that answer for people.

    Attributes:
        embeddings: Unit rows ``(P, D)``.
        labels: ``(P,)``, identity or ``UNLABELED``.
        grid: Height and width of the map: two networks with one assignment and one grid have the same locations.
    """

    embeddings: Tensor
    labels: Tensor
    grid: tuple[int, int]


class SceneNetwork(nn.Module):
    """A network that keeps the model contract.

    A subclass has ``identity``, says with ``look`` what it sees of a resized batch and with ``learn_scenes``,
    ``find_scenes`` and ``embed_scenes`` what follows from that, and names with ``identity_table`` and ``scale`` what
    its cosines are compared with.

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

    def look(self, scenes: ImageList) -> Maps:
        """Every map that the answers below read, those of ``feature_strides`` among them: ``(B, C, h, w)`` by name."""
        raise NotImplementedError

    def learn_scenes(self, maps: Maps, scenes: ImageList, targets: list[Target]) -> dict[str, Tensor]:
        """The losses of a resized batch.

        Args:
            maps: What ``look`` saw of it.
            scenes: The batch.
            targets: ``boxes`` in resized pixels, ``person_ids``, and ``labels`` that are all 1 (a person).
        """
        raise NotImplementedError

    def find_scenes(self, maps: Maps, scenes: ImageList) -> Found:
        """The people of a resized batch."""
        raise NotImplementedError

    def embed_scenes(self, maps: Maps, scenes: ImageList, boxes: list[Tensor]) -> list[Tensor]:
        """Unit rows ``(N, D)`` for ``(N, 4)`` boxes per image, in resized pixels."""
        raise NotImplementedError

    def describe_people(self, maps: Maps, scenes: ImageList, boxes: list[Tensor]) -> list[Tensor]:
        """The same for annotated people, by the very places that answer for them in training."""
        return self.embed_scenes(maps, scenes, boxes)

    def share_maps(self, maps: Maps) -> Maps:
        """Those of a batch's maps that detection and re-identification both depend on."""
        return OrderedDict((name, maps[name]) for name in self.feature_strides)

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """What is subtracted from RGB in [0, 1], and what it is divided by then."""
        return tuple(self.transform.image_mean), tuple(self.transform.image_std)

    @property
    def preparation(self) -> str:
        """Everything that happens to a picture before the network looks at it, in evaluation, in words."""
        t = self.transform
        return f"{type(t).__name__} {t.min_size[-1]} {t.max_size} {self.normalisation} {t.antialias}"

    @property
    def map_strides(self) -> dict[str, int]:
        """Stride by name of all maps that a distillation may compare, the shared ones first."""
        return self.feature_strides

    def show_map(self, maps: Maps, name: str) -> Tensor:
        """One of the maps of ``map_strides``."""
        return maps[name]

    def located(self, maps: Maps, targets: list[Target]) -> Located | None:
        """What is said at the locations that answer for people, where single locations do."""
        return None

    @property
    def detects(self) -> Literal["regions", "locations"]:
        """What says "person": regions (``propose``, ``judge_regions``), or locations (``judge_locations``)."""
        raise NotImplementedError

    def propose(self, maps: Maps, scenes: ImageList) -> list[Tensor]:
        """Boxes ``(R, 4)`` per image in which a person may be, likeliest first, without gradient."""
        raise NotImplementedError

    def judge_regions(self, maps: Maps, boxes: list[Tensor]) -> Tensor:
        """Log-odds ``(sum R,)`` of a person in given boxes, in resized pixels."""
        raise NotImplementedError

    def judge_locations(self, maps: Maps) -> Tensor:
        """Log-odds ``(B, 1, h, w)`` of a person at the cells of the first shared map."""
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
            return self.read(images, targets).losses()
        return self._detections(images)

    def read(self, images: list[Tensor], targets: list[Target]) -> Reading:
        """Look at a batch with its people once, to be asked for losses and for what distillation compares.

        Args:
            images: As for ``forward``.
            targets: As for ``forward``.
        """
        people = [
            {
                "boxes": t["boxes"],
                "person_ids": t["person_ids"],
                "labels": torch.ones(len(t["boxes"]), dtype=torch.int64, device=t["boxes"].device),
            }
            for t in targets
        ]
        return self.read_resized(*self.transform(images, people))

    def read_resized(self, scenes: ImageList, targets: list[Target]) -> Reading:
        """The same for a batch that another network has resized, normalised and padded.

        Args:
            scenes: The batch.
            targets: As for ``learn_scenes``.
        """
        return Reading(self, scenes, targets, self.look(scenes))

    def _detections(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        scenes, _ = self.transform(images)
        found = self.find_scenes(self.look(scenes), scenes)
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
        return self.embed_scenes(self.look(scenes), scenes, [g["boxes"] for g in given])

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
        return self.share_maps(self.look(self.transform(images)[0]))

    @property
    def identity_table(self) -> Tensor:
        """One unit row per identity, ``(P, D)``; zero where never seen."""
        raise NotImplementedError

    @property
    def scale(self) -> float:
        """What multiplies cosines with the identity table."""
        raise NotImplementedError


@dataclass(eq=False)
class Reading:
    """One look of a network at a batch with its people, and what it can be asked; every answer is worked out once.

    Attributes:
        network: Whose look.
        scenes: The batch, resized, normalised and padded.
        targets: As for ``SceneNetwork.learn_scenes``.
        maps: What ``look`` saw.
    """

    network: SceneNetwork
    scenes: ImageList
    targets: list[Target]
    maps: Maps

    @property
    def boxes(self) -> list[Tensor]:
        """The annotated people, ``(N, 4)`` per image in resized pixels."""
        return [target["boxes"] for target in self.targets]

    @property
    def person_ids(self) -> Tensor:
        """Their identities, ``(sum N,)``, ``UNLABELED`` where unknown."""
        return torch.cat([target["person_ids"] for target in self.targets])

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Heights and widths of the resized images, without padding."""
        return [(int(height), int(width)) for height, width in self.scenes.image_sizes]

    @property
    def canvas(self) -> tuple[int, int]:
        """Height and width of the padded batch."""
        return int(self.scenes.tensors.shape[-2]), int(self.scenes.tensors.shape[-1])

    def losses(self) -> dict[str, Tensor]:
        """The network's own losses, unweighted, by name. Asked once: what memories will take in is kept each time."""
        return self.network.learn_scenes(self.maps, self.scenes, self.targets)

    def map(self, name: str) -> Tensor:
        """One of the maps of ``map_strides``, ``(B, C, h, w)``."""
        return self.network.show_map(self.maps, name)

    @cached_property
    def embeddings(self) -> Tensor:
        """One unit row per annotated person, ``(sum N, D)``, images in order."""
        with statistics_held(self.network):
            return torch.cat(self.network.describe_people(self.maps, self.scenes, self.boxes))

    @cached_property
    def located(self) -> Located | None:
        """What is said at the locations that answer for people, where single locations do."""
        return self.network.located(self.maps, self.targets)

    @cached_property
    def proposals(self) -> list[Tensor]:
        """See ``SceneNetwork.propose``."""
        return self.network.propose(self.maps, self.scenes)

    def region_logits(self, boxes: list[Tensor]) -> Tensor:
        """See ``SceneNetwork.judge_regions``."""
        with statistics_held(self.network):
            return self.network.judge_regions(self.maps, boxes)

    @cached_property
    def location_logits(self) -> Tensor:
        """See ``SceneNetwork.judge_locations``."""
        return self.network.judge_locations(self.maps)


@contextmanager
def statistics_held(module: nn.Module) -> Iterator[None]:
    """Let batch normalisations judge a second pass of a step by their running statistics, and not count it.

    So an embedding that is compared with a teacher's is the one that the network would search with, and one person
    alone in a batch has one.
    """
    training = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training]
    for part in training:
        part.eval()
    try:
        yield
    finally:
        for part in training:
            part.train()
