"""Where a source lies: in a file, in an archive, or as one of several videos in a file.

``a.zip/door/b.jpg`` is a member of an archive, ``a.mkv#video-2`` the second video of a file. A name that exists as it
is means itself, whatever it looks like.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sceneseek.errors import ArchiveError
from sceneseek.inference.archives import SHELF, is_archive

_STREAM = re.compile(r"#video-([2-9]|[1-9]\d)$")


@dataclass(frozen=True)
class Place:
    """A source taken apart.

    Attributes:
        path: The file on disk.
        member: Its member, when the file is an archive.
        stream: Which of the videos in it, counted from 0.
    """

    path: str
    member: str | None = None
    stream: int = 0

    @classmethod
    def of(cls, source: str) -> Place:
        """Find out what a source means."""
        if os.path.lexists(source):
            return cls(source)
        stream = 0
        match = _STREAM.search(source)
        if match is not None:
            source, stream = source[: match.start()], int(match[1]) - 1
            if os.path.lexists(source):
                return cls(source, None, stream)
        for parent in Path(source).parents:
            if is_archive(parent.name) and os.path.isfile(parent):
                return cls(str(parent), Path(source).relative_to(parent).as_posix(), stream)
        return cls(source, None, stream)

    @property
    def is_there(self) -> bool:
        """Whether it can be opened still."""
        if not os.path.isfile(self.path):
            return False
        if self.member is None:
            return True
        try:
            return any(member.name == self.member for member in SHELF.open(self.path).members)
        except ArchiveError:
            return False

    def picture(self) -> str | bytes:
        """What ``pictures.read_picture`` takes: the file's path, or the contents of an archive's member.

        Raises:
            ArchiveError: The member cannot be read.
        """
        return self.path if self.member is None else SHELF.open(self.path).read(self.member)

    @contextmanager
    def file(self) -> Iterator[str]:
        """The path of a file to decode, a temporary one for an archive's member.

        Raises:
            ArchiveError: The member cannot be read.
        """
        if self.member is None:
            yield self.path
        else:
            with SHELF.open(self.path).copied(self.member, Path(self.member).suffix) as copy:
                yield copy


def stream_source(source: str, stream: int) -> str:
    """The name of one of several videos in a file; the first goes by the file's own.

    Example:
        >>> stream_source("dash.mp4", 0), stream_source("dash.mp4", 1)
        ('dash.mp4', 'dash.mp4#video-2')
    """
    return source if stream == 0 else f"{source}#video-{stream + 1}"
