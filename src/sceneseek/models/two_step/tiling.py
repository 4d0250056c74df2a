"""Any detector, on overlapping tiles and on the whole image, for small people in large scenes."""

from __future__ import annotations

import numpy as np
import torch

from sceneseek.models.tiling import Tiling
from sceneseek.models.two_step.parts import Detector, People
from sceneseek.structures import ImageArray


class Tiled:
    """A detector that looks closer; the embedder cuts its crops at full size anyway.

    Args:
        detector: What looks at each tile.
        tiling: How the image is cut.
    """

    def __init__(self, detector: Detector, tiling: Tiling | None = None) -> None:
        self.detector = detector
        self.tiling = tiling or Tiling()
        self.fingerprint = f"{detector.fingerprint}:{self.tiling.fingerprint}"

    def detect(self, image: ImageArray) -> People:
        """Find people in ``(H, W, 3)`` uint8 RGB."""
        views = self.tiling.views(image.shape[1], image.shape[0])
        found = [self.detector.detect(np.ascontiguousarray(image[v.top : v.bottom, v.left : v.right])) for v in views]
        merged = self.tiling.merge(
            views, [torch.from_numpy(part.boxes) for part in found], [torch.from_numpy(part.scores) for part in found]
        )
        return People(merged.boxes.numpy(), merged.scores.numpy())
