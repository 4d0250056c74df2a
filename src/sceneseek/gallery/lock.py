"""One writer at a time: a lock that the operating system releases when its holder dies, however it dies."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from types import TracebackType
from typing import IO

from sceneseek.errors import GalleryError
from sceneseek.gallery.schema import LOCK, now


class WriterLock:
    """Held by the process that writes into a gallery; readers do not ask for it.

    Args:
        folder: The gallery.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._file: IO[str] | None = None

    def __enter__(self) -> WriterLock:
        """Take the lock.

        Raises:
            GalleryError: Another process, or another writer of this one, holds it.
        """
        try:
            file = self._path.open("a+", encoding="utf-8")
        except OSError as error:
            raise GalleryError(f"{self._path.parent} cannot be written to: {error}.") from error
        try:
            _take(file)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise GalleryError(
                f"{self._path.parent} is being written to by {holder}. Wait until it has finished, or stop it; "
                "searching goes on meanwhile."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()} (since {now()})")
        file.flush()
        self._file = file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the lock. The file stays: removing it would let two processes lock two files of one name."""
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[str]) -> None:
        # A byte far behind the text: Windows keeps others from reading what is locked.
        file.seek(1 << 20)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)

else:
    import fcntl

    def _take(file: IO[str]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
