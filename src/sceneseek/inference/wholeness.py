"""Does a video file end where its own parts say? Read from the headers of its parts, without decoding.

How long a video should last is a poor witness: a recorder holds the last picture for minutes, a track of subtitles is
longer than the pictures, a transmission says nothing. But most containers consist of parts that say how long they are.
Where the last part says more than there is, the file is cut; where a second recording follows that no reader gets to,
files were joined that cannot be.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

_TAIL = 1 << 18
"""How much of the end of a file is searched for its last part, bytes."""

_TS_SIZES = (188, 192, 204)
_TS_SYNC = b"\x47"
_TS_LOOKED_AT = 3
_TS_NOTHING = 0x1FFF
_SEGMENT, _EBML_UNKNOWN = 0x18538067, (1 << 56) - 1
_EBML_OPENED = frozenset({_SEGMENT, 0x1F43B675})
_EBML_PARTS = _EBML_OPENED | {
    0x1A45DFA3, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1043A770, 0x1941A469, 0x1254C367,
    0xEC, 0xBF, 0xE7, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF, 0x5854,
}  # fmt: skip
"""Segments and clusters, which are looked into; what stands beside them; what stands in them (RFC 9559)."""
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_FLV_TAGS = (8, 9, 18)
_DV_50, _DV_60 = 144_000, 120_000
_MXF_KEY = bytes.fromhex("060e2b34")
_RIFF_UNKNOWN = 0x7FFFFFFF


@dataclass(frozen=True)
class Ending:
    """How a file ends.

    Attributes:
        is_whole: Whether it ends where its parts say; ``None`` where they do not say.
        missing: How many bytes are missing at least, where that is known.
        second_at: Where a second recording begins that readers of the first do not get to, in bytes.
    """

    is_whole: bool | None
    missing: int = 0
    second_at: int | None = None


def ending_of(path: str, container: str) -> Ending:
    """Find out whether a file is whole.

    Args:
        path: The file.
        container: Its format, as libav calls it: ``"mov,mp4,m4a,3gp,3g2,mj2"``, ``"matroska,webm"``, ...

    Raises:
        OSError: The file cannot be read.
    """
    reader = next((_READERS[name] for name in container.split(",") if name in _READERS), None)
    if reader is None:
        return Ending(None)
    with open(path, "rb") as file:
        try:
            return reader(file, os.fstat(file.fileno()).st_size)
        except (struct.error, IndexError, OverflowError):  # a header that makes no sense says nothing
            return Ending(None)


def _ends_at(end: int, size: int) -> Ending:
    return Ending(True) if end <= size else Ending(False, end - size)


def _iso(file: BinaryIO, size: int) -> Ending:
    """MP4 and MOV: boxes with their sizes. A second index belongs to a second recording."""
    indices, second, kind = 0, None, None
    for kind, start, end in _boxes(file, size):
        if end > size:
            return Ending(False, end - size)
        if kind == b"ftyp" and indices and second is None:
            second = start
        indices += kind == b"moov"
    return Ending(None if kind is None else True, second_at=second if indices > 1 else None)


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    at = 0
    while at < size:
        head = _at(file, at, 16)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head[:8])
        if length == 1:
            length = struct.unpack(">Q", head[8:])[0]
        elif length == 0:  # to the end of the file
            length = size - at
        if length < 8 or not kind.isalnum():  # what cameras write behind the last box
            return
        yield kind, at, at + length
        at += length


def _ebml(file: BinaryIO, size: int) -> Ending:
    """Matroska and WebM: segments with their sizes, which a recorder fills in at the end."""
    at = 0
    end = None
    while at < size:
        identifier, begin, length = _element(_at(file, at, 16), at)
        if length == _EBML_UNKNOWN:
            return Ending(None)
        if identifier == _SEGMENT:
            end = begin + length
            if end > size:
                return Ending(False, end - size)
        at = begin + length
    return Ending(None if end is None else True)


def _element(head: bytes, at: int) -> tuple[int, int, int]:
    """Identifier, beginning and size of the contents of an element of EBML."""
    width = 9 - head[0].bit_length()
    identifier = int.from_bytes(head[:width], "big")
    first = head[width]
    size_width = 9 - first.bit_length()
    raw = int.from_bytes(head[width : width + size_width], "big")
    length = raw & ((1 << (7 * size_width)) - 1)
    unknown = length == (1 << (7 * size_width)) - 1
    return identifier, at + width + size_width, _EBML_UNKNOWN if unknown else length


def damaged_at(path: str, container: str) -> int | None:
    """Where a Matroska or WebM file holds what is none of its parts; readers pass over all up to the next one.

    Args:
        path: The file.
        container: Its format; others than these have other ways to tell.

    Raises:
        OSError: The file cannot be read.
    """
    if "matroska" not in container.split(","):
        return None
    with open(path, "rb") as file:
        end, at = os.fstat(file.fileno()).st_size, 0
        try:
            while at < end:
                identifier, begin, length = _element(_at(file, at, 16), at)
                if identifier not in _EBML_PARTS:
                    return at
                if identifier == _SEGMENT and length != _EBML_UNKNOWN:
                    end = begin + length
                at = begin if identifier in _EBML_OPENED or length == _EBML_UNKNOWN else begin + length
        except IndexError:  # no element begins with these bytes
            return at
    return None


def _riff(file: BinaryIO, size: int) -> Ending:
    """AVI: one or several RIFF chunks with their sizes; a recorder that died left nought."""
    at = 0
    while (head := _at(file, at, 12))[:4] == b"RIFF":
        length = struct.unpack("<I", head[4:8])[0]
        if length == 0 or length >= _RIFF_UNKNOWN:
            return Ending(None)
        end = at + 8 + length
        if end > size:
            return Ending(False, end - size)
        at = end + length % 2
    return Ending(True) if at else Ending(None)


def _mpegts(file: BinaryIO, size: int) -> Ending:
    """MPEG transport streams: packets of one size, each with a mark at its beginning."""
    head = _at(file, 0, max(_TS_SIZES) * (_TS_LOOKED_AT + 1))
    for width in _TS_SIZES:
        for start in range(width):
            if head[start : start + width * _TS_LOOKED_AT : width] == _TS_SYNC * _TS_LOOKED_AT:
                # In packets of 192 bytes, four stand before the mark.
                behind = width - 188 if width != 192 else 0
                left = (size - start - (188 + behind)) % width
                if left:
                    return Ending(False, width - left)
                last = size - behind - 188
                tail = _at(file, last - min(_TAIL, last - start) // width * width, _TAIL + width)
                return _transport_end([tail[at : at + 188] for at in range(0, len(tail) - 187, width)])
    return Ending(None)


def _transport_end(packets: list[bytes]) -> Ending:
    """Whether the last picture or sound in transport packets is complete; tables alone at the end announce more."""
    sizes: dict[int, tuple[int, int]] = {}
    last: tuple[int, bool] | None = None
    for packet in packets:
        pid, begins = (packet[1] & 0x1F) << 8 | packet[2], bool(packet[1] & 0x40)
        extra = packet[4 : 5 + packet[4]] if packet[3] & 0x20 else b""
        payload = packet[4 + len(extra) :] if packet[3] & 0x10 else b""
        if begins and payload[:3] == b"\0\0\1":
            length = struct.unpack(">H", payload[4:6])[0]
            sizes[pid] = (6 + length if length else 0, 0)
        if pid in sizes and payload:
            promised, came = sizes[pid]
            sizes[pid] = (promised, came + len(payload))
        last = (pid, _is_stuffed(extra)) if payload and pid != _TS_NOTHING else last
    if last is None or not sizes:
        return Ending(None)
    pid, is_stuffed = last
    if pid not in sizes:
        return Ending(False)
    promised, came = sizes[pid]
    if promised:
        return Ending(came >= promised, max(0, promised - came))
    return Ending(True if is_stuffed else None)  # what does not fill its last packet has ended


def _is_stuffed(extra: bytes) -> bool:
    """Whether a packet's additional header holds bytes that only fill it up."""
    if not extra:
        return False
    clocks = sum(6 for flag in (0x10, 0x08) if len(extra) > 1 and extra[1] & flag)
    return len(extra) <= 2 or (len(extra) > 2 + clocks and extra[-1] == 0xFF)


