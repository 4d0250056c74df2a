"""Make what was deleted from a table disappear from its files.

A deletion in LanceDB marks rows; their bytes stay in the data file. Two things that look like a remedy are none.
Removing former versions keeps every file that the current version still uses. And compaction rewrites a file only when
it is small or when more than a tenth of its rows are marked, so one person among thousands stays where they were.
Therefore each file that holds a marked row is rewritten here, indexes are dropped because they hold copies of vectors,
and then all former versions go.
"""

from __future__ import annotations

import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

from sceneseek.errors import GalleryError

_ROUNDS = 3


def purge(table: Any, folder: Path) -> list[str]:
    """Leave nothing of a table on the disk but its current rows.

    The writer's lock must be held. A reader in the middle of a search may find its files gone; the next search is
    right. It may be killed at any moment and repeated.

    Args:
        table: A LanceDB table.
        folder: Where its files lie, ``NAME.lance``.

    Returns:
        Columns whose index was dropped and must be built again where it is wanted.

    Raises:
        GalleryError: Something of former versions is still there.
    """
    for path in _half_written(folder):
        path.unlink(missing_ok=True)  # no version names them, so dropping versions leaves them
    indexed = drop_indices(table)
    _drop_versions(table)
    for _ in range(_ROUNDS):
        marked = fragments_with_deletions(folder)
        if not marked:
            break
        column = table.schema.names[0]
        for fragment in sorted(marked):
            # Without stable row ids a row's id is its address: the fragment in the upper half.
            within = f"_rowid >= {fragment << 32} AND _rowid < {(fragment + 1) << 32}"
            table.update(where=within, values_sql={column: column})
        _drop_versions(table)
    left = leftovers(folder)
    if left:
        raise GalleryError(
            f"{folder} still holds {left[0]} after it was cleaned ({len(left)} in all); stop whoever else uses the "
            "gallery, then: sceneseek gallery compact --purge"
        )
    return indexed


def drop_indices(table: Any) -> list[str]:
    """Drop all indexes; returns the columns that had one."""
    columns = []
    for index in table.list_indices():
        columns += index.columns
        table.drop_index(index.name)
    return columns


def fragments_with_deletions(folder: Path) -> set[int]:
    """Numbers of the data files with marked rows, which lie listed in ``FRAGMENT-VERSION-ID.arrow``."""
    return {int(path.name.split("-")[0]) for path in (folder / "_deletions").glob("*-*-*.*")}


def leftovers(folder: Path) -> list[str]:
    """Files that may hold something of deleted rows: marked rows, indexes, all versions but one, half-written files."""
    versions = sorted((folder / "_versions").glob("*.manifest"))
    suspects = [*versions[1:], *(folder / "_deletions").glob("*"), *(folder / "_indices").glob("*/*")]
    return [str(path.relative_to(folder)) for path in dict.fromkeys([*suspects, *_half_written(folder)])]


def _half_written(folder: Path) -> list[Path]:
    """What a killed writer left: LanceDB writes a file under such a name and gives it its own when it is whole."""
    return sorted(folder.rglob(".tmp*"))


def _drop_versions(table: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # that readers of former versions fail: they are told to search again
        table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
