"""Long MATLAB struct arrays, read record by record without building them.

A protocol file of CUHK-SYSU nests up to 11.6 million structs of three fields. ``scipy.io.loadmat`` makes three arrays
of each, which takes minutes and more memory than most machines have. Here the file is decompressed piece by piece, and
the fields of a record's structs are gathered by NumPy from where they lie.

Source: MathWorks, "MAT-File Format", version 5 (levels 1.0 and 1.1). What this module does not know it refuses with
``NotThisFormat``, and the caller turns to ``scipy.io``, which knows it all and can say what is wrong.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_HEADER_BYTES, _ENDIAN_AT, _LITTLE_ENDIAN = 128, 126, b"IM"
_PIECE = 1 << 20
_MATRIX, _COMPRESSED, _INT8, _UINT8, _INT32, _UINT32 = 14, 15, 1, 2, 5, 6
_STRUCT_CLASS = 2
_LEAF_WORDS = 12
"""A matrix of two dimensions without a name begins with so many words of four bytes: its own tag, the array flags, the
dimensions and the empty name. Its values follow."""

_DTYPES = {1: "<i1", 2: "<u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
_CHARACTERS = {1: 1, 2: 1, 16: 1, 4: 2, 17: 2}
"""Bytes of a character, by the type that characters are stored as; text beyond ASCII is refused."""


class NotThisFormat(Exception):
    """Something this module does not know; never seen outside of ``sceneseek.data``."""


@dataclass(frozen=True, eq=False)
class Structs:
    """The fields of one struct array whose values are short texts and numbers.

    Attributes:
        names: The fields.
        data: The bytes around the values.
        types: ``(n, f)``, how each value is stored; 0 where it is empty.
        starts: ``(n, f)``, where each value begins in ``data``.
        lengths: ``(n, f)``, its bytes.
    """

    names: tuple[str, ...]
    data: NDArray[np.uint8]
    types: NDArray[np.int64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.types)

    def texts(self, name: str) -> list[str]:
        """A field of texts, empty where there is none."""
        column = self.names.index(name)
        found = np.full(len(self), "", object)
        for kind, length in set(zip(self.types[:, column].tolist(), self.lengths[:, column].tolist(), strict=True)):
            if length == 0:
                continue
            if kind not in _CHARACTERS:
                raise NotThisFormat(f"text stored as type {kind}")
            rows = np.flatnonzero((self.types[:, column] == kind) & (self.lengths[:, column] == length))
            raw = self.data[self.starts[rows, column][:, None] + np.arange(length)]
            if (raw[:, 1::2].any() if _CHARACTERS[kind] == 2 else False) or (raw > 127).any():
                raise NotThisFormat("text beyond ASCII")
            letters = np.ascontiguousarray(raw[:, :: _CHARACTERS[kind]])
            found[rows] = letters.view(f"S{letters.shape[1]}").ravel().astype(str)
        return list(found)

    def numbers(self, name: str) -> dict[int, tuple[float, ...]]:
        """A field of numbers, by row; rows where it is empty are left out."""
        column = self.names.index(name)
        found: dict[int, tuple[float, ...]] = {}
        for row in np.flatnonzero(self.lengths[:, column]).tolist():
            kind, start = int(self.types[row, column]), int(self.starts[row, column])
            if kind not in _DTYPES:
                raise NotThisFormat(f"numbers stored as type {kind}")
            value = self.data[start : start + int(self.lengths[row, column])].view(_DTYPES[kind])
            found[row] = tuple(value.tolist())
        return found

    def are_set(self, name: str) -> NDArray[np.bool_]:
        """Where a field of single numbers is there and not zero, ``(n,)``."""
        column = self.names.index(name)
        width = int(self.lengths[:, column].max(initial=0))
        if not width:
            return np.zeros(len(self), bool)
        places = np.arange(width)
        inside = places < self.lengths[:, column][:, None]
        raw = self.data[np.where(inside, self.starts[:, column][:, None] + places, 0)]
        return np.asarray(((raw > 0) & inside).any(axis=1), np.bool_)


def records(file: str | Path, variable: str, fields: Sequence[str]) -> Iterator[tuple[Structs, ...]]:
    """Read a struct array of struct arrays, a record at a time.

    Args:
        file: A MATLAB file of version 5 to 7.2.
        variable: The struct array's name.
        fields: Its fields, in the file's order; each is a struct array of texts and numbers.

    Yields:
        For each record the structs of each field.

    Raises:
        NotThisFormat: The file is of another kind, or damaged.
        OSError: The file cannot be read.
    """
    with open(file, "rb") as stream:
        header = stream.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES or header[_ENDIAN_AT:] != _LITTLE_ENDIAN:
            raise NotThisFormat("no header of version 5, little endian")
        source = _Source(stream)
        kind, length = source.tag()
        if kind == _COMPRESSED:
            source = _Source(stream, compressed=length)
            kind, length = source.tag()
        if kind != _MATRIX:
            raise NotThisFormat(f"the first element has type {kind}")
        shape, name, names = _struct_head(source)
        if name != variable or names != tuple(fields):
            raise NotThisFormat(f"variable {name!r} with the fields {names}")
        for _ in range(int(np.prod(shape))):
            yield tuple(_structs(source) for _ in fields)


class _Source:
    """Bytes of the file, or of the compressed element that comes next in it."""

    def __init__(self, stream: BinaryIO, compressed: int | None = None) -> None:
        self._stream = stream
        self._left = compressed or 0
        self._unpack = None if compressed is None else zlib.decompressobj()
        self._ready, self._at = b"", 0

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes, all of them."""
        found = self._stream.read(count) if self._unpack is None else self._inflated(count)
        if len(found) < count:
            raise NotThisFormat("the file ends too early")
        return found

    def tag(self) -> tuple[int, int]:
        """The type and the bytes of the next element, which must not be a small one."""
        kind, length = struct.unpack("<II", self.take(8))
        if kind >> 16:
            raise NotThisFormat("a small element where a large one was expected")
        return kind, length

    def element(self) -> tuple[int, bytes]:
        """The type and the values of the next element, with its padding taken away."""
        head = self.take(8)
        kind, length = struct.unpack("<II", head)
        if kind >> 16:
            return kind & 0xFFFF, head[4 : 4 + (kind >> 16)]
        return kind, self.take(length + -length % 8)[:length]

    def _inflated(self, count: int) -> bytes:
        assert self._unpack is not None
        parts = [self._ready[self._at : self._at + count]]
        have = len(parts[0])
        self._at += have
        while have < count:
            fresh = self._inflate(self._unpack)
            if not fresh:
                break
            parts.append(fresh[: count - have])
            self._ready, self._at = fresh, len(parts[-1])
            have += len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _inflate(self, unpack: zlib._Decompress) -> bytes:
        """The next piece of what was compressed, not much larger than ``_PIECE``; empty at the end."""
        try:
            while not unpack.eof:
                packed = unpack.unconsumed_tail
                if not packed:
                    packed = self._stream.read(min(_PIECE, self._left))
                    self._left -= len(packed)
                    if not packed:
                        return unpack.flush()
                fresh = unpack.decompress(packed, _PIECE)
                if fresh:
                    return fresh
        except zlib.error as cause:
            raise NotThisFormat(str(cause)) from cause
        return b""


