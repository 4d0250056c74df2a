"""A person-search network that looks closer: the whole picture and its tiles, behind the contract of one network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from sceneseek.errors import ModelError
from sceneseek.models.tiling import Tiling, View, Zoom, by_long_side
from sceneseek.models.trunk import SceneTransform

TILE_ZOOM = 0.8
"""Pixels of the network's input per pixel of a tile. At 1 a little more people are found, for 1.7 times the work, and
search gains nothing."""

EDGE = 6.0
"""How near to a tile's edge a refined box counts as cut, pixels: it rarely lies on the edge itself."""


class TiledSearch(nn.Module):
    """Any network of the model contract, on the whole picture and on overlapping tiles.

    A network that makes scenes smaller before it looks loses the people who are small in them, and what it says about
    those it finds rests on few pixels. Here each person is found, and described, in the view that shows them best.

    Args:
        model: The network.
        tiling: How a picture is cut; by default, tiles that the network sees at 0.8 of their size.
        tall: People who are at least this tall in the network's input, pixels, are described from the whole picture
            when their box is given.
        batch_size: Tiles of one picture that share a forward pass.
    """

    def __init__(
        self, model: nn.Module, tiling: Tiling | None = None, *, tall: float = 100.0, batch_size: int = 4
    ) -> None:
        super().__init__()
        self.model: Any = model
        self.tiling = tiling or Tiling(tile=_fitting_tile(model), edge=EDGE)
        self.tall = tall
        self.batch_size = batch_size
        self.embedding_dim: int = model.embedding_dim  # type: ignore[assignment]
        self.eval()

    @property
    def fingerprint(self) -> str:
        """Names every number that changes what the network would answer by itself."""
        return f"{self.tiling.fingerprint}:tall={self.tall}"

    def forward(self, images: Sequence[Tensor], targets: object = None) -> list[dict[str, Tensor]]:
        """Find and describe the people of each image.

        Args:
            images: ``(3, H, W)`` float32 RGB in [0, 1], each at its original size.
            targets: Not used; train the network itself.

        Returns:
            Per image ``boxes (N, 4)``, ``scores (N,)`` falling, and unit ``embeddings (N, D)``.

        Raises:
            ModelError: It is in training mode.
        """
        if self.training:
            raise ModelError("A tiled network is not trained: train the network itself, then search with tiles.")
        return [self._one(image) for image in images]

    def embed(self, images: Sequence[Tensor], boxes: Sequence[Tensor]) -> list[Tensor]:
        """Describe given people: ``(N_i, 4)`` boxes of image ``i`` to ``(N_i, D)`` unit rows.

        Each is described in the tile that holds them whole with most room, or in the whole picture when no tile does or
        when they are tall enough there.
        """
        return [self._described(image, rows) for image, rows in zip(images, boxes, strict=True)]

    def _views(self, image: Tensor) -> list[View]:
        return self.tiling.views(int(image.shape[-1]), int(image.shape[-2]), _zoom_of(self.model))

    def _one(self, image: Tensor) -> dict[str, Tensor]:
        views = self._views(image)
        found = [answer for batch in self._batches(views) for answer in self.model([_cut(image, v) for v in batch])]
        merged = self.tiling.merge(views, [part["boxes"] for part in found], [part["scores"] for part in found])
        embeddings = torch.cat([part["embeddings"] for part in found])[merged.rows]
        return {"boxes": merged.boxes, "scores": merged.scores, "embeddings": embeddings}

    def _batches(self, views: list[View]) -> Iterator[list[View]]:
        """The whole picture by itself, then tiles: padding them to its size would waste most of the work."""
        for _, alike in groupby(views, key=lambda view: (view.right - view.left, view.bottom - view.top)):
            batch = list(alike)
            for start in range(0, len(batch), self.batch_size):
                yield batch[start : start + self.batch_size]

    def _described(self, image: Tensor, boxes: Tensor) -> Tensor:
        views = self._views(image)
        chosen = best_views(boxes, views, self.tall / _zoom_of(self.model)(int(image.shape[-2]), int(image.shape[-1])))
        embeddings = boxes.new_zeros((len(boxes), self.embedding_dim))
        for index in sorted(set(chosen.tolist())):
            rows = (chosen == index).nonzero().flatten()
            view = views[index]
            inside = boxes[rows] - boxes.new_tensor(view[:2]).repeat(2)
            embeddings[rows] = self.model.embed([_cut(image, view)], [inside])[0]
        return embeddings


def best_views(boxes: Tensor, views: Sequence[View], tall: float, room: float = 0.05) -> Tensor:
    """In which view to look at each of some people.

    Args:
        boxes: ``(N, 4)`` in pixels of the picture.
        views: The whole picture first.
        tall: From this height on, pixels of the picture, the whole picture is good enough.
        room: What a tile must show around a person on the sides where it ends, as a part of their height.

    Returns:
        ``(N,)`` indices of views.

    Example:
        >>> views = Tiling(tile=100).views(175, 90)
        >>> boxes = torch.tensor([[10.0, 10, 20, 30], [120, 10, 130, 30], [70, 10, 110, 30], [2, 2, 40, 80]])
        >>> best_views(boxes, views, tall=60).tolist()
        [1, 2, 0, 0]
    """
    edges = boxes.new_tensor([list(view) for view in views])
    whole = edges[0]
    ends = torch.cat([edges[:, :2] > whole[:2], edges[:, 2:] < whole[2:]], dim=1)
    around = torch.cat([boxes[:, None, :2] - edges[:, :2], edges[:, 2:] - boxes[:, None, 2:]], dim=2)
    least = around.masked_fill(~ends, torch.inf).amin(dim=2)
    heights = (boxes[:, 3] - boxes[:, 1])[:, None]
    # The whole picture shows everybody: it is what is left when no tile has room.
    least = least.masked_fill((least < room * heights) | (heights >= tall), -1.0)
    least[:, 0] = 0.0
    return least.argmax(dim=1)


def _cut(image: Tensor, view: View) -> Tensor:
    return image[:, view.top : view.bottom, view.left : view.right]


def _zoom_of(model: Any) -> Zoom:
    """The network's own zoom where it is known."""
    transform = getattr(model, "transform", None)
    return transform.zoom if isinstance(transform, SceneTransform) else by_long_side


def _fitting_tile(model: Any) -> int:
    transform = getattr(model, "transform", None)
    if not isinstance(transform, SceneTransform):
        return Tiling.tile
    side: int = min(transform.min_size[-1], transform.max_size)
    return round(side / TILE_ZOOM)
