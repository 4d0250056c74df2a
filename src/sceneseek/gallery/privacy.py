"""Who may read a gallery: its owner alone, or the group that its folder was opened to on purpose.

A gallery holds embeddings and pictures of everybody who was seen. Its folder has mode 0700, and what is written into it
is made without any right for others. A folder that somebody gave the set-group-ID bit and all rights for its group
(``chmod 2770``), which is how groups share folders, is meant to be shared: the group then has its rights to all in it.
Others have none in either case.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LOG = logging.getLogger("sceneseek.gallery")

_CHECKS = os.name == "posix"
_OTHERS, _GROUP_AND_OTHERS = 0o007, 0o077
_MOST_OF_NAME = 40


def is_shared(folder: Path) -> bool:
    """Whether a folder is shared with its group on purpose."""
    try:
        mode = folder.stat().st_mode
    except OSError:
        return False
    return _CHECKS and bool(mode & stat.S_ISGID) and mode & stat.S_IRWXG == stat.S_IRWXG


@contextmanager
def private_files(folder: Path | None = None) -> Iterator[None]:
    """What is made meanwhile is its owner's alone, or its group's where a gallery is shared.

    Libraries that write files ask nobody for a mode, so it is the process's mask for new files that is changed. It
    counts for all threads: should several write at a time, the strictest of their masks counts.

    Args:
        folder: The gallery that is written into; ``None`` for files that belong to nobody else.
    """
    mask = _OTHERS if folder is not None and is_shared(folder) else _GROUP_AND_OTHERS
    _MASKS.begin(mask)
    try:
        yield
    finally:
        _MASKS.end(mask)


def private_opener(folder: Path) -> Callable[[str, int], int]:
    """Opens files in a gallery's folder so that others have no right to them, whatever the process's mask is."""
    mode = 0o660 if is_shared(folder) else 0o600

    def opened(path: str, flags: int) -> int:
        descriptor = os.open(path, flags, mode)
        with suppress(OSError):  # another's file: they see to it
            if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode and _CHECKS:
                os.fchmod(descriptor, mode)
        return descriptor

    return opened


@contextmanager
def private_replacement(path: Path) -> Iterator[Path]:
    """A new file beside ``path`` that takes its place once it is whole, and is its owner's alone from the first byte.

    What lies there already is never written into: it keeps its rights, may lead elsewhere, and may be open to readers.

    Raises:
        OSError: It cannot be made.
    """
    partial = path.with_name(f".{path.stem[:_MOST_OF_NAME]}.partial{path.suffix}")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with private_files():  # libraries may put another file in its place
            yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder for a gallery; one that is there is closed to others unless it is shared on purpose.

    Raises:
        OSError: It cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if not is_shared(folder):
        with suppress(OSError):  # somebody else's: the check says so
            folder.chmod(0o700)


def open_to_others(folder: Path) -> list[Path]:
    """What in a gallery, its folder included, others have rights to that they should not have; links are left out."""
    if not _CHECKS:
        return []
    mask = _OTHERS if is_shared(folder) else _GROUP_AND_OTHERS
    return [path for path in _all_in(folder) if _mode(path) & mask]


def close_to_others(folder: Path) -> list[Path]:
    """Take rights from others that they should not have, and give those that a group should.

    Returns:
        What was changed; somebody else's files stay as they are.
    """
    shared = is_shared(folder)
    changed = []
    for path in _all_in(folder) if _CHECKS else ():
        mode = _mode(path)
        wanted = mode & ~(_OTHERS if shared else _GROUP_AND_OTHERS)
        if shared:
            wanted |= (mode & stat.S_IRWXU) >> 3 | (stat.S_ISGID if path.is_dir() else 0)
        if wanted != mode:
            with suppress(OSError):
                path.chmod(wanted)
                changed.append(path)
    return changed


def close_where_open(folder: Path) -> None:
    """Close a gallery that an earlier version left open, and say so; a closed folder needs no further look."""
    if not _CHECKS or not _mode(folder) & (_OTHERS if is_shared(folder) else _GROUP_AND_OTHERS):
        return
    if close_to_others(folder):
        _LOG.warning(
            "%s could be read by others on this machine; it is its owner's alone now. To share it with a group, see "
            "'Share a gallery with a group' in the documentation.",
            folder,
        )


def _all_in(folder: Path) -> Iterator[Path]:
    yield folder
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(parent, name)
            if not path.is_symlink():
                yield path


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:  # gone meanwhile
        return 0


class _Masks:
    """The process's mask for new files while somebody writes what is private."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: list[int] = []
        self._before = 0

    def begin(self, mask: int) -> None:
        with self._lock:
            if not self._wanted:
                self._before = os.umask(mask)
            self._wanted.append(mask)
            os.umask(max(self._wanted))

    def end(self, mask: int) -> None:
        with self._lock:
            self._wanted.remove(mask)
            os.umask(max(self._wanted) if self._wanted else self._before)


_MASKS = _Masks()