def _flv(file: BinaryIO, size: int) -> Ending:
    """Flash video: behind each part stands its length; the last four bytes lead to the beginning of the last part."""
    length = struct.unpack(">I", _at(file, size - 4, 4))[0]
    head = _at(file, max(0, size - 4 - length), 4)
    whole = 11 <= length < size and head[0] in _FLV_TAGS and int.from_bytes(head[1:4], "big") == length - 11
    if not whole:
        return Ending(False)
    return Ending(True, second_at=_second_flv(file, size))


def _second_flv(file: BinaryIO, size: int) -> int | None:
    at = 13
    while at + 11 <= size:
        head = _at(file, at, 11)
        if head[:3] == b"FLV":
            return at
        if head[0] not in _FLV_TAGS:
            return None
        at += 11 + int.from_bytes(head[1:4], "big") + 4
    return None


def _asf(file: BinaryIO, size: int) -> Ending:
    """Windows Media: objects with their sizes; a second header belongs to a second recording."""
    at = 0
    while at + 24 <= size:
        head = _at(file, at, 24)
        length = struct.unpack("<Q", head[16:])[0]
        if head[:16] == _ASF_HEADER and at:
            return Ending(True, second_at=at)
        if length < 24:
            return Ending(None)
        if at + length > size:
            return Ending(False, at + length - size)
        at += length
    return Ending(True) if at else Ending(None)


