"""Arrays to picture files, whole or not at all."""

from __future__ import annotations

import io
import os
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from sceneseek.errors import PictureError
from sceneseek.pictures.formats import reason
from sceneseek.structures import ImageArray

_WRITTEN = frozenset({"JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "AVIF"})


def write_picture(image: ImageArray, path: str | Path, quality: int = 92) -> None:
    """Write a picture; the suffix names the format. The file appears whole or not at all.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        path: Where; missing folders are made.
        quality: 1 to 100, for JPEG, WebP and AVIF.

    Raises:
        PictureError: The suffix names no format that is written, or the file cannot be written.
    """
    path = Path(path)
    file_format = Image.registered_extensions().get(path.suffix.lower())
    if file_format not in _WRITTEN:
        raise PictureError(f"{path}: cannot write pictures as {path.suffix!r}; use .jpg, .png or .webp.")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise PictureError(f"{path}: expected (H, W, 3) uint8 RGB; found {image.shape} {image.dtype}.")
    options = {"quality": quality} if file_format in ("JPEG", "WEBP", "AVIF") else {}
    encoded = io.BytesIO()
    temporary = path.with_name(f".{path.stem[:40]}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        Image.fromarray(image).save(encoded, format=file_format, **options)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(encoded.getvalue())
        os.replace(temporary, path)
    except (OSError, ValueError) as error:
        raise PictureError(f"{path}: the picture cannot be written ({reason(error)}).") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
