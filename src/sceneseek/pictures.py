"""Picture files to arrays and back: whatever the file holds, the rest of the house sees upright 8-bit RGB.

Everything a camera, a scanner or a hostile stranger may have put into a file is dealt with here, once: EXIF
orientation, CMYK, 16 bits, grey, palettes, transparency, animation, truncation, and headers that promise a picture too
large to decode. What cannot be read raises ``PictureError`` with one sentence that says what was found.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageFile

from sceneseek.errors import PictureError
from sceneseek.structures import ImageArray

MAX_PIXELS = 128_000_000
"""The largest picture that is decoded, in pixels: a 108-megapixel photograph passes, a 20000 x 20000 bomb does not."""

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "AVIF")
"""What is opened. The list is short on purpose: each decoder is code that strangers' files reach."""

SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".dib",
    ".ppm", ".pgm", ".pbm", ".pnm", ".avif",
})  # fmt: skip
"""File names that promise one of ``FORMATS``, in lower case."""

ExifTags = Mapping[int, Any]
"""EXIF data by tag number, those of the picture and those of the shot together."""

_PREFIX_BYTES = 16
_ORIENTATION = 0x0112
_MAKE, _MODEL, _EXIF_IFD, _BODY_SERIAL_NUMBER = 0x010F, 0x0110, 0x8769, 0xA431
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset({5, 6, 7, 8})


def read_picture(source: str | Path | bytes, max_pixels: int = MAX_PIXELS) -> ImageArray:
    """Read a picture as upright 8-bit RGB.

    EXIF orientation is applied, transparency is composited on white, 16-bit and floating values are scaled to 8 bits,
    and of an animation or a multi-page file the first picture is taken. Colours are read as they are stored: embedded
    profiles are not applied.

    Args:
        source: A file, or the bytes of one.
        max_pixels: Larger pictures are refused by their header, before a pixel is decoded.

    Returns:
        ``(H, W, 3)`` uint8 RGB, writable, contiguous.

    Raises:
        PictureError: The file is missing, empty, truncated, too large, or not a picture in a known format.

    Example:
        >>> import tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "grey.png")
        >>> Image.new("L", (4, 2), 200).save(path)
        >>> picture = read_picture(path)
        >>> picture.shape, int(picture[0, 0, 2])
        ((2, 4, 3), 200)
    """
    with _opened(source) as (image, name):
        width, height = image.size
        if width * height > max_pixels:
            raise PictureError(
                f"{name}: the picture is {width} x {height} pixels ({width * height / 1e6:.0f} megapixels); at most "
                f"{max_pixels / 1e6:.0f} megapixels are decoded. Scale it down first, or raise the limit (max_pixels)."
            )
        try:
            orientation = _orientation(image)
            image.load()
            upright = image if orientation not in _TURNS else image.transpose(_TURNS[orientation])
            return np.array(_to_rgb(upright, image.info), dtype=np.uint8)
        except MemoryError as error:
            raise PictureError(f"{name}: not enough memory to decode {width} x {height} pixels.") from error
        except Exception as error:  # decoders raise whatever damaged bytes lead them to
            raise PictureError(
                f"{name}: the picture is truncated or damaged ({_reason(error)}). Copy it again from its source."
            ) from error


def picture_size(source: str | Path | bytes) -> tuple[int, int]:
    """Width and height of the upright picture in pixels, read from the header alone.

    Raises:
        PictureError: The file is missing, empty, or not a picture in a known format.
    """
    with _opened(source) as (image, _):
        width, height = image.size
        return (height, width) if _orientation(image) in _SIDEWAYS else (width, height)


def orientation_of(source: str | Path | bytes) -> int:
    """How a picture is turned when it is read: EXIF's number, 1 to 8; 1 is not at all.

    Raises:
        PictureError: As ``picture_size``.
    """
    with _opened(source) as (image, _):
        found = _orientation(image)
        return found if found in _TURNS else 1


def exif_tags(source: str | Path | bytes) -> ExifTags:
    """What a photograph's EXIF data say of the camera and the moment, by tag number; empty where there are none.

    A file that is no readable picture has none either: a damaged EXIF block is no reason to lose a photograph.
    """
    try:
        with _opened(source) as (image, _):
            exif = _exif(image)
            return {**exif, **exif.get_ifd(_EXIF_IFD)}
    except Exception:
        return {}


def camera_of(source: str | Path | bytes | ExifTags) -> str | None:
    """The camera that a photograph's EXIF data name: make, model, and serial number where there is one.

    Args:
        source: The photograph, or its ``exif_tags``.

    Returns:
        ``None`` where nothing is named, or the file is no readable picture.
    """
    tags = source if isinstance(source, Mapping) else exif_tags(source)
    words = (tags.get(_MAKE), tags.get(_MODEL), tags.get(_BODY_SERIAL_NUMBER))
    make, model, serial = (word.strip(" \0") if isinstance(word, str) else "" for word in words)
    if model.lower().startswith(make.lower()):
        make = ""
    return " ".join(word for word in (make, model, serial) if word) or None


