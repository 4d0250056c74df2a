"""Search the raw files of a folder for bytes that would give somebody away.

A database that answers "deleted" proves little: the bytes may lie on in an older version, in an index, in a journal. So
the files themselves are searched, every one of them, byte by byte, for the float32 vectors and the JPEG files.

A search that finds nothing proves nothing either, unless it would have found something: columns may lie compressed on
the disk. Hence it is done before and after, and only what was seen before and is not there after counts as gone.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sceneseek.errors import GalleryError, ValueRefused
from sceneseek.gallery.files import files_in

SHORTEST_TRACE = 16
"""Bytes; fewer turn up by chance."""

_ANCHOR = 8
_JPEG_START, _JPEG_SCAN = b"\xff\xd8\xff", b"\xff\xda"
_TABLE_BITS = 22
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_WINDOW = 1 << 23


@dataclass(frozen=True)
class Trace:
    """Bytes to look for.

    Attributes:
        name: What they belong to, such as a detection's id.
        kind: ``"vector"`` or ``"thumbnail"``.
        content: The bytes as they would lie in a file.
    """

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True)
class TraceReport:
    """What a search through files found.

    Attributes:
        found: For each trace, in their order, the files that hold it or half of it, relative to the folder.
        num_files: Files searched.
        num_bytes: Bytes searched.
    """

    found: tuple[tuple[str, ...], ...]
    num_files: int
    num_bytes: int

    @property
    def num_found(self) -> int:
        """Traces that lie in some file."""
        return sum(bool(files) for files in self.found)


def search_files(folder: Path, traces: Sequence[Trace]) -> TraceReport:
    """Search every file below a folder for traces.

    Each trace is looked for in halves, so that one that lies across two pages of a file is found by its other half.
    Time grows with the bytes, hardly with the number of traces.

    Args:
        folder: Searched with all below it; links are not followed.
        traces: What to look for, at least ``SHORTEST_TRACE`` bytes each.

    Raises:
        ValueRefused: A trace is too short to mean anything.
        GalleryError: A file cannot be read, so that nothing would be proven.
    """
    short = next((t for t in traces if len(t.content) < SHORTEST_TRACE), None)
    if short is not None:
        raise ValueRefused(
            f"the {short.kind} of {short.name} has {len(short.content)} bytes; expected {SHORTEST_TRACE}."
        )
    pieces = _Pieces(traces)
    found: list[list[str]] = [[] for _ in traces]
    num_files = num_bytes = 0
    for path in files_in(folder):
        try:
            size, hits = _search_file(path, pieces)
        except FileNotFoundError:  # a reader's lock or a journal that has just gone
            continue
        except OSError as error:
            raise GalleryError(f"{path} cannot be searched: {error.strerror or error}.") from error
        num_files += 1
        num_bytes += size
        for index in hits:
            found[index].append(str(path.relative_to(folder)))
    return TraceReport(tuple(map(tuple, found)), num_files, num_bytes)


class _Pieces:
    """Halves of traces, found by eight bytes of each that are as unusual as its bytes allow."""

    def __init__(self, traces: Sequence[Trace]) -> None:
        self._by_anchor: dict[int, list[tuple[int, int, bytes]]] = {}
        for index, trace in enumerate(traces):
            for piece in _halves(trace.content):
                offset = _anchor_offset(piece)
                anchor = int.from_bytes(piece[offset : offset + _ANCHOR], "little")
                self._by_anchor.setdefault(anchor, []).append((index, offset, piece))
        self._table = np.zeros(1 << _TABLE_BITS, np.bool_)
        self._anchors = np.sort(np.fromiter(self._by_anchor, np.uint64, len(self._by_anchor)))
        self._table[_slots(self._anchors)] = True

    def candidates(self, window: bytes) -> Iterator[tuple[int, int, int, bytes]]:
        """Places in a window where a piece may lie: position of its anchor, trace, offset of the anchor, the piece."""
        for shift in range(_ANCHOR):
            count = (len(window) - shift) // _ANCHOR
            if count <= 0:
                return
            words = np.frombuffer(window, "<u8", count, shift)
            # A table in the processor's cache first: it leaves few words to look up properly.
            likely = np.flatnonzero(self._table[_slots(words)])
            for place in likely[np.isin(words[likely], self._anchors)]:
                for index, offset, piece in self._by_anchor[int(words[place])]:
                    yield shift + int(place) * _ANCHOR, index, offset, piece


def _search_file(path: Path, pieces: _Pieces) -> tuple[int, set[int]]:
    hits: set[int] = set()
    with ExitStack() as opened:
        try:
            file = opened.enter_context(path.open("rb"))
        except FileNotFoundError:  # gone since it was listed, and all it held with it
            return 0, hits
        size = os.fstat(file.fileno()).st_size
        if not size:
            return 0, hits
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            # Windows overlap by an anchor less one byte: each anchor lies whole in one of them.
            for start in range(0, size, _WINDOW):
                window = content[start : start + _WINDOW + _ANCHOR - 1]
                for place, index, offset, piece in pieces.candidates(window):
                    begin = start + place - offset
                    if index not in hits and begin >= 0 and content[begin : begin + len(piece)] == piece:
                        hits.add(index)
    return size, hits


def _slots(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    slots: npt.NDArray[np.uint64] = (words * _MULTIPLIER) >> np.uint64(64 - _TABLE_BITS)
    return slots


def _halves(content: bytes) -> Iterable[bytes]:
    """Both halves, or the whole where a half says too little, such as zeros."""
    own = content[_own_start(content) :]
    middle = len(own) // 2
    halves = (own[:middle], own[middle:])
    if min(len(set(half)) for half in halves) < SHORTEST_TRACE // 2 or middle < SHORTEST_TRACE:
        return (content,)
    return halves


def _own_start(content: bytes) -> int:
    """Where a file's own bytes begin: all JPEG files of one program share the tables before their scan."""
    return max(0, content.find(_JPEG_SCAN)) if content.startswith(_JPEG_START) else 0


def _anchor_offset(piece: bytes) -> int:
    """Where the eight most varied bytes lie, looked for from the end: files of one kind begin alike."""
    step = max(1, len(piece) // 32)
    offsets = range(len(piece) - _ANCHOR, -1, -step)
    return max(offsets, key=lambda offset: len(set(piece[offset : offset + _ANCHOR])))
