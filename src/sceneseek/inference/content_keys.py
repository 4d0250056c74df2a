"""A file known by its content: a hash that is the same wherever it lies and whatever it is called."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from sceneseek.inference.archives import MAX_VIDEO_BYTES, SHELF
from sceneseek.inference.places import Place

_READ_BLOCK = 1 << 20


def content_key(path: str | Path) -> str:
    """A hash of a file's size and contents: equal for equal files, whatever they are called.

    Raises:
        OSError: The file cannot be read.
    """
    with open(path, "rb") as file:
        return key_of(os.fstat(file.fileno()).st_size, blocks_of(file))


def content_key_now(source: str) -> Generator[None, None, str]:
    """The content key that ``discover`` would give to a source now, block by block: a day of video takes a while.

    Yields:
        After each block, so that the caller can say that it is still at work.

    Returns:
        The key.

    Raises:
        OSError: The file cannot be read.
        ArchiveError: The member of an archive cannot be read.
    """
    place = Place.of(source)
    if place.member is None:
        with open(place.path, "rb") as file:
            key = yield from hashed(os.fstat(file.fileno()).st_size, blocks_of(file))
    else:
        archive = SHELF.open(place.path)
        size = next((member.size for member in archive.members if member.name == place.member), 0)
        key = yield from hashed(size, archive.blocks(place.member, MAX_VIDEO_BYTES))
    return key_of_stream(key, place.stream)


def blocks_of(file: BinaryIO) -> Iterator[bytes]:
    """The contents of a file from where it stands, block by block."""
    while block := file.read(_READ_BLOCK):
        yield block


def key_of(size: int, blocks: Iterable[bytes]) -> str:
    """The key of contents that are given."""
    return finished(hashed(size, blocks))


def finished(hashing: Generator[None, None, str]) -> str:
    """The key that comes at the end, for those who have nothing to do between blocks."""
    while True:
        try:
            next(hashing)
        except StopIteration as end:
            return str(end.value)


def hashed(size: int, blocks: Iterable[bytes]) -> Generator[None, None, str]:
    """The key of contents that are given; yields after each block."""
    digest = hashlib.blake2b(size.to_bytes(8, "little"), digest_size=20)
    for block in blocks:
        digest.update(block)
        yield
    return digest.hexdigest()


def key_of_stream(key: str, stream: int) -> str:
    """The key of one of several videos in a file; the first has the file's own."""
    return key if stream == 0 else f"{key}-{stream + 1}"