def _struct_head(source: _Source) -> tuple[tuple[int, ...], str, tuple[str, ...]]:
    """Dimensions, name and field names of a struct array whose own tag was read."""
    kind, flags = source.element()
    if kind != _UINT32 or flags[0] != _STRUCT_CLASS:
        raise NotThisFormat("not a struct array")
    kind, dimensions = source.element()
    if kind != _INT32:
        raise NotThisFormat(f"dimensions stored as type {kind}")
    _, name = source.element()
    _, width = source.element()
    _, letters = source.element()
    size = int(np.frombuffer(width, "<i4")[0])
    names = (letters[i : i + size].split(b"\0")[0].decode("ascii", "replace") for i in range(0, len(letters), size))
    return tuple(np.frombuffer(dimensions, "<i4").tolist()), name.decode("ascii", "replace"), tuple(names)


def _structs(source: _Source) -> Structs:
    """The next element, a struct array of short values."""
    kind, length = source.tag()
    if kind != _MATRIX:
        raise NotThisFormat(f"an element of type {kind} where a matrix was expected")
    block = source.take(length)
    stream = io.BytesIO(block)
    shape, _, names = _struct_head(_Source(stream))
    return _located(block, stream.tell(), int(np.prod(shape)) * len(names), names)


def _located(block: bytes, first: int, count: int, names: tuple[str, ...]) -> Structs:
    """Find the values of ``count`` matrices that lie one behind the other in ``block`` from byte ``first`` on."""
    if len(block) % 4:
        raise NotThisFormat("a matrix that does not end at a whole word")
    words = memoryview(block).cast("I")
    begins, at, end = [], first // 4, len(words)
    for _ in range(count):
        if at + 2 > end or words[at] != _MATRIX:
            raise NotThisFormat("a field that is no matrix")
        begins.append(at)
        at += 2 + words[at + 1] // 4
    if at != end:
        raise NotThisFormat("fields that do not fill their struct")
    table = np.concatenate([np.frombuffer(block, "<u4"), np.zeros(_LEAF_WORDS + 2, "<u4")]).astype(np.int64)
    begin = np.array(begins, np.int64)
    is_there = table[begin + 1] > 0
    head = table[begin[:, None] + np.arange(_LEAF_WORDS)][is_there]
    usual = (head[:, [2, 3, 6, 7, 11]] == (_UINT32, 8, _INT32, 8, 0)).all(axis=1)
    if not usual.all():
        raise NotThisFormat("a value that is no matrix of two dimensions without a name")
    tag = np.where(is_there, table[begin + _LEAF_WORDS], 0)
    is_small = tag >> 16 > 0
    lengths = np.where(is_small, tag >> 16, np.where(is_there, table[begin + _LEAF_WORDS + 1], 0))
    shape = (-1, len(names))
    return Structs(
        names=names,
        data=np.frombuffer(block, np.uint8),
        types=np.where(lengths > 0, tag & 0xFFFF, 0).reshape(shape),
        starts=(4 * (begin + _LEAF_WORDS + np.where(is_small, 1, 2))).reshape(shape),
        lengths=lengths.reshape(shape),
    )
