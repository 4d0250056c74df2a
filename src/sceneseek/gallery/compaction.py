"""Merging the many small files that batches leave, and removing former versions of the tables."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from sceneseek.gallery.lock import Lock
from sceneseek.gallery.purging import purge
from sceneseek.gallery.rewrites import rewriting
from sceneseek.gallery.schema import INDEX_LOCK, TABLES
from sceneseek.gallery.tables import Tables

_log = logging.getLogger(__name__)

_KEEP_VERSIONS = timedelta(minutes=10)
"""How long files of former versions stay, for whoever still reads them. Until then a merged table lies there twice."""

_MANY_FILES = 16
"""Small files of a table that are worth merging: below, merging costs more than it saves."""

_LARGE_BYTES = 64 << 20
"""Tables above this size are merged by a process of their own. Merging takes memory in proportion to the table, and the
allocator keeps most of it: a writer that merged a million people's tables itself grew to 1.8 GB and stayed there."""


def compact(folder: Path, tables: Tables, all_files: bool = False) -> None:
    """Merge small files and drop versions that nobody reads any more; the writer's lock must be held.

    Indexes take in whoever came after them. Nothing is done while an index is being built: it refers to the files as
    they are, and the next time is soon.

    Args:
        folder: The gallery.
        tables: Its tables.
        all_files: Do it even where there are few small files.
    """
    with Lock(folder / INDEX_LOCK).if_free() as free:
        for name in TABLES if free else ():
            facts = tables[name].stats()
            if facts["fragment_stats"]["num_small_fragments"] < _MANY_FILES and not all_files:
                continue
            if facts["total_bytes"] <= _LARGE_BYTES or not _merged_apart(folder, name):
                merge(tables[name])


def merge(table: Any) -> None:
    """Merge the small files of one table."""
    table.optimize(cleanup_older_than=_KEEP_VERSIONS)


def purge_all(folder: Path, tables: Tables) -> bool:
    """Leave no byte of what was removed in any table; the writer's lock must be held. See ``purging``.

    Returns:
        Whether an index was dropped that is to be built again.
    """
    with Lock(folder / INDEX_LOCK).when_free(), rewriting(folder):
        dropped = [purge(tables[name], folder / f"{name}.lance") for name in TABLES]
    return any(dropped)


def _merged_apart(folder: Path, name: str) -> bool:
    """Merge a table's files in a process that takes its memory with it; says whether that worked."""
    command = [sys.executable, "-m", __name__, str(folder), name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        problem = process.stderr.read().decode(errors="replace")
    if process.returncode:
        _log.warning("merging the files of %s/%s apart failed: %s", folder, name, problem.strip())
    return process.returncode == 0


def _end_with_parent() -> None:
    """Whoever started this process holds the writer's lock; when it dies, its successor must not meet us at work."""
    sys.stdin.buffer.read()  # returns when the other end of the pipe is gone
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    merge(Tables(Path(sys.argv[1]))[sys.argv[2]])
    os._exit(0)  # not waiting for the thread that reads
