"""The asking side: who is sought in a query picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sceneseek import boxes as box_arithmetic
from sceneseek.errors import BoxError, ValueRefused
from sceneseek.structures import FloatArray, ImageArray, PersonModel

Box = Sequence[float]


@dataclass(frozen=True, eq=False)
class QueryPerson:
    """A person to find, located in a query picture.

    Attributes:
        box: ``xyxy`` in pixels of the query picture.
        embedding: ``(D,)`` unit vector.
        score: The detector's confidence; ``None`` when the box was given.
    """

    box: tuple[float, float, float, float]
    embedding: FloatArray
    score: float | None = None


def locate_person(model: PersonModel, image: ImageArray, box: Box | None = None) -> QueryPerson:
    """Find out who is asked for in a query picture.

    Args:
        model: Finds and describes people.
        image: ``(H, W, 3)`` uint8 RGB.
        box: ``xyxy`` in pixels; parts outside the picture are cut off. Without one: the most confident person.

    Raises:
        ValueRefused: No box was given and nobody was found.
        BoxError: The box is not one, or lies outside the picture.
    """
    if box is None:
        people = model.detect([image])[0]
        if not len(people) or people.embeddings is None:
            raise ValueRefused(
                f"nobody was found in the query picture of {image.shape[1]}x{image.shape[0]} pixels. Say where the "
                "person is with --box x1,y1,x2,y2 (pixels), or take a picture that shows more of the person."
            )
        best = int(np.argmax(people.scores))
        return QueryPerson(_as_tuple(people.boxes[best]), people.embeddings[best], float(people.scores[best]))
    inside = _inside(box, image)
    embedding = model.embed([image], [inside])[0][0]
    return QueryPerson(_as_tuple(inside[0]), embedding)


def _inside(box: Box, image: ImageArray) -> FloatArray:
    """A user's box, checked and cut to the picture, ``(1, 4)`` float32."""
    height, width = image.shape[:2]
    values = np.asarray(box, np.float32).reshape(-1)
    if values.shape != (4,) or not np.isfinite(values).all() or values[2] <= values[0] or values[3] <= values[1]:
        raise BoxError(f"the box {list(box)} is not one: expected x1,y1,x2,y2 in pixels with x1 < x2 and y1 < y2.")
    inside: FloatArray = box_arithmetic.clip(values[None, :], width, height).astype(np.float32)
    if not box_arithmetic.valid_mask(inside, min_side=1.0)[0]:
        raise BoxError(
            f"the box {list(box)} has less than a pixel inside the query picture of {width}x{height} pixels."
        )
    return inside


def _as_tuple(box: FloatArray) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(v) for v in box)
    return x1, y1, x2, y2
