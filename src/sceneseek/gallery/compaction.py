"""Merging the many small files that batches leave, and removing former versions of the tables."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sceneseek.gallery.lock import Lock
from sceneseek.gallery.purging import purge
from sceneseek.gallery.rewrites import rewriting
from sceneseek.gallery.schema import INDEX_LOCK, TABLES
from sceneseek.gallery.tables import Tables

_KEEP_VERSIONS = timedelta(hours=1)
"""How long files of former versions stay, for the searches that still read them."""

_MANY_FILES = 16
"""Small files of a table that are worth merging: below, merging costs more than it saves."""


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
        if free:
            for table in (tables[name] for name in TABLES):
                if table.stats()["fragment_stats"]["num_small_fragments"] >= _MANY_FILES or all_files:
                    table.optimize(cleanup_older_than=_KEEP_VERSIONS)


def purge_all(folder: Path, tables: Tables) -> bool:
    """Leave no byte of what was removed in any table; the writer's lock must be held. See ``purging``.

    Returns:
        Whether an index was dropped that is to be built again.
    """
    with Lock(folder / INDEX_LOCK).when_free(), rewriting(folder):
        dropped = [purge(tables[name], folder / f"{name}.lance") for name in TABLES]
    return any(dropped)
