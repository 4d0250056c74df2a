"""What the rooms that use a model ask of it, so that none of them has to import one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sceneseek.structures._checks import FloatArray, ImageArray
from sceneseek.structures.detections import Detections


class PersonModel(Protocol):
    """Finds people and describes them; ``inference.predictor.Predictor`` is one."""

    @property
    def name(self) -> str:
        """With this name it can be loaded again."""

    @property
    def fingerprint(self) -> str:
        """A digest of weights and preprocessing: equal fingerprints, comparable embeddings."""

    @property
    def embedding_dim(self) -> int:
        """Length of an embedding, ``D``."""

    def detect(self, images: Sequence[ImageArray]) -> list[Detections]:
        """Find the people in each ``(H, W, 3)`` uint8 image, with embeddings."""

    def embed(self, images: Sequence[ImageArray], boxes: Sequence[FloatArray]) -> list[FloatArray]:
        """One unit embedding per given box, ``(N, D)`` for the ``(N, 4)`` boxes of each image."""
