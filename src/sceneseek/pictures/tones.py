"""More than 8 bits to 8: which value is white.

A 16-bit file seldom holds 16 bits. Industrial, infrared and thermal cameras fill 10, 12 or 14 of them, and the picture
is nearly black when 65535 is taken for white. So white is looked for, in this order:

* what the file states: the bits of a sample (TIFF ``BitsPerSample``, a PNM's largest value), TIFF's ``SMaxSampleValue``
  and ``MaxSampleValue``, PNG's ``sBIT``;
* else the highest value that occurs, rounded up to whole bits, at least 8: a picture that uses 12 of 16 bits is 12
  bits deep. Only whole bits, so that a dark photograph is not stretched to its last value.

Floating-point numbers up to 1 are shares of white, whole ones are taken as numbers of bits, others (temperatures,
distances) and numbers below zero are stretched from the smallest to the largest. What was guessed is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from PIL.TiffImagePlugin import BITSPERSAMPLE

from sceneseek.pictures.tiff import TiffFile
from sceneseek.structures import ImageArray

_MAX_SAMPLE, _SMIN_SAMPLE, _SMAX_SAMPLE = 281, 340, 341
_BYTE, _WORD = 8, 16
_BYTE_WHITE, _WORD_WHITE = 255.0, 65535.0
_SHORT = 2
"""Bytes of a number of 16 bits."""

Values = NDArray[Any]


@dataclass(frozen=True)
class Stated:
    """What a file says of its values.

    Attributes:
        white: The value that is white; ``None`` where it does not say.
        black: The value that is black.
        bits: How many bits are significant.
        may_be_scaled: Whether those bits may have been scaled to all bits of a sample, as PNG's standard wants.
        inverted: Whether the smallest value is white.
        unsigned: Whether 32-bit numbers have no sign.
    """

    white: float | None = None
    black: float = 0.0
    bits: int | None = None
    may_be_scaled: bool = False
    inverted: bool = False
    unsigned: bool = False


def stated_by(image: Image.Image) -> Stated:
    """What the header of a picture says of its values; read before the pixels are decoded."""
    if isinstance(image, TiffFile):
        return _stated_by_tiff(image)
    if image.format == "PPM":  # scaled to 16 bits by its largest value while it is decoded
        return Stated(white=_WORD_WHITE)
    if image.format == "PNG":
        return Stated(bits=_significant_bits(image), may_be_scaled=True)
    return Stated()


def to_8_bits(values: Values, stated: Stated) -> tuple[ImageArray, str]:
    """Scale values of more than 8 bits to 0..255.

    Args:
        values: Any shape, whole or floating-point numbers; those that are not finite count as black.
        stated: What the file says of them.

    Returns:
        uint8 of the same shape, and what had to be guessed, in words; empty where nothing had to be.
    """
    if stated.unsigned and values.dtype == np.int32:
        values = values.view(np.uint32)
    finite = np.isfinite(values) if np.issubdtype(values.dtype, np.floating) else None
    usable = values if finite is None else values[finite]
    if not usable.size:
        return np.zeros(values.shape, np.uint8), ""
    low, high, guess = _black_and_white(usable, stated)
    # A float holds 16 bits exactly; longer numbers need more.
    wide: type[np.floating[Any]] = np.float32 if values.dtype.itemsize <= _SHORT else np.float64
    scaled: Values = (values.astype(wide) - low) * (_BYTE_WHITE / max(high - low, 1e-12))
    if finite is not None:
        scaled = np.where(finite, scaled, 0)
    small: ImageArray = np.rint(scaled).clip(0, _BYTE_WHITE).astype(np.uint8)
    return np.asarray(255 - small if stated.inverted else small, np.uint8), guess


def bits_of(value: float) -> int:
    """How many bits a whole number needs, at least 8.

    Example:
        >>> bits_of(1023), bits_of(1024), bits_of(3)
        (10, 11, 8)
    """
    return max(int(value).bit_length(), _BYTE)


def _black_and_white(values: Values, stated: Stated) -> tuple[float, float, str]:
    low, high = float(values.min()), float(values.max())
    if stated.white is not None:
        return stated.black, stated.white, ""
    is_float = np.issubdtype(values.dtype, np.floating)
    if is_float and low >= 0 and high <= 1:
        return 0.0, 1.0, ""
    if low < 0 or (is_float and not (values == np.rint(values)).all()):
        guess = f"its values from {low:,g} to {high:,g} were stretched from black to white, since the file states none"
        return low, high, guess
    if stated.bits is not None:
        if high < 2**stated.bits and not (stated.may_be_scaled and _are_scaled(values, stated.bits)):
            return 0.0, float(2**stated.bits - 1), ""
        if stated.may_be_scaled:
            return 0.0, _WORD_WHITE, ""
    white = 2 ** bits_of(high) - 1
    is_full = white == _WORD_WHITE or high == 0
    guess = f"white was taken to be {white:,} ({bits_of(high)} bits), since no value exceeds {high:,.0f}"
    return 0.0, float(white), "" if is_full else guess


def _are_scaled(values: Values, bits: int) -> bool:
    """Whether ``bits`` significant bits were scaled to 16, as PNG's standard wants: what they leave free is empty."""
    return bool((values & (2 ** (_WORD - bits) - 1) == 0).all()) if bits < _WORD else True


def _stated_by_tiff(image: TiffFile) -> Stated:
    tags = image.tag_v2
    bits = _first(tags.get(BITSPERSAMPLE), 1)
    black, white = _first(tags.get(_SMIN_SAMPLE), None), _first(tags.get(_SMAX_SAMPLE), None)
    kind = {"inverted": image.white_is_zero, "unsigned": image.is_unsigned}
    if image.mode == "F":
        return Stated(white, black or 0.0, **kind) if white is not None and white > (black or 0.0) else Stated(**kind)
    if _BYTE < bits < _WORD:
        return Stated(float(2**bits - 1), **kind)
    largest = white if white is not None else _first(tags.get(_MAX_SAMPLE), None)
    # A writer may state the highest value that occurs, so whole bits here, too; all bits are what stands there unasked.
    stated = None if largest is None or largest <= 0 else bits_of(largest)
    return Stated(bits=stated if stated is not None and stated < bits else None, **kind)


def _first(value: Any, default: Any) -> Any:
    value = value[0] if isinstance(value, tuple) and value else value
    try:
        return default if value is None else float(value) if not isinstance(value, int) else value
    except (TypeError, ValueError, ZeroDivisionError):
        return default


def _significant_bits(image: Image.Image) -> int | None:
    """PNG's ``sBIT``, the most significant bits that any colour had before they were scaled."""
    if not isinstance(image, PngImagePlugin.PngImageFile) or image.fp is None:
        return None
    stream = image.fp
    where = stream.tell()
    try:
        stream.seek(8)
        while len(head := stream.read(8)) == 8 and head[4:] not in (b"IDAT", b"IEND"):
            length = int.from_bytes(head[:4], "big")
            if head[4:] == b"sBIT" and 1 <= length <= 4:
                bits = max(stream.read(length))
                return bits if _BYTE < bits < _WORD else None
            stream.seek(length + 4, 1)
        return None
    finally:
        stream.seek(where)
