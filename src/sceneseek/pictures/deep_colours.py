"""Pictures with more bits than Pillow decodes: colours of 16 bits whose numbers fill fewer, and rare kinds of TIFF.

Pillow reads colours of 16 bits by their upper 8, which loses everything where only the lower ones are used. Where that
is possible (nothing is brighter than half of white), the file is decoded once more with all its bits, by OpenCV.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFile

from sceneseek.pictures import tones
from sceneseek.pictures.colours import on_white
from sceneseek.structures import ImageArray

_HALF = 127
_GREY, _COLOURS, _WITH_ALPHA = 2, 3, 4


def decoded_unknown(data: bytes, stated: tones.Stated, remark: Callable[[str], None]) -> ImageArray | None:
    """Decode a TIFF of a kind that Pillow does not know, in its upright orientation.

    Args:
        data: The file.
        stated: What it says of its values.
        remark: Told what was guessed.

    Returns:
        ``(H, W, 3)`` uint8 RGB; ``None`` where OpenCV does not know it either.
    """
    values = _with_all_bits(data)
    if values is None or values.shape[2:] not in ((), (_COLOURS,)):
        return None
    small, guess = tones.to_8_bits(values if values.ndim == _GREY else values[..., ::-1], stated)
    if guess:
        remark(guess)
    return small if small.ndim == _COLOURS else np.repeat(small[..., None], _COLOURS, axis=2)


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether a picture has 16 bits a colour that Pillow is about to cut to 8; asked before it is decoded."""
    return image.mode in ("RGB", "RGBA") and any(";16" in str(tile.args) for tile in image.tile)


def uses_fewer_bits(image: Image.Image) -> bool:
    """Whether a decoded picture is so dark that its numbers may fill fewer than 16 bits."""
    brightest: int = np.asarray(image)[..., :_COLOURS].max(initial=0)
    return brightest <= _HALF


def decoded(
    data: bytes, image: Image.Image, stated: tones.Stated, is_premultiplied: bool, remark: Callable[[str], None]
) -> ImageArray | None:
    """Decode a picture with all its bits.

    Args:
        data: The file.
        image: The same picture as Pillow decoded it, in the orientation of the file.
        stated: What the file says of its values.
        is_premultiplied: Whether its colours were multiplied by their opacity.
        remark: Told what was guessed.

    Returns:
        ``(H, W, 3)`` uint8 RGB on white; ``None`` where it cannot be decoded that way, or has other than 16 bits.
    """
    values = _with_all_bits(data)
    if values is None or values.dtype != np.uint16 or values.shape[:2] != (image.height, image.width):
        return None
    values = values[..., None] if values.ndim == _GREY else values
    colours = values[..., [2, 1, 0]] if values.shape[2] >= _COLOURS else values[..., [0, 0, 0]]
    small, guess = tones.to_8_bits(colours, stated)
    if guess:
        remark(guess)
    if values.shape[2] not in (_GREY, _WITH_ALPHA):
        return small
    alpha = (values[..., -1] // 257).astype(np.uint8)
    if not is_premultiplied:
        return on_white(small, alpha)
    return np.asarray(np.minimum(small.astype(np.uint16) + (255 - alpha)[..., None], 255), np.uint8)


def _with_all_bits(data: bytes) -> tones.Values | None:
    import cv2

    try:
        found: tones.Values | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    return found
