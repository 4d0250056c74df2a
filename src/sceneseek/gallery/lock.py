"""Locks that the operating system releases when their holder dies, however it dies."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from sceneseek.errors import GalleryBusyError, GalleryError
from sceneseek.gallery.privacy import private_opener
from sceneseek.gallery.schema import LOCK, now

_PATIENCE_S = 0.05


class Lock:
    """Held by one at a time, among all processes and threads.

    Args:
        path: The file that stands for it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def take(self) -> str | None:
        """Take the lock if it is free.

        Returns:
            ``None``, or who holds it.

        Raises:
            GalleryError: The folder cannot be written to.
        """
        try:
            opener = private_opener(self._path.parent)
            file = open(self._path, "a+", encoding="utf-8", opener=opener)  # noqa: SIM115 - held until released
        except OSError as error:
            raise GalleryError(f"{self._path.parent} cannot be written to: {error}.") from error
        try:
            _take(file)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            return holder
        if not _is_still_at(file, self._path):
            file.close()  # its last holder removed it between opening and locking
            return self.take()
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()} (since {now()})")
        file.flush()
        self._file = file
        return None

    def release(self, remove: bool = False) -> None:
        """Give the lock back.

        Args:
            remove: Whether the file goes, too. Whoever had opened it before finds that out and takes a new one.
        """
        if self._file is not None:
            self._file.truncate(0)
            if remove:
                with suppress(OSError):  # Windows removes no open file; then it stays
                    self._path.unlink()
            self._file.close()
            self._file = None

    @contextmanager
    def if_free(self) -> Iterator[bool]:
        """Hold the lock when it is free; says whether it was."""
        free = self.take() is None
        try:
            yield free
        finally:
            self.release()

    @contextmanager
    def when_free(self) -> Iterator[None]:
        """Hold the lock, after waiting for it."""
        while self.take() is not None:
            time.sleep(_PATIENCE_S)
        try:
            yield
        finally:
            self.release()


def _is_still_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


class WriterLock:
    """Held by the process that writes into a gallery; readers do not ask for it.

    Args:
        folder: The gallery.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock(folder / LOCK)

    def __enter__(self) -> WriterLock:
        """Take the lock.

        Raises:
            GalleryBusyError: Another process, or another writer of this one, holds it.
        """
        holder = self._lock.take()
        if holder is not None:
            raise GalleryBusyError(
                f"{self._folder} is being written to by {holder}. Wait until it has finished, or stop it; "
                "searching goes on meanwhile."
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the lock."""
        self._lock.release()


@contextmanager
def wait_for_lock(file: IO[Any]) -> Iterator[None]:
    """Wait until this open file belongs to this caller alone, for work that takes milliseconds.

    Args:
        file: Opened by the caller itself: two threads with an open file each exclude each other as two processes do.
    """
    _wait(file)
    try:
        yield
    finally:
        _release(file)


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[str]) -> None:
        # A byte far behind the text: Windows keeps others from reading what is locked.
        file.seek(1 << 20)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)

    _FAR = 1 << 40

    def _wait(file: IO[Any]) -> None:
        while True:
            try:
                file.seek(_FAR)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                return
            except OSError:
                time.sleep(0.005)

    def _release(file: IO[Any]) -> None:
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _take(file: IO[str]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _wait(file: IO[Any]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)

    def _release(file: IO[Any]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)
