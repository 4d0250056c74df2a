"""Photographs and videos inside archives: zip and tar, read where they lie.

An archive is a stranger's file. Its members are read under names that are never used as paths: a photograph goes from
the archive into memory, a video into a temporary file without a name of its own. What a member really holds is counted
while it is read, whatever its header promises, and an archive that promises a hundred times its own size is refused.
"""

from __future__ import annotations

import lzma
import os
import tarfile
import tempfile
import threading
import weakref
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import IO

from sceneseek.errors import ArchiveError

ZIP_SUFFIXES = (".zip",)
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

MAX_PHOTO_BYTES = 512 << 20
"""The largest photograph that is read into memory."""

MAX_VIDEO_BYTES = 64 << 30
"""The largest video that is copied into a temporary file."""

MAX_MEMBERS = 1_000_000
MAX_RATIO = 100
"""Media are compressed already: an archive that promises more than this many times its size is a bomb."""

_ALWAYS_ALLOWED = 1 << 30
_BLOCK = 1 << 20
_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError,
    NotImplementedError,
)  # fmt: skip


def is_archive(path: str) -> bool:
    """Whether a file's name promises an archive that is read."""
    return path.lower().endswith((*ZIP_SUFFIXES, *TAR_SUFFIXES))


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        name: Its path inside the archive, with forward slashes, without ``..``. Where several have the same, the last
            one has it, as when an archive is unpacked; those before it have a number in theirs.
        size: Its size in bytes, as the archive promises.
        problem: Why it cannot be read, empty when it may.
    """

    name: str
    size: int
    problem: str = ""


class Archive:
    """An archive that is open for reading. Several threads may share it; one reads at a time.

    Args:
        path: The file.

    Attributes:
        num_links: How many of its entries lead elsewhere, or are not files; they are left alone.

    Raises:
        ArchiveError: It is damaged, a bomb, or no archive.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._zip: zipfile.ZipFile | None = None
        self._tar: tarfile.TarFile | None = None
        try:
            if path.lower().endswith(ZIP_SUFFIXES):
                self._zip = zipfile.ZipFile(path)
            else:
                self._tar = tarfile.open(path)  # noqa: SIM115 (it stays open as long as the archive does)
            # Closed when nobody holds the archive any more, since readers may share it.
            weakref.finalize(self, _close, self._zip, self._tar)
            self.num_links = 0
            self._entries = _by_name(list(self._listed()))
        except _DAMAGE as error:
            raise ArchiveError(
                f"{path}: the archive cannot be read ({_reason(error)}). Copy it again from its source."
            ) from error

    @property
    def members(self) -> list[Member]:
        """Its files, in their order in the archive: in this order, a compressed one is read without going back."""
        return [member for member, _ in self._entries.values()]

    def read(self, name: str) -> bytes:
        """The contents of a member, at most ``MAX_PHOTO_BYTES``.

        Raises:
            ArchiveError: There is no such member, or it is damaged or too large.
        """
        return b"".join(self.blocks(name, MAX_PHOTO_BYTES))

    @contextmanager
    def copied(self, name: str, suffix: str) -> Iterator[str]:
        """A temporary copy of a member, for readers that need a file; it is gone afterwards.

        Raises:
            ArchiveError: There is no such member, it is damaged or too large, or the disk is full.
        """
        with tempfile.NamedTemporaryFile(prefix="sceneseek-", suffix=suffix) as copy:
            try:
                for block in self.blocks(name, MAX_VIDEO_BYTES):
                    copy.write(block)
                copy.flush()
            except OSError as error:
                raise ArchiveError(
                    f"{self.path}/{name}: there is no room for a temporary copy in {tempfile.gettempdir()} "
                    f"({_reason(error)}). Make room, or name another folder in TMPDIR."
                ) from error
            yield copy.name

    def blocks(self, name: str, limit: int) -> Iterator[bytes]:
        """The contents of a member, block by block, at most ``limit`` bytes.

        Raises:
            ArchiveError: There is no such member, or it is damaged or larger than it promised or than ``limit``.
        """
        member, entry = self._entries.get(name, (Member(name, 0, "there is no such member"), None))
        if member.problem or entry is None:
            raise ArchiveError(f"{self.path}/{name}: {member.problem}.")
        limit = min(limit, max(member.size, 1))
        total = 0
        with self._lock:
            try:
                with self._opened(entry) as file:
                    while block := file.read(_BLOCK):
                        total += len(block)
                        if total > limit:
                            raise ArchiveError(
                                f"{self.path}/{name}: this holds more than {limit:,} bytes, which is more than it "
                                "promises or than is read."
                            )
                        yield block
            except NotImplementedError as error:
                raise ArchiveError(
                    f"{self.path}/{name}: it is packed in a way that is not read here ({_reason(error)}). Unpack the "
                    "archive first."
                ) from error
            except _DAMAGE as error:
                raise ArchiveError(
                    f"{self.path}/{name}: this part of the archive is damaged ({_reason(error)})."
                ) from error

    def _opened(self, entry: zipfile.ZipInfo | tarfile.TarInfo) -> IO[bytes]:
        if self._zip is not None:
            assert isinstance(entry, zipfile.ZipInfo)
            return self._zip.open(entry)
        assert self._tar is not None
        assert isinstance(entry, tarfile.TarInfo)
        file = self._tar.extractfile(entry)
        assert file is not None
        return file

    def _listed(self) -> Iterator[tuple[str, tuple[Member, zipfile.ZipInfo | tarfile.TarInfo]]]:
        """All files, in the order of the archive (so that a compressed tar is read forwards), promises checked."""
        allowed = max(_ALWAYS_ALLOWED, MAX_RATIO * os.path.getsize(self.path))
        promised = count = 0
        for name, size, entry, problem in self._zip_entries() if self._zip is not None else self._tar_entries():
            promised, count = promised + size, count + 1
            if promised > allowed or count > MAX_MEMBERS:
                raise ArchiveError(
                    f"{self.path}: the archive promises {promised:,} bytes in {count:,} files from "
                    f"{os.path.getsize(self.path):,} bytes; such an archive is made to fill a disk. Unpack it yourself "
                    "if you trust it."
                )
            clean = _clean(name)
            if clean is None:
                clean, problem = name, "its name leads out of the archive"
            yield clean, (Member(clean, size, problem), entry)

    def _zip_entries(self) -> Iterator[tuple[str, int, zipfile.ZipInfo, str]]:
        assert self._zip is not None
        for info in self._zip.infolist():
            if not info.is_dir():
                problem = "it is encrypted; unpack the archive with its password first" if info.flag_bits & 1 else ""
                yield info.filename, info.file_size, info, problem

    def _tar_entries(self) -> Iterator[tuple[str, int, tarfile.TarInfo, str]]:
        assert self._tar is not None
        for info in self._tar:
            if info.isreg():  # no links, no devices: what they point at is not part of the archive
                yield info.name, info.size, info, ""
            else:
                self.num_links += not info.isdir()


