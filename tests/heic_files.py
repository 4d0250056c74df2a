"""HEIC files as phones write them, for tests: made by the encoder that comes with the decoder."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 40), (40, 60, 230), (240, 240, 240)


def quarters(height: int = 96, width: int = 144) -> np.ndarray:
    """Four colours, one for each corner, so that any turn or mirror shows."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = RED, GREEN
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = BLUE, WHITE
    return image


def heic(image: np.ndarray | Image.Image, **options: Any) -> bytes:
    """A picture as HEIC."""
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    stream = io.BytesIO()
    pillow_heif.from_pillow(picture).save(stream, **{"quality": 95, **options})
    return stream.getvalue()


def heic_of_10_bits(image: np.ndarray) -> bytes:
    """A picture with 10 bits a colour."""
    stream = io.BytesIO()
    height, width = image.shape[:2]
    deep = (image.astype(np.uint16) * 257).tobytes()
    pillow_heif.from_bytes(mode="RGB;16", size=(width, height), data=deep).save(stream, quality=95)
    return stream.getvalue()


def heic_of_several(*images: np.ndarray, primary: int) -> bytes:
    """Several pictures, of which one is to be shown."""
    stream = io.BytesIO()
    file = pillow_heif.from_pillow(Image.fromarray(images[0]))
    for image in images[1:]:
        file.add_from_pillow(Image.fromarray(image))
    file.save(stream, quality=95, primary_index=primary)
    return stream.getvalue()


def photograph(**tags: Any) -> bytes:
    """A phone's photograph: tiles, EXIF data, upright after a quarter turn."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Apple", "iPhone 15", tags.pop("orientation", 6)
    shot = exif.get_ifd(0x8769)
    shot[0x9003], shot[0x9011] = tags.pop("taken", "2026:03:01 12:00:00"), tags.pop("offset", "+01:00")
    stored = np.ascontiguousarray(np.rot90(quarters(600, 400), 1))
    return heic(stored, exif=exif.tobytes(), tile_size=256, **tags)
