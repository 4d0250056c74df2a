"""Pictures as a camera stores them that was held another way."""

from __future__ import annotations

import numpy as np


def stored_as(orientation: int, upright: np.ndarray) -> np.ndarray:
    """The pixels that EXIF's ``orientation``, 1 to 8, turns into ``upright``."""
    stored = {
        1: upright,
        2: np.fliplr(upright),
        3: np.rot90(upright, 2),
        4: np.flipud(upright),
        5: np.swapaxes(upright, 0, 1),
        6: np.rot90(upright, 1),
        7: np.swapaxes(np.rot90(upright, 2), 0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    return np.ascontiguousarray(stored)
