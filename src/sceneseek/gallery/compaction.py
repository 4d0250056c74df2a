"""Merging the many small files that batches leave, and removing former versions of the tables."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sceneseek.gallery.lock import Lock
from sceneseek.gallery.schema import INDEX_LOCK, TABLES
from sceneseek.gallery.tables import Tables

_KEEP_VERSIONS = timedelta(hours=1)
"""How long files of former versions stay, for the searches that still read them."""


def compact(folder: Path, tables: Tables) -> None:
    """Merge small files and drop versions that nobody reads any more; the writer's lock must be held.

    Nothing is done while an index is being built: it refers to the files as they are, and the next batch is soon there.
    """
    with Lock(folder / INDEX_LOCK).if_free() as free:
        if free:
            for name in TABLES:
                tables[name].optimize(cleanup_older_than=_KEEP_VERSIONS)