def write_picture(image: ImageArray, path: str | Path, quality: int = 92) -> None:
    """Write a picture; the suffix names the format. The file appears whole or not at all.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        path: Where; missing folders are made.
        quality: 1 to 100, for JPEG, WebP and AVIF.

    Raises:
        PictureError: The suffix names no known format, or the file cannot be written.
    """
    path = Path(path)
    file_format = Image.registered_extensions().get(path.suffix.lower())
    if file_format not in FORMATS:
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
        raise PictureError(f"{path}: the picture cannot be written ({_reason(error)}).") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def has_picture_suffix(path: str | Path) -> bool:
    """Whether a file's name promises a picture.

    Example:
        >>> has_picture_suffix("IMG_0001.JPG"), has_picture_suffix("notes.txt")
        (True, False)
    """
    return Path(path).suffix.lower() in SUFFIXES


@contextmanager
def _opened(source: str | Path | bytes) -> Iterator[tuple[ImageFile.ImageFile, str]]:
    """Yield the picture with its header read, and the name to use in messages."""
    if isinstance(source, bytes):
        with io.BytesIO(source) as stream:
            yield _identified(stream, "picture"), "picture"
        return
    name = str(source)
    if Path(source).is_dir():
        raise PictureError(f"{name}: this is a folder; expected a picture file.")
    with _open_file(source, name) as file:
        yield _identified(file, name), name


def _open_file(source: str | Path, name: str) -> IO[bytes]:
    try:
        return open(source, "rb")
    except FileNotFoundError as error:
        raise PictureError(f"{name}: there is no such file.") from error
    except (OSError, ValueError) as error:
        raise PictureError(f"{name}: the file cannot be opened ({_reason(error)}).") from error


def _identified(stream: IO[bytes], name: str) -> ImageFile.ImageFile:
    """Find the decoder that accepts the first bytes, and let it read the header.

    ``Image.open`` would do the same but compares the size with a limit kept in process-wide state, and warns below it;
    here the limit is the caller's.
    """
    try:
        prefix = stream.read(_PREFIX_BYTES)
    except OSError as error:
        raise PictureError(f"{name}: the file cannot be read ({_reason(error)}).") from error
    if not prefix:
        raise PictureError(f"{name}: the file is empty (0 bytes).")
    Image.preinit()
    Image.init()
    failure: Exception | None = None
    for file_format in FORMATS:
        if file_format not in Image.OPEN:
            continue
        factory, accepts = Image.OPEN[file_format]
        verdict = accepts(prefix) if accepts else True
        if not verdict or isinstance(verdict, str):  # a string is a decoder's excuse: support was not compiled in
            continue
        stream.seek(0)
        try:
            return factory(stream, name)
        except Image.DecompressionBombError as error:  # WebP's decoder checks for itself, earlier than we can
            raise PictureError(f"{name}: the picture is too large to decode ({_reason(error)}).") from error
        except Exception as error:  # damaged headers raise SyntaxError, struct.error, IndexError and more
            failure = error
    if failure is not None:
        raise PictureError(f"{name}: the picture's header is truncated or damaged ({_reason(failure)}).") from failure
    raise PictureError(
        f"{name}: not a picture in a known format (it begins with {prefix[:8]!r}); "
        f"expected one of {', '.join(FORMATS)}."
    )


def _exif(image: Image.Image) -> Image.Exif:
    # The method of the base class: the one for PNG decodes the whole picture to look for a block behind it.
    return Image.Image.getexif(image)


def _orientation(image: Image.Image) -> int:
    """How the stored picture must be turned; 1 is not at all."""
    if image.format == "TIFF":  # Pillow turns these by itself, size included
        return 1
    try:
        value = _exif(image).get(_ORIENTATION, 1)
    except Exception:  # a damaged EXIF block does not make the picture unreadable
        return 1
    return value if isinstance(value, int) else 1


def _to_rgb(image: Image.Image, info: Mapping[Any, Any]) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in info:
        return image
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_to_8_bits(np.asarray(image))).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in info:
        # Through RGBA, which also understands a palette's or a single colour's transparency.
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        paper.alpha_composite(layer)
        return paper.convert("RGB")
    if image.mode == "LAB":
        raise ValueError("Lab colours are not supported; save the picture as RGB")
    return image.convert("RGB")


def _to_8_bits(values: np.ndarray) -> ImageArray:
    """Scale one channel of 16-bit, 32-bit or floating values to 0..255.

    Integers up to 65535 are taken as 16-bit, floats up to 1 as shares of white; anything else is stretched from its
    smallest to its largest value, since such files state no white point.
    """
    if np.issubdtype(values.dtype, np.floating):
        values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        low, high = (0.0, 1.0) if values.min() >= 0 and values.max() <= 1 else (values.min(), values.max())
    else:
        values = values.astype(np.float64)
        low, high = (0.0, 65535.0) if values.min() >= 0 and values.max() <= 65535 else (values.min(), values.max())
    scaled = (values - low) * (255.0 / max(high - low, 1e-12))
    return np.rint(scaled).clip(0, 255).astype(np.uint8)


def _reason(error: Exception) -> str:
    text = str(error).strip().split("\n")[0]
    return text or type(error).__name__
