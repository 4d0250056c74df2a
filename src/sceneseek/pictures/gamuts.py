"""ICC profiles for colours that a file describes by numbers alone, as HEIC and AVIF do (ITU-T H.273, "nclx").

A profile is a matrix and a curve, so that one engine, LittleCMS, converts all colours of ordinary range, however they
are described. For those of high dynamic range (PQ, HLG) see ``tone_mapping``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BT709, BT2020, P3 = 1, 9, 12
"""Primaries, by their numbers in ITU-T H.273."""
_PRIMARIES = {
    BT709: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    P3: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""Chromaticities of red, green and blue (ITU-R BT.709 and BT.2020, SMPTE EG 432-1). All have the white of D65."""

_SRGB_LIKE = frozenset({1, 2, 6, 13, 14, 15})
_LINEAR, _GAMMA_22, _GAMMA_28 = 8, 4, 5

_D65 = (0.3127, 0.3290)
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_STEPS = 1024


def profile_of(primaries: int, transfer: int) -> bytes | None:
    """The ICC profile of colours described by H.273's numbers.

    Args:
        primaries: ``ColourPrimaries``.
        transfer: ``TransferCharacteristics``.

    Returns:
        ``None`` for sRGB itself, for high dynamic range, and for what is not known.
    """
    if primaries not in _PRIMARIES or transfer not in (*_SRGB_LIKE, _LINEAR, _GAMMA_22, _GAMMA_28):
        return None
    if primaries == BT709 and transfer in _SRGB_LIKE:
        return None
    return _profile(primaries, transfer)


def to_xyz(primaries: int) -> Array | None:
    """The matrix ``(3, 3)`` from linear colours to XYZ, where white has Y = 1; ``None`` for primaries not known."""
    if primaries not in _PRIMARIES:
        return None
    corners = np.array([_from_xy(*xy) for xy in _PRIMARIES[primaries]]).T
    matrix: Array = corners * np.linalg.solve(corners, _from_xy(*_D65))
    return matrix


@lru_cache(maxsize=16)
def _profile(primaries: int, transfer: int) -> bytes:
    columns = _to_d50(primaries)
    curve = _curve(transfer)
    tags = {
        b"desc": _text(f"H.273 primaries {primaries}, transfer {transfer}"),
        b"wtpt": _xyz(_D50),
        b"rXYZ": _xyz(columns[:, 0]),
        b"gXYZ": _xyz(columns[:, 1]),
        b"bXYZ": _xyz(columns[:, 2]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
        b"cprt": b"text\0\0\0\0none\0",
    }
    return _assembled(tags)


def _to_d50(primaries: int) -> Array:
    """The matrix from linear colours to XYZ under D50: primaries scaled to their white, adapted as by Bradford."""
    white = _from_xy(*_D65)
    adapt = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD
    adapted: Array = adapt @ to_xyz(primaries)
    return adapted


def _from_xy(x: float, y: float) -> Array:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _curve(transfer: int) -> bytes:
    codes = np.linspace(0, 1, _STEPS)
    table = np.rint(_light(transfer, codes).clip(0, 1) * 65535).astype(">u2")
    return b"".join((b"curv", bytes(4), struct.pack(">I", _STEPS), table.tobytes()))


def _light(transfer: int, codes: Array) -> Array:
    """Code values in [0, 1] to the light of a screen in [0, 1]."""
    curves: dict[int, Callable[[Array], Array]] = {
        _LINEAR: lambda v: v,
        _GAMMA_22: lambda v: v**2.2,
        _GAMMA_28: lambda v: v**2.8,
    }
    return curves.get(transfer, _srgb_to_light)(codes)


def _srgb_to_light(codes: Array) -> Array:
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


def _xyz(values: Array) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(float(v) * 65536)) for v in values)


def _text(words: str) -> bytes:
    text = words.encode("ascii") + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)


def _assembled(tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 2: header, table of tags, data; equal data are stored once (ICC.1:2001-04)."""
    offset = 128 + 4 + 12 * len(tags)
    placed: dict[bytes, int] = {}
    body = b""
    for data in tags.values():
        if data not in placed:
            placed[data] = offset + len(body)
            body += data + bytes(-len(data) % 4)
    table = b"".join(name + struct.pack(">II", placed[data], len(data)) for name, data in tags.items())
    header = struct.pack(">I4s4s4s4s4s", offset + len(body), bytes(4), b"\x02\x20\0\0", b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _xyz(_D50)[8:]
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
