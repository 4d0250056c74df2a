"""A picture file to upright 8-bit RGB, or a clear refusal."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageFile

from sceneseek.errors import PictureError
from sceneseek.pictures import colours, deep_colours, tones
from sceneseek.pictures.colours import Remark
from sceneseek.pictures.exif import SIDEWAYS, TURNS, orientation_to_undo
from sceneseek.pictures.formats import opened, reason
from sceneseek.pictures.tiff import TiffFile
from sceneseek.structures import ImageArray

MAX_PIXELS = 128_000_000
"""The largest picture that is decoded, in pixels: a 108-megapixel photograph passes, a 20000 x 20000 bomb does not."""

_HEAD = 1 << 16
_OF_SEVERAL_WITHOUT_A_WORD = frozenset({"MPO"})
"""Formats whose further pictures are no pictures of their own: depth, brightness, the other eye."""
_ASSOCIATED_ALPHA = 1
_EXTRA_SAMPLES = 338


class UnknownKindError(Exception):
    """A picture is whole, and of a kind that no decoder here knows; never seen outside of this module."""


def no_remark(words: str) -> None:
    """Let a remark pass."""


def read_picture(source: str | Path | bytes, max_pixels: int = MAX_PIXELS, remark: Remark = no_remark) -> ImageArray:
    """Read a picture as upright 8-bit sRGB.

    EXIF orientation is applied, colour profiles are converted to sRGB, transparency is composited on white, values of
    more than 8 bits are scaled by the white that the file states or that is found (``tones``), and of an animation or a
    file of several pictures the first is taken, of a HEIC file its primary one.

    Args:
        source: A file, or the bytes of one.
        max_pixels: Larger pictures are refused by their header, before a pixel is decoded.
        remark: Told in words, without the file's name, what was guessed or left out.

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
    with opened(source) as (image, name):
        _check_pixels(image.size, max_pixels, name)
        try:
            return _decoded(image, remark)
        except UnknownKindError as error:
            raise PictureError(f"{name}: the picture was not read: {error}.") from error
        except MemoryError as error:
            width, height = image.size
            raise PictureError(f"{name}: not enough memory to decode {width} x {height} pixels.") from error
        except Exception as error:  # decoders raise whatever damaged bytes lead them to
            raise PictureError(
                f"{name}: the picture is truncated or damaged ({reason(error)}). Copy it again from its source."
            ) from error


def picture_size(source: str | Path | bytes) -> tuple[int, int]:
    """Width and height of the upright picture in pixels, read from the header alone.

    Raises:
        PictureError: The file is missing, empty, or not a picture in a known format.
    """
    with opened(source) as (image, _):
        width, height = image.size
        return (height, width) if orientation_to_undo(image) in SIDEWAYS else (width, height)


def _check_pixels(size: tuple[int, int], most: int, name: str) -> None:
    width, height = size
    if width * height > most:
        raise PictureError(
            f"{name}: the picture is {width} x {height} pixels ({width * height / 1e6:.0f} megapixels); at most "
            f"{most / 1e6:.0f} megapixels are decoded. Scale it down first, or raise the limit (max_pixels)."
        )


def _decoded(image: ImageFile.ImageFile, remark: Remark) -> ImageArray:
    stream, stated, is_deep = image.fp, tones.stated_by(image), deep_colours.is_deep(image)
    orientation, is_premultiplied = orientation_to_undo(image), _is_premultiplied(image)
    if image.format not in _OF_SEVERAL_WITHOUT_A_WORD and _is_one_of_several(image):
        which = "primary" if image.format == "HEIF" else "first"
        remark(f"it holds several pictures, of which the {which} one was read")
    if isinstance(image, TiffFile) and image.is_unknown:
        return _unknown_tiff(image, stated, remark)
    described = _described(image)
    image.load()
    upright = image if orientation not in TURNS else image.transpose(TURNS[orientation])
    if image.mode.startswith(("I", "F")):
        return _grey(upright, stated, image.info.get("transparency"), remark)
    if is_deep and stream is not None and deep_colours.uses_fewer_bits(image):
        found = deep_colours.decoded(_all_of(stream), image, stated, is_premultiplied, remark)
        if found is not None:
            deep = Image.fromarray(found)
            deep.info.update({k: v for k, v in image.info.items() if k == "icc_profile"})
            upright = deep if orientation not in TURNS else deep.transpose(TURNS[orientation])
    return np.array(colours.as_srgb(upright, remark, described), dtype=np.uint8)


def _unknown_tiff(image: TiffFile, stated: tones.Stated, remark: Remark) -> ImageArray:
    assert image.fp is not None
    found = deep_colours.decoded_unknown(_all_of(image.fp), stated, remark)
    if found is None or found.shape[:2] != (image.height, image.width):
        raise UnknownKindError("its numbers are of a kind that is not read; save it with 8 or 16 bits a colour")
    return found


def _grey(image: Image.Image, stated: tones.Stated, clear: object, remark: Remark) -> ImageArray:
    """One channel of more than 8 bits; a value that the file calls transparent becomes white paper."""
    values = np.asarray(image)
    small, guess = tones.to_8_bits(values, stated)
    if guess:
        remark(guess)
    if isinstance(clear, int):
        small = np.where(values == clear, np.uint8(255), small)
    return np.repeat(small[..., None], 3, axis=2)


def _described(image: ImageFile.ImageFile) -> colours.Described | None:
    if image.fp is None or not colours.may_be_described(image):
        return None
    return colours.described_in(_head_of(image.fp))


def _is_one_of_several(image: ImageFile.ImageFile) -> bool:
    """Whether more pictures follow; asked before the first is decoded. Damage behind it is no damage to it."""
    several = False
    with suppress(Exception):
        several = bool(getattr(image, "is_animated", False))
    return several


def _is_premultiplied(image: ImageFile.ImageFile) -> bool:
    if not isinstance(image, TiffFile):
        return False
    extra = image.tag_v2.get(_EXTRA_SAMPLES, ())
    return isinstance(extra, tuple) and _ASSOCIATED_ALPHA in extra


def _head_of(stream: IO[bytes]) -> bytes:
    where = stream.tell()
    try:
        stream.seek(0)
        return stream.read(_HEAD)
    finally:
        stream.seek(where)


def _all_of(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    return stream.read()
