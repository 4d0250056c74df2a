"""TIFF as instruments write it: a few kinds of grey that Pillow's table of TIFFs leaves out or reads as something else.

Pillow looks tags up in a table of what it can decode. Grey whose zero is white, of more than 8 bits, is either missing
there or read as if zero were black, and numbers of 32 bits without a sign are read as if they had one. Here the tags
are changed to the nearest that Pillow knows, before it looks, and what was changed is remembered. What is missing all
the same, such as floating-point numbers of 64 bits, is left to OpenCV's decoder (``deep_colours``).
"""

from __future__ import annotations

from typing import Any

from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    PHOTOMETRIC_INTERPRETATION,
    SAMPLEFORMAT,
    TiffImageFile,
)

_WHITE_IS_ZERO, _BLACK_IS_ZERO = 0, 1
_UNSIGNED, _SIGNED = 1, 2
_BYTE, _WORD = 8, 32


class TiffFile(TiffImageFile):
    """A TIFF picture.

    Attributes:
        white_is_zero: Whether its grey must be inverted after it was decoded.
        is_unsigned: Whether its 32-bit numbers, which Pillow gives with a sign, have none.
        is_unknown: Whether Pillow knows its size and cannot decode it.
    """

    white_is_zero: bool = False
    is_unsigned: bool = False
    is_unknown: bool = False

    def _setup(self) -> None:
        bits = self._first(BITSPERSAMPLE, 1)
        if bits > _BYTE and self.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO:
            self.white_is_zero = True
            self.tag_v2[PHOTOMETRIC_INTERPRETATION] = _BLACK_IS_ZERO
        if bits == _WORD and self._first(SAMPLEFORMAT, _UNSIGNED) == _UNSIGNED:
            self.is_unsigned = True
            self.tag_v2[SAMPLEFORMAT] = (_SIGNED,)
        try:
            super()._setup()
        except SyntaxError as error:
            if "unknown pixel mode" not in str(error):
                raise
            self.is_unknown, self._mode, self.tile = True, "F", []

    def _first(self, tag: int, default: int) -> int:
        value: Any = self.tag_v2.get(tag, default)
        value = value[0] if isinstance(value, tuple) and value else value
        return value if isinstance(value, int) else default
