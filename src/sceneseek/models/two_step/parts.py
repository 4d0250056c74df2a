"""The two halves of a two-step pipeline, as interfaces, and what both need: crops of people."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from sceneseek.structures import FloatArray, ImageArray

DEFAULT_SCORE_THRESHOLD = 0.1
"""Below this a detection is nearly always wrong; the value of YOLOX's own demonstration."""


class People(NamedTuple):
    """People found in one image.

    Attributes:
        boxes: ``(N, 4)`` float32 ``xyxy``, pixels of the image; not yet clipped to it.
        scores: ``(N,)`` float32 in [0, 1], best first.
    """

    boxes: FloatArray
    scores: FloatArray


class Detector(Protocol):
    """Finds people in one image."""

    @property
    def fingerprint(self) -> str:
        """Names the weights and every option that changes the answer."""

    def detect(self, image: ImageArray) -> People:
        """Find people in ``(H, W, 3)`` uint8 RGB."""


class Embedder(Protocol):
    """Describes given people of one image by vectors."""

    @property
    def fingerprint(self) -> str:
        """Names the weights and every option that changes the answer."""

    @property
    def embedding_dim(self) -> int:
        """The length of a vector."""

    def embed(self, image: ImageArray, boxes: FloatArray) -> FloatArray:
        """Describe the people in ``(N, 4)`` boxes of ``(H, W, 3)`` uint8 RGB by ``(N, D)`` unit rows."""


def person_crop(image: ImageArray, box: FloatArray) -> ImageArray:
    """Cut one person out: the box rounded to whole pixels, clipped to the image, at least one pixel wide and high.

    Args:
        image: ``(H, W, 3)``.
        box: ``(4,)`` ``xyxy``.

    Returns:
        ``(h, w, 3)``, a view of the image.

    Example:
        >>> person_crop(np.zeros((10, 10, 3), np.uint8), np.array([2.4, 3.0, 5.6, 30.0], np.float32)).shape
        (7, 4, 3)
    """
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (int(v) for v in np.rint(box))
    x1, y1 = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    x2, y2 = max(min(x2, width), x1 + 1), max(min(y2, height), y1 + 1)
    return image[y1:y2, x1:x2]


def unit_rows(features: FloatArray) -> FloatArray:
    """Scale the rows of ``(N, D)`` to length one; a row of zeros, which says nothing, becomes the first axis."""
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    unit: FloatArray = (features / np.maximum(norms, 1e-12)).astype(np.float32)
    unit[norms[:, 0] < 1e-12, :1] = 1.0
    return unit
