"""Looking closer: a picture is searched whole and tile by tile, for small people in large scenes.

The whole picture finds the large, the tiles find the small. A person cut by a tile's edge lies whole in the next tile,
or is large enough for the whole picture; so what touches an inner edge is dropped, and of what several views found the
best is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import nms

from sceneseek.errors import ValueRefused

Zoom = Callable[[int, int], float]
"""How large a network sees a picture of a height and a width: pixels of its input per pixel of the picture."""


class View(NamedTuple):
    """A part of a picture: ``xyxy`` in its pixels."""

    left: int
    top: int
    right: int
    bottom: int


class Merged(NamedTuple):
    """People of a picture, each once, best first.

    Attributes:
        boxes: ``(N, 4)`` in pixels of the picture.
        scores: ``(N,)``.
        rows: ``(N,)`` where each stands among everything that the views found, one view after the other.
    """

    boxes: Tensor
    scores: Tensor
    rows: Tensor


def by_long_side(height: int, width: int) -> float:
    """The zoom of networks that fit the long side into their input, up to a constant."""
    return 1.0 / max(height, width)


@dataclass(frozen=True)
class Tiling:
    """How a picture is cut, and how what its parts show becomes one.

    Attributes:
        tile: The side of a square tile, pixels.
        overlap: The share of a tile that its neighbour sees again, at least.
        nms_threshold: Of two boxes that overlap by more (IoU), the lower-scored one is dropped.
        edge: How near to an inner edge counts as cut, pixels.
        worth: Tiles that the network sees less than so many times larger than the whole picture are not looked at:
            they would show nothing new.
    """

    tile: int = 640
    overlap: float = 0.25
    nms_threshold: float = 0.5
    edge: float = 2.0
    worth: float = 1.25

    def __post_init__(self) -> None:
        if self.tile < 1 or not 0 <= self.overlap < 1:
            raise ValueRefused(
                f"tile is {self.tile} and overlap {self.overlap}; expected at least a pixel, and a share below 1."
            )

    @property
    def fingerprint(self) -> str:
        """Names every number that changes an answer."""
        return f"tile={self.tile}:overlap={self.overlap}:nms={self.nms_threshold}:edge={self.edge}:worth={self.worth}"

    def views(self, width: int, height: int, zoom: Zoom = by_long_side) -> list[View]:
        """The whole picture, then its tiles in reading order, if they are worth a look.

        Args:
            width: Of the picture, pixels.
            height: Of the picture, pixels.
            zoom: How large the network sees a picture.

        Example:
            >>> [tuple(view) for view in Tiling(tile=640).views(1000, 500)]
            [(0, 0, 1000, 500), (0, 0, 640, 500), (360, 0, 1000, 500)]
            >>> len(Tiling(tile=640).views(700, 500))
            1
        """
        whole = View(0, 0, width, height)
        if zoom(min(height, self.tile), min(width, self.tile)) < self.worth * zoom(height, width):
            return [whole]
        return [
            whole,
            *(
                View(left, top, min(left + self.tile, width), min(top + self.tile, height))
                for top in tile_starts(height, self.tile, self.overlap)
                for left in tile_starts(width, self.tile, self.overlap)
            ),
        ]

    def merge(self, views: Sequence[View], boxes: Sequence[Tensor], scores: Sequence[Tensor]) -> Merged:
        """Make one answer of what each view shows.

        Args:
            views: As ``views`` gives them, the whole picture first.
            boxes: ``(N, 4)`` per view, in pixels of the view.
            scores: ``(N,)`` per view.
        """
        whole = views[0]
        kept = torch.cat([~cut_mask(rows, view, whole, self.edge) for rows, view in zip(boxes, views, strict=True)])
        rows = kept.nonzero().flatten()
        moved = torch.cat(
            [part + part.new_tensor(view[:2]).repeat(2) for part, view in zip(boxes, views, strict=True)]
        )[rows]
        sure = torch.cat(list(scores))[rows]
        best = nms(moved, sure, self.nms_threshold)
        return Merged(moved[best], sure[best], rows[best])


def tile_starts(length: int, tile: int, overlap: float) -> list[int]:
    """Where tiles begin along one side: evenly spread, the last one ends at the border.

    Example:
        >>> tile_starts(1080, 640, 0.25), tile_starts(400, 640, 0.25)
        ([0, 440], [0])
    """
    if length <= tile:
        return [0]
    count = int(np.ceil((length - tile) / (tile * (1 - overlap)))) + 1
    return [int(start) for start in np.rint(np.linspace(0, length - tile, count))]


def cut_mask(boxes: Tensor, view: View, whole: View, edge: float) -> Tensor:
    """Which boxes of a view touch an edge that is not also the picture's, ``(N,)``.

    Args:
        boxes: ``(N, 4)`` in pixels of the view.
        view: Where it lies in the picture.
        whole: The picture.
        edge: How near counts as touching, pixels.
    """
    cut = torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    if view.left > whole.left:
        cut |= boxes[:, 0] <= edge
    if view.top > whole.top:
        cut |= boxes[:, 1] <= edge
    if view.right < whole.right:
        cut |= boxes[:, 2] >= view.right - view.left - edge
    if view.bottom < whole.bottom:
        cut |= boxes[:, 3] >= view.bottom - view.top - edge
    return cut