def _ogg(file: BinaryIO, size: int) -> Ending:
    """Ogg: pages that list the lengths of what they hold."""
    start = max(0, size - _TAIL)
    tail = _at(file, start, _TAIL)
    at = tail.rfind(b"OggS")
    if at < 0 or at + 27 > len(tail):
        return Ending(False if at >= 0 else None)
    lengths = tail[at + 27 : at + 27 + tail[at + 26]]
    if len(lengths) < tail[at + 26]:
        return Ending(False)
    return _ends_at(start + at + 27 + len(lengths) + sum(lengths), size)


def _program_stream(file: BinaryIO, size: int) -> Ending:
    """MPEG program streams: packs, whose packets say how long they are."""
    start = max(0, size - _TAIL)
    tail = _at(file, start, _TAIL)
    if tail.endswith(b"\0\0\1\xb9"):
        return Ending(True)
    at = tail.rfind(b"\0\0\1\xba")
    if at < 0 or len(tail) < at + 14:
        return Ending(False if at >= 0 else None)
    at += 14 + (tail[at + 13] & 7) if tail[at + 4] >> 6 == 1 else 12
    while at + 6 <= len(tail) and tail[at : at + 3] == b"\0\0\1" and tail[at + 3] > 0xBA:
        at += 6 + struct.unpack(">H", tail[at + 4 : at + 6])[0]
    # Packets may be whole and the picture in them not.
    return Ending(None) if start + at == size else _ends_at(start + at, size)


def _dv(file: BinaryIO, size: int) -> Ending:
    """DV: frames of one size, another one where there are 50 half pictures a second."""
    frame = _DV_50 if _at(file, 3, 1)[0] & 0x80 else _DV_60
    return Ending(False, frame - size % frame) if size % frame else Ending(True)


def _ivf(file: BinaryIO, size: int) -> Ending:
    """IVF: a header, then pictures with their sizes."""
    at = struct.unpack("<H", _at(file, 6, 2))[0]
    while at + 12 <= size:
        at += 12 + struct.unpack("<I", _at(file, at, 4))[0]
    return _ends_at(at, size) if at >= size else Ending(False)


def _mxf(file: BinaryIO, size: int) -> Ending:
    """MXF: keys of sixteen bytes, with the sizes of what follows; a footer at the end."""
    at = 0
    while at < size:
        head = _at(file, at, 25)
        if not head.startswith(_MXF_KEY):
            return Ending(None)
        width = head[16] & 0x7F if head[16] & 0x80 else 0
        length = int.from_bytes(head[17 : 17 + width], "big") if width else head[16]
        at += 17 + width + length
    return _ends_at(at, size)


def _at(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(max(0, at))
    return file.read(length)


_READERS: dict[str, Callable[[BinaryIO, int], Ending]] = {
    "mov": _iso, "mp4": _iso, "matroska": _ebml, "webm": _ebml, "avi": _riff, "mpegts": _mpegts, "flv": _flv,
    "asf": _asf, "ogg": _ogg, "mpeg": _program_stream, "dv": _dv, "ivf": _ivf, "mxf": _mxf,
}  # fmt: skip
"""By the names that libav gives to formats."""
