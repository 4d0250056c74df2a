"""The people of a scene that a network is trained on: handed out by ``data.loading``, counted by ``data.checking``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sceneseek import boxes as box_ops
from sceneseek.structures import FloatArray, IntArray, Sample

SMALLEST_SIDE = 1.0
"""Pixels that both sides of a box must exceed inside of the picture: less has no features to learn from."""


class People(NamedTuple):
    """People to train on.

    Attributes:
        boxes: ``(N, 4)`` float32 ``xyxy``, clipped to the picture.
        person_ids: ``(N,)`` int64, ids of the data set, ``UNLABELED`` where unknown.
        annotations: ``(N,)`` int64, the place of each in the scene's annotation.
    """

    boxes: FloatArray
    person_ids: IntArray
    annotations: IntArray


def people_to_train_on(sample: Sample) -> People:
    """The people of a scene, without boxes to ignore and without those that are too small."""
    wanted = ~np.asarray(sample.ignore_mask, bool)
    boxes = box_ops.clip(sample.boxes[wanted], sample.width, sample.height).astype(np.float32)
    large = box_ops.valid_mask(boxes, SMALLEST_SIDE)
    return People(boxes[large], sample.person_ids[wanted][large], np.flatnonzero(wanted)[large])
