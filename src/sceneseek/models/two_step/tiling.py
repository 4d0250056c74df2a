"""Looking closer: a detector run on overlapping tiles and on the whole image, for small people in large scenes."""

from __future__ import annotations

import numpy as np
import torch
from torchvision.ops import nms

from sceneseek.models.two_step.parts import Detector, People
from sceneseek.structures import FloatArray, ImageArray


class Tiled:
    """Any detector, on tiles.

    The whole image finds the large, the tiles find the small. A person cut by a tile's edge lies whole in the next
    tile, or is large enough for the whole image, so boxes that touch an inner edge are dropped.

    Args:
        detector: What looks at each tile.
        tile: The side of a square tile in pixels of the image.
        overlap: The share of a tile that its neighbour sees again, at least.
        nms_threshold: Of two boxes that overlap by more (IoU), the lower one is dropped.
    """

    def __init__(
        self, detector: Detector, *, tile: int = 640, overlap: float = 0.25, nms_threshold: float = 0.5
    ) -> None:
        self.detector = detector
        self.tile = tile
        self.overlap = overlap
        self.nms_threshold = nms_threshold
        self.fingerprint = f"{detector.fingerprint}:tile={tile}:overlap={overlap}:nms={nms_threshold}"

    def detect(self, image: ImageArray) -> People:
        """Find people in ``(H, W, 3)`` uint8 RGB."""
        height, width = image.shape[:2]
        found = [self.detector.detect(image)]
        for top in tile_starts(height, self.tile, self.overlap):
            for left in tile_starts(width, self.tile, self.overlap):
                bottom, right = min(top + self.tile, height), min(left + self.tile, width)
                if (bottom - top, right - left) == (height, width):
                    continue
                part = self.detector.detect(np.ascontiguousarray(image[top:bottom, left:right]))
                whole = ~cut_mask(part.boxes, (left, top, right, bottom), (width, height))
                boxes = part.boxes + np.array([left, top, left, top], np.float32)
                found.append(People(boxes[whole], part.scores[whole]))
        boxes, scores = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        best = nms(torch.from_numpy(boxes), torch.from_numpy(scores), self.nms_threshold).numpy()
        return People(boxes[best], scores[best])


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


def cut_mask(
    boxes: FloatArray, tile: tuple[int, int, int, int], size: tuple[int, int], margin: float = 2.0
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which boxes of a tile touch an edge that is not also the image's, ``(N,)``.

    Args:
        boxes: ``(N, 4)`` in pixels of the tile.
        tile: The tile's ``xyxy`` in the image.
        size: Width and height of the image.
        margin: How near counts as touching, in pixels.
    """
    left, top, right, bottom = tile
    cut: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.zeros(len(boxes), bool)
    if left > 0:
        cut |= boxes[:, 0] <= margin
    if top > 0:
        cut |= boxes[:, 1] <= margin
    if right < size[0]:
        cut |= boxes[:, 2] >= right - left - margin
    if bottom < size[1]:
        cut |= boxes[:, 3] >= bottom - top - margin
    return cut
