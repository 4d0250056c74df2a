"""Pictures of high dynamic range, and of wide gamut, as the screens show them that everything else is made for.

Phones record in PQ (SMPTE ST 2084) or HLG (ARIB STD-B67) with the primaries of BT.2020, films and photographs alike.
Read as if they were BT.709, such pictures are grey and dark. Here light is computed from the code values, brought to
the primaries of BT.709, and made darker where it is about as bright as the white of paper, for which BT.2408 has 203
candela per square metre, or brighter; below three quarters of that, nothing changes but the coding. The brightest of a
pixel's three colours decides, so that hues stay.

HLG codes the light of the scene. BT.2100 makes the light of a screen of it by a gamma of 1.2 on the luminance; a camera
and a screen of standard range have the same gamma on each colour by itself. The pictures are for the latter, so the
second is done (BT.2408 calls it mapping by the scene); greys are the same either way, strong colours a little stronger.

Sources: ITU-R BT.2100, tables 4 and 5 (PQ and HLG); BT.2408 (the white of paper, and mappings); BT.1886 (the coding of
light for screens of standard range); IEC 61966-2-1 (sRGB).
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sceneseek.pictures.gamuts import BT709, BT2020, P3, to_xyz
from sceneseek.structures import ImageArray

Coding = Literal["BT.1886", "sRGB"]
"""How a screen makes light of numbers: those of films, and those of photographs."""

PQ, HLG = 16, 18
"""Transfer characteristics of high dynamic range, by their numbers in ITU-T H.273."""

_P3_DCI = 11
WIDE_PRIMARIES = frozenset({BT2020, _P3_DCI, P3})
"""Primaries of wide gamut, by their numbers in ITU-T H.273."""

_PAPER_WHITE = 203.0
_KNEE = 0.75
_HLG_PEAK = 1000.0
_HLG_GAMMA = 1.2
_BT1886 = 2.4
_CODES = 1 << 16
_ROWS = 64
"""Rows that are worked on at a time, so that memory stays small."""

Array = NDArray[np.float32]


def as_bt709(
    codes: NDArray[np.uint16] | NDArray[np.uint8], transfer: int, primaries: int, coding: Coding = "BT.1886"
) -> ImageArray:
    """Map a picture to the range and the primaries of BT.709.

    Args:
        codes: ``(H, W, 3)`` uint16 or uint8 RGB of full range, coded by ``transfer``.
        transfer: ``PQ``, ``HLG``, or any other number for a picture of standard range.
        primaries: Those of the picture; for PQ and HLG, those of BT.2020 where they are not known.
        coding: The screen that it is made for.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    light = _light_of(transfer)
    known = primaries in WIDE_PRIMARIES or transfer not in (PQ, HLG)
    matrix = _to_bt709(P3 if primaries == _P3_DCI else primaries if known else BT2020)
    step = 257 if codes.dtype == np.uint8 else 1
    shown = np.empty(codes.shape, np.uint8)
    for top in range(0, len(codes), _ROWS):
        linear = light[codes[top : top + _ROWS] * np.uint16(step)] @ matrix.T
        if transfer in (PQ, HLG):
            linear = _rolled_off(linear)
        shown[top : top + _ROWS] = _coded(coding)[(linear.clip(0, 1) * (_CODES - 1) + 0.5).astype(np.uint16)]
    return shown


@cache
def _light_of(transfer: int) -> Array:
    """The light of each code value, where 1 is the white of paper."""
    code = np.linspace(0, 1, _CODES)
    if transfer == PQ:
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        power = code ** (1 / m2)
        return (10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1) / _PAPER_WHITE).astype(np.float32)
    if transfer == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
        return (_HLG_PEAK / _PAPER_WHITE * scene**_HLG_GAMMA).astype(np.float32)
    return (code**_BT1886).astype(np.float32)


def _rolled_off(linear: Array) -> Array:
    """Light up to the knee as it is; above it, more and more slowly towards the brightest that there is."""
    brightest = linear.max(axis=-1, keepdims=True)
    above = np.maximum(brightest - _KNEE, 0)
    mapped = np.minimum(brightest, _KNEE) + (1 - _KNEE) * (1 - np.exp(-above / (1 - _KNEE)))
    return np.asarray(linear * (mapped / np.maximum(brightest, 1e-6)), np.float32)


@cache
def _coded(coding: Coding) -> NDArray[np.uint8]:
    """The code value of 8 bits for light in steps of 16 bits."""
    light = np.linspace(0, 1, _CODES)
    if coding == "sRGB":
        code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    else:
        code = light ** (1 / _BT1886)
    return np.asarray(np.rint(255 * code), np.uint8)


@cache
def _to_bt709(primaries: int) -> Array:
    ordinary, matrix = to_xyz(BT709), to_xyz(primaries)
    if ordinary is None or matrix is None:
        return np.eye(3, dtype=np.float32)
    return (np.linalg.inv(ordinary) @ matrix).astype(np.float32)