class ArchiveShelf:
    """Keeps the archive that was used last open: the members of one come one after another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_hand: tuple[tuple[str, int, int], Archive] | None = None

    def open(self, path: str) -> Archive:
        """The archive at a path; it may be shared and stays open.

        Raises:
            ArchiveError: It is damaged, a bomb, or gone.
        """
        try:
            facts = os.stat(path)
        except OSError as error:
            raise ArchiveError(f"{path}: the archive cannot be read ({_reason(error)}).") from error
        identity = (path, facts.st_mtime_ns, facts.st_size)
        with self._lock:
            if self._at_hand is None or self._at_hand[0] != identity:
                self._at_hand = (identity, Archive(path))  # the former one closes when nobody reads it any more
            return self._at_hand[1]


SHELF = ArchiveShelf()
"""The one that everybody in this process shares."""


def _close(*files: zipfile.ZipFile | tarfile.TarFile | None) -> None:
    for file in files:
        if file is not None:
            file.close()


def _by_name(
    listed: list[tuple[str, tuple[Member, zipfile.ZipInfo | tarfile.TarInfo]]],
) -> dict[str, tuple[Member, zipfile.ZipInfo | tarfile.TarInfo]]:
    """Members by names that are each one's own, in the order of the archive."""
    taken = {name for name, _ in listed}
    left = Counter(name for name, _ in listed)
    met: Counter[str] = Counter()
    entries = {}
    for name, (member, entry) in listed:
        left[name] -= 1
        own = name
        while left[name] and own in taken:
            met[name] += 1
            own = _numbered(name, met[name])
        taken.add(own)
        entries[own] = (replace(member, name=own), entry)
    return entries


def _numbered(name: str, number: int) -> str:
    folder, slash, own = name.rpartition("/")
    stem, dot, ending = own.rpartition(".")
    return f"{folder}{slash}{stem or own}#{number}{dot if stem else ''}{ending if stem else ''}"


def _clean(name: str) -> str | None:
    """A member's name as a relative path, or ``None`` for one that leads elsewhere."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name or not path.parts:
        return None
    return path.as_posix()


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).strip().split("\n")[0]
