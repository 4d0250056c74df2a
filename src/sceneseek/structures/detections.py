"""People found in one image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sceneseek.errors import ValueRefused
from sceneseek.structures._checks import FloatArray, as_boxes, as_unit_rows, as_vector


@dataclass(frozen=True, eq=False)
class Detections:
    """People found in one image, checked at birth and sliceable.

    Attributes:
        boxes: ``(N, 4)`` float32 ``xyxy`` in pixels of the original image.
        scores: ``(N,)`` float32 in [0, 1], the probability that a box holds a person.
        embeddings: ``(N, D)`` float32 with unit rows, or ``None`` when only detection was asked for.

    Example:
        >>> found = Detections(boxes=[[0, 0, 10, 20], [5, 5, 9, 9]], scores=[0.9, 0.4])
        >>> len(found[found.scores > 0.5])
        1
    """

    boxes: FloatArray
    scores: FloatArray
    embeddings: FloatArray | None = None

    def __post_init__(self) -> None:
        boxes = as_boxes(self.boxes, "Detections")
        scores = as_vector(self.scores, len(boxes), np.float32, "Detections", "scores")
        if scores.size and (scores.min() < 0.0 or scores.max() > 1.0 + 1e-6):
            raise ValueRefused(
                f"Detections: scores lie in [{scores.min():.4g}, {scores.max():.4g}]; expected probabilities in [0, 1]."
            )
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "scores", scores)
        if self.embeddings is not None:
            object.__setattr__(self, "embeddings", as_unit_rows(self.embeddings, len(boxes), "Detections"))

    @classmethod
    def empty(cls, embedding_dim: int | None = None) -> Detections:
        """Nobody was found."""
        embeddings = None if embedding_dim is None else np.zeros((0, embedding_dim), np.float32)
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), embeddings)

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[Detections]:
        return (self[i : i + 1] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Detections:
        """Select by slice, mask or index array; a single integer keeps the batch dimension."""
        if isinstance(index, int | np.integer):
            index = slice(int(index), int(index) + 1) if index >= 0 else [int(index)]
        embeddings = None if self.embeddings is None else self.embeddings[index]
        return Detections(self.boxes[index], self.scores[index], embeddings)
